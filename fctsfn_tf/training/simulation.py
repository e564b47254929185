"""Clicks of simulated people for training, drawn from the object's mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.robot_user import error_depth, error_masks
from fctsfn_tf.training.recipes import PaperClicksConfig, SimulationConfig

# Of masks without a pixel outside, the depth; any number above every image's diagonal serves.
UNBOUNDED = 1e6
PAPER_CLICKS = PaperClicksConfig()


def initial_clicks(
    gt_mask: np.ndarray, ignore: np.ndarray, config: SimulationConfig, rng: np.random.Generator
) -> list[Click]:
    """The clicks before the network has said anything: one on the object, sometimes several.

    Args:
        gt_mask: (H, W) bool with at least one pixel.
        ignore: (H, W) bool, where no click may land.

    Returns:
        At least one positive click, on whole pixels; the first is well inside the object.
    """
    clicks = [Click(*_random_deep_pixel(gt_mask, rng), True)]
    if rng.random() < config.single_click_probability:
        return clicks
    for _ in range(_geometric(config, rng) - 1):
        clicks.append(Click(*_random_pixel(gt_mask, rng), True))
    background = ~gt_mask & ~ignore
    near = background & (_distance_to(gt_mask) <= config.border_width)
    for _ in range(_geometric(config, rng) - 1):
        region = near if rng.random() < config.border_probability and near.any() else background
        if region.any():
            clicks.append(Click(*_random_pixel(region, rng), False))
    return clicks


def error_click(
    mask: np.ndarray, gt_mask: np.ndarray, ignore: np.ndarray, rng: np.random.Generator
) -> Click | None:
    """A click in the deeper half of the deepest error, at random; None where nothing is wrong.

    Args:
        mask, gt_mask, ignore: (H, W) bool: what the network said, the truth, where neither counts.

    Source: RITM (Sofiiuk et al. 2021), §3.2: iterative training clicks. The evaluator's centre is
    one of the pixels it may choose; a person's click is another.
    """
    missed, false = (error_depth(error) for error in error_masks(mask, gt_mask, ignore))
    is_positive = missed.max() > false.max()
    depth = missed if is_positive else false
    if depth.max() == 0:
        return None
    deepest = np.unravel_index(np.argmax(depth), depth.shape)
    _, components = cv2.connectedComponents((depth > 0).astype(np.uint8))
    region = (components == components[deepest]) & (depth > depth.max() / 2)
    return Click(*_random_pixel(region, rng), bool(is_positive))


def imperfect_mask(gt_mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The object as another tool might have left it: shifted, with lumps added and cut off.

    Returns:
        (H, W) bool.
    """
    height, width = gt_mask.shape
    spread = np.sqrt(gt_mask.sum())
    shift = np.float64([[1, 0, 0], [0, 1, 0]])
    shift[:, 2] = rng.normal(0, 0.05 * spread, 2)
    mask = cv2.warpAffine(gt_mask.astype(np.uint8), shift, (width, height), flags=cv2.INTER_NEAREST)
    outline = np.argwhere(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    for _ in range(rng.integers(1, 5) if len(outline) else 0):
        row, col = outline[rng.integers(len(outline))]
        radius = int(rng.uniform(0.05, 0.3) * spread) + 1
        cv2.circle(mask, (int(col), int(row)), radius, int(rng.integers(2)), -1)
    return mask > 0


def paper_clicks(
    gt_mask: np.ndarray,
    other_masks: Sequence[np.ndarray],
    strategy: Literal[1, 2, 3],
    rng: np.random.Generator,
    config: PaperClicksConfig = PAPER_CLICKS,
) -> list[Click]:
    """One training set of clicks as the paper draws them; positives first.

    Positives lie on the object. Negatives, by strategy: 1, anywhere in the band around it; 2, on
    the other objects, none where there are none; 3, spread over the band. Within a region clicks
    keep `spacing` from each other and `margin` from its boundary (the image's border is none), as
    far as it is large enough. A region too small for the number drawn gets as many as it holds.

    Args:
        gt_mask: (H, W) bool with at least one pixel, in pixels of the original photograph: all
            distances are meant there.
        other_masks: (H, W) bool each, the other objects of the photograph; only strategy 2 looks.

    Returns:
        At least one positive click and any number of negative ones, on whole pixels.

    Raises:
        InputError: an empty object, masks of different sizes, or no such strategy.

    Source: paper §3.3 by way of Xu et al. 2016, §3.1. It differs from the authors' own click sets
    in one thing: their grid always begins at the second row and column, so that most pixels are
    never clicked; here its place is drawn for each region.
    """
    if not gt_mask.any():
        raise InputError("The object to click must have at least one pixel. Received none.")
    if wrong := {mask.shape for mask in other_masks} - {gt_mask.shape}:
        raise InputError(
            "All masks must have the size of the one photograph. "
            f"Received {gt_mask.shape} and {sorted(wrong)!s:.80}."
        )
    num_positives = int(rng.integers(1, config.max_positives + 1))
    positives = _clicks_on(gt_mask, num_positives, True, config, rng)
    if strategy == 1:
        number = int(rng.integers(config.max_negatives + 1))
        return positives + _clicks_on(_band(gt_mask, config), number, False, config, rng)
    if strategy == 2:
        number = int(rng.integers(config.max_negatives_per_other + 1))
        others = [_clicks_on(mask & ~gt_mask, number, False, config, rng) for mask in other_masks]
        return positives + [click for clicks in others for click in clicks]
    if strategy == 3:
        return positives + _spread_clicks(_band(gt_mask, config), config.num_spread, rng)
    raise InputError(f"The strategy of the negative clicks must be 1, 2 or 3. Received {strategy}.")


def _band(gt_mask: np.ndarray, config: PaperClicksConfig) -> np.ndarray:
    """(H, W) bool: the pixels off the object, but near it."""
    band = np.zeros_like(gt_mask)
    box = _box_around(gt_mask, int(config.band_width) + 1)
    band[box] = ~gt_mask[box] & (_distance_to(gt_mask[box]) <= config.band_width)
    return band


def _clicks_on(
    region: np.ndarray,
    number: int,
    is_positive: bool,
    config: PaperClicksConfig,
    rng: np.random.Generator,
) -> list[Click]:
    """Up to `number` clicks on the points of a grid that lie in the region, at random.

    A region that the margin would use up does without it; one that no point of the grid lies in
    gets one click on any pixel.
    """
    if number == 0 or not region.any():
        return []
    inner = region & (_depth(region) > config.margin)
    if not inner.any():
        inner = region
    offset = rng.integers(config.spacing, size=2)
    grid = inner[offset[0] :: config.spacing, offset[1] :: config.spacing]
    on_grid = np.argwhere(grid) * config.spacing + offset
    if len(on_grid) == 0:
        on_grid, number = np.argwhere(inner), 1
    chosen = rng.choice(len(on_grid), min(number, len(on_grid)), replace=False)
    return [Click(int(row), int(col), is_positive) for row, col in on_grid[chosen]]


def _spread_clicks(band: np.ndarray, number: int, rng: np.random.Generator) -> list[Click]:
    """`number` negatives: one at random, each further one as far as can be from everything.

    Everything is the clicks so far, the object, and what lies beyond the band: clicks come to lie
    along its middle, and farther out where the image's border cuts the band off.
    """
    if not band.any():
        return []
    left, top, width, height = cv2.boundingRect(band.astype(np.uint8))
    box = np.s_[top : top + height, left : left + width]
    rows, cols = np.ogrid[top : top + height, left : left + width]
    squared = _depth(band).astype(np.float64)[box] ** 2
    pixels = np.argwhere(band)
    row, col = pixels[rng.integers(len(pixels))]
    clicks = [Click(int(row), int(col), False)]
    while len(clicks) < number:
        np.minimum(squared, (rows - row) ** 2 + (cols - col) ** 2, out=squared)
        if squared.max() == 0:
            break
        row, col = np.unravel_index(squared.argmax(), squared.shape) + np.array([top, left])
        clicks.append(Click(int(row), int(col), False))
    return clicks


def _depth(region: np.ndarray) -> np.ndarray:
    """(H, W) float32: distance of each pixel of the region to the nearest other one, else 0.

    The image's border is no boundary.
    """
    depth = np.zeros(region.shape, np.float32)
    box = _box_around(region, 1)  # what lies beyond is farther away than the pixels in between
    depth[box] = _distance_to(~region[box])
    return depth


def _box_around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns of the mask, which must not be empty, and `margin` pixels more."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (
        slice(max(top - margin, 0), top + height + margin),
        slice(max(left - margin, 0), left + width + margin),
    )


def _distance_to(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32: distance in pixels to the nearest pixel of the mask, 0 on it."""
    if not mask.any():
        return np.full(mask.shape, UNBOUNDED, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _geometric(config: SimulationConfig, rng: np.random.Generator) -> int:
    """1…max_clicks, each further one `decay` times as likely (RITM: ≤ 24 clicks, decay 0.8)."""
    return min(int(rng.geometric(1 - config.decay)), config.max_clicks)


def _random_deep_pixel(region: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    depth = error_depth(region)
    return _random_pixel(depth >= depth.max() * rng.uniform(0.4, 1.0), rng)


def _random_pixel(region: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """(row, col) of a pixel of the region, uniformly; the region must not be empty."""
    pixels = np.flatnonzero(region)
    row, col = divmod(int(pixels[rng.integers(len(pixels))]), region.shape[1])
    return row, col
