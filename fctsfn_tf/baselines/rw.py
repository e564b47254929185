"""RW: random walker.

The probability that a walker who starts at a pixel meets a seed of the object before one of the
background, if it goes from p to the 4-connected neighbour q with a probability proportional to

    w_pq = exp(−β ‖c_p − c_q‖² / (10 σ √3)),

with colours c in [0, 1] and σ their standard deviation over the image (scikit-image's scaling). It
is the solution x of the linear equations Σ_q w_pq (x_p − x_q) = 0 at every pixel p without a seed,
with x = 1 at the object's seeds and 0 at the background's.

The equations are those of scikit-image's `random_walker`, the way to solve them is not: conjugate
gradients with an algebraic multigrid (PyAMG) that follows the edges of the image, started from the
answer before. That is five to fifty times as quick as its mode "cg_j" on a photograph, and much
nearer to the exact solution.

Source: Grady, "Random walks for image segmentation", IEEE TPAMI 28 (2006),
doi:10.1109/TPAMI.2006.233. "RW" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from fctsfn_tf.baselines.pixel_graph import neighbour_pairs, per_image, squared_differences
from fctsfn_tf.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background
from fctsfn_tf.clicks import Click
from fctsfn_tf.errors import InputError

# Relative residual at which the equations count as solved: on photographs the mask is then that of
# the exact solution but for single pixels, and the probability within 0.005 of it.
TOLERANCE = 1e-5
# The multigrid's coupling: neighbours belong together where w_pq² exceeds this squared share of the
# product of both pixels' sums of weights. Without it the hierarchy reaches across edges, and the
# iterations are ten times as many.
COUPLING = 0.08
# Unknowns below which the multigrid solves directly.
COARSEST = 500
# Keeps the weights of pixels that differ by all of the contrast above 0 (scikit-image's number).
LEAST_WEIGHT = 1e-10


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed_radius: in pixels.
        beta: β, how much a walker shuns edges. Chosen on training photographs, from 130
            (scikit-image), 400 (about Grady's 90, in the scaling above) and 1000.
    """

    seed_radius: float = SEED_RADIUS
    beta: float = 1000.0


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
        clicks: all clicks so far, oldest first. Where none of them is, the border of the image is
            seeded as background.
        previous: (H, W) float in [0, 1], the answer to the clicks before, from where the solver
            starts; None at the first click.
        parameters: see `Parameters`.

    Returns:
        (H, W) float32 in [0, 1]; all 0 without a positive click.

    Raises:
        InputError: an image of another form, a click outside of it, or SciPy or PyAMG is
            not installed.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    seeds = with_background(seeds)
    if not (seeds < 0).any():  # the object's seeds fill the border of a tiny image
        return np.ones(seeds.shape, np.float32)
    probability = (seeds > 0).astype(np.float64).ravel()
    is_open = seeds.ravel() == 0
    if is_open.any():
        guess = np.full(seeds.size, 0.5) if previous is None else previous.ravel()
        rows = laplacian(image, parameters.beta)[is_open]
        inflow = -rows[:, ~is_open] @ probability[~is_open]
        probability[is_open] = _solved(rows[:, is_open], inflow, guess[is_open])
    return probability.reshape(seeds.shape).clip(0, 1).astype(np.float32)


@per_image
def laplacian(image: np.ndarray, beta: float):  # noqa: ANN201 (SciPy may not be there)
    """The equations as SciPy's csr_array (H·W, H·W): minus w_pq, and their sums on the diagonal.

    Args:
        image: (H, W, 3) uint8 RGB.
        beta: see `Parameters`.

    Raises:
        InputError: SciPy is not installed.
    """
    scipy_sparse = _imported("scipy.sparse")
    colours = image.reshape(-1, 3) / 255.0
    pairs = neighbour_pairs(*image.shape[:2])
    is_adjacent = pairs.length == 1
    first, second = pairs.first[is_adjacent], pairs.second[is_adjacent]
    squared = squared_differences(image)[is_adjacent] / 255.0**2
    # In an image of one colour every difference is 0, whatever the scale.
    scale = 10 * (colours.std() or 1.0) * np.sqrt(3)
    weights = np.exp(-beta * squared / scale) + LEAST_WEIGHT
    size = (len(colours), len(colours))
    one_way = scipy_sparse.coo_array((weights, (first, second)), shape=size)
    both_ways = (one_way + one_way.T).tocsr()
    return (scipy_sparse.diags_array(both_ways.sum(axis=1)) - both_ways).tocsr()


def _solved(
    matrix,  # noqa: ANN001 (SciPy may not be there)
    right_side: np.ndarray,
    guess: np.ndarray,
) -> np.ndarray:
    """The solution (N,) float64 of the open pixels' equations, `matrix` a csr_array (N, N).

    Raises:
        InputError: PyAMG is not installed.
    """
    hierarchy = _imported("pyamg").smoothed_aggregation_solver(
        matrix,
        strength=("symmetric", {"theta": COUPLING}),
        # By row sums: other estimates of the largest eigenvalue start from global random numbers.
        smooth=("jacobi", {"weighting": "local"}),
        max_coarse=COARSEST,
    )
    return hierarchy.solve(right_side, x0=guess, tol=TOLERANCE, accel="cg")


def _imported(name: str) -> ModuleType:
    """
    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(
            "rw needs SciPy and PyAMG, one of which is not installed. "
            "Install them with `pip install 'fctsfn-tf[baselines]'`."
        ) from None
