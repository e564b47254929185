"""IoU and number of clicks against hand-made masks and curves."""

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.metrics import iou, number_of_clicks, number_of_failures


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
