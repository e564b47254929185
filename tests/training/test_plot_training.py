"""scripts/plot_training.py: what the stages of several runs are called."""

from pathlib import Path

import pytest
from load_script import load_script

from fctsfn_tf.errors import InputError

plot_training = load_script("plot_training")


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["a/tslfn/views_128"], ["views_128"]),
        (["a/tslfn/views_128", "a/tslfn/views_224"], ["views_128", "views_224"]),
        (["a/tslfn/views_128", "a/ssfcn/views_128"], ["tslfn/views_128", "ssfcn/views_128"]),
        (
            ["a/tslfn/views_128", "b/tslfn/views_128", "b/ssfcn/views_128"],
            ["a/tslfn/views_128", "b/tslfn/views_128", "b/ssfcn/views_128"],
        ),
    ],
)
def test_stages_are_told_apart(runs, names):
    assert plot_training.titles([Path(run) for run in runs]) == names


def test_a_run_named_twice_is_refused():
    with pytest.raises(InputError, match="once"):
        plot_training.titles([Path("a/views_128"), Path("a/../a/views_128")])
