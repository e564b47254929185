"""Clicks of simulated people for training, drawn from the object's mask."""

from __future__ import annotations

import cv2
import numpy as np

from fctsfn_tf.clicks import Click
from fctsfn_tf.recipes import SimulationConfig


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
    near = background & (cv2.dilate(gt_mask.astype(np.uint8), _disk(config.border_width)) > 0)
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
    missed = _depth(gt_mask & ~mask & ~ignore)
    false = _depth(mask & ~gt_mask & ~ignore)
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


def _geometric(config: SimulationConfig, rng: np.random.Generator) -> int:
    """1…max_clicks, each further one `decay` times as likely (RITM: ≤ 24 clicks, decay 0.8)."""
    return min(int(rng.geometric(1 - config.decay)), config.max_clicks)


def _depth(region: np.ndarray) -> np.ndarray:
    """(H, W) float32: distance to the region's boundary, the image's border being one."""
    padded = np.pad(region.astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def _random_deep_pixel(region: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    depth = _depth(region)
    return _random_pixel(depth >= depth.max() * rng.uniform(0.4, 1.0), rng)


def _random_pixel(region: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """(row, col) of a pixel of the region, uniformly; the region must not be empty."""
    pixels = np.flatnonzero(region)
    row, col = divmod(int(pixels[rng.integers(len(pixels))]), region.shape[1])
    return row, col


def _disk(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
