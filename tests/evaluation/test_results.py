"""Summaries, tables and files of results that are made up, with numbers known by hand."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import (
    ObjectResult,
    Results,
    markdown,
    merge,
    read_results,
    summarise,
    table_of_objects,
    write_results,
)

GRAPH_CUT = {"smoothness": 0.5}


def run_of(until=None, max_clicks=20, **changes):
    protocol = {
        "rule": "ritm",
        "threshold": 0.49,
        "graph_cut": None,
        "max_clicks": max_clicks,
        "until": until,
        "is_jittered": False,
        "choice": "free-choice",
    }
    run = {"data": "set", "model": "m", "seed": 0, "shard": [1, 1], "num_cpus": 2, "versions": {}}
    return {**run, "protocol": protocol, **changes}


def curve(name, ious, **values):
    return ObjectResult(name, ious=tuple(ious), boundary_ious=tuple(ious), **values)


GOOD = curve("good", (0.9,) * 20, seconds=(2.0, 0.1, 0.3), encode_seconds=(1.0, 0.0, 0.5))
POOR = curve(
    "poor",
    (0.5,) + (0.7,) * 18 + (0.8,),
    seconds=(4.0, 0.2, 0.2),
    encode_seconds=(0.0, 0.0, 0.0),
    robot_seconds=8.3,
)
BROKEN = curve("broken", (0.0,), seconds=(9.0,), robot_seconds=99.0, failure="click 2: NaN")


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


def test_a_file_gives_back_what_was_written(tmp_path):
    result = ObjectResult(
        "a",
        3,
        (Click(1, 7, True), Click(2, 3, False)),
        (0.1 + 0.2, 0.9 + 1e-12),
        (0.25, 0.5),
        (1.5, np.inf),
        (1.5, 0.1),
        (0.5, 0.0),
        0.25,
    )
    failed = ObjectResult("β\n", failure="no")
    results = Results(run_of(until=0.9), (result, failed))
    write_results(results, tmp_path / "results.json")
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["objects"][0]["clicks"] == [[7, 1, 1], [3, 2, 0]]  # x, y, label
    assert document["summary"] == summarise(results)
    assert read_results(tmp_path / "results.json") == results
    write_results(Results(run_of(), (failed,)), tmp_path / "results.json", overwrite=True)
    assert read_results(tmp_path / "results.json").objects == (failed,)


def test_what_is_no_results_file_is_named(tmp_path):
    path = tmp_path / "r.json"
    with pytest.raises(InputError, match=r"no results file .*r\.json"):
        read_results(path)
    for text in ("{", "[]", "{}", '{"format": 2, "run": {}, "objects": []}'):
        path.write_text(text)
        with pytest.raises(InputError, match="must be a results file"):
            read_results(path)
    path.write_text('{"format": 1}')
    with pytest.raises(InputError, match="Received format 1"):
        read_results(path)


def test_markdown_shows_the_numbers_and_the_failures():
    good = curve("good", (0.25,) + (0.9,) * 19, seconds=(2.0, 0.1), encode_seconds=(0.5, 0.0))
    bad = ObjectResult("bad", failure="click 1: NaN")
    text = markdown(Results(run_of(), (good, bad)))
    assert "| 90 % | 2.00 | 2.00 … 2.00 | 0 |" in text
    assert "| 95 % | 20.00 | 20.00 … 20.00 | 1 |" in text
    assert "| 1 | 25.0% | 25.0% … 25.0% | 25.0% |" in text
    assert "image part 0.500 s, first click 2.000 s, later clicks 0.100 s" in text
    assert "1 objects failed" in text
    assert "- bad: click 1: NaN" in text


def test_a_line_per_object():
    early = curve('early, "quoted"', (0.2, 0.9), seconds=(1.0, 0.25), encode_seconds=(0.5, 0.0))
    table = table_of_objects(Results(run_of(until=0.9), (early, BROKEN)))
    first, second = csv.DictReader(io.StringIO(table))
    assert first["object"] == 'early, "quoted"'
    assert (first["clicks_to_80"], first["clicks_to_90"]) == ("2", "2")
    assert "clicks_to_95" not in first
    assert (first["iou_1"], first["iou_2"], first["iou_3"]) == ("0.200000", "0.900000", "")
    assert (first["seconds"], first["encode_seconds"]) == ("1.250", "0.500")
    assert (second["failure"], second["clicks_to_80"]) == ("click 2: NaN", "")


def test_merging_asks_for_every_shard_of_one_run():
    shards = [
        Results(run_of(shard=[index, 3]), (replace(GOOD, name=str(index), position=3 - index),))
        for index in (1, 2, 3)
    ]
    merged = merge([shards[1], shards[2], shards[0]])
    assert [result.name for result in merged.objects] == ["3", "2", "1"]
    assert merged.run == run_of()
    with pytest.raises(InputError, match=r"3 shards must be there once\. Received 1/3"):
        merge(shards[:1])
    with pytest.raises(InputError, match="3 shards"):
        merge([*shards, shards[0]])
    other = Results(run_of(shard=[2, 3], seed=1), ())
    with pytest.raises(InputError, match="different seed"):
        merge([shards[0], other, shards[2]])
    with pytest.raises(InputError, match="at least one"):
        merge([])
