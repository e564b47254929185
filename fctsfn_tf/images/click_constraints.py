"""Which pixels the clicks decide, for every method that cuts a graph of pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError


def click_constraints(
    clicks: Iterable[Click], height: int, width: int, radius: float
) -> np.ndarray:
    """The label that the clicks force on each pixel: 1 object, −1 background, 0 none.

    Args:
        clicks: oldest first.
        height, width: of the image in pixels.
        radius: of the disc around each click, in pixels; 0 for the clicked pixel alone.

    Returns:
        (height, width) int8. In several discs the nearest click decides, then the newest.

    Raises:
        InputError: a click lies outside the image.
    """
    constraints = np.zeros((height, width), np.int8)
    nearest = np.full((height, width), np.inf)
    reach = math.floor(radius)
    for click in clicks:
        row, col = click.pixel
        if not (0 <= row < height and 0 <= col < width):
            raise InputError(
                f"A click must lie inside the image ({height}, {width}). Give clicks in pixels of "
                f"that image. Received row={click.row:g}, col={click.col:g}."
            )
        top, left = max(row - reach, 0), max(col - reach, 0)
        box = slice(top, row + reach + 1), slice(left, col + reach + 1)
        rows = np.arange(top, min(row + reach + 1, height))[:, None] - row
        cols = np.arange(left, min(col + reach + 1, width))[None, :] - col
        squared = rows**2 + cols**2
        wins = (squared <= radius**2) & (squared <= nearest[box])
        nearest[box][wins] = squared[wins]
        constraints[box][wins] = 1 if click.is_positive else -1
    return constraints
