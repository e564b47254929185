"""Probability + image + clicks → mask, by a graph cut at the photograph's own resolution.

The network's probability is smooth and a little beside the outline; the cut moves the contour onto
an edge of the photograph nearby.

`benchmarks/graph_cut.py` times it on photographs of 1 to 48 megapixels; docs/results.md has the
seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.click_constraints import constrained_pixels
from fctsfn_tf.images.masks import bounding_box
from fctsfn_tf.images.minimum_cut import contrast_scale, minimum_cut

# Where the two data terms are equal: the contour that the cut starts from.
EVEN_ODDS = 0.5
# After a cut at half the size, pixels this near to its contour (in pixels) are decided once more:
# the widest band of at most `max_nodes` pixels, else the narrowest. One pixel there is two here,
# and one more for the rounding; a long contour of a large photograph is moved less.
REFINED_BANDS = (3, 2, 1)
# Side of the squares in which pixels near a contour are looked for.
TILE_SIDE = 256


@dataclass(frozen=True)
class GraphCutParameters:
    """What the cut weighs against what, and where it is computed.

    Smoothness, floor and click radius are the best row of `scripts/tune_graph_cut.py` for the
    compact preset on 60 objects of the validation part of VOC 2012 train (docs/results.md), never
    on a test set; a preset may have a smoothness of its own. The rest was not searched.

    Attributes:
        smoothness: λ, the cost of a contour between two adjacent pixels of equal colour, in nats:
            1 weighs as much as the odds 2.7 : 1.
        probability_floor: the probability is kept this far from 0 and 1, so that a confident error
            of the network stays correctable.
        confident: pixels at least this probable (or improbable) keep their label unless they lie
            near the contour; 1 to decide every pixel anew.
        reach: how far from the contour even confident pixels may change, as a share of the longer
            side of the image.
        click_radius: radius in pixels of the disc around a click that takes the click's label.
        max_nodes: the most pixels that are decided in one go; where more are open, a cut at half
            the size comes first, so that a click on a large photograph does not keep one waiting.
            Then only a band along its contour is decided at this one, see `REFINED_BANDS`.
    """

    smoothness: float = 0.5
    probability_floor: float = 0.01
    confident: float = 0.95
    reach: float = 0.01
    click_radius: float = 2.0
    max_nodes: int = 80_000


DEFAULT_PARAMETERS = GraphCutParameters()


def graph_cut(
    probability: np.ndarray,
    image: np.ndarray,
    clicks: Iterable[Click],
    parameters: GraphCutParameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask of least energy that agrees with the clicks.

    The energy of a mask x is, over pixels p and 8-connected pairs of neighbours (p, q),

        Σ_p −log P(x_p)  +  λ Σ_(p,q) [x_p ≠ x_q] · exp(−β ‖c_p − c_q‖²) / ‖p − q‖

    with the network's probability P, colours c and β = 1 / (2 · mean of ‖c_p − c_q‖²) over the
    image. Of several masks of least energy it is the smallest one.

    Open are only the pixels whose probability is not `confident` or that lie within `reach` of the
    contour; every other pixel keeps the side of 0.5 that it is on, and pulls at its neighbours from
    there. This is exactly the cut over all pixels wherever that one leaves those pixels as they
    are; it differs where the full cut would turn a confident region far from the contour.

    With more than `max_nodes` open pixels the cut is an approximation: it is first made at half the
    size, and only the pixels within one of `REFINED_BANDS` of that contour are then decided at this
    one (multilevel banded graph cuts, Lombaert et al. 2005).

    Args:
        probability: (H, W) float in [0, 1], of the object.
        image: (H, W, 3) uint8 RGB, at the same resolution.
        clicks: all clicks so far, oldest first, inside the image. Their discs are hard constraints:
            a pixel in several discs takes the label of the nearest click, of equally near ones the
            newest. So the pixel of a positive click is always in the mask and that of a negative
            click never, unless a newer click of the other sign lies on that very pixel.
        parameters: see `GraphCutParameters`.

    Returns:
        (H, W) bool.

    Raises:
        InputError: sizes differ, the probability is not finite or outside of [0, 1], a click lies
            outside the image, or PyMaxflow is not installed.

    Source: energy of Boykov and Jolly (2001); the paper (§3.4) post-processes its network's output
    with "a graph cut-based method similar to" Xu et al. 2016 and gives no numbers.
    """
    _check_input(probability, image)
    probability = np.ascontiguousarray(probability, np.float32)
    clicks = list(clicks)
    clicked = constrained_pixels(clicks, *probability.shape, parameters.click_radius)
    start = _labels_and_open_pixels(probability, clicked, parameters)
    if start is None:
        mask = _constrained(_cut_at_half_size(probability, image, clicks, parameters), clicked)
        is_open = _refined_pixels(mask, clicked, parameters.max_nodes)
    else:
        mask, is_open = start
    open_pixels = _indices(is_open)
    if open_pixels.size:
        mask.ravel()[open_pixels] = minimum_cut(
            probability,
            image,
            mask,
            open_pixels,
            contrast_scale(image),
            parameters.smoothness,
            parameters.probability_floor,
        )
    return mask


def _labels_and_open_pixels(
    probability: np.ndarray,
    clicked: tuple[np.ndarray, np.ndarray],
    parameters: GraphCutParameters,
) -> tuple[np.ndarray, np.ndarray] | None:
    """The mask that the cut starts from and the pixels that the full cut may change, both (H, W)
    bool: not confident, or near the contour, and not clicked. None if that are more than
    `max_nodes`.

    The cheap reasons come first: on a large photograph they already are too many.
    """
    height, width = probability.shape
    # A line of pixels cannot be cut at half the size.
    most = parameters.max_nodes if min(height, width) > 1 else probability.size
    low, high = 1 - parameters.confident, parameters.confident
    is_open = cv2.inRange(probability, low, high).astype(bool)
    is_open.ravel()[clicked[0]] = False
    if np.count_nonzero(is_open) > most:
        return None
    mask = _constrained(probability > EVEN_ODDS, clicked)
    reach = max(1, round(parameters.reach * max(height, width)))
    for distance in sorted({min(reach, REFINED_BANDS[0]), reach}):
        is_open |= _near_contour(mask, distance)
        is_open.ravel()[clicked[0]] = False
        if np.count_nonzero(is_open) > most:
            return None
    return mask, is_open


def _refined_pixels(
    mask: np.ndarray, clicked: tuple[np.ndarray, np.ndarray], max_nodes: int
) -> np.ndarray:
    """The pixels around the contour of a coarser cut that are decided once more, (H, W) bool."""
    for distance in REFINED_BANDS:
        is_open = _near_contour(mask, distance)
        is_open.ravel()[clicked[0]] = False
        if np.count_nonzero(is_open) <= max_nodes:
            break
    return is_open


def _cut_at_half_size(
    probability: np.ndarray,
    image: np.ndarray,
    clicks: list[Click],
    parameters: GraphCutParameters,
) -> np.ndarray:
    """The mask (H, W) bool of the cut at half the size, every pixel of it doubled.

    There the object has a quarter of the pixels and its contour half of them, so half the
    smoothness weighs as much as before.
    """
    height, width = probability.shape
    size = (width + 1) // 2, (height + 1) // 2
    row_scale, col_scale = size[1] / height, size[0] / width
    coarse_mask = graph_cut(
        # The mean of numbers in [0, 1] may leave it by a rounding error.
        cv2.resize(probability, size, interpolation=cv2.INTER_AREA).clip(0, 1),
        cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        [click.scaled(row_scale, col_scale) for click in clicks],
        replace(
            parameters,
            smoothness=parameters.smoothness / 2,
            click_radius=parameters.click_radius / 2,
        ),
    )
    doubled = cv2.resize(
        coarse_mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    return doubled.view(bool)


def _constrained(mask: np.ndarray, clicked: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """`mask` (H, W) bool, changed in place to agree with the clicks."""
    pixels, is_object = clicked
    mask.ravel()[pixels] = is_object
    return mask


def _indices(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask (H, W) bool as indices in row-major order, (N,) int64."""
    top, _, bottom, _ = bounding_box(mask)
    return np.flatnonzero(mask[top:bottom]) + top * mask.shape[1]


def _check_input(probability: np.ndarray, image: np.ndarray) -> None:
    if probability.ndim != 2 or not np.issubdtype(probability.dtype, np.floating):
        raise InputError(
            "`probability` must be a float array (H, W). Take the sigmoid of one image's logits. "
            f"Received {probability.dtype} of shape {probability.shape}."
        )
    if image.shape != (*probability.shape, 3) or image.dtype != np.uint8:
        raise InputError(
            f"`image` must be uint8 RGB of shape {(*probability.shape, 3)}, as large as the "
            "probability. Resize one of them first. "
            f"Received {image.dtype} of shape {image.shape}."
        )
    # Written so that NaN fails it too.
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise InputError(
            "`probability` must be finite and in [0, 1]. Take the sigmoid of logits. "
            f"Received values from {probability.min()} to {probability.max()}."
        )


def _near_contour(mask: np.ndarray, distance: int) -> np.ndarray:
    """The pixels with one of the other side within the square of ±`distance`, (H, W) bool.

    Tile by tile, since the contour of a large photograph leaves most tiles alone.
    """
    square = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    near = np.zeros(mask.shape, bool)
    for top, left in product(*(range(0, side, TILE_SIDE) for side in mask.shape)):
        rows, inner_rows = _with_margin(top, distance)
        cols, inner_cols = _with_margin(left, distance)
        inside = mask[rows, cols].view(np.uint8)
        if 0 < cv2.countNonZero(inside) < inside.size:
            # Morphology takes what lies beyond the image for the value that changes nothing.
            mixed = cv2.dilate(inside, square) != cv2.erode(inside, square)
            tile = near[top : top + TILE_SIDE, left : left + TILE_SIDE]
            tile[:] = mixed[inner_rows, inner_cols]
    return near


def _with_margin(start: int, margin: int) -> tuple[slice, slice]:
    """The rows (or columns) of the tile from `start` on with a margin, and the tile among them."""
    first = max(start - margin, 0)
    end = start + TILE_SIDE
    return slice(first, end + margin), slice(start - first, end - first)
