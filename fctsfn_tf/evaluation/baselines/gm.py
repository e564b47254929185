"""GM: geodesic matting, here its segmentation: each pixel goes to the nearer side.

With P(p) the probability of the object by p's colour, the way between neighbours p and q costs
|P(p) − P(q)|, so that it is cheap within a side and dear from one to the other. With D_object(p)
and D_background(p) the costs of the cheapest ways from p to a seed of either side, p is object
where D_object < D_background.

Where the way costs nothing to either side (seeds of both on one colour), the nearer one in pixels
decides: a step costs `length_weight` times its length on top.

Source: Bai and Sapiro, "A geodesic framework for fast interactive image and video segmentation and
matting", ICCV 2007, doi:10.1109/ICCV.2007.4408931, §2; with Gaussian mixtures instead of its kernel
densities. "GM" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines.colour_models import (
    DEFAULT_COLOURS,
    ColourParameters,
    object_probability,
)
from fctsfn_tf.evaluation.baselines.pixel_graph import (
    neighbour_pairs,
    shortest_paths,
    squared_differences,
)
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed_radius: in pixels.
        length_weight: cost of a way of one pixel through even colour. The way from "surely object"
            to "surely background" costs 1, so 500 pixels weigh a twentieth of it.
        colours: see `ColourParameters`.
    """

    seed_radius: float = SEED_RADIUS
    length_weight: float = 1e-4
    colours: ColourParameters = DEFAULT_COLOURS


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """D_background / (D_object + D_background): above 0.5 where the object is nearer.

    See `baselines`. Where no click says otherwise, the border of the image is background.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    seeds = with_background(seeds)
    if not (seeds < 0).any():  # the object's seeds fill the border of a tiny image
        return np.ones(seeds.shape, np.float32)
    probability = object_probability(image, seeds, parameters.colours)
    costs = np.sqrt(squared_differences(probability))
    costs += parameters.length_weight * neighbour_pairs(*seeds.shape).length
    to_object, _ = shortest_paths(seeds > 0, costs)
    to_background, _ = shortest_paths(seeds < 0, costs)
    return (to_background / (to_object + to_background)).astype(np.float32)
