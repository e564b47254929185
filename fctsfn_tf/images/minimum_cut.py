"""The labels of least energy of some pixels while all others keep theirs: a minimum cut.

PyMaxflow, which is under the GPL, is imported only when a cut is computed: the rest of the package
runs without it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from fctsfn_tf.errors import InputError

# One of each pair of opposite neighbours of the 8-neighbourhood, as (rows down, columns right).
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def contrast_scale(image: np.ndarray) -> float:
    """β = 1 / (2 · mean of ‖c_p − c_q‖²) over the 8-connected pairs of `image` (H, W, 3) uint8.

    A pair that differs by the root mean square difference gets the weight exp(−½). It is 0 for an
    image of one colour, where every pair then weighs the same.
    """
    total, num_pairs = 0.0, 0
    for offset in NEIGHBOURS:
        first, second = _shifted_views(image, offset)
        if first.size:
            total += cv2.norm(first, second, cv2.NORM_L2SQR)
            num_pairs += first.shape[0] * first.shape[1]
    return num_pairs / (2.0 * total) if total else 0.0


def minimum_cut(
    probability: np.ndarray,
    image: np.ndarray,
    mask: np.ndarray,
    is_open: np.ndarray,
    beta: float,
    smoothness: float,
    probability_floor: float,
) -> np.ndarray:
    """The labels of the open pixels at the least energy (`graph_cut.graph_cut` writes it out).

    Source is background and sink is object: PyMaxflow leaves undecided nodes with the source, which
    makes the mask the smallest of those of least energy.

    Args:
        probability: (H, W) float in [0, 1], of the object.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool, the labels of the pixels that are not open.
        is_open: (H, W) bool, the pixels to decide.
        beta: see `contrast_scale`.
        smoothness, probability_floor: see `graph_cut.GraphCutParameters`.

    Returns:
        (N,) bool, of the open pixels in row-major order.

    Raises:
        InputError: PyMaxflow is not installed.
    """
    odds = probability[is_open].astype(np.float64).clip(probability_floor, 1 - probability_floor)
    cost_of_object, cost_of_background = -np.log(odds), -np.log(1 - odds)
    num_nodes = odds.size
    nodes = np.full(is_open.shape, -1, np.int64)
    nodes[is_open] = np.arange(num_nodes)

    graph = _empty_graph(num_nodes)
    graph.add_nodes(num_nodes)
    for offset in NEIGHBOURS:
        node, other, weight, label, other_label = _pairs(nodes, image, mask, offset, beta)
        weight *= smoothness / math.hypot(*offset)
        both = (node >= 0) & (other >= 0)
        graph.add_edges(node[both], other[both], weight[both], weight[both])
        # A pixel that is not open pulls its open neighbour to its own label.
        for pulled, pulling_label in ((node, other_label), (other, label)):
            alone = ~both & (pulled >= 0)
            to_object = alone & pulling_label
            to_background = alone & ~pulling_label
            cost_of_background += np.bincount(pulled[to_object], weight[to_object], num_nodes)
            cost_of_object += np.bincount(pulled[to_background], weight[to_background], num_nodes)
    graph.add_grid_tedges(np.arange(num_nodes), cost_of_object, cost_of_background)
    graph.maxflow()
    return graph.get_grid_segments(np.arange(num_nodes))


def _pairs(
    nodes: np.ndarray, image: np.ndarray, mask: np.ndarray, offset: tuple[int, int], beta: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of all pairs of neighbours with an open pixel: both nodes (−1 if none), the weight
    exp(−β‖Δc‖²), and both labels; each (number of pairs,)."""
    node, other = _shifted_views(nodes, offset)
    kept = (node >= 0) | (other >= 0)
    colour, other_colour = (view[kept].astype(np.float32) for view in _shifted_views(image, offset))
    label, other_label = (view[kept] for view in _shifted_views(mask, offset))
    difference = colour - other_colour
    weight = np.exp(-beta * np.einsum("ij,ij->i", difference, difference).astype(np.float64))
    return node[kept], other[kept], weight, label, other_label


def _shifted_views(array: np.ndarray, offset: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two views of equal size: pixels, and their neighbours at `offset` (0 or 1 rows down)."""
    rows, cols = offset
    height, width = array.shape[:2]
    first = array[: height - rows, max(-cols, 0) : width - max(cols, 0)]
    second = array[rows:, max(cols, 0) : width + min(cols, 0)]
    return first, second


def _empty_graph(num_nodes: int):  # noqa: ANN202 (PyMaxflow may not be there to name the type)
    """A graph with room for the nodes and their edges; floating point, since integers truncate."""
    try:
        from maxflow import GraphFloat
    except ImportError:
        raise InputError(
            "The graph cut needs PyMaxflow, which is not installed. Install it with "
            "`pip install PyMaxflow` (GPL), or go on without the graph cut."
        ) from None
    return GraphFloat(num_nodes, len(NEIGHBOURS) * num_nodes)
