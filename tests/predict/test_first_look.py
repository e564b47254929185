"""The first look: the best predicted IoU among views decides; what else was meant."""

from dataclasses import replace

import numpy as np
import pytest
from example_engine import RingEngine, bright_middle

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.first_look import first_look
from fctsfn_tf.predict.photograph import Photograph
from fctsfn_tf.predict.predictor import Predictor

CONFIG = PredictorConfig(working_size=96, zoom_in=False, look_closer=3)


CLICK = Click(100, 150, True)


def looked(engine, config=CONFIG):
    pixels = bright_middle()
    meanings, _ = first_look(Photograph(pixels, engine, config), engine, CLICK, config)
    return meanings


def test_the_view_with_the_highest_predicted_iou_is_taken():
    means = []
    for closer in range(4):
        box = looked(RingEngine(), replace(CONFIG, look_closer=closer))[0].layers[-1].view.box
        means.append(box.width)
    assert means == [300] * 4  # all alike: the whole photograph
    near = looked(RingEngine(best_brightness=222))[0].layers[-1].view.box
    assert near.width == round(300 * 0.59**2)  # the third one would be too small
    assert near.left + near.width // 2 == 150
    far = looked(RingEngine(best_brightness=0))[0].layers[-1].view.box
    assert far.width == 300


def test_a_closer_view_must_be_better_by_a_margin():
    class Slightly(RingEngine):
        """Each view is thought better than the one before: 0.50, and from 0.53 on by 0.03."""

        def answers(self, features, click_maps):
            masks, _ = super().answers(features, click_maps)
            expected = 0.47 + 0.03 * len(self.seen)
            return masks, np.full(4, np.log(expected / (1 - expected)), np.float32)

    for closer, width in ((1, 300), (2, round(300 * 0.59**2))):
        box = looked(Slightly(), replace(CONFIG, look_closer=closer))[0].layers[-1].view.box
        assert box.width == width


@pytest.mark.parametrize(("share", "num_views"), [(0.08, 3), (0.12, 1)])
def test_a_large_object_is_not_looked_at_closer(share, num_views):
    class Strip(RingEngine):
        def answers(self, features, click_maps):
            masks, ious = super().answers(features, np.zeros_like(click_maps))
            masks[0, :, : round(share * masks.shape[2])] = 9
            return masks, ious

    engine = Strip()
    looked(engine)
    assert len(engine.seen) == num_views


def test_the_answer_comes_first_and_no_mask_comes_twice():
    meanings = looked(RingEngine())
    sizes = [np.count_nonzero(one.layers[-1].probability > 0.5) for one in meanings]
    # The first candidate is thought better than the answer; the third is the same as the answer.
    assert [round(one.predicted_iou, 2) for one in meanings] == [0.5, 0.73, 0.27]
    assert sizes[1] > sizes[0] > sizes[2]


def test_beside_a_crop_there_is_nothing():
    meanings = looked(RingEngine(best_brightness=222))
    below = meanings[0].layers[0]
    assert below.view.box.width == 300
    assert not below.probability.any()


def test_the_predictor_shows_the_answer_and_offers_the_others():
    predictor = Predictor(RingEngine(), CONFIG)
    predictor.set_image(bright_middle())
    shown = predictor.add_click(x=150, y=100, label=1)
    areas = [np.count_nonzero(one.mask) for one in (shown, *shown.candidates)]
    assert areas[1] > areas[0] > areas[2]
    assert [round(one.predicted_iou, 2) for one in shown.candidates] == [0.73, 0.27]

    smaller = predictor.choose(1)
    np.testing.assert_array_equal(smaller.mask, shown.candidates[1].mask)
    np.testing.assert_array_equal(smaller.candidates[1].mask, shown.mask)
    back = predictor.choose(1)
    np.testing.assert_array_equal(back.mask, shown.mask)
    np.testing.assert_array_equal(back.probability, shown.probability)


def test_a_choice_holds_for_undo_and_ends_the_chance_to_redo():
    predictor = Predictor(RingEngine(), CONFIG)
    predictor.set_image(bright_middle())
    predictor.add_click(x=150, y=100, label=1)
    chosen = predictor.choose(0)
    later = predictor.add_click(x=10, y=10, label=0)
    assert later.candidates == ()
    with pytest.raises(InputError, match="after the first click"):
        predictor.choose(0)
    np.testing.assert_array_equal(predictor.undo().mask, chosen.mask)
    predictor.choose(0)
    with pytest.raises(InputError, match="no click to redo"):
        predictor.redo()


def test_without_an_image_nothing_can_be_chosen():
    with pytest.raises(InputError, match="no image"):
        Predictor(RingEngine(), CONFIG).choose(0)


def test_a_first_click_that_comes_back_has_its_candidates_again():
    predictor = Predictor(RingEngine(), CONFIG)
    predictor.set_image(bright_middle())
    first = predictor.add_click(x=150, y=100, label=1)
    assert predictor.add_click(x=150, y=100, label=0).candidates == ()
    again = predictor.add_click(x=150, y=100, label=1)
    np.testing.assert_array_equal(again.mask, first.mask)
    found, expected = ([one.predicted_iou for one in both.candidates] for both in (again, first))
    assert found == expected
