import numpy as np

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
