import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background


def test_seeds_are_discs_of_the_stated_radius():
    image = np.zeros((20, 33, 3), np.uint8)
    seeds = seeds_from_clicks(image, [Click(9, 12, True), Click(9, 30, False)], SEED_RADIUS)
    rows, cols = np.mgrid[:20, :33]
    expected = (np.hypot(rows - 9, cols - 12) <= SEED_RADIUS).astype(np.int8)
    expected[np.hypot(rows - 9, cols - 30) <= SEED_RADIUS] = -1
    np.testing.assert_array_equal(seeds, expected)


def test_the_border_is_background_where_no_click_says_otherwise():
    seeds = np.zeros((3, 4), np.int8)
    seeds[0, 1], seeds[1, 2] = 1, -1
    expected = [[-1, 1, -1, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]]
    np.testing.assert_array_equal(with_background(seeds), expected)
