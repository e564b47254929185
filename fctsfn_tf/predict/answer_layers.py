"""The network's answers in its views, lying on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.views import View


@dataclass(frozen=True, eq=False)
class Layer:
    """The network's answer in one view, (view.height, view.width) float32 in [0, 1]."""

    view: View
    probability: np.ndarray


def probability_of(logits: np.ndarray) -> np.ndarray:
    """The sigmoid of a network's logits, float32 of the same shape.

    Raises:
        InputError: a logit is NaN.
    """
    logits = logits.astype(np.float32)
    if np.isnan(logits).any():
        raise InputError(
            "The network must return finite logits. Its weights are damaged or its training has "
            "diverged: load others. Received NaN."
        )
    # Written so that no logit overflows.
    return 0.5 + 0.5 * np.tanh(0.5 * logits)


def on_top(layers: Sequence[Layer], latest: Layer) -> tuple[Layer, ...]:
    """`layers`, less those that the latest one hides, and that one last."""
    kept = (layer for layer in layers if not latest.view.box.contains(layer.view.box))
    return (*kept, latest)


def previous_in(view: View, layers: Sequence[Layer], known: np.ndarray) -> np.ndarray:
    """What the network reads as its previous answer in a view, (view.height, view.width) float32.

    Args:
        layers: the answers so far, the latest last; that one as it is, if it was given in this
            view.
        known: (H, W) float32, the photograph's probability so far.
    """
    if layers and layers[-1].view == view:
        return layers[-1].probability
    return view.probability_in(known)


def rendered(
    layers: Sequence[Layer],
    clicks: Sequence[Click],
    height: int,
    width: int,
    start: np.ndarray | None,
) -> np.ndarray:
    """The photograph's probability, (height, width) float32, clicked pixels on their side; it is
    read-only.

    Args:
        layers: the latest last; without a start mask the first one covers the photograph, for the
            first click saw all of it.
        clicks: oldest first; of two on one pixel the later one counts.
        height, width: of the photograph.
        start: (height, width) bool, the mask that the layers lie on; None for nothing.
    """
    if start is not None:
        probability = start.astype(np.float32)
    else:
        probability = np.empty((height, width), np.float32)
    for layer in layers:
        layer.view.paste(layer.probability, probability)
    for click in clicks:
        probability[click.pixel] = float(click.is_positive)
    probability.setflags(write=False)
    return probability
