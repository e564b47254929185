"""RW: random walker.

The probability that a walker who starts at a pixel meets a seed of the object before one of the
background, if it goes from p to the 4-connected neighbour q with a probability proportional to

    w_pq = exp(−β ‖c_p − c_q‖² / (10 σ √3)),

with colours c in [0, 1] and σ their standard deviation over the image (scikit-image's scaling). It
is the solution x of the linear equations Σ_q w_pq (x_p − x_q) = 0 at every pixel p without a seed,
with x = 1 at the object's seeds and 0 at the background's.

Source: Grady, "Random walks for image segmentation", IEEE TPAMI 28 (2006),
doi:10.1109/TPAMI.2006.233. "RW" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background
from fctsfn_tf.clicks import Click
from fctsfn_tf.errors import InputError

# scikit-image divides by the standard deviation; this contrast of one pixel keeps that of an image
# of one colour above 0 and changes no weight by more than 1e-3.
LEAST_CONTRAST = 1e-6
# In scikit-image's labels 0 is open.
OBJECT, BACKGROUND = 1, 2


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed_radius: in pixels.
        beta: β, how much a walker shuns edges. The default is scikit-image's, near Grady's 90.
        mode: how scikit-image solves the equations: conjugate gradients with Jacobi's
            preconditioner, within a tolerance of 0.001.
    """

    seed_radius: float = SEED_RADIUS
    beta: float = 130.0
    mode: str = "cg_j"


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The probability that the walker meets the object first; it is object above 0.5.

    Args:
        image: (H, W, 3) uint8 RGB.
        clicks: all clicks so far, oldest first. Without a negative one, the border of the image is
            seeded as background.
        previous: not used.
        parameters: see `Parameters`.

    Returns:
        (H, W) float32 in [0, 1]; all 0 without a positive click.

    Raises:
        InputError: an image of another form, a click outside of it, or scikit-image is not
            installed.
    """
    try:
        from skimage.segmentation import random_walker
    except ImportError:
        raise InputError(
            "rw needs scikit-image, which is not installed. "
            "Install it with `pip install 'fctsfn-tf[baselines]'`."
        ) from None
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    seeds = with_background(seeds)
    if not (seeds < 0).any():  # the object's seeds fill the border of a tiny image
        return np.ones(seeds.shape, np.float32)
    if (seeds != 0).all():
        return (seeds > 0).astype(np.float32)
    colours = image / 255.0
    if not colours.std():
        colours[0, 0] += LEAST_CONTRAST
    labels = np.select([seeds > 0, seeds < 0], [OBJECT, BACKGROUND], 0)
    with warnings.catch_warnings():
        # That the solution leaves [0, 1] by the tolerance.
        warnings.simplefilter("ignore", UserWarning)
        probability, _ = random_walker(
            colours,
            labels,
            beta=parameters.beta,
            mode=parameters.mode,
            return_full_prob=True,
            channel_axis=-1,
        )
    return probability.clip(0, 1).astype(np.float32)
