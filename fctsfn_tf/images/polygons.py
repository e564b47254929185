"""A mask's outlines as polygons, and the pixels inside of a polygon.

A point is (x, y); pixel (row, col) covers x in [col, col + 1] and y in [row, row + 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import bounding_box, checked_mask

# For polygons that a person edits: they stray from the pixels' edges by at most this many pixels.
# More than √½ turns the stairs of a slanted edge into one line.
POLYGON_TOLERANCE = 0.75
# No corner lies so many pixels away; beyond, numbers would overflow.
FARTHEST = 1e9


def mask_polygons(mask: np.ndarray, tolerance: float = 0.0) -> list[np.ndarray]:
    """Polygons that share a mask's pixels between them, each simple: without holes, and without a
    point or an edge that it meets twice.

    Polygon formats know no holes, so a part with holes is cut into pieces along columns of pixels,
    and pixels that touch at a corner only are pieces of their own. Polygons run along the pixels'
    edges, so that filling them gives the mask back, by `polygon_mask` and by pycocotools.

    Args:
        mask: bool (H, W).
        tolerance: how far they may stray from these edges, in pixels, to have fewer corners.

    Returns:
        Per piece (N, 2) int64 of (x, y), N ≥ 3; none for an empty mask.
    """
    waiting = [(checked_mask(mask), 0, 0)]
    polygons = []
    while waiting:
        region, top, left = waiting.pop()
        for piece, row, col in _parts(region):
            outline, cut = _outline(piece)
            if cut is None:
                corner = np.array((left + col, top + row))
                polygons.append(_simplified(outline, tolerance) + corner)
            else:
                waiting.append((piece[:, :cut], top + row, left + col))
                waiting.append((piece[:, cut:], top + row, left + col + cut))
    return polygons


def mask_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed rings along the pixels' edges, outlines and holes: filled by the even–odd rule they
    are exactly the mask.

    Args:
        mask: bool (H, W).

    Returns:
        Per ring (N, 2) int64 of (x, y).
    """
    rings, _ = _edge_rings(checked_mask(mask))
    return [_simplified(ring, 0) for ring in rings]


def joined(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Several polygons as one, for formats that know one for each object: from a corner of the
    first, lines walked once in each direction lead around the others.

    By the even–odd rule such a line adds nothing. It is no simple polygon.

    Args:
        polygons: one or more, each (N, 2).

    Returns:
        (M, 2) of their type.
    """
    first, *others = polygons
    detours: dict[int, list[np.ndarray]] = {}
    for other in others:
        corner = int(((first - other[0]) ** 2).sum(axis=1).argmin())
        detours.setdefault(corner, []).append(
            np.concatenate([other, other[:1], first[corner : corner + 1]])
        )
    pieces = []
    for corner in range(len(first)):
        pieces += [first[corner : corner + 1], *detours.get(corner, [])]
    return np.concatenate(pieces)


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
    if len(corners) < 3 or not (np.abs(corners) < FARTHEST).all():  # False for NaN, too
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


def _parts(mask: np.ndarray) -> list[tuple[np.ndarray, int, int]]:
    """The parts of a mask whose pixels hang together at their edges, each as (mask, row, col): cut
    to its box, and where that lies."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    parts = []
    for number, (col, row, width, height, _) in enumerate(boxes[1:], start=1):
        parts.append((labels[row : row + height, col : col + width] == number, row, col))
    return parts


def _outline(part: np.ndarray) -> tuple[np.ndarray, int | None]:
    """The outline of a part, and the column at which to cut it where it has holes.

    The cut runs along the left end of the middle hole, which then is open.
    """
    rings, is_hole = _edge_rings(part)
    lefts = sorted(int(ring[:, 0].min()) for ring, hole in zip(rings, is_hole, strict=True) if hole)
    return rings[is_hole.index(False)], lefts[len(lefts) // 2] if lefts else None


def _edge_rings(mask: np.ndarray) -> tuple[list[np.ndarray], list[bool]]:
    """Closed rings along the pixels' edges, and whether each is a hole's.

    OpenCV walks through the centres of border pixels. On the mask at twice its size these are
    quarter pixels inside the edge, and rounding them outwards gives the edge itself.
    """
    if not mask.any():
        return [], []
    top, left, bottom, right = bounding_box(np.ascontiguousarray(mask))
    box = mask[top:bottom, left:right].astype(np.uint8)
    doubled = box.repeat(2, axis=0).repeat(2, axis=1)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = []
    for contour in contours:
        ring = (contour[:, 0].astype(np.int64) + 1) // 2
        rings.append(ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] + (left, top))
    return rings, (hierarchy[0][:, 3] >= 0).tolist()


def _simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """`ring` with fewer corners (Douglas–Peucker); less those at which it goes straight on alone
    where it would meet itself."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    exact = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    if not tolerance:
        return exact
    short = cv2.approxPolyDP(exact.astype(np.int32)[:, None], tolerance, closed=True)[:, 0]
    return short.astype(np.int64) if len(short) >= 3 and _is_simple(short) else exact


def _is_simple(polygon: np.ndarray) -> bool:
    """Whether no two edges of a polygon meet, neighbours at their common corner excepted."""
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    order = np.argsort(np.minimum(starts[:, 0], ends[:, 0]))
    lefts = np.minimum(starts[:, 0], ends[:, 0])[order]
    rights = np.maximum(starts[:, 0], ends[:, 0])
    last = len(polygon) - 1
    for place, edge in enumerate(order):
        others = order[place + 1 : np.searchsorted(lefts, rights[edge], side="right")]
        apart = np.abs(others - edge)
        others = others[(apart > 1) & (apart < last)]
        if _meet(starts[edge], ends[edge], starts[others], ends[others]).any():
            return False
    return True


def _meet(start: np.ndarray, end: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether the edge from `start` to `end` meets each of the others, (N,) bool."""

    def side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
        along, to = b - a, point - a
        return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])

    crosses = side(start, end, starts) * side(start, end, ends) <= 0
    crosses &= side(starts, ends, start) * side(starts, ends, end) <= 0
    # On one line they may yet lie apart.
    lows, highs = np.minimum(starts, ends), np.maximum(starts, ends)
    near = (lows <= np.maximum(start, end)) & (highs >= np.minimum(start, end))
    return crosses & near.all(axis=1)
