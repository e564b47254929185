"""Merging: the clicked region is the new answer's, of others the surer answer counts."""

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.merging import merged
from fctsfn_tf.predict.predictor import Predictor

SIZE = (60, 90)
CLICK = Click(20.0, 30.0, True)
NEAR, FAR = np.s_[15:25, 25:40], np.s_[45:55, 70:80]


def answers(near, far):
    """An answer that is `near` around the click, `far` elsewhere, and 0.1 in between."""
    probability = np.full(SIZE, 0.1, np.float32)
    probability[NEAR], probability[FAR] = near, far
    return probability


def test_the_clicked_region_is_the_new_answer_s_however_unsure():
    before, new = answers(near=0.01, far=0.9), answers(near=0.6, far=0.9)
    np.testing.assert_array_equal(merged(new, before, CLICK), new)


def test_far_from_the_click_the_surer_answer_counts():
    before = answers(near=0.1, far=0.9)
    unsure = merged(answers(near=0.8, far=0.3), before, CLICK)
    np.testing.assert_array_equal(unsure, answers(near=0.8, far=0.9))
    sure = merged(answers(near=0.8, far=0.02), before, CLICK)
    np.testing.assert_array_equal(sure, answers(near=0.8, far=0.02))


def test_where_nothing_changes_sides_the_new_answer_counts():
    new = answers(near=0.8, far=0.6)
    np.testing.assert_array_equal(merged(new, answers(near=0.8, far=0.99), CLICK), new)


def test_a_region_that_comes_near_the_click_is_clicked():
    before, new = answers(near=0.9, far=0.1), answers(near=0.4, far=0.1)
    beside = Click(20.0, 44.0, False)  # 4 pixels beside it: its disk covers some of it
    np.testing.assert_array_equal(merged(new, before, beside), new)
    away = Click(20.0, 46.0, False)
    np.testing.assert_array_equal(merged(new, before, away), before)


def test_a_click_outside_of_the_view_clicks_nothing():
    before, new = answers(near=0.9, far=0.1), answers(near=0.4, far=0.1)
    for click in (Click(-40.0, -9.0, True), Click(200.0, 300.0, True)):
        np.testing.assert_array_equal(merged(new, before, click), before)


class ForgetfulEngine(Engine):
    """Surely finds a square at the first click, and at further ones, less sure, loses it."""

    name = "forgetful"
    num_click_maps = 3

    def encode(self, image):
        return image[..., 0]

    def click(self, features, click_maps):
        is_further = click_maps[..., 2].any()
        logits = np.where(click_maps[..., 0] > 0, 9.0, -1.0).astype(np.float32)
        logits[60:80, 60:80] = -0.5 if is_further else 5.0
        return logits


@pytest.mark.parametrize("keep_far", [False, True])
def test_a_predictor_keeps_far_what_it_was_surer_of(keep_far):
    config = PredictorConfig(working_size=96, zoom_in=False, keep_far=keep_far)
    predictor = Predictor(ForgetfulEngine(), config)
    predictor.set_image(np.zeros((96, 96, 3), np.uint8))
    assert predictor.add_click(x=20, y=20, label=1).mask[70, 70]
    assert predictor.add_click(x=40, y=20, label=1).mask[70, 70] == keep_far
    # What is clicked is always the new answer's.
    assert not predictor.add_click(x=70, y=70, label=0).mask[62, 62]


def test_a_look_again_at_the_first_click_is_not_merged():
    config = PredictorConfig(working_size=96, zoom_in=False, keep_far=True, look_again=1)
    predictor = Predictor(ForgetfulEngine(), config)
    predictor.set_image(np.zeros((96, 96, 3), np.uint8))
    assert not predictor.add_click(x=20, y=20, label=1).mask[70, 70]


def test_a_mask_to_start_from_is_kept_far_from_the_click():
    config = PredictorConfig(working_size=96, zoom_in=False, keep_far=True)
    predictor = Predictor(ForgetfulEngine(), config)
    predictor.set_image(np.zeros((96, 96, 3), np.uint8))
    start = np.zeros((96, 96), bool)
    start[60:90, 5:30] = True
    predictor.set_mask(start)
    mask = predictor.add_click(x=40, y=20, label=1).mask
    assert mask[65:85, 10:25].all()
    assert mask[20, 40]
