import pytest
from made_up_results import GOOD, run_of

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import TARGETS, Results, percent


def test_targets_end_where_objects_are_left():
    whole, left = Results(run_of(), (GOOD,)), Results(run_of(until=0.9), (GOOD,))
    assert (whole.targets, whole.finished) == (list(TARGETS), 0.95)
    assert (left.targets, left.finished) == ([0.80, 0.85, 0.90], 0.9)
    assert [percent(target) for target in TARGETS] == ["80", "85", "90", "95"]


def test_ious_after_so_many_clicks_need_objects_clicked_so_often():
    results = Results(run_of(), (GOOD,))
    assert results.ious_after(20) == [0.9]
    with pytest.raises(InputError, match="The IoU after 21 clicks"):
        results.ious_after(21)
