"""A photograph, and the features that the network's image part made of its views."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fctsfn_tf.images.jpeg_photograph import JpegPhotograph
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.views import View, whole_view


class Photograph:
    """The features of two views are kept: those of the whole photograph and of the latest box.

    Attributes:
        size: (height, width) in pixels.
        whole: the view of all of it, which is encoded at once.
        encode_seconds: spent on that.
    """

    def __init__(
        self, source: np.ndarray | JpegPhotograph, engine: Engine, config: PredictorConfig
    ) -> None:
        """
        Args:
            source: the pixels, (H, W, 3) uint8 RGB, or a file of which those are decoded that are
                needed.

        Raises:
            InputError: the file cannot be read.
        """
        self._source = source
        self.size = source.shape[:2] if isinstance(source, np.ndarray) else source.size
        self.whole = whole_view(*self.size, config)
        self._engine = engine
        self._features: dict[View, Any] = {}
        _, self.encode_seconds = self.features_of(self.whole)

    @property
    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB; decoded when first asked for, and kept."""
        source = self._source
        if not isinstance(source, np.ndarray):
            self._source = source = source.pixels()
        return source

    def features_of(self, view: View) -> tuple[Any, float]:
        """The features of a view, and the seconds that encoding it took now: 0 if they are kept."""
        if view in self._features:
            return self._features[view], 0.0
        started = time.perf_counter()
        features = self._engine.encode(self._image_in(view))
        seconds = time.perf_counter() - started
        kept = {key: value for key, value in self._features.items() if key == self.whole}
        self._features = {**kept, view: features}
        return features, seconds

    def _image_in(self, view: View) -> np.ndarray:
        """The network's image in a view, see `View.image_in`."""
        image = None
        if isinstance(self._source, JpegPhotograph):
            image = self._source.seen(*view.box.pixels, view.height, view.width)
        return view.image_in(self.pixels) if image is None else image

    def __getstate__(self) -> dict[str, Any]:
        """Without the features, which are large and may lie on a device: they are made anew."""
        return {**self.__dict__, "_features": {}}
