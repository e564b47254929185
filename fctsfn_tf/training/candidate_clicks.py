"""Clicks on errors while a network with candidates is trained: `CandidateClicks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from fctsfn_tf.networks.candidates import chosen_masks, is_first_click
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.training.candidate_losses import CandidateLoss
from fctsfn_tf.training.iterative_clicks import IterativeClicks, with_error_click
from fctsfn_tf.training.recipes import SimulationConfig

# How often a second click corrects the mask that is thought best after a first click, which may be
# a candidate that somebody chose; else the answer, which people see.
CHOSEN_PROBABILITY = 0.15


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class CandidateClicks(IterativeClicks):
    """`IterativeClicks` of a network like `compact_lite_network`, with a loss of all its outputs.

    In training the image part runs once, for the clicks on errors and for what is learnt. Batches
    hold "hidden_area" (`recipes.ClickInput.hidden_areas`), or nothing is taken to be hidden.

    Args:
        network: with the layer "coarse_score" and the outputs of `compact_lite_network`.
        loss: of all of these; `compile` takes none. None for the default one.
        rollouts: see `IterativeClicks`.
        objects_per_image: see there.
        seed: see there.

    Raises:
        InputError: see `IterativeClicks`; or the network has no candidates.

    Examples:
        >>> import keras
        >>> from fctsfn_tf import FCTSFN, CandidateClicks, ClickDataset, open_dataset, recipes
        >>> network = FCTSFN(backbone="efficientnet_lite2")
        >>> model = CandidateClicks(network, rollouts=(0.6, 0.4))
        >>> model.compile(keras.optimizers.Adam(1e-3))
        >>> data = ClickDataset(open_dataset("photographs"), recipes.COMPACT_INPUT)
        >>> history = model.fit(data, epochs=1, shuffle=False, verbose=0)
    """

    _num_outputs = 3

    def __init__(
        self,
        network: keras.Model,
        loss: CandidateLoss | None = None,
        rollouts: Sequence[float] = SimulationConfig.rollouts,
        objects_per_image: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, rollouts, objects_per_image, seed=seed, **kwargs)
        coarse = network.get_layer("coarse_score").output
        learner = keras.Model(network.inputs, [*network.outputs, coarse], name="with_coarse")
        self._image_part, self._click_part = split(learner)
        self._candidate_loss = loss or CandidateLoss()

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        """The answer's logits; in training, with the "target" in `inputs`, what the loss needs."""
        image, click_maps = inputs["image"], inputs["click_maps"]
        features = [self._repeat(x) for x in self._image_part(image, training=training)]
        if not training or "target" not in inputs:
            return self._click_part([*features, click_maps], training=training)[0]
        click_maps = self._clicked_on(features, click_maps, inputs["target"])
        logits, candidates, predicted_iou, coarse = self._click_part(
            [*features, click_maps], training=True
        )
        return {
            "masks": ops.concatenate([logits, candidates], axis=-1),
            "coarse": coarse,
            "predicted_iou": predicted_iou,
            "is_first": is_first_click(click_maps),
        }

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The mean of the objects' losses; outside of training, of their answers' alone."""
        if not isinstance(y_pred, dict):
            return ops.mean(self._candidate_loss.of_answer(y, y_pred))
        hidden_area = x.get("hidden_area", ops.zeros_like(y_pred["is_first"]))
        return ops.mean(self._candidate_loss(y, **y_pred, hidden_area=hidden_area))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Keras' metrics, of the answer."""
        if isinstance(y_pred, dict):
            y_pred = y_pred["masks"][..., :1]
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["learner"]
        return {**config, "loss": self._candidate_loss.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CandidateClicks:
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        return cls(network, CandidateLoss(**config.pop("loss")), **config)

    def _clicked_on(self, features: list, click_maps: Any, target: Any) -> Any:
        """The click maps after a random number of clicks, the same for all objects of the batch."""
        if len(self.rollouts) == 1:
            return click_maps
        features = [ops.stop_gradient(x) for x in features]
        # Two more rows than clicks: how many there are, and which masks people saw.
        shape = (len(self.rollouts) + 1, ops.shape(click_maps)[0])
        draws = keras.random.uniform(shape, dtype="float32", seed=self._seeds)
        limits = ops.convert_to_tensor(np.cumsum(self.rollouts)[:-1], "float32")
        number = ops.sum(ops.cast(draws[-1, 0] >= limits, "int32"))
        sees_chosen = ops.logical_and(
            is_first_click(click_maps) > 0, draws[-2] < CHOSEN_PROBABILITY
        )

        def click(i: Any, click_maps: Any) -> tuple[Any, Any]:
            logits, candidates, predicted_iou, _ = self._click_part(
                [*features, click_maps], training=False
            )
            masks = ops.concatenate([logits, candidates], axis=-1)
            best = ops.argmax(predicted_iou, axis=-1)
            is_seen = ops.logical_and(sees_chosen, i == 0)
            best = ops.where(is_seen, best, ops.zeros_like(best))
            draw = ops.take(draws, i, axis=0)
            return i + 1, with_error_click(click_maps, chosen_masks(masks, best), target, draw)

        _, click_maps = ops.while_loop(
            lambda i, _: i < number, click, (ops.zeros((), "int32"), click_maps)
        )
        return ops.stop_gradient(click_maps)
