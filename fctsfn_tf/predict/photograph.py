"""A photograph, and the features that the network's image part made of its views."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.views import View, whole_view


class Photograph:
    """The features of two views are kept: those of the whole photograph and of the latest box.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        whole: the view of all of it, which is encoded at once.
        encode_seconds: spent on that.
    """

    def __init__(self, pixels: np.ndarray, engine: Engine, config: PredictorConfig) -> None:
        self.pixels = pixels
        self.whole = whole_view(*pixels.shape[:2], config)
        self._engine = engine
        self._features: dict[View, Any] = {}
        _, self.encode_seconds = self.features_of(self.whole)

    def features_of(self, view: View) -> tuple[Any, float]:
        """The features of a view, and the seconds that encoding it took now: 0 if they are kept."""
        if view in self._features:
            return self._features[view], 0.0
        started = time.perf_counter()
        features = self._engine.encode(view.image_in(self.pixels))
        seconds = time.perf_counter() - started
        kept = {key: value for key, value in self._features.items() if key == self.whole}
        self._features = {**kept, view: features}
        return features, seconds

    def __getstate__(self) -> dict[str, Any]:
        """Without the features, which are large and may lie on a device: they are made anew."""
        return {**self.__dict__, "_features": {}}
