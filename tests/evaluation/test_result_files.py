"""What is written is read again, and nothing else is."""

import json

import numpy as np
import pytest
from made_up_results import run_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.result_files import read_results, write_results
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.summary import summarise


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
