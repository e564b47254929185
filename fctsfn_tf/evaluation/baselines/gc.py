"""GC: graph cut on colour and contrast.

The mask x of least energy that agrees with the seeds,

    Σ_p min(−log P(x_p | c_p), 100)  +  γ Σ_(p,q) [x_p ≠ x_q] · exp(−β ‖c_p − c_q‖²),

over pixels p and 8-connected pairs (p, q), where P comes from the colours at the seeds.

Source: Boykov and Jolly, "Interactive graph cuts for optimal boundary & region segmentation of
objects in N-D images", ICCV 2001, doi:10.1109/ICCV.2001.937505; with the Gaussian mixtures that
came later instead of its histograms. "GC" in the paper's Tables 6 and 7.
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
from fctsfn_tf.evaluation.baselines.seeded_cut import DEFAULT_CUT, CutParameters, seeded_cut
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background


@dataclass(frozen=True)
class Parameters:
    """The radius of the seeds in pixels, and see the classes of the other two."""

    seed_radius: float = SEED_RADIUS
    colours: ColourParameters = DEFAULT_COLOURS
    cut: CutParameters = DEFAULT_CUT


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask, as a probability of 0 or 1.

    Args:
        image: (H, W, 3) uint8 RGB.
        clicks: all clicks so far, oldest first. The border of the image teaches the background's
            colours too, but is not sure to be background.
        previous: not used; every cut is made anew.
        parameters: see `Parameters`.

    Returns:
        (H, W) float32 of 0 and 1; all 0 without a positive click.

    Raises:
        InputError: an image of another form, a click outside of it, or PyMaxflow or scikit-learn is
            not installed.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    probability = object_probability(image, with_background(seeds), parameters.colours)
    return seeded_cut(image, seeds, probability, parameters.cut).astype(np.float32)
