"""The potentials in a network of resistors between an image's 4-connected pixels, solved directly.

They are given at the seeds, and everywhere else they balance, with conductances w_pq:

    Σ_q w_pq (x_p − x_q) = 0.

Nested dissection: a line of pixels halves the image, shorter lines halve the halves, and so on down
to small tiles. The rest of the image sees a tile by the pixels around it alone, so that its own are
eliminated, and a small dense network between those around is left; then the line between two tiles
is eliminated, and so on up to the first line. A new seed changes its tile and the parts that hold
it: after the first seeds on an image, more of them cost a small share of that. SciPy's solvers
would start anew with each.

Source: George, "Nested dissection of a regular finite element mesh", SIAM Journal on Numerical
Analysis 10 (1973), doi:10.1137/0710032.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

# Pixels of a tile at most: the matrices of larger ones are mostly zeros, smaller ones are many.
MAX_TILE = 40
# A pixel and its 4-connected neighbours.
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class PixelNetwork:
    """One image's network, for one set of seeds after the other.

    It keeps what it has eliminated: less than 2 kB a pixel in a photograph of 500 × 334, and a
    little more in larger ones (it grows with the logarithm of their size).

    Args:
        right: (H, W) float64, above 0, the conductance between each pixel and its right neighbour;
            the last column is not read.
        down: (H, W) float64, above 0, the same to the lower neighbour; the last row is not read.
    """

    def __init__(self, right: np.ndarray, down: np.ndarray):
        self._right, self._down = right.copy(), down.copy()
        self._right[:, -1] = 0
        self._down[-1] = 0
        self._sum = self._to_neighbours(np.ones(right.shape))
        self._levels = _dissected(*right.shape)
        self._seeds: np.ndarray | None = None
        self._lock = Lock()

    def potentials(self, seeds: np.ndarray) -> np.ndarray:
        """(H, W) float64, in [0, 1] but for rounding.

        Args:
            seeds: (H, W) int8, 1 where the potential is 1, −1 where it is 0, and 0 where it is
                sought. One at least is not 0.
        """
        with self._lock:  # what is eliminated is that of the latest seeds
            if self._seeds is None:
                is_changed = np.ones(seeds.shape, bool)
            else:
                # A seed stands in the equations of its neighbours too.
                changed = (seeds != self._seeds).astype(np.uint8)
                is_changed = cv2.dilate(changed, CROSS).astype(bool)
            # Those of an interrupted call are not known to be eliminated.
            self._seeds = None
            self._eliminate(self._equations(seeds), is_changed.ravel())
            self._seeds = seeds.copy()
            return self._substituted(seeds.size).reshape(seeds.shape)

    def _equations(self, seeds: np.ndarray) -> _Equations:
        """x = 1 or 0 at a seed, and elsewhere the balance, with seeds on its right side."""
        is_open = seeds == 0
        is_source = seeds > 0
        right, down = self._right * is_open, self._down * is_open
        right[:, :-1] *= is_open[:, 1:]
        down[:-1] *= is_open[1:]
        diagonal = np.where(is_open, self._sum, 1)
        right_side = np.where(is_open, self._to_neighbours(is_source), is_source)
        return _Equations(right.ravel(), down.ravel(), diagonal.ravel(), right_side.ravel())

    def _to_neighbours(self, potentials: np.ndarray) -> np.ndarray:
        """Σ_q w_pq x_q of each pixel, (H, W) float64, of potentials (H, W)."""
        total = np.zeros(potentials.shape)
        total[:, :-1] += self._right[:, :-1] * potentials[:, 1:]
        total[:, 1:] += self._right[:, :-1] * potentials[:, :-1]
        total[:-1] += self._down[:-1] * potentials[1:]
        total[1:] += self._down[:-1] * potentials[:-1]
        return total

    def _eliminate(self, equations: _Equations, is_changed: np.ndarray) -> None:
        """From the tiles up, every part that a changed pixel (H·W,) lies in."""
        below: dict[_Shape, _Parts] = {}
        is_new_below: dict[_Shape, np.ndarray] = {}
        for level in reversed(self._levels):
            is_new = {}
            for shape, parts in level.items():
                chosen = is_changed[parts.inner].any(axis=1)
                for half in parts.halves:
                    chosen |= is_new_below[half.shape][half.start :][: len(chosen)]
                parts.eliminate(np.flatnonzero(chosen), equations, below)
                is_new[shape] = chosen
            below, is_new_below = level, is_new

    def _substituted(self, num_pixels: int) -> np.ndarray:
        """From the first line down, the potentials (H·W,) by those of the pixels around."""
        potentials = np.empty(num_pixels)
        for level in self._levels:
            for parts in level.values():
                of_outer = parts.answer[..., :-1] @ potentials[parts.outer][..., None]
                potentials[parts.inner] = parts.answer[..., -1] - of_outer[..., 0]
        return potentials


class _Equations(NamedTuple):
    """diagonal_p x_p − Σ_q w_pq x_q = right_side_p over neighbours q, (H·W,) float64 each.

    `right` and `down` are w_pq of the right and of the lower neighbour, 0 where one of the two is a
    seed.
    """

    right: np.ndarray
    down: np.ndarray
    diagonal: np.ndarray
    right_side: np.ndarray


class _Shape(NamedTuple):
    """Of a part: its size, and on which sides of it the image goes on."""

    height: int
    width: int
    top: bool
    bottom: bool
    left: bool
    right: bool


class _Half(NamedTuple):
    """One half of each part of a shape: of part i, number `start` + i of those of its own shape."""

    shape: _Shape
    start: int
    # Where the pixels around the half, and its right side, stand among the part's unknowns.
    places: np.ndarray


@dataclass
class _Parts:
    """N parts of one shape, whose equations have one form.

    The unknowns are the P pixels that a part eliminates, all of a tile or the line between two
    halves, and then the B pixels around it.

    Attributes:
        inner: (N, P) int64, the numbers in the image of the pixels to eliminate.
        outer: (N, B) int64, those of the pixels around.
        right_pairs: (2, K) int64, where a pixel and its right neighbour stand among the unknowns,
            one of them to be eliminated.
        down_pairs: the same with the lower neighbour.
        halves: two, or none of tiles.
        answer: (N, P, B + 1) float64, x_inner = answer[..., -1] − answer[..., :-1] x_outer.
        rest: (N, B, B + 1) float64, the equations that are left between the pixels around, their
            right side last.
    """

    inner: np.ndarray
    outer: np.ndarray
    right_pairs: np.ndarray
    down_pairs: np.ndarray
    halves: list[_Half]

    def __post_init__(self) -> None:
        count, num_outer = self.outer.shape
        self.answer = np.empty((count, self.inner.shape[1], num_outer + 1))
        self.rest = np.empty((count, num_outer, num_outer + 1))

    def eliminate(
        self, chosen: np.ndarray, equations: _Equations, below: dict[_Shape, _Parts]
    ) -> None:
        """`answer` and `rest` of the parts of these numbers, `below` being the halves by shape."""
        if not chosen.size:
            return
        inner = self.inner[chosen]
        pixels = np.concatenate([inner, self.outer[chosen]], axis=1)
        end = inner.shape[1]
        matrix = np.zeros((*pixels.shape, pixels.shape[1] + 1))
        for (first, second), conductances in (
            (self.right_pairs, equations.right),
            (self.down_pairs, equations.down),
        ):
            matrix[:, first, second] = matrix[:, second, first] = -conductances[pixels[:, first]]
        diagonal = np.arange(end)
        matrix[:, diagonal, diagonal] = equations.diagonal[inner]
        matrix[:, :end, -1] = equations.right_side[inner]
        for half in self.halves:
            rows = half.places[:-1, None]
            matrix[:, rows, half.places] += below[half.shape].rest[half.start + chosen]
        answer = np.linalg.solve(matrix[:, :end, :end], matrix[:, :end, end:])
        self.answer[chosen] = answer
        self.rest[chosen] = matrix[:, end:, end:] - matrix[:, end:, :end] @ answer


def _dissected(height: int, width: int) -> list[dict[_Shape, _Parts]]:
    """The parts of an image by their shape: the whole image, then its halves, and so on."""
    levels = []
    corners = {_Shape(height, width, False, False, False, False): np.zeros((1, 2), np.int64)}
    while corners:
        level = {}
        corners_below = defaultdict(list)
        for shape, upper_left in corners.items():
            inner, half_shapes = _halved(shape)
            unknowns = np.concatenate([inner, _around(shape)])
            place = np.full((shape.height + 2, shape.width + 2), -1)
            place[tuple(unknowns.T + 1)] = np.arange(len(unknowns))
            halves = []
            for half, offset in half_shapes:
                places = place[tuple((_around(half) + offset).T + 1)]
                start = sum(map(len, corners_below[half]))
                halves.append(_Half(half, start, np.append(places, len(unknowns))))
                corners_below[half].append(upper_left + offset)
            numbers = (upper_left[:, None] + unknowns) @ (width, 1)
            level[shape] = _Parts(
                numbers[:, : len(inner)],
                numbers[:, len(inner) :],
                _pairs(place[:, :-1], place[:, 1:], len(inner)),
                _pairs(place[:-1], place[1:], len(inner)),
                halves,
            )
        levels.append(level)
        corners = {shape: np.concatenate(found) for shape, found in corners_below.items()}
    return levels


def _halved(shape: _Shape) -> tuple[np.ndarray, list[tuple[_Shape, tuple[int, int]]]]:
    """What a part eliminates, (P, 2) rows and columns from its corner; its halves with theirs."""
    height, width = shape.height, shape.width
    if height * width <= MAX_TILE:
        return np.argwhere(np.ones((height, width), bool)), []
    if width >= height:
        middle = width // 2
        line = np.stack([np.arange(height), np.full(height, middle)], axis=1)
        return line, [
            (shape._replace(width=middle, right=True), (0, 0)),
            (shape._replace(width=width - middle - 1, left=True), (0, middle + 1)),
        ]
    middle = height // 2
    line = np.stack([np.full(width, middle), np.arange(width)], axis=1)
    return line, [
        (shape._replace(height=middle, bottom=True), (0, 0)),
        (shape._replace(height=height - middle - 1, top=True), (middle + 1, 0)),
    ]


def _around(shape: _Shape) -> np.ndarray:
    """The neighbours of a part's pixels, (B, 2) int64 rows and columns from its corner."""
    rows, cols = np.arange(shape.height), np.arange(shape.width)
    sides = [
        (shape.top, -1, cols),
        (shape.bottom, shape.height, cols),
        (shape.left, rows, -1),
        (shape.right, rows, shape.width),
    ]
    found = [
        np.stack(np.broadcast_arrays(row, col), axis=1) for is_there, row, col in sides if is_there
    ]
    return np.concatenate([np.empty((0, 2), np.int64), *found])


def _pairs(first: np.ndarray, second: np.ndarray, num_inner: int) -> np.ndarray:
    """Places of neighbours, −1 of none, as (2, K): those pairs that belong to a part.

    Pairs of two pixels around it belong to the part that eliminates the first of them.
    """
    is_pair = (first >= 0) & (second >= 0) & (np.minimum(first, second) < num_inner)
    return np.stack([first[is_pair], second[is_pair]])
