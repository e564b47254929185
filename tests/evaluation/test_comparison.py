"""Paired comparison of made-up results."""

import numpy as np
import pytest
from made_up_results import run_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.comparison import comparison_table, differences, paired
from fctsfn_tf.evaluation.results import ObjectResult, Results


def results_of(reached, data="set", until=None, max_clicks=20, failed=()):
    """Objects that reach 92 % at their click number in `reached` and have 40 % before."""
    objects = []
    for name, number in reached.items():
        ious = (0.4,) * (number - 1) + (0.92,) * (max_clicks + 1 - number)
        failure = "NaN" if name in failed else None
        objects.append(
            ObjectResult(name, ious=ious[: None if until is None else number], failure=failure)
        )
    return Results(run_of(until, max_clicks, data=data), tuple(objects))


NAMES = [f"o{index}" for index in range(30)]


def test_a_constant_gain_is_clear_although_the_objects_differ_widely():
    rng = np.random.default_rng(0)
    slow = {name: int(rng.integers(3, 19)) for name in NAMES}
    quick = {name: number - 1 for name, number in slow.items()}
    found = {change.measure: change for change in differences(results_of(slow), results_of(quick))}
    change = found["clicks to 90%"]
    assert change.second - change.first == pytest.approx(-1)
    assert (change.low, change.high) == (-1, -1)
    assert change.verdict == "b is better"
    assert found["clicks to 95%"].verdict == "no clear difference"
    assert found["IoU after 1 click"].verdict == "no clear difference"
    back = {c.measure: c for c in differences(results_of(quick), results_of(slow))}
    assert back["clicks to 90%"].verdict == "a is better"
    assert back["IoU after 10 clicks"].low <= back["IoU after 10 clicks"].high <= 0


def test_objects_are_paired_by_name_and_failures_left_out_of_both():
    first = results_of(dict(zip("abcd", (2, 4, 6, 8), strict=True)), failed="b")
    second = results_of(dict(zip("dcbx", (8, 6, 4, 1), strict=True)))
    pair = paired(first, second)
    assert [[result.name for result in results.objects] for results in pair] == [["c", "d"]] * 2
    text = comparison_table(first, second)
    assert "2 objects that count in both; of a 2 and of b 2 are left out" in text
    assert "| clicks to 90% | 7.00 | 7.00 | +0.00 | +0.00 … +0.00 | no clear difference |" in text


def test_measures_that_one_of_them_lacks_are_left_out():
    whole, left = results_of({"a": 3, "b": 2}), results_of({"a": 3, "b": 2}, until=0.9)
    assert [change.measure for change in differences(whole, left)] == [
        "clicks to 80%",
        "clicks to 85%",
        "clicks to 90%",
        "IoU after 1 click",
        "IoU after 2 clicks",
    ]


def test_decidability_counts_over_objects_whose_indices_are_finite():
    first, second = (
        Results(
            run_of(max_clicks=1),
            tuple(
                ObjectResult(name, ious=(0.4,), decidability=(index,))
                for name, index in zip("abc", indices, strict=True)
            ),
        )
        for indices in ((1.0, 2.0, np.inf), (3.0, 5.0, 4.0))
    )
    found = {change.measure: change for change in differences(first, second)}
    change = found["decidability index after 1 click"]
    assert (change.first, change.second, change.verdict) == (1.5, 4.0, "b is better")
    text = comparison_table(first, second)
    assert "| decidability index after 1 click | 1.50 | 4.00 | +2.50 | +2.00 … +3.00 |" in text


def test_harm_is_a_share_of_all_later_clicks_not_a_mean_of_the_objects_shares():
    ious = {"harm": (0.5, 0.4, 0.6), "gain": (0.5, 0.6, 0.7), "done": (0.95, 0.4, 0.3)}
    clicks = {"a": ("harm", "gain", "gain"), "b": ("gain", "gain", "done")}
    first, second = (
        Results(
            run_of(max_clicks=3),
            tuple(
                ObjectResult(name, ious=ious[kind], clicks=(Click(0, 0, True),) * 3)
                for name, kind in zip("xyz", kinds, strict=True)
            ),
        )
        for kinds in clicks.values()
    )
    change = differences(first, second)[-1]
    assert change.measure == "harmful later clicks"
    # Of "done", whose first click was enough, no later click counts.
    assert (change.first, change.second) == (pytest.approx(1 / 6), 0)
    assert change.low < 0 == change.high
    assert change.verdict == "no clear difference"
    assert "| harmful later clicks | 16.7 % | 0.0 % | -16.7 |" in comparison_table(first, second)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (results_of({"a": 1}, data="other"), "on the same data"),
        (results_of({"a": 1}, max_clicks=10), "same number of clicks"),
        (results_of({"z": 1}), "objects in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(other, message):
    with pytest.raises(InputError, match=message):
        differences(results_of({"a": 1}), other)
