"""Summaries of made-up results."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_up_results import BROKEN, GOOD, POOR, curve, run_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.evaluation.tables import markdown, table_of_objects


def test_failures_are_counted_and_left_out_of_every_mean():
    summary = summarise(Results(run_of(), (GOOD, POOR, BROKEN)))
    assert (summary["objects"], summary["failed"]) == (2, 1)
    assert summary["failures"] == {"broken": "click 2: NaN"}
    assert (summary["clicks_to_80"], summary["failures_at_80"]) == (10.5, 0)
    assert (summary["clicks_to_90"], summary["failures_at_90"]) == (10.5, 1)
    assert (summary["clicks_to_95"], summary["failures_at_95"]) == (20, 2)
    assert summary["mean_iou"] == pytest.approx([0.7] + [0.8] * 18 + [0.85])
    assert summary["mean_boundary_iou"] == summary["mean_iou"]
    assert summary["clicks_to_90_interval"] == [1.0, 20.0]
    assert summary["mean_iou_interval"][0] == pytest.approx([0.5, 0.9])
    assert summary["seconds_encode"] == 0.75
    assert summary["seconds_first_click"] == 3.0
    assert summary["seconds_per_click"] == pytest.approx(0.2)
    assert summary["robot_share"] == pytest.approx(0.5)


def test_clicks_that_lower_the_iou_are_counted_until_the_object_is_done():
    clicks = tuple(Click(row, 0, True) for row in range(4))
    objects = (
        curve("worse", (0.5, 0.4, 0.6, 0.3), clicks=clicks),  # 2 of 3
        curve("done", (0.5, 0.92, 0.7, 0.6), clicks=clicks),  # 0 of 1 until 90 %, 2 of 3 until 95 %
        curve("held", (0.5,) + (0.45,) * 3, clicks=clicks[:2]),  # 1 of 1: no more clicks were made
        replace(curve("broken", (0.5, 0.1), clicks=clicks), failure="NaN"),
    )
    whole, left = (
        Results(run_of(max_clicks=4), objects),
        Results(run_of(0.9, max_clicks=4), objects),
    )
    summary = summarise(whole)
    assert (summary["harmful_clicks"], summary["later_clicks"]) == (5 / 7, 7)
    assert (summarise(left)["harmful_clicks"], summarise(left)["later_clicks"]) == (3 / 5, 5)
    assert "Of the 7 clicks after an object's first and until 95% IoU, 71.4% lowered" in markdown(
        whole
    )
    rows = csv.DictReader(io.StringIO(table_of_objects(whole)))
    assert [row["harmful_clicks"] for row in rows] == ["2", "2", "1", ""]
    single = Results(run_of(max_clicks=1), (curve("one", (0.5,), clicks=clicks[:1]),))
    assert summarise(single)["harmful_clicks"] is None
    assert "Of the 0 clicks" in markdown(single)


def test_summary_when_nothing_counted():
    results = Results(run_of(), (ObjectResult("x", failure="gt_mask is empty"),))
    summary = summarise(results)
    assert summary["clicks_to_90"] is None
    assert summary["mean_iou"] == []
    assert summary["robot_share"] is None
    assert "x: gt_mask is empty" in markdown(results)


def test_mean_ious_end_where_the_first_object_was_left():
    objects = curve("long", (0.2, 0.4, 0.6, 0.9)), curve("short", (0.6, 0.9))
    results = Results(run_of(until=0.9), objects)
    assert summarise(results)["mean_iou"] == pytest.approx([0.4, 0.65])
    assert "clicks_to_95" not in summarise(results)
    assert results.ious_after(2) == [0.4, 0.9]
    with pytest.raises(InputError, match="1 that were left before, the first short"):
        results.ious_after(3)


def test_infinite_decidability_is_counted_apart():
    objects = (
        replace(GOOD, decidability=(2.0, np.inf)),
        replace(POOR, decidability=(4.0, np.inf)),
    )
    results = Results(run_of(), objects)
    summary = summarise(results)
    assert summary["mean_decidability"] == [3.0, None]
    assert summary["infinite_decidability"] == [0, 2]
    assert "| 1 | 3.00 | 0 |\n| 2 | – | 2 |" in markdown(results)
    assert "decidability" not in markdown(Results(run_of(), (GOOD,)))
