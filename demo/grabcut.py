"""OpenCV's GrabCut behind what a session uses of a `Predictor`, to compare with networks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import takewhile

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click, clicks_from_points
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines.opencv_grabcut import segment
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Prediction

# Longer side of what it computes on, as the networks'; its time grows with the number of pixels.
WORKING_SIDE = 384


class GrabCutPredictor:
    """See `Predictor` for what each method does. It starts from clicks alone, not from a mask."""

    config = PredictorConfig(working_size=WORKING_SIDE)

    def __init__(self) -> None:
        self.image: np.ndarray | None = None
        self.prediction: Prediction | None = None
        self._small: np.ndarray | None = None
        # After each click: (the click, the mask so far as float32 at the working size).
        self._answers: list[tuple[Click, np.ndarray]] = []

    def set_image(self, image: np.ndarray) -> None:
        """Start on a photograph, (H, W, 3) uint8 RGB."""
        self.image, self.prediction, self._answers = image, None, []
        height, width = image.shape[:2]
        scale = min(1.0, WORKING_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        self._small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def set_mask(self, mask: np.ndarray | None) -> None:
        """Forget the clicks.

        Raises:
            InputError: a mask is given.
        """
        if mask is not None:
            raise InputError(
                "GrabCut starts from clicks here. Take a network to go on from a mask."
            )
        self.reset()

    def reset(self) -> None:
        """Forget the clicks."""
        self.prediction, self._answers = None, []

    def predict(self, points: Sequence, labels: Sequence) -> Prediction:
        """The result of these clicks, made one after the other."""
        started = time.perf_counter()
        clicks = clicks_from_points(points, labels, *self.image.shape[:2])
        if not clicks[0].is_positive:
            raise InputError("The first click must be positive (label 1): click on the object.")
        pairs = zip(clicks, self._answers, strict=False)
        answers = [answer for _, answer in takewhile(lambda pair: pair[0] == pair[1][0], pairs)]
        for number in range(len(answers), len(clicks)):
            small = tuple(self._at_working_size(click) for click in clicks[: number + 1])
            before = answers[-1][1] if answers else None
            answers.append((clicks[number], segment(self._small, small, before)))
        self._answers = answers
        height, width = self.image.shape[:2]
        probability = cv2.resize(answers[-1][1], (width, height), interpolation=cv2.INTER_LINEAR)
        for click in clicks:
            probability[click.pixel] = float(click.is_positive)
        mask = probability > self.config.threshold
        self.prediction = Prediction(probability, mask, 0.0, time.perf_counter() - started)
        return self.prediction

    def _at_working_size(self, click: Click) -> Click:
        (height, width), (rows, cols) = self._small.shape[:2], self.image.shape[:2]
        return click.scaled(height / rows, width / cols)
