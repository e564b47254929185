"""Losses over foreground logits; pixels labelled `IGNORED` count for nothing.

Keras' own (`BinaryFocalCrossentropy`, `Dice`) are others than the sources', and ignore no pixels.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from fctsfn_tf.networks.targets import IGNORED

# Smallest sum that is divided by.
EPSILON = 1e-6


class _MaskLoss(keras.losses.Loss):
    """A loss that leaves out `IGNORED` pixels itself, in float32 whatever Keras' floatx."""

    leaves_out_ignored = True  # see `click_network.ClickTraining`

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class SummedCrossEntropy(_MaskLoss):
    """The paper's loss: softmax cross-entropy, summed over the pixels of each object.

    `call(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`} and logits → (B,). The mean
    over the batch is taken afterwards, as Caffe does it without `normalize`.

    The logit is the difference of the two scores (`layers.ForegroundLogit`), and binary
    cross-entropy on it is softmax cross-entropy on the scores, with the same gradients. A summed
    loss is tens of thousands of times a mean one: learning rates that suit it look tiny.

    Source: paper §3.3; that it is summed, from the released files.

    Examples:
        >>> import numpy as np
        >>> from fctsfn_tf import SummedCrossEntropy
        >>> target = np.array([1, 1, 0, 0], "float32").reshape(1, 1, 4, 1)
        >>> round(float(SummedCrossEntropy()(target, 0 * target)), 3)  # four times ln 2
        2.773
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        valid = ops.cast(y_true > IGNORED / 2, y_pred.dtype)
        # −log of the probability of the right answer, stable for large logits.
        surprise = ops.softplus(ops.where(y_true > 0.5, -y_pred, y_pred))
        return ops.sum(surprise * valid, (1, 2, 3))


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class NormalizedFocalLoss(_MaskLoss):
    """Focal loss whose weights are rescaled to the sum they had before focusing.

    Hard pixels gain weight without the gradient fading as the mask gets better.
    `call(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`} and logits → (B,).

    Args:
        gamma: exponent of the focus.

    Source: RITM (Sofiiuk et al. 2021), §3.3, with γ = 2; its α = 0.5 for both classes is a
    constant factor and left out.

    Examples:
        >>> import numpy as np
        >>> from fctsfn_tf import NormalizedFocalLoss
        >>> target = np.array([1, 1, 0, 0], "float32").reshape(1, 1, 4, 1)
        >>> right, wrong = 8 * target - 4, 4 - 8 * target  # logits
        >>> loss = NormalizedFocalLoss()
        >>> float(loss(target, right)) < 0.1 < 1 < float(loss(target, wrong))
        True
    """

    def __init__(self, gamma: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        valid = ops.cast(y_true > IGNORED / 2, y_pred.dtype)
        target = ops.cast(y_true, y_pred.dtype) * valid
        # Log-probability of the right answer, stable for large logits.
        log_right = -ops.softplus(ops.where(target > 0.5, -y_pred, y_pred))
        focus = ops.stop_gradient((1 - ops.exp(log_right)) ** self.gamma) * valid
        axes = (1, 2, 3)
        scale = ops.sum(valid, axes, keepdims=True) / (
            ops.sum(focus, axes, keepdims=True) + EPSILON
        )
        loss = -log_right * focus * scale
        return ops.sum(loss, axes) / (ops.sum(valid, axes) + EPSILON)

    def get_config(self) -> dict:
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class SoftIoULoss(_MaskLoss):
    """1 − (intersection / union) of probabilities; small objects count as much as large ones.

    `call(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`} and logits → (B,).
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        valid = ops.cast(y_true > IGNORED / 2, y_pred.dtype)
        target = ops.cast(y_true, y_pred.dtype) * valid
        probability = ops.sigmoid(y_pred) * valid
        axes = (1, 2, 3)
        intersection = ops.sum(probability * target, axes)
        union = ops.sum(probability + target, axes) - intersection
        return 1 - (intersection + 1) / (union + 1)


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class NormalizedFocalAndIoULoss(_MaskLoss):
    """`NormalizedFocalLoss` plus `iou_weight` times `SoftIoULoss`: the modern recipe's loss.

    `call(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`} and logits → (B,).

    Args:
        iou_weight: of the second beside the first.

    Examples:
        >>> import numpy as np
        >>> from fctsfn_tf import NormalizedFocalAndIoULoss
        >>> target = np.array([1, 1, 0, 0], "float32").reshape(1, 1, 4, 1)
        >>> right, wrong = 8 * target - 4, 4 - 8 * target  # logits
        >>> loss = NormalizedFocalAndIoULoss()
        >>> float(loss(target, right)) < 0.1 < 1 < float(loss(target, wrong))
        True
    """

    def __init__(self, iou_weight: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.iou_weight = iou_weight
        self._focal, self._soft_iou = NormalizedFocalLoss(), SoftIoULoss()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        focal = self._focal.call(y_true, y_pred)
        return focal + self.iou_weight * self._soft_iou.call(y_true, y_pred)

    def get_config(self) -> dict:
        return {**super().get_config(), "iou_weight": self.iou_weight}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class AuxiliaryLoss(_MaskLoss):
    """A loss of the first logits, and where there are second ones, another of those.

    `call(y_true, y_pred)`: (B, H, W, 1) targets in {0, 1, `IGNORED`}, and (B, H, W, 1 or 2) logits
    → (B,).

    Args:
        loss, auxiliary: losses of this module.
        weight: of the second beside the first.
    """

    def __init__(
        self, loss: keras.losses.Loss, auxiliary: keras.losses.Loss, weight: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.loss, self.auxiliary, self.weight = loss, auxiliary, weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        loss = self.loss.call(y_true, y_pred[..., :1])
        if y_pred.shape[-1] == 1:
            return loss
        return loss + self.weight * self.auxiliary.call(y_true, y_pred[..., 1:])

    def get_config(self) -> dict:
        parts = {"loss": self.loss, "auxiliary": self.auxiliary}
        saved = {name: keras.losses.serialize(part) for name, part in parts.items()}
        return {**super().get_config(), **saved, "weight": self.weight}

    @classmethod
    def from_config(cls, config: dict) -> AuxiliaryLoss:
        parts = {name: keras.losses.deserialize(config[name]) for name in ("loss", "auxiliary")}
        return cls(**{**config, **parts})
