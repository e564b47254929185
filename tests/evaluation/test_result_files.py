"""What is written is read again, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_results import run_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.result_files import (
    PartialResults,
    read_folder,
    read_results,
    write_results,
)
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.summary import summarise

PUBLISHED = sorted((Path(__file__).parents[2] / "docs" / "results").glob("*.json"))


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


def test_a_folder_is_one_evaluation_of_several_sets(tmp_path):
    for name, iou in (("food", 0.5), ("cars", 0.25)):
        objects = (ObjectResult("1", ious=(iou,) * 20), ObjectResult("2", failure="no"))
        write_results(Results(run_of(data=name), objects), tmp_path / f"{name}.json")
    results = read_folder(tmp_path)
    assert results.run == run_of(data="cars, food")
    ious = {result.name: result.ious for result in results.counted}
    assert ious == {"cars/1": (0.25,) * 20, "food/1": (0.5,) * 20}
    assert len(results.objects) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "b", "model": "other"}, "Received another model in .*b.json.* than in .*a.json"),
        ({"data": "b", "seed": 1}, "another seed"),
        ({"data": "b", "max_clicks": 5}, "another protocol"),
        ({"data": "a"}, "one results file of each data set"),
    ],
)
def test_a_folder_of_different_evaluations_is_refused(tmp_path, changes, message):
    for name, run in (("a", run_of(data="a")), ("b", run_of(**changes))):
        write_results(Results(run, (ObjectResult("1", failure="no"),)), tmp_path / f"{name}.json")
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="which has none"):
        read_folder(tmp_path)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_results_are_read_as_they_were_summarised(path):
    written, summary = json.loads(path.read_text())["summary"], summarise(read_results(path))
    assert summary.keys() == written.keys()
    for key in ("objects", "clicks_to_90", "failures_at_90", "mean_iou", "harmful_clicks"):
        assert summary[key] == pytest.approx(written[key])


def test_an_object_of_partial_results_as_it_lies_in_a_file(tmp_path):
    line = (
        '{"name": "a_1", "position": 2, "clicks": [[7, 1, 1], [3, 2, 0]], "ious": [0.3, 0.9], '
        '"boundary_ious": [0.25, 0.5], "decidability": [1.5, null], "seconds": [1.5, 0.1], '
        '"encode_seconds": [0.5, 0.0], "robot_seconds": 0.25, "failure": null}'
    )
    path = tmp_path / "r.json.partial"
    path.write_text(f"{json.dumps(run_of())}\n{line}\n")
    expected = ObjectResult(
        "a_1",
        2,
        (Click(1, 7, True), Click(2, 3, False)),
        (0.3, 0.9),
        (0.25, 0.5),
        (1.5, np.inf),
        (1.5, 0.1),
        (0.5, 0.0),
        0.25,
    )
    partial = PartialResults(path, run_of())
    assert partial.finished == {"a_1": expected}
    partial.append(expected)
    assert path.read_text().splitlines()[1:] == [line, line]
