import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.images.click_constraints import click_constraints


def test_discs_of_opposite_clicks_meet_half_way():
    constraints = click_constraints([Click(2, 2, True), Click(2, 5, False)], 5, 9, radius=2.0)
    np.testing.assert_array_equal(constraints[2], [1, 1, 1, 1, -1, -1, -1, -1, 0])
    np.testing.assert_array_equal(constraints[:, 2], [1, 1, 1, 1, 1])
    np.testing.assert_array_equal(constraints[0], [0, 0, 1, 0, 0, -1, 0, 0, 0])


def test_the_newest_click_wins_on_the_same_pixel_and_half_way():
    clicks = [Click(1, 1, False), Click(1, 3, True)]
    np.testing.assert_array_equal(click_constraints(clicks, 3, 5, 1.0)[1], [-1, -1, 1, 1, 1])
    clicks.append(Click(1, 1, True))
    assert click_constraints(clicks, 3, 5, 1.0)[1, 1] == 1


@pytest.mark.parametrize("seed", range(5))
def test_every_pixel_by_looking_at_every_click(seed):
    rng = np.random.default_rng(seed)
    clicks = [
        Click(int(rng.integers(9)), int(rng.integers(13)), bool(rng.integers(2))) for _ in range(12)
    ]
    constraints = click_constraints(clicks, 9, 13, 2.5)
    for (row, col), label in np.ndenumerate(constraints):
        near = [
            ((row - click.row) ** 2 + (col - click.col) ** 2, -age, 1 if click.is_positive else -1)
            for age, click in enumerate(clicks)
        ]
        squared, _, expected = min(near)
        assert label == (expected if squared <= 2.5**2 else 0)
    assert not click_constraints([], 9, 13, 2.5).any()
