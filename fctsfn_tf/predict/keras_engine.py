"""The two parts of a Keras network as an `Engine`, on whichever backend Keras has."""

from __future__ import annotations

import os

import keras
import numpy as np
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.encode_once import compiled_parts, named_inputs
from fctsfn_tf.predict.engine import Engine


class KerasEngine(Engine):
    """A network of this package; all engines over one network share what is compiled."""

    def __init__(self, model: keras.Model) -> None:
        """
        Args:
            model: see `Predictor`.

        Raises:
            InputError: the network cannot be split, or takes photographs of one size alone.
        """
        self._model = model
        self._process = os.getpid()
        self._image_part, self._click_part = compiled_parts(model)
        sides = named_inputs(model)["image"].shape[1:3]
        if sides != (None, None):
            raise InputError(
                "A network that answers clicks must take photographs of any size. Build it without "
                "`input_shape`, or save it with `save_preset` and load that. Received "
                f"'{model.name}' of {sides[0]} × {sides[1]}."
            )
        self.name = model.name
        self.num_click_maps = named_inputs(model)["click_maps"].shape[-1]
        if len(model.outputs) > 1:
            self.num_candidates = model.outputs[1].shape[-1]

    def encode(self, image: np.ndarray) -> list:
        """See `Engine.encode`; the features are tensors of the backend, on its device."""
        self._check_process()
        # Keras returns a list of one output as that output.
        features = keras.tree.flatten(self._image_part(ops.convert_to_tensor(image[None])))
        for feature in features:
            # Devices and JAX work in the background; fetching a number waits for them.
            ops.convert_to_numpy(feature[:1, :1, :1])
        return features

    def click(self, features: list, click_maps: np.ndarray) -> np.ndarray:
        """See `Engine.click`."""
        logits, *_ = self._outputs(features, click_maps)
        return ops.convert_to_numpy(logits)[0, :, :, 0]

    def answers(self, features: list, click_maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine.answers`."""
        if not self.num_candidates:
            return super().answers(features, click_maps)
        logits, candidates, predicted_iou = self._outputs(features, click_maps)
        masks = np.concatenate([ops.convert_to_numpy(x)[0] for x in (logits, candidates)], axis=-1)
        return masks.transpose(2, 0, 1), ops.convert_to_numpy(predicted_iou)[0]

    def _outputs(self, features: list, click_maps: np.ndarray) -> list:
        self._check_process()
        inputs = [*features, ops.convert_to_tensor(click_maps[None])]
        # Keras returns a list of one output as that output.
        return keras.tree.flatten(self._click_part(inputs))

    def __reduce__(self) -> tuple:
        """The network is copied; what was compiled is compiled again."""
        return KerasEngine, (self._model,)

    def _check_process(self) -> None:
        """Refuse a forked child, in which the threads of Keras' backend are missing: it would wait
        for them for ever."""
        if os.getpid() != self._process:
            raise InputError(
                "Keras cannot go on in a forked process. Start processes with "
                "`multiprocessing.get_context('spawn')`, load the preset in each, or take the "
                "engine 'litert'. Received a call in a child of the process that loaded it."
            )
