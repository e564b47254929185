"""What the processes of an evaluation are given; `test_runner` has them evaluate."""

import os
from dataclasses import replace

import pytest
from made_up_samples import RITM, bars

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation import workers
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.workers import THREAD_VARIABLES, Task, results_in_processes


@pytest.fixture
def task(shapes_directory):
    dataset = open_dataset(shapes_directory)
    return Task(dataset, Segmenter("grabcut"), replace(RITM, max_clicks=1), 0.0, 0, frozenset())


def test_finished_objects_are_named_and_not_segmented(task):
    new = list(task.results(3, bars(5)))
    assert [result.position for result in new] == [3, 3]
    task = replace(task, finished=frozenset(result.name for result in new))
    named = list(task.results(3, None))
    assert [(result.name, result.clicks, result.ious) for result in named] == [
        (result.name, (), ()) for result in new
    ]


def test_processes_share_the_cores_while_they_are_started(task, monkeypatch):
    seen = []

    class Pool:
        def __init__(self, workers, context, initializer, initargs):
            seen.append((workers, initargs[1], [os.environ[name] for name in THREAD_VARIABLES]))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(results_in_processes(task, [], 3)) == []
    assert seen == [(3, 2, ["2"] * len(THREAD_VARIABLES))]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
