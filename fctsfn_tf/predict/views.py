"""The part of a photograph that the network sees: the whole of it, or a box around the object.

A `View` maps image, clicks and probability from the photograph to the network's input, and the
network's probability back. Resizing is OpenCV's with pixel centres at +0.5, as `Click.scaled`
expects: area averaging along an axis that shrinks, linear interpolation along one that grows.

Memory for a photograph of H × W pixels: no function here makes a copy of the image in its own
size. Largest are the probability that the caller holds (float32, 4 bytes a pixel) and a passing
byte per pixel in `next_view`; everything else has the network's size. For 50 megapixels that is
200 MB and 50 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.images.masks import bounding_box
from fctsfn_tf.predict.config import PredictorConfig

# Both sides of the network's input are multiples of its coarsest stride, so that it never pads and
# few different sizes occur (some backends compile once per size).
SIDE_MULTIPLE = 32
# More likely object than not: what the zoom-in box is put around (RITM: `prob_thresh=0.5`).
EVEN_ODDS = 0.5
# A box whose side is object for more than this share cuts the object off; less is a stray pixel.
CUT_OFF_SHARE = 0.05
# Each closer view has this share of the side of the one before: 59, 35 and 20 % of the photograph
# are three. A choice.
CLOSER_SHARE = 0.59
# Longer side of the closest view, in pixels of the photograph; below, enlarging shows nothing more.
CLOSEST_SIDE = 96


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels: rows in [top, bottom), columns in [left, right)."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The index of the box's pixels in an array (H, W, …)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def contains(self, other: Box) -> bool:
        """Whether all of `other` lies in this box."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]."""
        rows = min(self.bottom, other.bottom) - max(self.top, other.top)
        cols = min(self.right, other.right) - max(self.left, other.left)
        intersection = max(0, rows) * max(0, cols)
        return intersection / (self.height * self.width + other.height * other.width - intersection)


@dataclass(frozen=True)
class View:
    """A box of the photograph, resized to the network's input.

    Attributes:
        box: what is seen, in pixels of the photograph.
        height, width: size of the network's input in pixels.
    """

    box: Box
    height: int
    width: int

    def image_in(self, image: np.ndarray) -> np.ndarray:
        """The network's image (height, width, 3) float32 in [0, 255] of a photograph (H, W, 3)
        uint8."""
        return _resize(image[self.box.pixels], self.height, self.width).astype(np.float32)

    def click_in(self, click: Click) -> Click:
        """A click of the photograph in pixels of the network's input; it may lie outside of it."""
        return click.shifted(-self.box.top, -self.box.left).scaled(
            self.height / self.box.height, self.width / self.box.width
        )

    def probability_in(self, probability: np.ndarray) -> np.ndarray:
        """The network's (height, width) float32 of a probability (H, W) float32."""
        return _resize(probability[self.box.pixels], self.height, self.width)

    def paste(self, network_probability: np.ndarray, probability: np.ndarray) -> None:
        """Write the network's probability back into the photograph's, in place.

        Args:
            network_probability: (height, width) float32.
            probability: (H, W) float32, changed inside the box; outside it stays what it was.
        """
        _resize(
            network_probability, self.box.height, self.box.width, out=probability[self.box.pixels]
        )


def network_size(height: int, width: int, config: PredictorConfig) -> tuple[int, int]:
    """(height, width) of the network's input for a part of the photograph of this size.

    The longer side becomes `working_size`, the shorter one follows, and both are rounded to a
    multiple of 32 of at least 32. So the aspect ratio changes a little (most for panoramas, whose
    short side is stretched). Small images are enlarged, unless `enlarge` says otherwise.
    """
    scale = config.working_size / max(height, width)
    if not config.enlarge:
        scale = min(scale, 1.0)
    return _rounded(height * scale), _rounded(width * scale)


def _rounded(side: float) -> int:
    return max(1, round(side / SIDE_MULTIPLE)) * SIDE_MULTIPLE


def whole_view(height: int, width: int, config: PredictorConfig) -> View:
    """The view of a whole photograph of `height` × `width` pixels."""
    return View(Box(0, 0, height, width), *network_size(height, width, config))


def next_view(
    view: View, probability: np.ndarray, clicks: Sequence[Click], config: PredictorConfig
) -> View:
    """The view for the next click, given what is known of the object.

    The object's box is that of all pixels with a probability above one half and of all positive
    clicks, enlarged. Once zoomed in, the view stays while it still fits, so that the image part
    need not run again: it holds every positive click, and its IoU with the new box is high.
    Otherwise the new box is taken if it is resolved clearly finer than the whole photograph, and
    if not, the whole photograph.

    Args:
        view: the present view: `whole_view` or a zoom-in.
        probability: (H, W) float32 in [0, 1], before the next click (or of a start mask).
        clicks: all clicks, the next one included.
        config: see the `zoom_…` attributes.

    Returns:
        The view; the whole photograph where nothing is known of the object yet.

    Source: RITM's `ZoomIn` (test time). Deviations: a box at the border of the photograph is moved
    inside it instead of being cut, so that it keeps its least size; and there is a least gain.
    """
    height, width = probability.shape
    whole = whole_view(height, width, config)
    box = _object_box(probability, clicks, config) if config.zoom_in else None
    if box is None:
        return whole
    if view != whole and view.box.iou(box) > config.zoom_keep_iou and _holds(view.box, clicks):
        return view
    if max(height, width) < config.zoom_min_gain * max(box.height, box.width):
        return whole
    return View(box, *network_size(box.height, box.width, config))


def closer_views(click: Click, height: int, width: int, config: PredictorConfig) -> list[View]:
    """Crops around a click, each finer than the one before, at most `config.look_closer`.

    A crop is as wide or as high as the last one's share of the photograph's longer side says; what
    of it would lie outside is moved inside, and a side of the photograph that is shorter is taken
    whole. So a panorama's crops become less and less long.

    Args:
        click: in pixels of the photograph.
        height, width: of the photograph.
    """
    views, side = [], float(max(height, width))
    for _ in range(config.look_closer):
        side *= CLOSER_SHARE
        if side < CLOSEST_SIDE:
            break
        # Within the photograph's shape as far as it is not longer than 2 : 1.
        shape = max(0.5, min(height, width) / max(height, width))
        sides = (side * shape, side) if width >= height else (side, side * shape)
        spans = [
            _around(position, round(length), size)
            for position, length, size in zip(click.pixel, sides, (height, width), strict=True)
        ]
        box = Box(spans[0][0], spans[1][0], spans[0][1], spans[1][1])
        views.append(View(box, *network_size(box.height, box.width, config)))
    return views


def is_cut_off(view: View, network_probability: np.ndarray, height: int, width: int) -> bool:
    """Whether the object runs on beyond the box of a zoom-in, where the network could not see it.

    That is so where more than `CUT_OFF_SHARE` of a side of the box, which is no border of the
    photograph, is likely to be object.

    Args:
        view: what was seen.
        network_probability: (view.height, view.width) float32, the answer in it.
        height, width: of the photograph.
    """
    box, inside = view.box, network_probability > EVEN_ODDS
    sides = (
        (box.top > 0, inside[0]),
        (box.left > 0, inside[:, 0]),
        (box.bottom < height, inside[-1]),
        (box.right < width, inside[:, -1]),
    )
    return any(is_inner and side.mean() > CUT_OFF_SHARE for is_inner, side in sides)


def _holds(box: Box, clicks: Sequence[Click]) -> bool:
    """Whether every positive click lies in the box."""
    return all(
        box.top <= row < box.bottom and box.left <= col < box.right
        for row, col in (click.pixel for click in clicks if click.is_positive)
    )


def _object_box(
    probability: np.ndarray, clicks: Sequence[Click], config: PredictorConfig
) -> Box | None:
    """The enlarged box around the object, or None where no pixel is likely to be object."""
    top, left, bottom, right = bounding_box(probability > EVEN_ODDS)
    if right == 0:
        return None
    positives = [click.pixel for click in clicks if click.is_positive]
    rows = [top, bottom - 1, *(row for row, _ in positives)]
    cols = [left, right - 1, *(col for _, col in positives)]
    top, bottom = _enlarged(min(rows), max(rows) + 1, probability.shape[0], config)
    left, right = _enlarged(min(cols), max(cols) + 1, probability.shape[1], config)
    return Box(top, left, bottom, right)


def _enlarged(first: int, end: int, size: int, config: PredictorConfig) -> tuple[int, int]:
    """[first, end) enlarged about its middle, inside [0, size)."""
    length = max((end - first) * config.zoom_expansion, config.zoom_min_size)
    length = min(round(length), size)
    start = round((first + end - length) / 2)
    start = min(max(start, 0), size - length)
    return start, start + length


def _around(position: int, length: int, size: int) -> tuple[int, int]:
    """[first, end) of a length about a pixel, moved inside [0, size)."""
    length = min(length, size)
    start = min(max(position - length // 2, 0), size - length)
    return start, start + length


def _resize(
    array: np.ndarray, height: int, width: int, out: np.ndarray | None = None
) -> np.ndarray:
    """`array`, an image (H, W, 3) uint8 or a probability (H, W) float32, resized; into `out` where
    given.

    OpenCV averages areas only where both axes shrink, and would skip rows of a long, thin image;
    so the axes that shrink come first.
    """
    shrunk = min(height, array.shape[0]), min(width, array.shape[1])
    if shrunk != array.shape[:2]:
        array = cv2.resize(array, shrunk[::-1], interpolation=cv2.INTER_AREA)
        if array.dtype == np.float32:
            np.minimum(array, 1.0, out=array)  # averages of ones may come out as 1.0000001
    # A copy where the size is right already.
    return cv2.resize(array, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
