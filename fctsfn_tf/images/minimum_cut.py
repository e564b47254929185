"""The labels of least energy of some pixels while all others keep theirs: a minimum cut.

PyMaxflow, which is under the GPL, is imported only when a cut is computed: the rest of the package
runs without it.
"""

from __future__ import annotations

import math
from importlib.util import find_spec

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
    open_pixels: np.ndarray,
    beta: float,
    smoothness: float,
    probability_floor: float,
) -> np.ndarray:
    """The labels of the open pixels at the least energy (`graph_cut.graph_cut` writes it out).

    Source is background and sink is object: PyMaxflow leaves undecided nodes with the source, which
    makes the mask the smallest of those of least energy. Time and memory are those of the open
    pixels, however large the image is.

    Args:
        probability: (H, W) float in [0, 1], of the object.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool, the labels of the pixels that are not open.
        open_pixels: (N,) int64, the pixels to decide, as indices into the image in row-major order,
            in rising order.
        beta: see `contrast_scale`.
        smoothness, probability_floor: see `graph_cut.GraphCutParameters`.

    Returns:
        (N,) bool, of the open pixels.

    Raises:
        InputError: PyMaxflow is not installed.
    """
    places = np.divmod(open_pixels, mask.shape[1])
    odds = probability[places].astype(np.float64).clip(probability_floor, 1 - probability_floor)
    cost_of_object, cost_of_background = -np.log(odds), -np.log(1 - odds)
    colours = image[places].astype(np.float32)
    num_nodes = odds.size
    nodes = np.arange(num_nodes)

    graph = _empty_graph(num_nodes)
    graph.add_nodes(num_nodes)
    for offset in NEIGHBOURS:
        share = smoothness / math.hypot(*offset)
        for sign in (1, -1):
            node, pixel = _neighbours(places, mask.shape, sign * offset[0], sign * offset[1])
            other = np.searchsorted(open_pixels, pixel)
            is_open = open_pixels[np.minimum(other, num_nodes - 1)] == pixel
            if sign == 1:  # an edge for each pair of open pixels, once
                both, with_other = node[is_open], other[is_open]
                weight = share * _likeness(colours[both], colours[with_other], beta)
                graph.add_edges(both, with_other, weight, weight)
            # A pixel that is not open pulls its open neighbour to its own label.
            node, place = node[~is_open], np.divmod(pixel[~is_open], mask.shape[1])
            weight = share * _likeness(colours[node], image[place].astype(np.float32), beta)
            is_object = mask[place]
            cost_of_background[node[is_object]] += weight[is_object]
            cost_of_object[node[~is_object]] += weight[~is_object]
    graph.add_grid_tedges(nodes, cost_of_object, cost_of_background)
    graph.maxflow()
    return graph.get_grid_segments(nodes)


def _neighbours(
    places: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], down: int, right: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of the pixels at `places` (rows, columns) that have a neighbour at this offset inside the
    image: their positions in the list, and the neighbours' indices in row-major order."""
    rows, cols = places[0] + down, places[1] + right
    (inside,) = np.nonzero((rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1]))
    return inside, rows[inside] * shape[1] + cols[inside]


def _likeness(colours: np.ndarray, others: np.ndarray, beta: float) -> np.ndarray:
    """exp(−β‖Δc‖²) of pairs of colours (N, 3) float32, as (N,) float64."""
    difference = colours - others
    return np.exp(-beta * np.einsum("ij,ij->i", difference, difference).astype(np.float64))


def _shifted_views(array: np.ndarray, offset: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two views of equal size: pixels, and their neighbours at `offset` (0 or 1 rows down)."""
    rows, cols = offset
    height, width = array.shape[:2]
    first = array[: height - rows, max(-cols, 0) : width - max(cols, 0)]
    second = array[rows:, max(cols, 0) : width + min(cols, 0)]
    return first, second


def check_installed() -> None:
    """Refuse to go on without PyMaxflow, before a cut is needed.

    Raises:
        InputError: it is not installed.
    """
    if find_spec("maxflow") is None:
        raise InputError(
            "The graph cut needs PyMaxflow, which is not installed. Install it with "
            "`pip install PyMaxflow` (GPL), or go on without the graph cut."
        )


def _empty_graph(num_nodes: int):  # noqa: ANN202 (PyMaxflow may not be there to name the type)
    """A graph with room for the nodes and their edges; floating point, since integers truncate."""
    check_installed()
    from maxflow import GraphFloat

    return GraphFloat(num_nodes, len(NEIGHBOURS) * num_nodes)
