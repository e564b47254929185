"""The streaming IoU is the mean of `metrics.iou` over all objects of all batches."""

import numpy as np

from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.streaming_metrics import MaskIoU


def test_mean_over_batches_of_different_sizes():
    rng = np.random.default_rng(0)
    metric, expected = MaskIoU(), []
    for number in (3, 1):
        target = rng.integers(-1, 2, (number, 7, 9, 1)).astype("float32")
        logits = rng.normal(size=target.shape).astype("float32")
        target[0, ..., 0][logits[0, ..., 0] > 0] = IGNORED  # nothing found, something to find
        metric.update_state(target, logits)
        for t, z in zip(target[..., 0], logits[..., 0], strict=True):
            expected.append(iou(z > 0, t == 1, t == IGNORED))
    np.testing.assert_allclose(float(metric.result()), np.mean(expected), rtol=1e-6)


def test_nothing_to_find_and_nothing_found_is_one():
    metric = MaskIoU()
    metric.update_state(np.zeros((1, 4, 5, 1), "float32"), np.full((1, 4, 5, 1), -1, "float32"))
    assert float(metric.result()) == 1
    assert metric.name == "iou"
