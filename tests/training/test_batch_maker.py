"""From drawn photographs to arrays: what comes where, and who takes the place of whom."""

from dataclasses import replace

import numpy as np
import pytest

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.training import batch_maker
from fctsfn_tf.training.batch_maker import BatchMaker
from fctsfn_tf.training.drawing import BatchDrawer
from fctsfn_tf.training.recipes import COMPACT_INPUT, TSLFN_INPUT, WholePhotographConfig

HEIGHT, WIDTH = 20, 30
VIEWS = ((HEIGHT, WIDTH, 2),)
STILL = WholePhotographConfig(mirror_probability=0.0)


class Reader:
    """Photographs whose every pixel is their number; the unusable ones have no object."""

    min_object_share = 0.25

    def __init__(self, unusable=()):
        self.unusable = unusable

    def read(self, number):
        if number in self.unusable:
            return []
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[4:16, 5:25] = True
        image = np.full((HEIGHT, WIDTH, 3), number, np.uint8)
        return [Sample(str(number), image, mask, np.zeros_like(mask))]


def maker(reader=None, repeat_images=True, **changes):
    config = replace(COMPACT_INPUT, augmentation=STILL, views=VIEWS, **changes)
    return BatchMaker(BatchDrawer([6], VIEWS), reader or Reader(), config, repeat_images)


def shown(batch):
    """The number of the photograph in each place of a batch."""
    return batch[0]["image"][:, 0, 0, 0].astype(int).tolist()


def test_objects_of_a_photograph_come_one_after_the_other():
    inputs, target = batch = maker(objects_per_image=3).batch(0, 1)
    assert inputs["image"].shape == (6, HEIGHT, WIDTH, 3)
    assert inputs["click_maps"].shape == (6, HEIGHT, WIDTH, 3)
    assert target.shape == (6, HEIGHT, WIDTH, 1)
    assert {array.dtype for array in (*inputs.values(), target)} == {np.dtype(np.float32)}
    first, second = BatchDrawer([6], VIEWS).batch(0, 1).photographs
    assert shown(batch) == [first] * 3 + [second] * 3


def test_a_view_comes_once_by_choice():
    once, thrice = (maker(repeat_images=one, objects_per_image=3).batch(0, 0) for one in (0, 1))
    np.testing.assert_array_equal(np.repeat(once[0]["image"], 3, axis=0), thrice[0]["image"])
    np.testing.assert_array_equal(once[0]["click_maps"], thrice[0]["click_maps"])
    np.testing.assert_array_equal(once[1], thrice[1])


def test_another_photograph_takes_the_place_of_one_that_cannot_be_used():
    usable = {1, 4}
    reader = Reader(unusable={0, 2, 3, 5})
    found = [shown(maker(reader).batch(epoch, 0)) for epoch in range(20)]
    assert found == [shown(maker(reader).batch(epoch, 0)) for epoch in range(20)]
    assert {number for numbers in found for number in numbers} == usable


def test_nothing_to_click_anywhere_is_an_error_that_says_why():
    with pytest.raises(InputError, match=r"20 × 30, and 25\.0% or more.*Received 100 without any"):
        maker(Reader(unusable=range(6))).batch(0, 0)


def test_an_index_outside_of_the_epoch_is_refused():
    with pytest.raises(IndexError, match="An epoch has 3 batches"):
        maker().batch(0, 3)


def test_distances_have_two_maps():
    config = replace(TSLFN_INPUT.seen_in(VIEWS[0]), augmentation=STILL)
    inputs, _ = BatchMaker(BatchDrawer([6], VIEWS), Reader(), config).batch(0, 0)
    assert inputs["click_maps"].shape == (2, HEIGHT, WIDTH, 2)


def test_hidden_areas_come_by_choice():
    inputs, _ = maker().batch(0, 0)
    assert set(inputs) == {"image", "click_maps"}
    inputs, target = maker(hidden_areas=True).batch(0, 0)
    assert inputs["hidden_area"].shape == (len(target),)
    assert inputs["hidden_area"].dtype == np.float32


def test_objects_of_other_photographs_are_pasted_as_often_as_asked_for(monkeypatch):
    monkeypatch.setattr(batch_maker, "can_paste", lambda sample: True)
    for probability in (0.0, 1.0):
        found = set()
        for index in range(3):
            inputs, _ = maker(paste_probability=probability).batch(0, index)
            for number, image in zip(shown((inputs,)), inputs["image"], strict=True):
                found |= {*np.unique(image).astype(int).tolist()} - {number}
        assert bool(found) == (probability > 0)
