"""`ClickNetwork`, the Keras model that every network is: it knows what built it.

A function that builds networks is marked with `@builder`. Its networks compute in float32 and with
channels last, whatever keras.json says, unless a dtype policy was chosen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.candidates import answer_and_best, is_first_click, squared_iou_error
from fctsfn_tf.networks.targets import IGNORED, without_ignored

# What a builder is given that is no part of the network: weights come with a preset.
NOT_KEPT = frozenset({"weights", "backbone_weights", "input_shape"})
# Keras' losses that take probabilities unless they are told otherwise.
ON_PROBABILITIES = ("binary_crossentropy", "bce", "binary_focal_crossentropy")


class ClickTraining:
    """Mixin of keras.Model: losses and metrics leave out the pixels that are labelled `IGNORED`.

    A loss is one of masks. Of a network with candidates it teaches the answer and, after a first
    click, the candidate that is nearest to the target; the predicted IoU learns by squared error.
    Metrics are of the answer.

    The losses of `training.losses` do so themselves, as may one's own that has an attribute
    `leaves_out_ignored`. For all others these pixels are 0 in the target and have the sample weight
    0; metrics are counted as `weighted_metrics`.
    """

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **options: Any,
    ) -> None:
        """See `keras.Model.compile`.

        Raises:
            InputError: a loss on probabilities, or one that gives no number for each pixel; or
                keras.json has training compute in half precision.
        """
        _check_floatx()
        if loss is not None:
            _check_loss(loss)
        if metrics is not None and not isinstance(metrics, dict):
            # `metrics` see no weights, so Keras' own would count ignored pixels as wrong.
            weighted_metrics = [*_as_list(metrics), *_as_list(weighted_metrics)]
            metrics = None
        super().compile(optimizer, loss, loss_weights, metrics, weighted_metrics, **options)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the model of a file was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, *arguments: Any, **options: Any) -> keras.callbacks.History:
        """See `keras.Model.fit`; with a `ClickDataset`, `steps_per_epoch` is its epochs' length.

        Keras would go on in the midst of the data after each epoch, and break off at their end.
        """
        steps = options.get("steps_per_epoch")
        if steps and hasattr(x, "of_length"):
            x, options = x.of_length(steps), {**options, "steps_per_epoch": None}
        return super().fit(x, *arguments, **options)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """See `keras.Model.compute_loss`."""
        if self.loss is not None and _is_one(y) and _is_answer_with_candidates(y_pred):
            answer, candidates, predicted_iou = y_pred
            inputs = x if isinstance(x, dict) else {"click_maps": x[1]}
            is_first = is_first_click(inputs["click_maps"])
            hidden_area = inputs.get("hidden_area", ops.zeros_like(is_first))
            masks = ops.concatenate([answer, candidates], axis=-1)
            error = squared_iou_error(y, masks, predicted_iou, is_first, hidden_area)
            both = answer_and_best(y, answer, candidates, is_first, sample_weight)
            return self.compute_loss(None, *both, training) + ops.mean(error)
        if self.loss is not None and _is_one(y) and _is_one(y_pred):
            target, weights = without_ignored(y, sample_weight)
            if not getattr(self.loss, "leaves_out_ignored", False):
                y, sample_weight = target, weights
            elif sample_weight is not None and len(sample_weight.shape) > 1:
                y, sample_weight = ops.where(weights > 0, target, IGNORED), None
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """See `keras.Model.compute_metrics`."""
        if _is_answer_with_candidates(y_pred):
            y_pred = y_pred[0]
        if _is_one(y) and _is_one(y_pred):
            y, sample_weight = without_ignored(y, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


def _check_floatx() -> None:
    if keras.config.floatx() not in ("float32", "float64"):
        raise InputError(
            "Keras' floatx must be float32 to train: losses and learning rates are kept in it. "
            "Call keras.config.set_floatx('float32'), or correct keras.json; for half precision "
            "take keras.mixed_precision.set_global_policy('mixed_float16'). Received "
            f"{keras.config.floatx()}."
        )


def _check_loss(loss: Any) -> None:
    """Refuse Keras' losses that would not do what they say.

    Raises:
        InputError: see `ClickTraining.compile`.
    """
    if getattr(loss, "leaves_out_ignored", False) or isinstance(loss, (dict, list)):
        return
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if getattr(loss, "from_logits", name not in ON_PROBABILITIES) is False:
        raise InputError(
            "These networks return logits, not probabilities. Take "
            "keras.losses.BinaryCrossentropy(from_logits=True), or a loss of fctsfn_tf. "
            f"Received {name}."
        )
    called = keras.losses.get(loss)
    called = getattr(called, "call", called)
    numbers = np.zeros((1, 2, 2, 1), "float32")
    if len(called(ops.convert_to_tensor(numbers), ops.convert_to_tensor(numbers)).shape) < 3:
        raise InputError(
            "A loss must give a number for each pixel, so that ignored pixels can be left out; or "
            "leave them out itself and say so in an attribute `leaves_out_ignored`. Take "
            f"SoftIoULoss or another loss of fctsfn_tf.training.losses. Received {name}."
        )


def _is_one(target_or_output: Any) -> bool:
    """Whether there is one, and not several in a list or dictionary."""
    return target_or_output is not None and not isinstance(target_or_output, (list, tuple, dict))


def _is_answer_with_candidates(output: Any) -> bool:
    return isinstance(output, (list, tuple)) and len(output) == 3


def _as_list(metrics: Any) -> list:
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ClickNetwork(ClickTraining, keras.Model):
    """A functional model of clicks; see the module.

    Attributes:
        built_by: {"builder": name of the function, "arguments": what it was given}, as a preset
            keeps it; None for a network that was put together otherwise.
        predictor_settings: how photographs and clicks are brought to it, as the preset that it
            comes from says; None without one.
    """

    built_by: dict[str, Any] | None = None
    predictor_settings: dict[str, Any] | None = None

    def get_config(self) -> dict[str, Any]:
        known = {"built_by": self.built_by, "predictor_settings": self.predictor_settings}
        return {**super().get_config(), **known}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ClickNetwork:
        config = dict(config)
        known = {name: config.pop(name, None) for name in ("built_by", "predictor_settings")}
        network = super().from_config(config, custom_objects)
        network.built_by, network.predictor_settings = known.values()
        return network


def builder(build: Callable[..., ClickNetwork]) -> Callable[..., ClickNetwork]:
    """A function that builds networks, whose networks know what built them."""

    @wraps(build)
    def built(*positional: Any, **named: Any) -> ClickNetwork:
        with _as_these_networks_compute():
            network = build(*positional, **named)
        if network.built_by is None:  # by no builder that this one calls
            network.built_by = what_builds(build, *positional, **named)
        return network

    return built


def what_builds(build: Callable[..., Any], *positional: Any, **named: Any) -> dict[str, Any]:
    """The `ClickNetwork.built_by` of the network that a builder makes of some arguments."""
    bound = inspect.signature(build).bind(*positional, **named)
    bound.apply_defaults()
    arguments = {key: v for key, v in bound.arguments.items() if key not in NOT_KEPT}
    return {"builder": build.__name__, "arguments": arguments}


def input_size(input_shape: Sequence[int] | None) -> tuple[int | None, int | None]:
    """Height and width that a builder's `input_shape` asks for; None each for any.

    Raises:
        InputError: it is not (height, width, 3).
    """
    if input_shape is None:
        return None, None
    height, width, channels = (*input_shape, None, None, None)[:3]
    are_sides = all(
        side is None or (isinstance(side, int) and side > 0) for side in (height, width)
    )
    if len(input_shape) != 3 or channels != 3 or not are_sides:
        raise InputError(
            "`input_shape` must be (height, width, 3), each side a number of pixels or None. "
            f"Received {input_shape!r:.60}."
        )
    return height, width


def from_preset(preset: str | Path = "compact") -> ClickNetwork:
    """The network of a preset, with its weights; see `predict.presets.load_preset`."""
    # By name: the room `predict` stands on this one.
    return import_module("fctsfn_tf.predict.presets").load_preset(preset)[0]


@contextmanager
def _as_these_networks_compute() -> Iterator[None]:
    """Channels last and float32 meanwhile, whatever keras.json says; a dtype policy stays."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    data_format = keras.config.image_data_format()
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    if policy.name == floatx:
        keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_image_data_format(data_format)
        keras.config.set_dtype_policy(policy)
