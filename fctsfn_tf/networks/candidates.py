"""What a network with candidates learns from: its first clicks, and how good each mask is.

Such a network returns the logits of its answer (B, H, W, 1), those of candidates (B, H, W, n) for
what a first click may have meant, and the logits of the predicted IoU (B, 1 + n) of all of them.

Source: Segment Anything (Kirillov et al. 2023), App. A: of the candidates only the best one learns
from an object, and the predicted IoU learns by mean squared error.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from fctsfn_tf.clicks.click_maps import DISK_RADIUS
from fctsfn_tf.networks.targets import IGNORED

# Pixels that one whole disk covers, and a few for one that lies between pixels.
DISK_PIXELS = 3.15 * DISK_RADIUS**2 + 4


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


def chosen_masks(masks: Any, numbers: Any) -> Any:
    """(B, H, W, 1): of the masks (B, H, W, n) of each object the one with its number (B,)."""
    is_chosen = ops.one_hot(numbers, masks.shape[-1], dtype=masks.dtype)
    return ops.sum(masks * is_chosen[:, None, None, :], axis=-1, keepdims=True)


def squared_iou_error(
    target: Any, masks: Any, predicted_iou: Any, is_first: Any, hidden_area: Any
) -> Any:
    """(B,) float32: squared error of the predicted IoU; candidates count at first clicks alone.

    Args:
        target, hidden_area: see `mask_ious`.
        masks: (B, H, W, 1 + n), logits of the answer and of n candidates.
        predicted_iou: (B, 1 + n), logits.
        is_first: (B,), see `is_first_click`.
    """
    ious = ops.stop_gradient(mask_ious(target, masks, hidden_area))
    counts = ops.concatenate(
        [
            ops.ones_like(is_first)[:, None],
            ops.repeat(is_first[:, None], masks.shape[-1] - 1, axis=1),
        ],
        axis=-1,
    )
    error = (ops.sigmoid(predicted_iou) - ious) ** 2
    return ops.sum(error * counts, axis=-1) / ops.sum(counts, axis=-1)


def answer_and_best(
    target: Any, answer: Any, candidates: Any, is_first: Any, sample_weight: Any = None
) -> tuple[Any, Any, Any]:
    """A batch of masks for a loss of masks: each object's answer, then its best candidate.

    Args:
        target, answer: (B, H, W, 1).
        candidates: (B, H, W, n), logits.
        is_first: (B,), see `is_first_click`.
        sample_weight: None, or (B, …).

    Returns:
        Target (2 B, H, W, 1), logits (2 B, H, W, 1), and weights (2 B, …): those of the candidates
        are 0 after more than one click, and all are twice as large, so that a mean over this batch
        is the sum of the mean over the answers and that over the candidates.
    """
    ious = mask_ious(target, candidates, ops.zeros_like(is_first))
    best = chosen_masks(candidates, ops.argmax(ious, axis=-1))
    weights = ops.ones_like(is_first) if sample_weight is None else sample_weight
    weights = ops.cast(weights, "float32")
    own = ops.reshape(is_first, (-1, *[1] * (len(weights.shape) - 1)))
    weights = 2 * ops.concatenate([weights, weights * own], axis=0)
    return (
        ops.concatenate([target, target], axis=0),
        ops.concatenate([answer, best], axis=0),
        weights,
    )
