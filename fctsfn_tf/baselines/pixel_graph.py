"""The 8-connected graph of an image's pixels, and shortest paths in it.

Pixels are numbered in row-major order, as `array.ravel()` has them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.graph_cut import NEIGHBOURS

# The parent of a pixel that has none.
NO_PARENT = -1


class Pairs(NamedTuple):
    """Every pair of 8-connected neighbours once, (N,) each: both pixels, and how far apart."""

    first: np.ndarray  # int64
    second: np.ndarray  # int64
    length: np.ndarray  # float64, 1 or √2 pixels


def neighbour_pairs(height: int, width: int) -> Pairs:
    """The pairs of an image of this size."""
    pixels = np.arange(height * width).reshape(height, width)
    firsts, seconds, lengths = [], [], []
    for rows, cols in NEIGHBOURS:
        first = pixels[: height - rows, max(-cols, 0) : width - max(cols, 0)].ravel()
        firsts.append(first)
        seconds.append(first + rows * width + cols)
        lengths.append(np.full(first.size, np.hypot(rows, cols)))
    return Pairs(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(lengths))


def squared_differences(values: np.ndarray, pairs: Pairs) -> np.ndarray:
    """‖v_p − v_q‖² of each pair, (N,) float64.

    Args:
        values: (H, W) or (H, W, C) numbers.
        pairs: of an image of this size.
    """
    flat = values.reshape(values.shape[0] * values.shape[1], -1).astype(np.float64)
    difference = flat[pairs.first] - flat[pairs.second]
    return np.einsum("ij,ij->i", difference, difference)


def shortest_paths(
    sources: np.ndarray, pairs: Pairs, costs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's cheapest path to the nearest of `sources`.

    Args:
        sources: (H, W) bool, True somewhere.
        pairs: of an image of this size.
        costs: (N,) float64, above 0, of the step between the two pixels of each pair, either way.

    Returns:
        The cost of the path, (H, W) float64, 0 at the sources; and the next pixel on it, (H, W)
        int64, `NO_PARENT` at the sources.

    Raises:
        InputError: SciPy is not installed.
    """
    try:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import dijkstra
    except ImportError:
        raise InputError(
            "The geodesic distances of gm and gsc need SciPy, which is not installed. "
            "Install it with `pip install 'fctsfn-tf[baselines]'`."
        ) from None
    graph = csr_array((costs, (pairs.first, pairs.second)), shape=(sources.size, sources.size))
    distances, parents, _ = dijkstra(
        graph,
        directed=False,
        indices=np.flatnonzero(sources),
        min_only=True,
        return_predecessors=True,
    )
    parents = np.where(parents < 0, NO_PARENT, parents).astype(np.int64)
    return distances.reshape(sources.shape), parents.reshape(sources.shape)
