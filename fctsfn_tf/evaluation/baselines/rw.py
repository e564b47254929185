"""RW: random walker.

The probability that a walker who starts at a pixel meets a seed of the object before one of the
background, if it goes from p to the 4-connected neighbour q with a probability proportional to

    w_pq = exp(−β ‖c_p − c_q‖² / (10 σ √3)),

with colours c in [0, 1] and σ their standard deviation over the image (scikit-image's scaling). It
is the solution x of the linear equations Σ_q w_pq (x_p − x_q) = 0 at every pixel p without a seed,
with x = 1 at the object's seeds and 0 at the background's.

The equations are those of scikit-image's `random_walker`, the way to solve them is not:
`PixelNetwork` does it directly, and after the first click on an image only what the next one
changes. The answer depends on nothing but the image and the clicks, and is exact but for rounding.

Source: Grady, "Random walks for image segmentation", IEEE TPAMI 28 (2006),
doi:10.1109/TPAMI.2006.233. "RW" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines.nested_dissection import PixelNetwork
from fctsfn_tf.evaluation.baselines.pixel_graph import per_image
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background

# Keeps the weights of pixels that differ by all of the contrast above 0 (scikit-image's number).
LEAST_WEIGHT = 1e-10
# Of an image at most: what is kept of it takes about 2 kB a pixel.
MAX_PIXELS = 4_000_000


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed_radius: in pixels.
        beta: β, how much a walker shuns edges. Chosen on training photographs, from 130
            (scikit-image), 400 (about Grady's 90, in the scaling above), 1000, 2500 and 6000.
    """

    seed_radius: float = SEED_RADIUS
    beta: float = 2500.0


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The probability that the walker meets the object first; see `baselines`.

    Where no click says otherwise, the border of the image is background. Images of more than
    `MAX_PIXELS` are refused.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if seeds.size > MAX_PIXELS:
        height, width = seeds.shape
        raise InputError(
            f"rw takes images of at most {MAX_PIXELS:,} pixels, for its memory. "
            f"Make the image smaller. Received {height} × {width}."
        )
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    probability = _network(image, parameters.beta).potentials(with_background(seeds))
    return probability.clip(0, 1).astype(np.float32)


@per_image
def _network(image: np.ndarray, beta: float) -> PixelNetwork:
    """The weights as conductances. It keeps what it solved for the latest seeds on the image."""
    return PixelNetwork(*weights(image, beta))


def weights(image: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """w_pq of each pixel and its right neighbour, and of it and its lower one.

    Args:
        image: (H, W, 3) uint8 RGB.
        beta: see `Parameters`.

    Returns:
        Both (H, W) float64. Those in the last column and the last row are of no pair.
    """
    colours = image / 255.0
    # In an image of one colour every difference is 0, whatever the scale.
    scale = 10 * (colours.std() or 1.0) * np.sqrt(3)

    def across(axis: int) -> np.ndarray:
        last = np.take(colours, [-1], axis)
        squared = (np.diff(colours, axis=axis, append=last) ** 2).sum(axis=-1)
        return np.exp(-beta * squared / scale) + LEAST_WEIGHT

    return across(1), across(0)
