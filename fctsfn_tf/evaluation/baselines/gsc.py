"""GSC: graph cut with geodesic star convexity.

As ESC, but on the path that is shortest in the metric of the image instead of straight, so that an
object may bend as long as it can be followed without crossing edges. A step between neighbours p
and q costs

    sqrt((1 − γ_g) · ‖p − q‖²  +  γ_g · ‖c_p − c_q‖² / m),

with colours c and m the mean of ‖c_p − c_q‖² over the image. The division by m, which the source
leaves to the choice of the image, makes the two terms comparable whatever the contrast.

Source: Gulshan et al., "Geodesic star convexity for interactive image segmentation", CVPR 2010,
doi:10.1109/CVPR.2010.5540073, §3. "GSC" in the paper's Tables 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines.pixel_graph import (
    neighbour_pairs,
    per_image,
    shortest_paths,
    squared_differences,
)
from fctsfn_tf.evaluation.baselines.seeded_cut import Parameters as SharedParameters
from fctsfn_tf.evaluation.baselines.seeded_cut import cut_by_clicks
from fctsfn_tf.images.minimum_cut import contrast_scale


@dataclass(frozen=True)
class Parameters(SharedParameters):
    """
    Attributes:
        image_weight: γ_g in [0, 1), the image's share in the metric; 0 is plain distance. The
            default is that of the software published with Gulshan et al. (2010).
    """

    image_weight: float = 0.3


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask of least energy that is a geodesic star around the object's seeds; see `baselines`.

    A negative click also cuts off what is reached through it.
    """
    parents_of = partial(geodesic_parents, image, image_weight=parameters.image_weight)
    return cut_by_clicks(image, clicks, parameters, parents_of)


def geodesic_parents(image: np.ndarray, is_seed: np.ndarray, image_weight: float) -> np.ndarray:
    """The next pixel on the geodesic to the nearest seed, (H, W) int64; see `shortest_paths`.

    Args:
        image: (H, W, 3) uint8 RGB.
        is_seed: (H, W) bool, True somewhere.
        image_weight: see `Parameters`.

    Raises:
        InputError: SciPy is not installed.
    """
    return shortest_paths(is_seed, _step_costs(image, image_weight))[1]


@per_image
def _step_costs(image: np.ndarray, image_weight: float) -> np.ndarray:
    """The cost of a step between the pixels of each of `neighbour_pairs`, (N,) float64."""
    # contrast_scale is 1 / 2m, and 0 in an image of one colour.
    contrast = 2 * contrast_scale(image) * squared_differences(image)
    lengths = neighbour_pairs(*image.shape[:2]).length
    return np.sqrt((1 - image_weight) * lengths**2 + image_weight * contrast)
