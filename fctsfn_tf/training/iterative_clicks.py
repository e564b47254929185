"""Training on clicks that correct the network's own errors, as part of the training step.

A network that was trained on clicks drawn beforehand never sees what people do next: they look at
its mask and click where it is wrong. Here some such clicks are made during each step, by operations
of the backend alone, so that it works in `model.fit`, on any accelerator and under any strategy of
distribution.

Source: RITM (Sofiiuk et al. 2021), §3.2: iterative training with a few clicks, in inference mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from fctsfn_tf.clicks.click_maps import DISK_RADIUS, TRUNCATION
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.click_network import ClickTraining
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.layers import RepeatBatch
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.recipes import SimulationConfig

# Errors are as deep as the largest of these squares, by half its side, that fits into them. From
# one to the next it doubles, so "the deepest square that fits" holds the deeper half of an error.
EROSIONS = (1, 2, 4, 8, 16, 32)
# The name of the layer, and of the network, in which an auxiliary output joins the network's own.
WITH_AUXILIARY = "with_auxiliary"


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class IterativeClicks(ClickTraining, keras.Model):
    """A network to train that clicks on its own errors before each step; otherwise the network.

    In training, 0, 1, 2, … clicks are made on each object, each on the mask that the network gives
    after the ones before, and it learns on the click maps that result. Everything else (`predict`,
    `evaluate`, a call) is the network itself, with which it shares all variables. Keras saves it
    whole, to go on with `fit`; to use the network, `save_preset` takes either.

    Args:
        network: of `fctsfn_tf.networks.fctsfn`.
        rollouts: probability of 0, 1, 2, … clicks; their sum is 1.
        objects_per_image: M where `fit` gets batches of B images with B·M click maps and targets,
            M in a row for each image. The objects of an image share one run of the image part.
        auxiliary: a tensor inside of the network, logits of the inputs' size, that learns the same
            target: then the model's output in training is (B, H, W, 2), the network's logits and
            these; `losses.AuxiliaryLoss` takes them apart.
        seed: of how many clicks there are and where they fall.

    Raises:
        InputError: the network cannot be cut (see `split`), `rollouts` are no probabilities, or it
            has candidates, which `CandidateClicks` trains.

    Examples:
        >>> import keras
        >>> from fctsfn_tf import ClickDataset, IterativeClicks, NormalizedFocalLoss, TSLFN
        >>> from fctsfn_tf import open_dataset, recipes
        >>> model = IterativeClicks(TSLFN(stride=32, alpha=0.125), rollouts=(0.6, 0.4))
        >>> model.compile(keras.optimizers.Adam(1e-3), NormalizedFocalLoss())
        >>> data = ClickDataset(open_dataset("photographs"), recipes.MSRN_INPUT)
        >>> history = model.fit(data, epochs=1, shuffle=False, verbose=0)
    """

    _num_outputs = 1

    def __init__(
        self,
        network: keras.Model,
        rollouts: Sequence[float] = SimulationConfig.rollouts,
        objects_per_image: int = 1,
        auxiliary: keras.KerasTensor | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # The parts cast their inputs themselves; 255 and the target shall stay exact until there.
        super().__init__(**{**kwargs, "autocast": False})
        if not rollouts or min(rollouts) < 0 or abs(sum(rollouts) - 1) > 1e-6:
            raise InputError(
                "`rollouts` must be the probabilities of 0, 1, 2, … clicks, with sum 1. "
                f"Received {tuple(rollouts)!s:.80}."
            )
        if len(network.outputs) != self._num_outputs:
            raise InputError(
                "IterativeClicks trains networks that return one mask's logits, CandidateClicks "
                "those with candidates and predicted IoUs as well (three outputs). Take the other. "
                f"Received '{network.name}' with {len(network.outputs)} outputs."
            )
        self.network = network
        self.rollouts = tuple(rollouts)
        self.seed = seed
        if auxiliary is not None:
            outputs = keras.layers.Concatenate(dtype="float32", name=WITH_AUXILIARY)(
                [network.output, auxiliary]
            )
            network = keras.Model(network.input, outputs, name=WITH_AUXILIARY)
        self._learner = network
        self._image_part, self._click_part = split(network)
        self._repeat = RepeatBatch(objects_per_image)
        self._seeds = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        """The network's output; in training `inputs` also holds the "target"."""
        image, click_maps = inputs["image"], inputs["click_maps"]
        if training and "target" in inputs and len(self.rollouts) > 1:
            click_maps = self._rolled_out(image, click_maps, inputs["target"])
        features = [self._repeat(x) for x in self._image_part(image, training=training)]
        logits = self._click_part([*features, click_maps], training=training)
        return logits if training else logits[..., :1]

    def _rolled_out(self, image: Any, click_maps: Any, target: Any) -> Any:
        """The click maps after a random number of clicks, the same for all objects of the batch."""
        features = [
            ops.stop_gradient(self._repeat(x)) for x in self._image_part(image, training=False)
        ]
        # One more than there may be clicks: the last draw decides how many there are.
        num_draws = len(self.rollouts)
        shape = (num_draws, ops.shape(click_maps)[0])
        draws = keras.random.uniform(shape, dtype="float32", seed=self._seeds)
        limits = ops.convert_to_tensor(np.cumsum(self.rollouts)[:-1], "float32")
        number = ops.sum(ops.cast(draws[-1, 0] >= limits, "int32"))

        def click(i: Any, click_maps: Any) -> tuple[Any, Any]:
            logits = self._click_part([*features, click_maps], training=False)[..., :1]
            draw = ops.take(draws, i, axis=0)
            return i + 1, with_error_click(click_maps, logits, target, draw)

        _, click_maps = ops.while_loop(
            lambda i, _: i < number, click, (ops.zeros((), "int32"), click_maps)
        )
        return ops.stop_gradient(click_maps)

    def train_step(self, *state_and_data: Any) -> Any:
        """Keras' training step, whatever the backend passes to it, with the target as an input."""
        *state, data = state_and_data
        inputs, target, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        inputs = {**inputs, "target": target}
        data = keras.utils.pack_x_y_sample_weight(inputs, target, sample_weight)
        return super().train_step(*state, data)

    def get_config(self) -> dict[str, Any]:
        learner = self._learner
        return {
            "name": self.name,
            "network": keras.saving.serialize_keras_object(self.network),
            "learner": None
            if learner is self.network
            else keras.saving.serialize_keras_object(learner),
            "rollouts": list(self.rollouts),
            "objects_per_image": self._repeat.times,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> IterativeClicks:
        config = dict(config)
        network, learner = (
            keras.saving.deserialize_keras_object(config.pop(name))
            for name in ("network", "learner")
        )
        if learner is None:
            return cls(network, **config)
        # The network again, made of the layers that it shares with the one of two outputs.
        logits, auxiliary = learner.get_layer(WITH_AUXILIARY).input
        shared = type(network)(learner.inputs, logits, name=network.name)
        for name in ("built_by", "predictor_settings"):
            setattr(shared, name, getattr(network, name, None))
        return cls(shared, auxiliary=auxiliary, **config)


def with_error_click(click_maps: Any, logits: Any, target: Any, draw: Any) -> Any:
    """Click maps with one more click on each object, where its mask is most deeply wrong.

    The kind of error, missed or false, that is deeper decides on the click's sign; of equally deep
    ones the larger. The click falls at random on the deeper half of that error, as
    `simulation.error_click` does it outside of the training step.

    Args:
        click_maps: (B, H, W, C), the encoding of `docs/architecture.md`: C = 2 distances, C = 3
            disks and previous probability, which becomes that of `logits`.
        logits: (B, H, W, 1), what the network said; the mask is where they are above 0.
        target: (B, H, W, 1) in {0, 1, `IGNORED`}.
        draw: (B,) in [0, 1), which of the pixels is clicked.

    Returns:
        (B, H, W, C); without an error the clicks stay as they are.
    """
    depth, candidates = _deepest_errors(error_maps(logits, target))
    flat = ops.reshape(candidates, (ops.shape(candidates)[0], -1, 2))  # (B, H·W, 2)
    counts = ops.sum(flat, axis=1)  # (B, 2)
    is_missed_deeper = depth[:, 0] > depth[:, 1]
    is_missed_larger = ops.logical_and(depth[:, 0] == depth[:, 1], counts[:, 0] > counts[:, 1])
    is_positive = ops.logical_or(is_missed_deeper, is_missed_larger)  # (B,)
    chosen = ops.where(is_positive[:, None], flat[:, :, 0], flat[:, :, 1])
    count = ops.where(is_positive, counts[:, 0], counts[:, 1])
    # The pixel at which the running count of candidates first exceeds the draw's share of them.
    passed = ops.cumsum(chosen, axis=1) > ops.floor(draw * count)[:, None]
    pixel = ops.argmax(ops.cast(passed, "int32"), axis=1)
    clicks = _one_click_maps(pixel, click_maps)  # (B, H, W, 1)
    signs = ops.stack([is_positive, ops.logical_not(is_positive)], axis=-1)
    signs = ops.logical_and(signs, (count > 0)[:, None])[:, None, None, :]  # (B, 1, 1, 2)
    if click_maps.shape[-1] == 2:
        return ops.where(signs, ops.minimum(click_maps, clicks), click_maps)
    disks = ops.where(signs, ops.maximum(click_maps[..., :2], clicks), click_maps[..., :2])
    previous = ops.sigmoid(ops.cast(logits, click_maps.dtype))
    return ops.concatenate([disks, previous], axis=-1)


def error_maps(logits: Any, target: Any) -> Any:
    """(B, H, W, 2) float32 in {0, 1}: missed pixels and false ones; nothing where ignored."""
    mask = logits > 0
    missed = ops.logical_and(target > 0.5, ops.logical_not(mask))
    is_background = ops.logical_and(target < 0.5, target > IGNORED / 2)
    false = ops.logical_and(is_background, mask)
    return ops.cast(ops.concatenate([missed, false], axis=-1), "float32")


def _deepest_errors(errors: Any) -> tuple[Any, Any]:
    """How deep the errors of each kind are, and where they are as deep as that.

    Args:
        errors: (B, H, W, 2) in {0, 1}.

    Returns:
        (B, 2) rank of the largest square of `EROSIONS` that fits, 0 without errors; and
        (B, H, W, 2) in {0, 1}, the centres of such squares. Beyond the image nothing is wrong.
    """
    shape = ops.shape(errors)
    # Objects and kinds side by side as channels: CPUs pool two channels no faster than sixteen.
    eroded = ops.transpose(errors, (1, 2, 0, 3))
    eroded = ops.reshape(eroded, (1, shape[1], shape[2], shape[0] * 2))
    candidates, depth = eroded, ops.max(eroded, (0, 1, 2))  # (1, H, W, B·2), (B·2,)
    for radius in EROSIONS:
        eroded = _eroded(eroded, radius)
        fits = ops.max(eroded, (0, 1, 2))
        candidates = ops.where(fits > 0, eroded, candidates)
        depth = depth + fits
    candidates = ops.reshape(candidates, (shape[1], shape[2], shape[0], 2))
    return ops.reshape(depth, (-1, 2)), ops.transpose(candidates, (2, 0, 1, 3))


def _eroded(masks: Any, radius: int) -> Any:
    """Masks (1, H, W, N) in {0, 1} without the pixels within `radius` rows or columns of a 0."""
    side = 2 * radius + 1
    outside = ops.pad(1 - masks, [[0, 0], [radius] * 2, [radius] * 2, [0, 0]], constant_values=1)
    # Whatever keras.json says of the order of axes.
    outside = ops.max_pool(outside, (side, 1), strides=1, data_format="channels_last")
    return 1 - ops.max_pool(outside, (1, side), strides=1, data_format="channels_last")


def _one_click_maps(pixel: Any, click_maps: Any) -> Any:
    """(B, H, W, 1): the disk, or the distances, of one click a map.

    Args:
        pixel: (B,) int, its place in the flattened map.
        click_maps: of the size and the encoding to make.
    """
    shape = ops.shape(click_maps)
    height, width = shape[1], shape[2]
    pixel = ops.cast(pixel, "int32")[:, None, None, None]
    rows = ops.reshape(ops.arange(height, dtype="int32"), (1, -1, 1, 1))
    cols = ops.reshape(ops.arange(width, dtype="int32"), (1, 1, -1, 1))
    squared = (rows - pixel // width) ** 2 + (cols - pixel % width) ** 2
    if click_maps.shape[-1] == 2:
        distances = ops.minimum(ops.sqrt(ops.cast(squared, "float32")), TRUNCATION)
        return ops.cast(distances, click_maps.dtype)
    return ops.cast(squared <= int(DISK_RADIUS**2), click_maps.dtype)
