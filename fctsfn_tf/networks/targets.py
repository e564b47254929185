"""Targets, and the pixels of them that nobody is sure of."""

from __future__ import annotations

from typing import Any

from keras import ops

# Targets are 1 (object), 0 (background) and this, where nobody is sure.
IGNORED = -1.0


def without_ignored(target: Any, sample_weight: Any = None) -> tuple[Any, Any]:
    """A target with 0 where it is `IGNORED`, and sample weights that are 0 there.

    Args:
        target: (B, H, W, 1).
        sample_weight: None, or (B,), (B, H, W) or (B, H, W, 1).

    Returns:
        target and weights, (B, H, W, 1).
    """
    target = ops.convert_to_tensor(target)
    is_ignored = ops.equal(target, IGNORED)
    weights = ops.cast(ops.logical_not(is_ignored), "float32")
    if sample_weight is not None:
        given = ops.cast(sample_weight, "float32")
        while len(given.shape) < len(target.shape):
            given = ops.expand_dims(given, -1)
        weights = weights * given
    return ops.where(is_ignored, ops.zeros_like(target), target), weights
