"""OpenCV's GrabCut: graph cuts and colour models in turns, from clicks instead of a box.

Energy of the kind of GC, with the mixtures learnt from all pixels by the present mask instead of
from the seeds alone; cut and mixtures are computed anew by turns. Not one of the paper's baselines:
it stands beside them since every installation of OpenCV has it.

Source: Rother, Kolmogorov and Blake, "GrabCut: interactive foreground extraction using iterated
graph cuts", SIGGRAPH 2004, doi:10.1145/1186562.1015720; `cv2.grabCut` with `GC_INIT_WITH_MASK`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed_radius: in pixels.
        num_iterations: turns of mixtures and cut per click. OpenCV's tutorial takes 5.
        random_seed: of OpenCV's random numbers, which its k-means starts from.
    """

    seed_radius: float = SEED_RADIUS
    num_iterations: int = 5
    random_seed: int = 0


DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask as a probability of 0 or 1; see `baselines`.

    The discs of the clicks are sure; of the rest is taken for probably object what was object
    before, and for probably background all else. Sets the seed of OpenCV's random numbers.
    """
    seeds = seeds_from_clicks(image, clicks, parameters.seed_radius)
    if not (seeds > 0).any():
        return np.zeros(seeds.shape, np.float32)
    labels = np.full(seeds.shape, cv2.GC_PR_BGD, np.uint8)
    if previous is not None:
        labels[previous > 0.5] = cv2.GC_PR_FGD
    labels[seeds > 0] = cv2.GC_FGD
    labels[seeds < 0] = cv2.GC_BGD
    is_object = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if is_object.all():  # OpenCV needs a pixel of either side to learn from
        return np.ones(seeds.shape, np.float32)
    cv2.setRNGSeed(parameters.random_seed)
    cv2.grabCut(image, labels, None, None, None, parameters.num_iterations, cv2.GC_INIT_WITH_MASK)
    return ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
