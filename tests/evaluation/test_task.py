"""What the workers of an evaluation are given; `test_runner` has them evaluate."""

from dataclasses import replace

import pytest
from made_up_samples import RITM, bars

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.task import Task


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
