"""Seeds → how probable the object is by each pixel's colour: one Gaussian mixture per side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines.pixel_graph import per_image


@dataclass(frozen=True)
class ColourParameters:
    """The defaults but the last are those of the software published with Gulshan et al. (2010).

    Attributes:
        num_components: Gaussians per mixture; fewer where the seeds have fewer colours.
        uniform_share: share of a uniform density that is mixed into each likelihood, so that a
            colour seen at no seed is evidence for neither side.
        min_deviation: added to the standard deviation of every Gaussian (as squares), in RGB of
            [0, 1]: one grey level, the least that 8 bits tell apart.
        random_seed: of the k-means that the fit starts from.
    """

    num_components: int = 5
    uniform_share: float = 0.05
    min_deviation: float = 1 / 255
    random_seed: int = 0


DEFAULT_COLOURS = ColourParameters()


def object_probability(
    image: np.ndarray, seeds: np.ndarray, parameters: ColourParameters = DEFAULT_COLOURS
) -> np.ndarray:
    """P(object | colour) = f / (f + b), of the colour's likelihoods under the two sides' seeds.

    Each is (1 − u) · Gaussian mixture + u · uniform density, over RGB in [0, 1]³ (where the uniform
    density is 1). A side without seeds has the uniform density alone.

    Args:
        image: (H, W, 3) uint8 RGB.
        seeds: (H, W) int8, see `seeds_from_clicks`.
        parameters: see `ColourParameters`.

    Returns:
        (H, W) float64 in [0, 1].

    Raises:
        InputError: scikit-learn is not installed.
    """
    # A photograph has far fewer colours than pixels.
    colours, of_pixel = _colours(image)
    samples = image / 255.0
    likelihood_object = _likelihood(colours, samples[seeds > 0], parameters)
    likelihood_background = _likelihood(colours, samples[seeds < 0], parameters)
    probability = likelihood_object / (likelihood_object + likelihood_background)
    return probability[of_pixel]


@per_image
def _colours(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours that occur, (M, 3) float64 in [0, 1], and which one each pixel has, (H, W)."""
    red, green, blue = np.moveaxis(image.astype(np.int32), 2, 0)
    codes, of_pixel = np.unique((red << 16) | (green << 8) | blue, return_inverse=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1) / 255.0
    return colours, of_pixel.reshape(image.shape[:2])


def _likelihood(
    colours: np.ndarray, samples: np.ndarray, parameters: ColourParameters
) -> np.ndarray:
    """Density of each of `colours` (N, 3), learnt from `samples` (M, 3); (N,) float64.

    scikit-learn's `score_samples` is its logarithm, by a slower way and with other last digits.
    """
    if not len(samples):
        return np.ones(len(colours))
    mixture = _fitted_mixture(samples, parameters)
    density = np.zeros(len(colours))
    # precisions_cholesky_ U has U Uᵀ = Σ⁻¹, so ‖(c − μ) U‖² is the squared Mahalanobis distance.
    for weight, mean, cholesky in zip(
        mixture.weights_, mixture.means_, mixture.precisions_cholesky_, strict=True
    ):
        whitened = (colours - mean) @ cholesky
        squared = np.einsum("ij,ij->i", whitened, whitened)
        height = weight * np.prod(np.diag(cholesky)) / (2 * np.pi) ** 1.5
        density += height * np.exp(-0.5 * squared)
    share = parameters.uniform_share
    return (1 - share) * density + share


def _fitted_mixture(samples: np.ndarray, parameters: ColourParameters):  # noqa: ANN202 (optional)
    """scikit-learn's mixture, fitted to `samples` (M, 3)."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture
    except ImportError:
        raise InputError(
            "The colour models of gc, gm, esc and gsc need scikit-learn, which is not installed. "
            "Install it with `pip install 'fctsfn-tf[baselines]'`."
        ) from None
    mixture = GaussianMixture(
        min(parameters.num_components, len(np.unique(samples, axis=0))),
        reg_covar=parameters.min_deviation**2,
        random_state=parameters.random_seed,
    )
    with warnings.catch_warnings():
        # A mixture that still moves a little is as good a model.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # A covariance needs two samples.
        return mixture.fit(samples if len(samples) > 1 else np.repeat(samples, 2, axis=0))
