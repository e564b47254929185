"""Painted scenes with a known answer, and the methods whose libraries are installed."""

import numpy as np
import pytest

from fctsfn_tf.evaluation.baselines import BASELINES, esc, gc, gsc
from fctsfn_tf.evaluation.baselines.seeded_cut import CutParameters

HEIGHT, WIDTH = 60, 84
RED, GREEN, GREY = (190, 70, 60), (70, 150, 80), (120, 120, 125)
LIBRARIES = {
    "gc": ("maxflow", "sklearn"),
    "gm": ("scipy", "sklearn"),
    "rw": (),
    "esc": ("maxflow", "sklearn", "scipy"),
    "gsc": ("maxflow", "sklearn", "scipy"),
    "grabcut": (),
}


def baseline(name):
    """The function, where its libraries are installed."""
    for library in LIBRARIES[name]:
        pytest.importorskip(library, reason=f"{library} is not installed")
    return BASELINES[name]


def smooth_cut(name, image, clicks):
    """The mask where contours are dear, so that no thin bridge satisfies the star constraint."""
    parameters = {"gc": gc, "esc": esc, "gsc": gsc}[name].Parameters(cut=CutParameters(150.0))
    return baseline(name)(image, clicks, None, parameters) > 0.5


def painted(*regions, noise=4.0):
    """A grey image with these (mask, colour) on it, and a little noise."""
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.float64)
    for mask, colour in regions:
        image[mask] = colour
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def disc(row, col, radius):
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(rows - row, cols - col) <= radius
