"""What a first click may mean, for networks that predict how good each of their masks is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.predict.answer_layers import Layer, probability_of
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.photograph import Photograph
from fctsfn_tf.predict.view_click_maps import ViewClickMaps
from fctsfn_tf.predict.views import View, closer_views

# Of two masks with a higher IoU in their view, the one that is thought worse is left out.
SAME_IOU = 0.85


@dataclass(frozen=True, eq=False)
class Meaning:
    """One of several masks that a first click may mean.

    Attributes:
        layers: as of `answer_layers`; the first one covers the photograph.
        predicted_iou: with the object that was meant, in [0, 1].
    """

    layers: tuple[Layer, ...]
    predicted_iou: float


def first_look(
    photograph: Photograph, engine: Engine, click: Click, config: PredictorConfig
) -> tuple[list[Meaning], float]:
    """What a first click may mean, the best first: all of one view, which is the best one's.

    The network looks at the whole photograph and at crops around the click
    (`PredictorConfig.look_closer`).

    Args:
        click: positive, in pixels of the photograph.

    Returns:
        The meanings, and the seconds that encoding the crops took.
    """
    views = [photograph.whole, *closer_views(click, *photograph.size, config)]
    best: tuple[View, np.ndarray, np.ndarray] | None = None
    encode_seconds = 0.0
    for view in views:
        features, seconds = photograph.features_of(view)
        encode_seconds += seconds
        maps = ViewClickMaps(config.click_encoding).of(view, (click,))
        logits, iou_logits = engine.answers(features, maps)
        ious = probability_of(iou_logits)
        if best is None or ious.max() > best[2].max():
            best = view, logits, ious
    view, logits, ious = best
    order = _distinct(logits > 0, np.argsort(-ious, kind="stable"))
    meanings = [
        Meaning(_covering(Layer(view, probability_of(logits[k])), photograph.whole), float(ious[k]))
        for k in order
    ]
    return meanings, encode_seconds


def _distinct(masks: np.ndarray, order: Sequence[int]) -> list[int]:
    """The masks' numbers in an order, less those that are much the same as one before, or empty."""
    kept: list[int] = []
    for number in order:
        mask = masks[number]
        unions = [np.count_nonzero(mask | masks[one]) for one in kept]
        shared = [np.count_nonzero(mask & masks[one]) for one in kept]
        is_new = all(a <= SAME_IOU * b for a, b in zip(shared, unions, strict=True))
        if is_new and (mask.any() or not kept):
            kept.append(int(number))
    return kept


def _covering(layer: Layer, whole: View) -> tuple[Layer, ...]:
    """The layer, on nothing where it does not cover the photograph itself."""
    if layer.view.box.contains(whole.box):
        return (layer,)
    return Layer(whole, np.zeros((whole.height, whole.width), np.float32)), layer
