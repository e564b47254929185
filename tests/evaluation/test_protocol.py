"""How the robot user clicks, and what counts as the mask."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_samples import RITM, bars, sample_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS, Protocol
from fctsfn_tf.images.graph_cut import GraphCutParameters


def test_the_threshold_itself_is_background():
    def segment(image, clicks, previous):
        return np.where(sample_of().gt_mask, 0.49, 0.4)

    assert evaluate_object(segment, sample_of(), RITM).ious[0] == 0.0
    assert evaluate_object(segment, sample_of(), replace(RITM, threshold=0.48)).ious[0] == 1.0


def test_the_rule_is_the_protocols():
    sample = sample_of()
    sample.gt_mask[3:6, 11:14] = True  # 9 pixels deep by 2, against a bar of 10 pixels
    first = {rule: evaluate_object(bars(0), sample, Protocol(rule)).clicks[0] for rule in PROTOCOLS}
    assert first == {"ritm": Click(4, 12, True), "paper": Click(2, 0, True)}


def test_ignored_pixels_do_not_count():
    sample = sample_of(length=10)
    sample.ignore[2, 8:12] = True
    assert evaluate_object(bars(12), sample, RITM).ious[0] == 1.0


def test_graph_cut_of_the_protocol():
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    sample = Sample("disk", np.zeros((30, 44, 3), np.uint8), *np.zeros((2, 30, 44), bool))
    rows, cols = np.mgrid[:30, :44]
    sample.gt_mask[:] = np.hypot(rows - 14, cols - 20) < 9
    sample.image[sample.gt_mask] = (220, 60, 40)

    def shifted(image, clicks, previous):
        return np.roll(np.where(sample.gt_mask, 0.8, 0.2), 2, axis=1)

    plain = evaluate_object(shifted, sample, replace(PROTOCOLS["paper"], graph_cut=None))
    strong = GraphCutParameters(smoothness=2.0)
    cut = evaluate_object(shifted, sample, replace(PROTOCOLS["paper"], graph_cut=strong))
    assert plain.ious[0] < 0.8
    assert cut.ious[0] > 0.97


def test_jitter_depends_on_seed_and_name_alone():
    big = Sample("big", np.zeros((60, 90, 3), np.uint8), *np.zeros((2, 60, 90), bool))
    big.gt_mask[10:50, 20:80] = True
    jittered = replace(RITM, is_jittered=True, max_clicks=3)
    centred = replace(RITM, max_clicks=3)

    def nothing(image, clicks, previous):
        return np.zeros(image.shape[:2])

    def clicks(sample, seed, protocol=jittered):
        return evaluate_object(nothing, sample, protocol, seed).clicks

    assert clicks(big, 1) == clicks(big, 1)
    assert clicks(big, 1) != clicks(big, 2)
    assert clicks(big, 1) != clicks(replace(big, name="other"), 1)
    assert clicks(big, 1) != clicks(big, 1, centred)
    assert clicks(big, 1, centred) == clicks(big, 2, centred)


@pytest.mark.parametrize(
    "settings",
    [{"rule": "mine"}, {"threshold": 1.0}, {"max_clicks": 0}, {"until": 90}, {"choice": "any"}],
)
def test_protocols_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Protocol(**settings)
