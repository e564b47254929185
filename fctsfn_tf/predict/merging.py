"""A further click keeps what is right and far from it: `merged`.

A network answers anew for the whole of its view at each click, and may lose elsewhere what it had.
Of each region in which it changes its mind, the one that the click lies in is taken; of any other,
the surer of the two answers.

Source: progressive merge of FocalClick (Chen et al. 2022), §3.4, which takes the clicked region
alone. With this network that costs clicks: much of what it mends lies elsewhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import DISK_RADIUS
from fctsfn_tf.predict.views import EVEN_ODDS


def merged(probability: np.ndarray, before: np.ndarray, click: Click) -> np.ndarray:
    """The network's new answer, with the earlier one where that was surer and far from the click.

    Args:
        probability: (height, width) float32, the new answer.
        before: (height, width) float32, the earlier one in the same view.
        click: the latest, in pixels of the view; it may lie outside of it.

    Returns:
        (height, width) float32. Outside of the regions in which the answers are on different sides
        of one half, it is the new one.
    """
    changed = (probability > EVEN_ODDS) != (before > EVEN_ODDS)
    count, regions = cv2.connectedComponents(changed.view(np.uint8), connectivity=8)
    if count == 1:
        return probability
    # How sure the new answer is of each region beside the earlier one, summed over its pixels.
    surer = np.abs(probability - EVEN_ODDS) - np.abs(before - EVEN_ODDS)
    gain = np.bincount(regions.ravel(), surer.ravel(), count)
    is_kept = gain < 0
    is_kept[0] = False
    rows, cols = _near(click, *probability.shape)
    is_kept[regions[rows, cols]] = False
    return np.where(is_kept[regions], before, probability)


def _near(click: Click, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of a square around a click, as wide as its disk."""
    row, col = click.pixel
    radius = int(DISK_RADIUS)
    return (
        slice(max(0, row - radius), max(0, min(height, row + radius + 1))),
        slice(max(0, col - radius), max(0, min(width, col + radius + 1))),
    )
