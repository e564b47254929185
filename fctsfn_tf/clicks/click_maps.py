"""Clicks → the maps that the interaction stream reads.

Two encodings: the paper's Euclidean distance maps (Eq. 1) and disks, which change only near the
new click. Both come from the exact distance, and a new click costs one minimum.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fctsfn_tf.clicks.click import Click

# How the network reads clicks; see docs/architecture.md, "Conventions".
DISKS_AND_PREVIOUS = "disks_and_previous"
DISTANCES = "distances"
# Channels of `click_maps` under each encoding.
CLICK_ENCODINGS = {DISKS_AND_PREVIOUS: 3, DISTANCES: 2}
# Eq. 1: "The pixel values in positive and negative interaction maps are truncated to 255."
TRUNCATION = 255.0
# Radius of the disks in pixels of the network's input (RITM, §3.1: disks of radius 5).
DISK_RADIUS = 5.0


class DistanceMaps:
    """The two distance maps of Eq. 1, updated in place as clicks arrive.

    Attributes:
        maps: (height, width, 2) float32 in [0, 255], in pixels: distance to the nearest positive
            (channel 0) and negative (channel 1) click, truncated at 255. Without clicks of a sign,
            its channel is 255 everywhere.

    Source: paper §3.4, Eq. 1. Clicks may lie between pixels or outside the map (when an image was
    cropped around an object); their distances stay exact.
    """

    def __init__(self, height: int, width: int, clicks: Iterable[Click] = ()) -> None:
        self.maps = np.full((height, width, 2), TRUNCATION, np.float32)
        self._rows = np.arange(height, dtype=np.float64)[:, None]
        self._cols = np.arange(width, dtype=np.float64)[None, :]
        for click in clicks:
            self.add(click)

    def add(self, click: Click) -> None:
        """Take one more click into the maps: one minimum over the square it can reach."""
        height, width, _ = self.maps.shape
        top, bottom = _reach(click.row, height)
        left, right = _reach(click.col, width)
        squared_rows = (self._rows[top:bottom] - click.row) ** 2
        squared_cols = (self._cols[:, left:right] - click.col) ** 2
        channel = self.maps[top:bottom, left:right, 0 if click.is_positive else 1]
        np.minimum(channel, np.sqrt(squared_rows + squared_cols), out=channel, casting="same_kind")


def _reach(position: float, size: int) -> tuple[int, int]:
    """The half-open range of pixels nearer than the truncation along one axis."""
    first = int(np.clip(np.ceil(position - TRUNCATION), 0, size))
    last = int(np.clip(np.floor(position + TRUNCATION) + 1, 0, size))
    return first, max(first, last)


def distance_maps(clicks: Iterable[Click], height: int, width: int) -> np.ndarray:
    """The (height, width, 2) float32 distance maps of `clicks` (Eq. 1); see `DistanceMaps`.

    Quicker than click by click: one root for all clicks.
    """
    squared = np.full((2, height, width), TRUNCATION**2, np.float32)
    rows, cols = np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64)
    for click in clicks:
        channel = squared[0 if click.is_positive else 1]
        squared_rows = ((rows - click.row) ** 2).astype(np.float32)
        squared_cols = ((cols - click.col) ** 2).astype(np.float32)
        np.minimum(channel, squared_rows[:, None] + squared_cols, out=channel)
    return np.sqrt(squared).transpose(1, 2, 0)


def disk_maps(clicks: Iterable[Click], height: int, width: int) -> np.ndarray:
    """The (height, width, 2) float32 disk maps of `clicks`: 1 within `DISK_RADIUS`, else 0.

    Channel 0 holds the positive clicks, channel 1 the negative ones; without clicks all is 0.
    """
    maps = np.zeros((height, width, 2), np.float32)
    for click in clicks:
        draw_disk(maps, click)
    return maps


def draw_disk(maps: np.ndarray, click: Click) -> None:
    """Set the pixels within `DISK_RADIUS` of `click` to 1, in place, in its sign's channel.

    Args:
        maps: (height, width, 2) float32, changed in place; only pixels near the click change.
        click: in pixels of the maps; it may lie outside of them.
    """
    height, width = maps.shape[:2]
    top = int(np.clip(np.ceil(click.row - DISK_RADIUS), 0, height))
    bottom = int(np.clip(np.floor(click.row + DISK_RADIUS) + 1, top, height))
    left = int(np.clip(np.ceil(click.col - DISK_RADIUS), 0, width))
    right = int(np.clip(np.floor(click.col + DISK_RADIUS) + 1, left, width))
    rows = np.arange(top, bottom, dtype=np.float64)[:, None] - click.row
    cols = np.arange(left, right, dtype=np.float64)[None, :] - click.col
    inside = rows**2 + cols**2 <= DISK_RADIUS**2
    maps[top:bottom, left:right, 0 if click.is_positive else 1][inside] = 1.0
