"""Shards of made-up results, joined."""

from dataclasses import replace

import pytest
from made_up_results import GOOD, run_of

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import Results
from fctsfn_tf.evaluation.shards import merge


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
