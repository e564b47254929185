"""What answers the robot user's clicks: a network or a classical method, by name.

    segment(image, clicks, previous) → probability

with the image (H, W, 3) uint8, all clicks so far, the answer before (None at the first click), and
a probability (H, W) float in [0, 1]. Any such function can be evaluated. One that has an attribute
`encode_seconds` tells how much of its latest answer's time was work on the image alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters
from fctsfn_tf.predict.preset_files import preset_config, weights_digest

if TYPE_CHECKING:
    from fctsfn_tf.predict.predictor import Predictor

Segment = Callable[[np.ndarray, tuple[Click, ...], np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class Segmenter:
    """What segments, by name, so that another process can build it too.

    Attributes:
        name: a key of `BASELINES`, or a preset, see `presets.load_preset`.
        zoom_in: whether the network looks at the object alone once it is roughly known; None for
            what the preset says.
        is_flipped: whether the network also answers for the mirrored photograph, and both answers
            are averaged.
        look_again: how often the network looks again after the first click; None for what the
            preset says.
        engine: what runs the network, see `preset_engine.load_engine`.
        look_closer: at how many crops around the first click the network looks; None for what the
            preset says.
        keep_far: whether a further click keeps, away from it, the surer answer; None for what the
            preset says.
    """

    name: str
    zoom_in: bool | None = None
    is_flipped: bool = False
    look_again: int | None = None
    engine: str | None = None
    look_closer: int | None = None
    keep_far: bool | None = None

    @property
    def is_classical(self) -> bool:
        """Whether it is a classical method and no network."""
        return self.name in BASELINES

    @property
    def graph_cut(self) -> GraphCutParameters:
        """What its probability is cut with, where a protocol cuts: a preset says how smooth.

        Raises:
            InputError: no such preset.
        """
        if self.is_classical:
            return DEFAULT_PARAMETERS
        return preset_config(self.name).graph_cut_parameters

    @property
    def weights_name(self) -> str:
        """NAME@DIGEST of a preset: one that was trained further keeps its name, but not its digest.

        Raises:
            InputError: no such preset.
        """
        return f"{Path(self.name).name}@{weights_digest(self.name)[:12]}"

    def build(self) -> tuple[str, Segment]:
        """How a record names it (another name for other weights or settings), and what segments.

        Raises:
            InputError: no such preset, a library that is not installed, or a classical method that
                was asked to zoom in or flip.
        """
        if self.is_classical:
            return self._classical()
        # The classical methods do without these.
        from fctsfn_tf.predict.predictor import Predictor
        from fctsfn_tf.predict.preset_engine import load_engine

        engine, config = load_engine(self.name, self.engine)
        # The protocol says how the probability becomes a mask.
        config = replace(config, graph_cut=False)
        asked = {
            "zoom_in": self.zoom_in,
            "look_again": self.look_again,
            "look_closer": self.look_closer,
            "keep_far": self.keep_far,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        config = replace(config, **given)
        name = f"{self.weights_name}, {'' if config.zoom_in else 'no '}zoom-in"
        if config.look_again:
            name += f", {1 + config.look_again} looks"
        if config.look_closer:
            name += f", {config.look_closer} crops"
        if config.keep_far:
            name += ", keeps far"
        segment = PredictorSegment(Predictor(engine, config))
        if not self.is_flipped:
            return name, segment
        mirrored = PredictorSegment(Predictor(engine, config))
        return f"{name}, flipped", FlippedSegment(segment, mirrored)

    def _classical(self) -> tuple[str, Segment]:
        asked = (self.zoom_in, self.is_flipped, self.look_again, self.look_closer, self.keep_far)
        if any(asked):
            raise InputError(
                "Zoom-in, flip, looking again or closer and keeping are for networks. Leave them "
                "out. "
                f"Received {self.name}."
            )
        # A library that is not installed is named at once, not object by object.
        BASELINES[self.name](
            np.zeros((64, 64, 3), np.uint8), (Click(16, 16, True), Click(48, 48, False)), None
        )
        return f"{self.name}, seeds of {SEED_RADIUS:g} px", BASELINES[self.name]


class PredictorSegment:
    """A predictor as `segment`: the image part runs once per image, only new clicks are fed.

    An image counts as the same one as long as the same array comes.

    Attributes:
        encode_seconds: what the image part took for the latest answer.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._image: np.ndarray | None = None
        self.encode_seconds = 0.0

    def __call__(
        self, image: np.ndarray, clicks: tuple[Click, ...], previous: np.ndarray | None
    ) -> np.ndarray:
        # The predictor keeps the previous probability itself, at the network's own size.
        if self._image is not image:
            self._predictor.set_image(image)
            self._image = image
        points = [(col, row) for row, col in (click.pixel for click in clicks)]
        labels = [int(click.is_positive) for click in clicks]
        prediction = self._predictor.predict(points, labels)
        self.encode_seconds = prediction.encode_seconds
        return prediction.probability


class FlippedSegment:
    """The mean of the answers for the photograph and for its mirror image (test-time flip).

    Attributes:
        encode_seconds: what both image parts took for the latest answer.
    """

    def __init__(self, segment: PredictorSegment, mirrored: PredictorSegment) -> None:
        """Two that share no state, though they may share the network."""
        self._segment, self._mirrored = segment, mirrored
        self._image: np.ndarray | None = None
        self._mirror_image: np.ndarray | None = None
        self.encode_seconds = 0.0

    def __call__(
        self, image: np.ndarray, clicks: tuple[Click, ...], previous: np.ndarray | None
    ) -> np.ndarray:
        if self._image is not image:
            self._image, self._mirror_image = image, np.ascontiguousarray(image[:, ::-1])
        last = image.shape[1] - 1
        turned = tuple(
            Click(row, last - col, click.is_positive)
            for click in clicks
            for row, col in [click.pixel]
        )
        answer = self._segment(image, clicks, None)
        mirrored = self._mirrored(self._mirror_image, turned, None)
        self.encode_seconds = self._segment.encode_seconds + self._mirrored.encode_seconds
        return (answer + mirrored[:, ::-1]) / 2
