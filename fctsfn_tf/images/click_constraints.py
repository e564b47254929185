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

    Args, Raises: see `constrained_pixels`.

    Returns:
        (height, width) int8.
    """
    pixels, is_object = constrained_pixels(clicks, height, width, radius)
    constraints = np.zeros(height * width, np.int8)
    constraints[pixels] = np.where(is_object, 1, -1)
    return constraints.reshape(height, width)


def constrained_pixels(
    clicks: Iterable[Click], height: int, width: int, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The pixels on which the clicks force a label, and that label.

    Args:
        clicks: oldest first.
        height, width: of the image in pixels.
        radius: of the disc around each click, in pixels; 0 for the clicked pixel alone.

    Returns:
        (N,) int64, indices into the image in row-major order, in rising order, and (N,) bool, True
        for object. In several discs the nearest click decides, then the newest.

    Raises:
        InputError: a click lies outside the image.
    """
    reach = math.floor(radius)
    down, right = (offset.ravel() for offset in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    squared = down**2 + right**2
    in_disc = squared <= radius**2
    down, right, squared = down[in_disc], right[in_disc], squared[in_disc]
    found = [np.zeros((4, 0), np.int64)]
    for age, click in enumerate(clicks):
        row, col = click.pixel
        if not (0 <= row < height and 0 <= col < width):
            raise InputError(
                f"A click must lie inside the image ({height}, {width}). Give clicks in pixels of "
                f"that image. Received row={click.row:g}, col={click.col:g}."
            )
        rows, cols = row + down, col + right
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        pixels = (rows * width + cols)[inside]
        labels = np.full_like(pixels, click.is_positive)
        found.append(np.stack([pixels, squared[inside], np.full_like(pixels, -age), labels]))
    pixels, squared, age, labels = np.concatenate(found, axis=1)
    order = np.lexsort((age, squared, pixels))  # the last key counts most
    pixels, first = np.unique(pixels[order], return_index=True)
    return pixels, labels[order][first].astype(bool)
