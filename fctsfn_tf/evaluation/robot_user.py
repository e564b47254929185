"""The robot user of the evaluation: where a wrong mask is clicked next.

Two rules are in use and give different numbers: the paper's, and the one that nearly everything
published since 2021 reports. Both return None when nothing is left to correct.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.metrics import check_masks

# Real people do not click dead centres: a normal shift with σ = 5 % of the object's size
# (protocol of the jittered runs; the size is taken as the square root of the area).
JITTER_FRACTION = 0.05
# Draws before a jittered click falls back to the centre; only objects a few pixels thin need them.
JITTER_TRIES = 20


def next_click_ritm(
    mask: np.ndarray,
    gt_mask: np.ndarray,
    ignore: np.ndarray | None = None,
    clicked: Iterable[Click] = (),
) -> Click | None:
    """The next click by the rule of the literature since 2021: the deepest error pixel.

    The site is the pixel of the whole image that lies deepest in an error, i.e. farthest from the
    nearest pixel that is not wrong in the same way; beyond the image nothing is wrong, so its
    border counts as boundary. It is positive only where the deepest missed pixel (FN) is strictly
    deeper than the deepest false one (FP); of equally deep pixels of that kind the first in
    row-major order is taken. Error pixels that were clicked before are not clicked again.

    Distances are exact. The published evaluations ask `cv2.distanceTransform` of the whole image,
    which is exact too, but for images below 128 × 128 pixels and for processes with one thread:
    there (Intel's library) its last digit depends on where arrays lie in memory, so that even the
    same call may take another of several equally deep pixels.

    Args:
        mask: (H, W) bool, the present segmentation; all False before the first click.
        gt_mask: (H, W) bool, the true mask.
        ignore: (H, W) bool, True where errors do not count; None for nowhere.
        clicked: the clicks made so far on this object, inside the image.

    Returns:
        A click on a whole pixel, or None if no error is left outside of the clicked pixels (where
        the reference implementation would go on clicking correct pixels).

    Raises:
        InputError: the arrays differ in size or are not bool (H, W).

    Source: RITM (Sofiiuk et al. 2021), evaluation protocol.
    """
    false_negative, false_positive = error_masks(mask, gt_mask, ignore)
    clicked = list(clicked)
    missed, false = _Depths(false_negative, clicked), _Depths(false_positive, clicked)
    is_positive = missed.deepest > false.deepest
    return (missed if is_positive else false).click(is_positive)


def next_click_paper(
    mask: np.ndarray,
    gt_mask: np.ndarray,
    ignore: np.ndarray | None = None,
    clicked: Iterable[Click] = (),
) -> Click | None:
    """The next click by the paper's rule: the middle of the largest error region.

    The largest connected component, by area, among the false negative and the false positive
    regions; in it the pixel farthest from its boundary.

    Arguments, result and errors as in `next_click_ritm`.

    Source: paper §4.1, "Generating click sequences". What the paper leaves open is settled as in
    `next_click_ritm` wherever that has an answer: the image border counts as boundary, equal areas
    give a negative click, then the first component and pixel in row-major order; clicked pixels are
    not clicked again, and a component without any other pixel is passed over. Regions are
    8-connected, and an FN region never joins an FP region that it touches.
    """
    false_negative, false_positive = error_masks(mask, gt_mask, ignore)
    clicked = list(clicked)
    best_area, best_component, best_is_positive = 0, None, False
    for is_positive, error in ((False, false_positive), (True, false_negative)):
        component, area = _largest_component(error, clicked)
        if area > best_area:
            best_area, best_component, best_is_positive = area, component, is_positive
    if best_component is None:
        return None
    return _Depths(best_component, clicked).click(best_is_positive)


def jittered(
    click: Click,
    gt_mask: np.ndarray,
    rng: np.random.Generator,
    ignore: np.ndarray | None = None,
    clicked: Iterable[Click] = (),
) -> Click:
    """`click` moved as a person's hand would: a normal shift, kept on its side of the outline.

    Args:
        click: a click of the robot user.
        gt_mask: (H, W) bool, the true mask. The shift's standard deviation along rows and along
            columns is `JITTER_FRACTION` of the square root of its area.
        rng: where the shift is drawn from.
        ignore: (H, W) bool, where no click may land; None for nowhere.
        clicked: the clicks made so far; the moved click lands on none of their pixels.

    Returns:
        A click on a whole pixel inside the image, of the same sign, on the object if and only if
        it is positive. After `JITTER_TRIES` draws without such a pixel (thin objects), `click`.
    """
    allowed = gt_mask == click.is_positive
    if ignore is not None:
        allowed &= ~ignore
    for made in clicked:
        allowed[made.pixel] = False
    height, width = gt_mask.shape
    deviation = JITTER_FRACTION * np.sqrt(np.count_nonzero(gt_mask))
    for _ in range(JITTER_TRIES):
        row, col = click.shifted(*rng.normal(0.0, deviation, size=2)).pixel
        if 0 <= row < height and 0 <= col < width and allowed[row, col]:
            return Click(row, col, click.is_positive)
    return click


def error_masks(
    mask: np.ndarray, gt_mask: np.ndarray, ignore: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The (false negative, false positive) masks, each (H, W) bool, False where ignored.

    Raises:
        InputError: the arrays differ in size or are not bool (H, W).
    """
    check_masks(mask, gt_mask, ignore)
    false_negative = gt_mask & ~mask
    false_positive = mask & ~gt_mask
    if ignore is not None:
        false_negative &= ~ignore
        false_positive &= ~ignore
    return false_negative, false_positive


def error_depth(error: np.ndarray) -> np.ndarray:
    """Distance of each error pixel to the nearest other pixel; 0 elsewhere.

    Args:
        error: (H, W) bool.

    Returns:
        (H, W) float32 in pixels, exact up to 1,400; beyond the image counts as "other".
    """
    depth = np.zeros(error.shape, np.float32)
    depths = _Depths(error)
    depth[depths.box] = np.sqrt(depths.squared)
    return depth


class _Depths:
    """How deep the pixels of an error lie in it, without those that were clicked.

    Outside of the error's bounding box nothing is wrong, so one pixel around it is enough: the
    depths are the same as on the whole image, at a fraction of the time.

    Attributes:
        box: of the error's rows and columns.
        squared: (h, w) float64 in pixels², whole numbers, of the pixels in the box.
        deepest: the largest of them; 0 where there is no error.
    """

    def __init__(self, error: np.ndarray, clicked: Iterable[Click] = ()) -> None:
        self.box = _bounding_box(error)
        padded = np.pad(error[self.box].astype(np.uint8), 1)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        # OpenCV may round the last digit of equal distances differently from pixel to pixel. Their
        # squares are whole numbers.
        self.squared = np.rint(np.square(distance, dtype=np.float64))
        for pixel in _pixels_in(self.box, clicked):
            self.squared[pixel] = 0
        self.deepest = float(self.squared.max(initial=0))

    def click(self, is_positive: bool) -> Click | None:
        """On the first of the deepest pixels, in row-major order; None where none is left."""
        if self.deepest == 0:
            return None
        row, col = np.unravel_index(np.argmax(self.squared), self.squared.shape)
        rows, cols = self.box
        return Click(int(rows.start + row), int(cols.start + col), is_positive)


def _bounding_box(error: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the True pixels of (H, W) bool; empty where there is none."""
    left, top, width, height = cv2.boundingRect(error.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _pixels_in(box: tuple[slice, slice], clicked: Iterable[Click]) -> set[tuple[int, int]]:
    """Each clicked pixel in the box once, counted from the box's first row and column."""
    rows, cols = box
    pixels = {click.pixel for click in clicked}
    return {
        (row - rows.start, col - cols.start)
        for row, col in pixels
        if rows.start <= row < rows.stop and cols.start <= col < cols.stop
    }


def _largest_component(
    error: np.ndarray, clicked: Iterable[Click]
) -> tuple[np.ndarray | None, int]:
    """The largest 8-connected component that has a pixel not clicked, and its area in pixels.

    Of equally large ones the first in row-major order; (None, 0) if there is none.
    """
    box = _bounding_box(error)
    if not error[box].size:
        return None, 0
    _, labels = cv2.connectedComponents(error[box].astype(np.uint8), connectivity=8)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    free = areas.copy()
    for pixel in _pixels_in(box, clicked):
        free[labels[pixel]] -= 1
    areas[free <= 0] = 0
    if areas.max() == 0:
        return None, 0
    # OpenCV does not promise an order of labels: take the one whose first pixel comes first.
    is_candidate = areas == areas.max()
    first = labels.flat[np.argmax(is_candidate[labels])]
    component = np.zeros_like(error)
    component[box] = labels == first
    return component, int(areas[first])
