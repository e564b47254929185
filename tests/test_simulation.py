"""Simulated clicks lie where people would put them."""

import numpy as np
import pytest

from fctsfn_tf.recipes import SimulationConfig
from fctsfn_tf.simulation import error_click, imperfect_mask, initial_clicks


@pytest.fixture
def gt_mask():
    mask = np.zeros((60, 90), bool)
    mask[20:45, 30:70] = True
    return mask


def test_initial_clicks_are_on_their_side_and_out_of_the_void(gt_mask):
    ignore = np.zeros_like(gt_mask)
    ignore[45:50] = True
    rng = np.random.default_rng(0)
    config = SimulationConfig(single_click_probability=0.0)
    counts = set()
    for _ in range(200):
        clicks = initial_clicks(gt_mask, ignore, config, rng)
        assert clicks[0].is_positive
        counts.add(len(clicks))
        for click in clicks:
            assert gt_mask[click.pixel] == click.is_positive
            assert not ignore[click.pixel]
    assert len(counts) > 4


def test_the_first_click_is_well_inside(gt_mask):
    rng = np.random.default_rng(0)
    for _ in range(100):
        (click,) = initial_clicks(
            gt_mask, ~gt_mask, SimulationConfig(single_click_probability=1.0), rng
        )
        row, col = click.pixel
        # 25 rows high: at most 13 deep, and never in the outer 40 % of that.
        assert min(row - 19, 45 - row, col - 29, 70 - col) >= 5


def test_error_click_corrects_the_deepest_error(gt_mask):
    mask = gt_mask.copy()
    mask[20:45, 30:36] = False  # missed: 6 wide
    mask[0:20, 80:90] = True  # false: 10 wide, so deeper
    none = np.zeros_like(gt_mask)
    rng = np.random.default_rng(0)
    for _ in range(50):
        click = error_click(mask, gt_mask, none, rng)
        assert not click.is_positive
        assert click.pixel[0] < 20
        assert click.pixel[1] >= 80
    ignore = none.copy()
    ignore[0:20] = True
    click = error_click(mask, gt_mask, ignore, rng)
    assert click.is_positive
    assert mask[click.pixel] != gt_mask[click.pixel]
    assert error_click(gt_mask, gt_mask, none, rng) is None


def test_imperfect_mask_is_near_but_not_equal(gt_mask):
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = imperfect_mask(gt_mask, rng)
        overlap = (mask & gt_mask).sum() / (mask | gt_mask).sum()
        assert 0.2 < overlap < 1
