"""Clicks → seeds: the pixels whose label a classical method takes as given."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.click_constraints import click_constraints

# Radius in pixels of the disc around a click. These methods were made for strokes of a brush;
# published comparisons by clicks take 3 to 8 px. Chosen on training photographs
# (`scripts/tune_baselines.py`).
SEED_RADIUS = 8.0


def seeds_from_clicks(image: np.ndarray, clicks: Iterable[Click], radius: float) -> np.ndarray:
    """The label of each pixel in the disc of a click: 1 object, −1 background, 0 elsewhere.

    Args:
        image: (H, W, 3) uint8 RGB.
        clicks: oldest first, inside the image. In several discs the nearest click decides, then the
            newest.
        radius: of the discs, in pixels.

    Returns:
        (H, W) int8.

    Raises:
        InputError: the image is not uint8 (H, W, 3), or a click lies outside of it.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(
            "`image` must be uint8 RGB of shape (H, W, 3). Read it with `read_image`. "
            f"Received {image.dtype} of shape {image.shape}."
        )
    return click_constraints(clicks, *image.shape[:2], radius)


def with_background(seeds: np.ndarray) -> np.ndarray:
    """`seeds` (H, W) int8 and, as background, the pixels of the image border that no click labels.

    A click says little of a side that nothing else is known of, and methods that compare the way
    to the object with the way to the background need both sides from the first click on. The border
    stays background once there are negative clicks: without it the masks flip back and forth, as
    five Gaussians learn from one small disc after the other (`docs/results.md`).
    """
    border = np.ones_like(seeds, bool)
    border[1:-1, 1:-1] = False
    return np.where(border & (seeds == 0), np.int8(-1), seeds)
