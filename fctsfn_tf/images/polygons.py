"""A mask's outlines as polygons, and the pixels inside of a polygon.

A point is (x, y); pixel (row, col) covers x in [col, col + 1] and y in [row, row + 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import bounding_box, checked_mask

# Polygons stray from the pixels' edges by at most this many pixels. More than √½ turns the stairs
# of a slanted edge into one line.
POLYGON_TOLERANCE = 0.75


def mask_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a mask's parts, one polygon per part (pixels that touch at a corner join).

    Polygons run along the pixels' edges, within `POLYGON_TOLERANCE` pixels. Polygon formats know no
    holes, so each hole is cut into its part's outline by a slit of no width: filling the polygon
    leaves the hole free.

    Args:
        mask: bool (H, W).

    Returns:
        Per part (N, 2) int64 of (x, y), N ≥ 3; none for an empty mask.
    """
    outlines, holes = _edge_rings(checked_mask(mask))
    polygons = []
    for part, outline in outlines.items():
        polygon = _simplified(outline)
        polygons.append(_with_slits(polygon, [_simplified(hole) for hole in holes.get(part, [])]))
    return polygons


def polygon_mask(points: Sequence | np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels whose centres lie inside a polygon, by the even–odd rule.

    OpenCV and Pillow also fill pixels that an edge only touches; scikit-image has this rule, but
    nobody who only clicks should need it.

    Args:
        points: (N, 2) of (x, y) in pixels. Parts that lie outside of the photograph are cut off.

    Returns:
        (height, width) bool.

    Raises:
        InputError: fewer than three points, or not finite numbers.
    """
    try:
        corners = np.asarray(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        corners = np.empty((0, 2))
    if len(corners) < 3 or not np.isfinite(corners).all():
        raise InputError(
            "A polygon must be three or more finite points (x, y). "
            f"Received {' '.join(repr(points).split()):.80}."
        )
    # How often an outline is crossed on the way from the left border to each pixel's centre.
    crossings = np.zeros((height, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(low, high)
        if len(rows):
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            cols = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
            np.add.at(crossings, (rows, cols), 1)
    return np.cumsum(crossings, axis=1)[:, :width] % 2 == 1


def _edge_rings(mask: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, list[np.ndarray]]]:
    """Closed rings along the pixels' edges: per part its outline, and its holes.

    OpenCV walks through the centres of border pixels. On the mask at twice its size these are
    quarter pixels inside the edge, and rounding them outwards gives the edge itself.
    """
    if not mask.any():
        return {}, {}
    top, left, bottom, right = bounding_box(mask)
    box = mask[top:bottom, left:right].astype(np.uint8)
    doubled = box.repeat(2, axis=0).repeat(2, axis=1)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines: dict[int, np.ndarray] = {}
    holes: dict[int, list[np.ndarray]] = {}
    for number, (contour, parent) in enumerate(zip(contours, hierarchy[0][:, 3], strict=True)):
        ring = (contour[:, 0].astype(np.int64) + 1) // 2
        ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] + (left, top)
        if parent < 0:
            outlines[number] = ring
        else:
            holes.setdefault(int(parent), []).append(ring)
    return outlines, holes


def _simplified(ring: np.ndarray) -> np.ndarray:
    """`ring` with fewer corners (Douglas–Peucker); as it is where nothing would be left of it."""
    short = cv2.approxPolyDP(ring.astype(np.int32)[:, None], POLYGON_TOLERANCE, closed=True)[:, 0]
    return short.astype(np.int64) if len(short) >= 3 else ring


def _with_slits(outline: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """`outline` with a detour around each hole, from the corner that is nearest to it.

    A slit is walked once in each direction, so it adds nothing to a filled polygon, even where it
    crosses another hole.
    """
    detours: dict[int, list[np.ndarray]] = {}
    for hole in holes:
        corner = int(((outline - hole[0]) ** 2).sum(axis=1).argmin())
        detour = np.concatenate([hole, hole[:1], outline[corner : corner + 1]])
        detours.setdefault(corner, []).append(detour)
    pieces = []
    for corner in range(len(outline)):
        pieces += [outline[corner : corner + 1], *detours.get(corner, [])]
    return np.concatenate(pieces)
