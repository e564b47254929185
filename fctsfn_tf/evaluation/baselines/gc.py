"""GC: graph cut on colour and contrast.

The mask x of least energy that agrees with the seeds,

    Σ_p min(−log P(x_p | c_p), 100)  +  γ Σ_(p,q) [x_p ≠ x_q] · exp(−β ‖c_p − c_q‖²),

over pixels p and 8-connected pairs (p, q), where P comes from the colours at the seeds.

Source: Boykov and Jolly, "Interactive graph cuts for optimal boundary & region segmentation of
objects in N-D images", ICCV 2001, doi:10.1109/ICCV.2001.937505; with the Gaussian mixtures that
came later instead of its histograms. "GC" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines.seeded_cut import Parameters, cut_by_clicks

DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask of least energy that agrees with the seeds; see `baselines`."""
    return cut_by_clicks(image, clicks, parameters)
