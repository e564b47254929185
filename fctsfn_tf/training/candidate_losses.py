"""The loss of a network that gives an answer, candidates for a first click, and predicted IoUs.

Source: Segment Anything (Kirillov et al. 2023), App. A: of the candidates only the best one learns
from an object, and the predicted IoU learns by mean squared error.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from fctsfn_tf.networks.candidates import squared_iou_error
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.training.losses import (
    NormalizedFocalAndIoULoss,
    NormalizedFocalLoss,
)

# Share of every candidate's loss beside the best one's, so that none is left behind for ever.
SHARE_OF_ALL = 0.05


class CandidateLoss:
    """The loss of each object.

    Args:
        iou_weight: of soft IoU beside the normalised focal loss.
        coarse_weight: of the masks at 1/8.
        candidate_weight: of the best candidate's loss, for first clicks.
        predicted_iou_weight: of the squared error of the predicted IoU.
    """

    def __init__(
        self,
        iou_weight: float = 0.5,
        coarse_weight: float = 0.3,
        candidate_weight: float = 1.0,
        predicted_iou_weight: float = 1.0,
    ) -> None:
        self.iou_weight = iou_weight
        self._loss = NormalizedFocalAndIoULoss(iou_weight)
        self._coarse_loss = NormalizedFocalLoss()
        self._coarse_up = BilinearUpsampling(2, dtype="float32")
        self.coarse_weight = coarse_weight
        self.candidate_weight = candidate_weight
        self.predicted_iou_weight = predicted_iou_weight

    def get_config(self) -> dict[str, float]:
        names = ("iou_weight", "coarse_weight", "candidate_weight", "predicted_iou_weight")
        return {name: getattr(self, name) for name in names}

    def of_answer(self, target: Any, logits: Any) -> Any:
        """(B,) float32: the loss of masks (B, H, W, 1) alone."""
        return self._loss.call(target, logits)

    def __call__(
        self,
        target: Any,
        masks: Any,
        coarse: Any,
        predicted_iou: Any,
        is_first: Any,
        hidden_area: Any,
    ) -> Any:
        """(B,) float32.

        Args:
            target: (B, H, W, 1) in {0, 1, `IGNORED`}; H and W are multiples of 8.
            masks: (B, H, W, 1 + n), logits of the answer and of n candidates.
            coarse: (B, H/8, W/8, 1 + n), the same before refining.
            predicted_iou: (B, 1 + n), logits.
            is_first, hidden_area: (B,), see `is_first_click` and `mask_ious`.
        """
        number = masks.shape[-1] - 1
        answer = self.of_answer(target, masks[..., :1])
        each = [self._loss.call(target, masks[..., k : k + 1]) for k in range(1, number + 1)]
        each = ops.stack(each, axis=-1)  # (B, n)
        best = ops.argmin(each, axis=-1)
        is_best = ops.one_hot(best, number)

        coarse = self._coarse_up(coarse)  # 1/4: as fine as they are judged
        quarter = target[:, 2::4, 2::4]
        rough = [self._coarse_loss.call(quarter, coarse[..., k : k + 1]) for k in range(number + 1)]
        rough_of_all = ops.stack(rough[1:], axis=-1)
        weights = is_best * (1 - SHARE_OF_ALL) + SHARE_OF_ALL / number
        candidates = ops.sum((each + self.coarse_weight * rough_of_all) * weights, axis=-1)

        error = squared_iou_error(target, masks, predicted_iou, is_first, hidden_area)
        return (
            answer
            + self.coarse_weight * rough[0]
            + self.candidate_weight * is_first * candidates
            + self.predicted_iou_weight * error
        )
