"""The energy that GC, ESC and GSC share, and its minimum: a cut between the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fctsfn_tf.baselines.pixel_graph import NO_PARENT, Pairs, neighbour_pairs, squared_differences
from fctsfn_tf.errors import InputError
from fctsfn_tf.graph_cut import contrast_scale


@dataclass(frozen=True)
class CutParameters:
    """What the cut weighs against what.

    The smoothness is a default seen in a copy of the software published with Gulshan et al. (2010);
    the cost limit is a choice that only keeps a colour from outweighing everything else.

    Attributes:
        smoothness: γ, the cost of a contour between two neighbours of equal colour, in nats.
        max_cost: what a pixel's colour may cost at most, in nats.
    """

    smoothness: float = 150.0
    max_cost: float = 100.0


DEFAULT_CUT = CutParameters()


def seeded_cut(
    image: np.ndarray,
    seeds: np.ndarray,
    object_probability: np.ndarray,
    parameters: CutParameters = DEFAULT_CUT,
    parents: np.ndarray | None = None,
) -> np.ndarray:
    """The mask of least energy that agrees with the seeds and, if given, with the star constraint.

    The energy of a mask x is, over pixels p and 8-connected pairs of neighbours (p, q),

        Σ_p min(−log P(x_p), max_cost)  +  γ Σ_(p,q) [x_p ≠ x_q] · exp(−β ‖c_p − c_q‖²)

    with colours c and β = 1 / (2 · mean of ‖c_p − c_q‖²). The star constraint forbids every mask
    that holds a pixel but not its parent.

    Args:
        image: (H, W, 3) uint8 RGB.
        seeds: (H, W) int8, 1 object, −1 background, 0 open. Where they contradict the star
            constraint, the contradiction that costs least remains.
        object_probability: (H, W) float64 in [0, 1].
        parameters: see `CutParameters`.
        parents: (H, W) int64, the number of each pixel's parent in row-major order, or `NO_PARENT`;
            None for no constraint.

    Returns:
        (H, W) bool; of several masks of least energy the smallest.

    Raises:
        InputError: PyMaxflow is not installed.

    Source: Boykov and Jolly (2001), doi:10.1109/ICCV.2001.937505; the star constraint as directed
    edges of infinite capacity: Veksler (2008), doi:10.1007/978-3-540-88690-7_34.
    """
    pairs = neighbour_pairs(*seeds.shape)
    contrast = np.exp(-contrast_scale(image) * squared_differences(image, pairs))
    weights = parameters.smoothness * contrast
    with np.errstate(divide="ignore"):  # log 0 is cut off at max_cost
        cost_of_object = np.minimum(-np.log(object_probability), parameters.max_cost)
        cost_of_background = np.minimum(-np.log(1 - object_probability), parameters.max_cost)
    # No cut that keeps to seeds and constraint can cost as much.
    infinite = 1 + 2 * (weights.sum() + seeds.size * parameters.max_cost)
    cost_of_object[seeds < 0] = infinite
    cost_of_background[seeds > 0] = infinite
    return _minimum_cut(cost_of_object, cost_of_background, pairs, weights, parents, infinite)


def _minimum_cut(
    cost_of_object: np.ndarray,
    cost_of_background: np.ndarray,
    pairs: Pairs,
    weights: np.ndarray,
    parents: np.ndarray | None,
    infinite: float,
) -> np.ndarray:
    """The mask (H, W) bool. Source is background and sink is object: PyMaxflow leaves undecided
    nodes with the source, which makes the mask the smallest of those of least energy."""
    try:
        from maxflow import GraphFloat
    except ImportError:
        raise InputError(
            "gc, esc and gsc need PyMaxflow, which is not installed. Install it with "
            "`pip install PyMaxflow` (GPL)."
        ) from None
    graph = GraphFloat(cost_of_object.size, 2 * pairs.first.size)
    nodes = graph.add_grid_nodes(cost_of_object.shape)
    graph.add_edges(pairs.first, pairs.second, weights, weights)
    if parents is not None:
        children = np.flatnonzero(parents != NO_PARENT)
        capacities = np.full(children.size, infinite)
        # Cut where the parent is background (source) and the child object (sink).
        graph.add_edges(parents.ravel()[children], children, capacities, np.zeros(children.size))
    graph.add_grid_tedges(nodes, cost_of_object, cost_of_background)
    graph.maxflow()
    return graph.get_grid_segments(nodes)
