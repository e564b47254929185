"""What training reports beside the loss, as Keras metrics."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from fctsfn_tf.training.losses import IGNORED


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class MaskIoU(keras.metrics.Mean):
    """Mean over all objects seen of the IoU of their masks (logit > 0), outside of `IGNORED`.

    `update_state(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`} and logits; of several
    channels of logits the first counts (see `losses.AuxiliaryLoss`). It is `metrics.iou` of each
    object: where mask and true mask are both empty it is 1. (`keras.metrics.BinaryIoU` is of all
    pixels together, in which large objects count for more.) Weights are one for each object, or one
    for each pixel: then those of weight 0 are ignored, and the highest is the object's.

    Examples:
        >>> import numpy as np
        >>> from fctsfn_tf import MaskIoU
        >>> target = np.array([1, 1, 0, 0], "float32").reshape(1, 1, 4, 1)
        >>> logits = np.array([5, -5, -5, -5], "float32").reshape(1, 1, 4, 1)
        >>> iou = MaskIoU()
        >>> iou.update_state(target, logits)
        >>> float(iou.result())  # of two pixels one is found
        0.5
    """

    def __init__(self, name: str = "iou", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        valid, target = y_true > IGNORED / 2, y_true > 0.5
        axes = (1, 2, 3)
        if sample_weight is not None and len(sample_weight.shape) > 1:
            valid = ops.logical_and(valid, sample_weight > 0)
            target = ops.logical_and(target, valid)
            sample_weight = ops.max(sample_weight, axes)
        mask = ops.logical_and(y_pred[..., :1] > 0, valid)
        intersection = ops.sum(ops.cast(ops.logical_and(mask, target), "float32"), axes)
        union = ops.sum(ops.cast(ops.logical_or(mask, target), "float32"), axes)
        iou = ops.where(union > 0, intersection / ops.maximum(union, 1), 1.0)
        return super().update_state(iou, sample_weight)
