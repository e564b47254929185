"""The loss of a network that gives an answer, candidates for a first click, and predicted IoUs.

Source: Segment Anything (Kirillov et al. 2023), App. A: of the candidates only the best one learns
from an object, and the predicted IoU learns by mean squared error.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from fctsfn_tf.clicks.click_maps import DISK_RADIUS
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.training.losses import (
    IGNORED,
    NormalizedFocalAndIoULoss,
    NormalizedFocalLoss,
)

# Pixels that one whole disk covers, and a few for one that lies between pixels.
DISK_PIXELS = 3.15 * DISK_RADIUS**2 + 4
# Share of every candidate's loss beside the best one's, so that none is left behind for ever.
SHARE_OF_ALL = 0.05


def is_first_click(click_maps: Any) -> Any:
    """(B,) float32: 1 where the maps (B, H, W, 3) show one positive click and nothing else."""
    sums = ops.sum(click_maps, axis=(1, 2))  # (B, 3)
    is_one = ops.logical_and(sums[:, 0] > 0, sums[:, 0] <= DISK_PIXELS)
    is_nothing_else = sums[:, 1] + sums[:, 2] == 0
    return ops.cast(ops.logical_and(is_one, is_nothing_else), "float32")


def mask_ious(target: Any, logits: Any, hidden_area: Any) -> Any:
    """(B, n) float32: IoU of n masks with all of an object, also what its view cuts off.

    Args:
        target: (B, H, W, 1) in {0, 1, `IGNORED`}.
        logits: (B, H, W, n).
        hidden_area: (B,), pixels of the object outside of the view.
    """
    valid = target > IGNORED / 2
    masks = ops.logical_and(logits > 0, valid)
    truth = ops.logical_and(target > 0.5, valid)
    axes = (1, 2)
    inside = ops.sum(ops.cast(ops.logical_and(masks, truth), "float32"), axes)
    union = ops.sum(ops.cast(ops.logical_or(masks, truth), "float32"), axes)
    return inside / ops.maximum(union + hidden_area[:, None], 1.0)


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
        self._loss = NormalizedFocalAndIoULoss(iou_weight)
        self._coarse_loss = NormalizedFocalLoss()
        self._coarse_up = BilinearUpsampling(2, dtype="float32")
        self.coarse_weight = coarse_weight
        self.candidate_weight = candidate_weight
        self.predicted_iou_weight = predicted_iou_weight

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

        ious = ops.stop_gradient(mask_ious(target, masks, hidden_area))
        error = (ops.sigmoid(predicted_iou) - ious) ** 2
        counts = ops.concatenate(
            [ops.ones_like(is_first)[:, None], ops.repeat(is_first[:, None], number, axis=1)], -1
        )
        error = ops.sum(error * counts, axis=-1) / ops.sum(counts, axis=-1)
        return (
            answer
            + self.coarse_weight * rough[0]
            + self.candidate_weight * is_first * candidates
            + self.predicted_iou_weight * error
        )
