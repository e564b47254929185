"""Clicks, their gate, and their history."""

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click, ClickHistory, clicks_from_points, latest_of_pixels
from fctsfn_tf.errors import InputError

A, B, C = Click(1, 2, True), Click(3, 4, False), Click(5, 6, True)


def test_points_are_x_y_and_fractions_lie_in_their_pixel():
    clicks = clicks_from_points([(30, 10), (12.7, 3.2)], [1, 0], height=20, width=40)
    assert clicks == [Click(10, 30, True), Click(3, 12, False)]


def test_no_points_give_no_clicks():
    assert clicks_from_points([], [], 20, 40) == []


@pytest.mark.parametrize(
    ("points", "labels", "words"),
    [
        ([(40, 5)], [1], "inside the image"),
        ([(5, 20)], [1], "inside the image"),
        ([(-0.5, 5)], [1], "inside the image"),
        ([(np.nan, 5)], [1], "finite"),
        ([(5, 5)], [2], "label"),
        ([(5, 5)], [1, 0], "one label per point"),
        ([5, 5], [1, 0], "shape"),
        ([(5, 5, 5)], [1], "shape"),
        ("abc", [1], "numbers"),
        ([(10**400, 5)], [1], "numbers"),
        ([(5j, 5)], [1], "numbers"),
        ([[5, 5], [5, 5]], [["a"], ["b"]], "numbers"),
        ([(5, None)], [1], "numbers"),
        ([(5, 5)], [[1]], "one label per point"),
    ],
)
def test_bad_points_say_what_was_expected(points, labels, words):
    with pytest.raises(InputError, match=words) as error:
        clicks_from_points(points, labels, height=20, width=40)
    assert "\n" not in str(error.value)


def test_scaling_keeps_the_image_s_corners():
    # The centre of the first pixel of a 10-pixel axis lies at 0.05 of it, at any size.
    assert Click(0, 9, True).scaled(2, 0.5) == Click(0.5, 4.25, True)
    assert Click(4, 7, False).scaled(3, 2).scaled(1 / 3, 1 / 2) == Click(4, 7, False)


def test_pixel_of_a_click_between_pixels():
    assert Click(2.4, 2.6, True).pixel == (2, 3)


def test_history_undoes_redoes_and_forgets_what_a_new_click_replaces():
    history = ClickHistory([A, B])
    assert history.undo() == B
    assert history.clicks == (A,)
    assert history.redo() == B
    history.undo()
    history.add(C)
    assert history.clicks == (A, C)
    with pytest.raises(InputError, match="no click to redo"):
        history.redo()
    history.reset()
    assert len(history) == 0
    with pytest.raises(InputError, match="no click to undo"):
        history.undo()


def test_of_several_clicks_on_one_pixel_the_latest_counts():
    first, other, again = Click(3, 4, True), Click(9, 9, True), Click(3.2, 3.9, False)
    assert latest_of_pixels([first, other, again]) == (other, again)
    assert latest_of_pixels([first, other]) == (first, other)
    assert latest_of_pixels([]) == ()
