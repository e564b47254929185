"""IoU and number of clicks against hand-made masks and curves."""

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import (
    bootstrap_interval,
    boundary_iou,
    decidability_index,
    harmful_clicks,
    iou,
    number_of_clicks,
    number_of_failures,
    paired_share_interval,
)


def mask_of(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


GT_MASK = mask_of("##..", "##..", "....")


def test_iou_by_hand():
    assert iou(mask_of(".##.", ".##.", "...."), GT_MASK) == 2 / 6
    assert iou(GT_MASK, GT_MASK) == 1.0
    assert iou(~GT_MASK, GT_MASK) == 0.0


def test_ignored_pixels_count_neither_for_nor_against():
    mask = mask_of(".##.", ".##.", "....")
    ignore = mask_of("..#.", "#...", "....")  # one false and one missed pixel
    assert iou(mask, GT_MASK, ignore) == 2 / 4
    assert iou(mask, GT_MASK, np.zeros_like(mask)) == 2 / 6


def test_iou_of_empty_masks():
    empty = np.zeros_like(GT_MASK)
    assert iou(empty, empty) == 1.0
    assert iou(empty, GT_MASK) == 0.0
    assert iou(GT_MASK, empty) == 0.0
    assert iou(GT_MASK, empty, ignore=GT_MASK) == 1.0


def test_iou_changes_none_of_its_arguments():
    mask, gt_mask, ignore = GT_MASK.copy(), GT_MASK.copy(), GT_MASK.copy()
    iou(mask, gt_mask, ignore)
    for array in (mask, gt_mask, ignore):
        np.testing.assert_array_equal(array, GT_MASK)


@pytest.mark.parametrize(
    ("mask", "ignore", "culprit"),
    [
        (np.zeros((4, 3), bool), None, "`mask`"),
        (np.zeros((3, 4), np.uint8), None, "`mask`"),
        (np.zeros((3, 4, 1), bool), None, "`mask`"),
        (np.zeros((3, 4), bool), np.zeros((4, 3), bool), "`ignore`"),
    ],
)
def test_iou_refuses_arrays_that_do_not_match(mask, ignore, culprit):
    with pytest.raises(InputError, match=culprit):
        iou(mask, GT_MASK, ignore)


@pytest.mark.parametrize(
    ("ious", "expected"),
    [
        ([0.9] + [0.0] * 19, 1),  # reached exactly, and lost again
        ([0.2, 0.95, 0.1] + [0.0] * 17, 2),
        ([0.0] * 19 + [0.9], 20),
        ([0.89999] * 20, 20),
        ([0.0] * 20 + [1.0], 20),  # reached, but later than anybody counts
        ([0.5, 0.91], 2),  # ended on reaching it
    ],
)
def test_number_of_clicks(ious, expected):
    assert number_of_clicks(ious, 0.9) == expected


def test_number_of_clicks_with_another_cap():
    assert number_of_clicks([0.1, 0.2, 0.9], 0.9, max_clicks=2) == 2


@pytest.mark.parametrize("ious", [[], [0.5, 0.6], [0.5, float("nan"), 0.95], [95.0]])
def test_number_of_clicks_never_guesses(ious):
    with pytest.raises(InputError):
        number_of_clicks(ious, 0.9)


def test_number_of_failures_tells_the_last_click_from_a_failure():
    curves = [[0.95], [0.0] * 19 + [0.9], [0.0] * 20, [0.5] * 20]
    assert number_of_failures(curves, 0.9) == 2
    assert number_of_failures([], 0.9) == 0


def test_boundary_iou_by_hand():
    gt_mask = np.zeros((20, 30), bool)
    gt_mask[4:14, 5:20] = True  # 10 × 15: an edge of 2 pixels is 150 − 6 × 11 = 84
    mask = np.zeros_like(gt_mask)
    mask[4:14, 5:21] = True  # one column more: 160 − 6 × 12 = 88
    share = 2 / np.hypot(20, 30)
    # In common: both edges but their last 2 and 3 columns, of 10 and of 2 × 2 pixels a column.
    common = 2 * 2 * 13 + 2 * 6 + 10 + 4
    assert boundary_iou(mask, gt_mask, share=share) == common / (84 + 88 - common)
    assert boundary_iou(gt_mask, gt_mask) == 1.0


def test_boundary_iou_sees_an_outline_that_iou_does_not():
    gt_mask = np.zeros((200, 300), bool)
    gt_mask[20:180, 30:270] = True
    mask = np.zeros_like(gt_mask)
    mask[22:178, 32:268] = True
    assert iou(mask, gt_mask) > 0.95
    assert boundary_iou(mask, gt_mask) < 0.6


def test_the_image_border_is_outline_and_ignored_pixels_do_not_count():
    gt_mask = np.ones((30, 40), bool)
    inner = gt_mask.copy()
    inner[0] = False
    share = 1 / np.hypot(30, 40)
    # Rings of 30 × 40 and 29 × 40 pixels; in common the last row and the sides above it.
    common = 40 + 2 * 28
    assert boundary_iou(inner, gt_mask, share=share) == common / (136 + 134 - common)
    ignore = np.zeros_like(gt_mask)
    ignore[:2] = True
    assert boundary_iou(inner, gt_mask, ignore, share) == 1.0


def test_boundary_iou_of_thin_and_empty_masks():
    thin = mask_of("....", ".##.", "....")
    empty = np.zeros_like(thin)
    assert boundary_iou(thin, thin) == 1.0
    assert boundary_iou(empty, empty) == 1.0
    assert boundary_iou(empty, thin) == 0.0


def test_decidability_index_by_hand():
    positive, negative = np.array([1.0, 0.8], np.float32), np.array([0.1, 0.1, 0.4])
    # Means 0.9 and 0.2, variances 0.01 and 0.02.
    assert decidability_index(positive, negative) == pytest.approx(0.7 / np.sqrt(0.015), rel=1e-6)
    assert decidability_index(negative, positive) == decidability_index(positive, negative)
    assert decidability_index(np.ones(3), np.zeros(2)) == np.inf
    assert decidability_index(np.ones(3), np.ones(2)) == 0.0
    with pytest.raises(InputError, match="both kinds"):
        decidability_index(np.ones(3), np.ones(0))


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    intervals = [bootstrap_interval(rng.exponential(3.0, 60), rng, 0.8) for _ in range(60)]
    hits = sum(low <= 3.0 <= high for low, high in intervals)
    assert 36 <= hits <= 58  # 48 expected
    assert bootstrap_interval([2.0, 2.0], rng) == (2.0, 2.0)
    low, high = bootstrap_interval([1.0, 20.0], np.random.default_rng(2))
    assert (low, high) == (1.0, 20.0)


def test_paired_share_interval_covers_the_difference_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        cases = rng.integers(0, 12, 80)  # some objects have none
        first, second = (
            np.stack([rng.binomial(cases, share), cases], axis=1) for share in (0.3, 0.2)
        )
        low, high = paired_share_interval(first, second, rng, 0.8)
        hits += low <= -0.1 <= high
    assert 36 <= hits <= 58  # 48 expected
    assert paired_share_interval(first, first, rng) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("ious", "expected"),
    [
        ((0.5,), (0, 0)),
        ((0.5, 0.47, 0.6), (1, 2)),
        ((0.5, 0.48, 0.46), (0, 2)),  # two points, and not more
        ((0.0, 0.6, 0.3, 0.1, 0.9), (2, 4)),
        ((0.5, 0.95, 0.4, 0.3), (0, 1)),  # done after two clicks
        ((0.96, 0.4, 0.3), (0, 0)),
        ((), (0, 0)),
    ],
)
def test_harmful_clicks_by_hand(ious, expected):
    assert harmful_clicks(ious, finished=0.95) == expected
