"""What GC, ESC and GSC share: clicks → seeds → colours → the cut of least energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines.colour_models import (
    DEFAULT_COLOURS,
    ColourParameters,
    object_probability,
)
from fctsfn_tf.evaluation.baselines.pixel_graph import (
    NO_PARENT,
    neighbour_pairs,
    per_image,
    squared_differences,
)
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background
from fctsfn_tf.images.minimum_cut import contrast_scale


@dataclass(frozen=True)
class CutParameters:
    """What the cut weighs against what.

    The smoothness was chosen on training photographs (`scripts/tune_baselines.py`), from 15, 50 and
    the 150 seen in a copy of the software published with Gulshan et al. (2010), which was made for
    strokes of a brush. The cost limit is a choice that only keeps a colour from outweighing
    everything else.

    Attributes:
        smoothness: γ, the cost of a contour between two neighbours of equal colour, in nats.
        max_cost: what a pixel's colour may cost at most, in nats.
    """

    smoothness: float = 15.0
    max_cost: float = 100.0


DEFAULT_CUT = CutParameters()


@dataclass(frozen=True)
class Parameters:
    """The radius of the seeds in pixels, and see the classes of the other two."""

    seed_radius: float = SEED_RADIUS
    colours: ColourParameters = DEFAULT_COLOURS
    cut: CutParameters = DEFAULT_CUT


def cut_by_clicks(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    parameters: Parameters,
    parents_of: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The mask of least energy, (H, W) float32 of 0 and 1; see `baselines`.

    The border of the image teaches the background's colours too, but is not sure to be background.

    Args:
        parents_of: the object's seeds (H, W) bool → the parents of the star constraint, see
            `seeded_cut`; None for no constraint.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    probability = object_probability(image, with_background(seeds), parameters.colours)
    parents = parents_of(seeds > 0) if parents_of else None
    return seeded_cut(image, seeds, probability, parameters.cut, parents).astype(np.float32)


def seeded_cut(
    image: np.ndarray,
    seeds: np.ndarray,
    probability: np.ndarray,
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
        probability: (H, W) float64 in [0, 1], of the object by each pixel's colour.
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
    cut = _kept_cut(image, parameters.smoothness)
    with np.errstate(divide="ignore"):  # log 0 is cut off at max_cost
        cost_of_object = np.minimum(-np.log(probability), parameters.max_cost)
        cost_of_background = np.minimum(-np.log(1 - probability), parameters.max_cost)
    # No cut that keeps to seeds and constraint can cost as much.
    infinite = 1 + 2 * (cut.total_smoothness + seeds.size * parameters.max_cost)
    cost_of_object[seeds < 0] = infinite
    cost_of_background[seeds > 0] = infinite
    graph = cut.solved(cost_of_object, cost_of_background)
    children = np.flatnonzero(parents != NO_PARENT) if parents is not None else np.empty(0)
    if children.size:
        # A flow that is large already without the constraint grows to the one with it in a fraction
        # of the time that all of it takes in one go.
        graph = graph.copy()
        capacities = np.full(children.size, infinite)
        # Cut where the parent is background (source) and the child object (sink).
        graph.add_edges(parents.ravel()[children], children, capacities, np.zeros(children.size))
        graph.maxflow()
    return graph.get_grid_segments(cut.nodes)


class _Cut:
    """The cut of one image without a star constraint, for one click after the other.

    The flow of the click before is a valid start for the next one whatever changes in the costs of
    the pixels, and mostly a good one (Kohli and Torr, "Dynamic graph cuts for efficient inference
    in Markov random fields", IEEE TPAMI 29, 2007, doi:10.1109/TPAMI.2007.1128).

    Source is background and sink is object: PyMaxflow leaves undecided nodes with the source, which
    makes the mask the smallest of those of least energy.
    """

    def __init__(self, image: np.ndarray, smoothness: float) -> None:
        """
        Raises:
            InputError: PyMaxflow is not installed.
        """
        try:
            from maxflow import GraphFloat
        except ImportError:
            raise InputError(
                "gc, esc and gsc need PyMaxflow, which is not installed. Install it with "
                "`pip install PyMaxflow` (GPL)."
            ) from None
        pairs = neighbour_pairs(*image.shape[:2])
        weights = smoothness * np.exp(-contrast_scale(image) * squared_differences(image))
        self.total_smoothness = weights.sum()
        self._graph = GraphFloat(image.shape[0] * image.shape[1], 2 * pairs.first.size)
        self.nodes = self._graph.add_grid_nodes(image.shape[:2])
        self._graph.add_edges(pairs.first, pairs.second, weights, weights)
        self._costs = np.zeros((2, *image.shape[:2]))

    def solved(self, cost_of_object: np.ndarray, cost_of_background: np.ndarray):  # noqa: ANN202
        """PyMaxflow's graph with the largest flow for these costs, (H, W) float64 from 0 on."""
        costs = np.stack([cost_of_object, cost_of_background])
        self._graph.add_grid_tedges(self.nodes, *(costs - self._costs))
        self._costs = costs
        self._graph.maxflow()
        return self._graph


_kept_cut = per_image(_Cut)
