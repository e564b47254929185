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

# Of two masks with a higher IoU in their view, the later one is left out.
SAME_IOU = 0.85
# Closer views are for objects that may be small: where the answer in the whole photograph takes
# less than this share of it. One counts only where it is thought better by so much. For both
# see docs/experiments.md.
SMALL_SHARE = 0.1
CLOSER_GAIN = 0.05


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
    """What a first click may mean, in one view: the answer, then the candidates, the best first.

    The network looks at the whole photograph and, where the object may be small, at crops around
    the click (`PredictorConfig.look_closer`); the view counts whose answer has the highest
    predicted IoU. The answer comes first even where a candidate is thought better: the predicted
    IoU tells views apart, hardly the masks of one (docs/experiments.md).

    Args:
        click: positive, in pixels of the photograph.

    Returns:
        The meanings, and the seconds that encoding the crops took.
    """
    whole = photograph.whole
    logits, ious, encode_seconds = answers_in(whole, photograph, engine, click, config)
    view, to_beat = whole, ious[0] + CLOSER_GAIN
    may_be_small = np.mean(logits[0] > 0) < SMALL_SHARE
    for closer in closer_views(click, *photograph.size, config) if may_be_small else ():
        found = answers_in(closer, photograph, engine, click, config)
        encode_seconds += found[2]
        if found[1][0] > to_beat:
            view, (logits, ious, _), to_beat = closer, found, found[1][0]
    candidates = 1 + np.argsort(-ious[1:], kind="stable")
    order = _distinct(logits > 0, [0, *candidates])
    meanings = [
        Meaning(covering(Layer(view, probability_of(logits[k])), photograph.whole), float(ious[k]))
        for k in order
    ]
    return meanings, encode_seconds


def answers_in(
    view: View, photograph: Photograph, engine: Engine, click: Click, config: PredictorConfig
) -> tuple[np.ndarray, np.ndarray, float]:
    """All masks' logits in a view, their predicted IoUs, and the seconds that encoding took."""
    features, seconds = photograph.features_of(view)
    maps = ViewClickMaps(config.click_encoding).of(view, (click,))
    logits, iou_logits = engine.answers(features, maps)
    return logits, probability_of(iou_logits), seconds


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


def covering(layer: Layer, whole: View) -> tuple[Layer, ...]:
    """The layer, on nothing where it does not cover the photograph itself."""
    if layer.view.box.contains(whole.box):
        return (layer,)
    return Layer(whole, np.zeros((whole.height, whole.width), np.float32)), layer
