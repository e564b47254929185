"""Which photographs and views the batches of an epoch have; numbers alone, nothing is read."""

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.training.drawing import BatchDrawer

ONE_SIZE = ((60, 80, 3),)
SIZES = ((64, 64, 2), (32, 96, 3))


def drawn(drawer, epoch):
    return [drawer.batch(epoch, index) for index in range(len(drawer))]


def numbers(drawer, epoch):
    return [number for batch in drawn(drawer, epoch) for number in batch.photographs]


def test_an_epoch_holds_every_photograph_once_in_an_order_of_its_own():
    drawer = BatchDrawer([4, 5], ONE_SIZE)
    assert len(drawer) == 3
    orders = [numbers(drawer, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(9)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_seed_epoch_and_index_decide_whatever_the_order():
    first, again, other = (BatchDrawer([20], SIZES, seed=seed) for seed in (5, 5, 6))
    expected = {(e, i): first.batch(e, i) for e in (0, 1) for i in range(len(first))}
    for key in reversed(expected):
        batch = again.batch(*key)
        size = (batch.height, batch.width, batch.photographs)
        assert size == (expected[key].height, expected[key].width, expected[key].photographs)
        assert batch.rng.random() == expected[key].rng.random()
    assert numbers(first, 0) != numbers(first, 1)
    assert numbers(first, 0) != numbers(other, 0)


def test_each_batch_has_a_view_and_as_many_photographs_as_it_takes():
    drawer = BatchDrawer([50], SIZES)
    batches = drawn(drawer, 0)
    sizes = {(batch.height, batch.width, len(batch.photographs)) for batch in batches}
    assert sizes == set(SIZES)
    assert drawer.size == (None, None)
    assert BatchDrawer([50], ONE_SIZE).size == (60, 80)
    assert BatchDrawer([50], ((64, 64, 2), (32, 64, 3))).size == (None, 64)


def test_the_first_two_batches_differ_in_size():
    for seed in range(20):
        first, second = drawn(BatchDrawer([50], SIZES, seed=seed), 0)[:2]
        assert (first.height, first.width) != (second.height, second.width)


def test_validation_is_in_order_in_the_first_view_and_always_the_same():
    drawer = BatchDrawer([7], SIZES, is_training=False)
    assert len(drawer) == 4
    for epoch in (0, 1):
        assert numbers(drawer, epoch) == [0, 1, 2, 3, 4, 5, 6, 0]
    assert drawer.size == (64, 64)
    assert len(BatchDrawer([7], SIZES, is_training=False, batches_per_epoch=2)) == 2


def test_data_sets_are_mixed_by_weight():
    drawer = BatchDrawer([7, 3], ONE_SIZE, weights=[1, 0], batches_per_epoch=20)
    assert set(numbers(drawer, 0)) == set(range(7))
    assert {drawer.another(np.random.default_rng(seed)) for seed in range(99)} == set(range(7))
    # A photograph of the second is drawn three times as often: 9 of 16 draws.
    drawer = BatchDrawer([7, 3], ONE_SIZE, weights=[1, 3], batches_per_epoch=400)
    assert (np.array(numbers(drawer, 0)) >= 7).mean() == pytest.approx(9 / 16, abs=0.05)


def test_more_batches_than_photographs_go_round():
    drawer = BatchDrawer([4], ONE_SIZE, batches_per_epoch=8)
    order = numbers(drawer, 0)
    assert all(sorted(order[i : i + 4]) == [0, 1, 2, 3] for i in range(0, 24, 4))


def test_what_follows_ends_with_the_epoch():
    drawer = BatchDrawer([4], ONE_SIZE, batches_per_epoch=3)
    assert drawer.following(5, 1) == (5, 2)
    assert drawer.following(5, 2) is None
    for index in (-1, 3):
        with pytest.raises(IndexError, match="An epoch has 3 batches"):
            drawer.batch(0, index)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "`seed` must be 0 or more"),
        ({"batches_per_epoch": 0}, "`batches_per_epoch` 1 or more"),
        ({"weights": [1]}, "`weights` must be one number"),
        ({"weights": [0, 0]}, "`weights` must be one number"),
        ({"weights": [1, np.nan]}, "`weights` must be one number"),
    ],
)
def test_bad_numbers_are_named(options, message):
    with pytest.raises(InputError, match=message):
        BatchDrawer([4, 3], ONE_SIZE, **options)
    with pytest.raises(InputError, match="at least one photograph"):
        BatchDrawer([0], ONE_SIZE)
