"""Click maps against brute force over every click and pixel."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import (
    DISK_RADIUS,
    TRUNCATION,
    DistanceMaps,
    disk_maps,
    distance_maps,
    draw_disk,
)


def brute_force_distances(clicks, height, width):
    maps = np.full((height, width, 2), TRUNCATION)
    for row in range(height):
        for col in range(width):
            for click in clicks:
                distance = np.hypot(row - click.row, col - click.col)
                channel = 0 if click.is_positive else 1
                maps[row, col, channel] = min(maps[row, col, channel], distance)
    return maps


positions = st.one_of(st.integers(-300, 330), st.floats(-300, 330))
clicks_anywhere = st.lists(st.builds(Click, positions, positions, st.booleans()), max_size=4)


@settings(max_examples=60, deadline=None)
@given(clicks_anywhere, st.integers(1, 19), st.integers(1, 31))
def test_distances_equal_brute_force(clicks, height, width):
    expected = brute_force_distances(clicks, height, width)
    np.testing.assert_allclose(distance_maps(clicks, height, width), expected, rtol=1e-6, atol=1e-6)


def test_without_clicks_all_is_255():
    maps = distance_maps([], 4, 7)
    assert maps.shape == (4, 7, 2)
    assert maps.dtype == np.float32
    assert (maps == 255).all()


def test_truncation_over_a_wide_map():
    maps = distance_maps([Click(1, 0, False)], 3, 400)
    assert (maps[..., 0] == 255).all()
    assert maps[1, 254, 1] == 254
    assert (maps[:, 255:, 1] == 255).all()


def test_a_new_click_changes_the_maps_in_place():
    clicks = [Click(3, 9, True), Click(8, 2, False), Click(3.5, 0.25, True)]
    maps = DistanceMaps(12, 17)
    held = maps.maps
    for click in clicks:
        maps.add(click)
    assert held is maps.maps
    np.testing.assert_allclose(held, brute_force_distances(clicks, 12, 17), rtol=1e-6)


def exact_squared_distances(click, height, width):
    """(height, width) Fractions, without any rounding."""
    rows = [(row - Fraction(click.row)) ** 2 for row in range(height)]
    cols = [(col - Fraction(click.col)) ** 2 for col in range(width)]
    return np.array([[row + col for col in cols] for row in rows], dtype=object)


@settings(max_examples=60, deadline=None)
@given(clicks_anywhere, st.integers(1, 19), st.integers(1, 31))
@example([Click(5, 5, False)], 11, 11)  # twelve pixels are at 5 exactly
@example([Click(0, 2**-24, True)], 6, 1)  # (5, 0) is beyond 5 by less than 1e-15
def test_disks_are_where_the_distance_is_small(clicks, height, width):
    maps = disk_maps(clicks, height, width)
    expected = np.zeros((height, width, 2), bool)
    is_undecided = np.zeros((height, width, 2), bool)
    for click in clicks:
        channel = 0 if click.is_positive else 1
        excess = exact_squared_distances(click, height, width) - Fraction(DISK_RADIUS) ** 2
        expected[..., channel] |= (excess <= 0).astype(bool)
        # so near to the circle that rounding decides; on the circle itself it must be inside
        is_undecided[..., channel] |= ((excess != 0) & (abs(excess) < 1e-12)).astype(bool)
    np.testing.assert_array_equal(maps[~is_undecided], expected[~is_undecided])


@pytest.mark.parametrize("is_positive", [True, False])
def test_a_disk_leaves_other_channels_alone(is_positive):
    maps = np.full((20, 30, 3), 0.25, np.float32)
    draw_disk(maps, Click(10, 20, is_positive))
    assert maps[10, 20, 0 if is_positive else 1] == 1
    assert (maps[..., 2] == 0.25).all()
    assert maps[10, 20, 1 if is_positive else 0] == 0.25
