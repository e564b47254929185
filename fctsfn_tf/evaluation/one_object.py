"""One object under the robot user's clicks: samples → IoU after every click.

The robot user clicks, `segment(image, clicks, previous)` answers with a probability, the protocol
makes a mask of it, and so on. What segments may be a network or a classical method (`Segmenter`),
or any function. An object on which something goes wrong is named, and never averaged in.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import boundary_iou, decidability_index, iou
from fctsfn_tf.evaluation.protocol import Protocol
from fctsfn_tf.evaluation.results import ObjectResult
from fctsfn_tf.evaluation.segmenters import Segment
from fctsfn_tf.images.click_constraints import click_constraints

# So far from a click, in pixels, responses count as its own in the decidability index (§4.2).
DECIDABILITY_RADIUS = 10


def evaluate_object(
    segment: Segment, sample: Sample, protocol: Protocol, seed: int = 0, position: int = 0
) -> ObjectResult:
    """One object clicked by the robot user.

    Args:
        segment: called once per click with the image, all clicks so far and its previous answer
            (None at first); see `segmenters`.
        sample: the object.
        protocol: see `Protocol`.
        seed: of the jitter; each object has its own random numbers, whatever came before it.
        position: of its photograph in the data set, for the record.

    Returns:
        The result. It is a failure if the true mask is empty or does not fit the image, if
        `segment` returns something other than a finite (H, W) float array in [0, 1], or if it
        raises `InputError`. Other exceptions pass through: they are errors of the program.
    """
    failure = _unusable(sample)
    if failure:
        return ObjectResult(sample.name, position, failure=failure)
    started = time.perf_counter()
    record = _Record()
    rng = np.random.default_rng([seed, zlib.crc32(sample.name.encode())])
    failure = _make_clicks(segment, sample, protocol, rng, record)
    robot = time.perf_counter() - started - sum(record.seconds) - sum(record.encode_seconds)
    return ObjectResult(
        sample.name,
        position,
        tuple(record.clicks),
        tuple(record.ious),
        tuple(record.boundary_ious),
        tuple(record.decidability),
        tuple(record.seconds),
        tuple(record.encode_seconds),
        # A click that failed is nobody's measured time.
        0.0 if failure else robot,
        failure,
    )


@dataclass
class _Record:
    """What is measured on one object, after each click; see `ObjectResult`."""

    clicks: list[Click] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    boundary_ious: list[float] = field(default_factory=list)
    decidability: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    encode_seconds: list[float] = field(default_factory=list)

    def time(self, seconds: float, encode_seconds: float) -> None:
        self.seconds.append(max(0.0, seconds - encode_seconds))
        self.encode_seconds.append(encode_seconds)

    def measure(
        self, probability: np.ndarray, mask: np.ndarray, sample: Sample, protocol: Protocol
    ) -> None:
        self.ious.append(iou(mask, sample.gt_mask, sample.ignore))
        self.boundary_ious.append(boundary_iou(mask, sample.gt_mask, sample.ignore))
        if protocol.measures_decidability:
            index = object_decidability(probability, sample, self.clicks, protocol)
            self.decidability.append(index)

    def hold(self, max_clicks: int) -> None:
        """No more clicks are made: what holds now holds for the rest."""
        for values in (self.ious, self.boundary_ious, self.decidability):
            values += values[-1:] * (max_clicks - len(values))


def _make_clicks(
    segment: Segment,
    sample: Sample,
    protocol: Protocol,
    rng: np.random.Generator,
    record: _Record,
) -> str | None:
    """Click until the protocol says that it is enough; the failure, or None."""
    probability, mask = None, np.zeros_like(sample.gt_mask)
    while len(record.ious) < protocol.max_clicks:
        click = protocol.next_click(mask, sample, record.clicks, rng)
        if click is None:
            record.hold(protocol.max_clicks)
            break
        record.clicks.append(click)
        asked = time.perf_counter()
        try:
            probability = segment(sample.image, tuple(record.clicks), probability)
            _check_probability(probability, sample.gt_mask.shape)
        except InputError as error:
            return f"click {len(record.clicks)}: {error}"
        mask = protocol.mask_of(probability, sample.image, record.clicks)
        record.time(time.perf_counter() - asked, getattr(segment, "encode_seconds", 0.0))
        record.measure(probability, mask, sample, protocol)
        if protocol.until is not None and record.ious[-1] >= protocol.until:
            break
    return None


def object_decidability(
    probability: np.ndarray, sample: Sample, clicks: list[Click], protocol: Protocol
) -> float:
    """Decidability index of the responses around the clicks of the two signs.

    A pixel is around the nearest click within `DECIDABILITY_RADIUS`; ignored ones are left out.
    Without negative clicks the whole background stands in for their surroundings; with the choice
    "single-positive", from its first negative click on, the whole object stands in for those of the
    positive one.

    Source: paper Eq. 2 and §4.2, "free-choice", "all-positive", "single-positive".
    """
    around = click_constraints(clicks, *probability.shape, DECIDABILITY_RADIUS)
    positive, negative = around > 0, around < 0
    if not negative.any():
        negative = ~sample.gt_mask
    elif protocol.choice == "single-positive":
        positive = sample.gt_mask
    counts = ~sample.ignore
    positive, negative = probability[positive & counts], probability[negative & counts]
    # An object that fills its photograph leaves no background to tell it from.
    if not positive.size or not negative.size:
        return float("inf")
    return decidability_index(positive, negative)


def _unusable(sample: Sample) -> str | None:
    """Why a sample cannot be evaluated; None if it can."""
    size = sample.image.shape[:2]
    for name, array in (("gt_mask", sample.gt_mask), ("ignore", sample.ignore)):
        if array.shape != size or array.dtype != bool:
            return f"{name} is {array.dtype} {array.shape}, not bool {size} as the image"
    if not (sample.gt_mask & ~sample.ignore).any():
        return "gt_mask is empty"
    return None


def _check_probability(probability: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse an answer of `segment` that is no probability of this size, (height, width).

    Raises:
        InputError: it is of another size or kind, not finite, or outside of [0, 1].
    """
    if probability.shape != size or not np.issubdtype(probability.dtype, np.floating):
        raise InputError(
            f"The probability must be float {size} as the image. "
            f"Received {probability.dtype} {probability.shape}."
        )
    if not np.isfinite(probability).all():
        raise InputError("The probability must be finite. Received NaN or infinity.")
    if probability.min() < 0 or probability.max() > 1:
        raise InputError(
            "The probability must be in [0, 1]. "
            f"Received {probability.min():g} to {probability.max():g}."
        )
