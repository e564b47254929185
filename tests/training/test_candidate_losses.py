"""The loss of answer, candidates and predicted IoU against its formula in NumPy."""

import numpy as np
import pytest
from candidate_case import candidate_case

from fctsfn_tf.networks.candidates import mask_ious
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.training.candidate_losses import SHARE_OF_ALL, CandidateLoss
from fctsfn_tf.training.losses import NormalizedFocalAndIoULoss, NormalizedFocalLoss


@pytest.fixture
def case():
    return candidate_case()


def test_the_best_candidate_of_a_first_click_learns_and_the_others_hardly(case):
    weights = {"iou_weight": 0.4, "coarse_weight": 0.2}
    weights |= {"candidate_weight": 0.7, "predicted_iou_weight": 3.0}
    result = np.asarray(CandidateLoss(**weights)(**case))

    fine, rough = NormalizedFocalAndIoULoss(0.4), NormalizedFocalLoss()
    quarter = case["target"][:, 2::4, 2::4]

    coarse = np.asarray(BilinearUpsampling(2)(case["coarse"]))
    ious = np.asarray(mask_ious(case["target"], case["masks"], case["hidden_area"]))
    error = (1 / (1 + np.exp(-case["predicted_iou"])) - ious) ** 2
    for b in range(2):
        one = slice(b, b + 1)
        losses = [
            float(fine.call(case["target"][one], case["masks"][one, ..., k : k + 1])[0])
            for k in range(4)
        ]
        roughs = [float(rough.call(quarter[one], coarse[one, ..., k : k + 1])[0]) for k in range(4)]
        expected = losses[0] + 0.2 * roughs[0]
        if b == 0:
            best = int(np.argmin(losses[1:]))
            share = np.full(3, SHARE_OF_ALL / 3)
            share[best] += 1 - SHARE_OF_ALL
            expected += 0.7 * share @ (np.array(losses[1:]) + 0.2 * np.array(roughs[1:]))
            expected += 3.0 * error[b].mean()
        else:
            expected += 3.0 * error[b, 0]
        np.testing.assert_allclose(result[b], expected, rtol=1e-4)
