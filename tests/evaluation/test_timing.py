import numpy as np
import pytest

from fctsfn_tf.evaluation.benchmark import timing
from fctsfn_tf.evaluation.benchmark.timing import (
    WARM_UP_RUNS,
    cost_by_size_and_clicks,
    seconds_per_part,
    timed,
)
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN


def test_runs_that_warm_up_are_not_counted(monkeypatch):
    class Timer:
        def __init__(self, run, before_run):
            assert (run, before_run) == (print, "pass")

        def repeat(self, repeat, number):
            assert (repeat, number) == (WARM_UP_RUNS + 3, 1)
            return [100.0] * WARM_UP_RUNS + [1.0, 3.0, 2.0]

    monkeypatch.setattr(timing.timeit, "Timer", Timer)
    assert timed(print, 3) == pytest.approx((2.0, 2.9))


def test_seconds_grow_with_the_work():
    model = TSLFN(32, alpha=1 / 8)
    small = seconds_per_part(model, 32, 32, 2, np.random.default_rng(0))
    large = seconds_per_part(model, 320, 480, 2, np.random.default_rng(0))
    for before, after in zip(small, large, strict=True):
        assert 0 < before.median < after.median
        assert before.median <= before.p95


def test_a_network_of_several_outputs_is_timed_too():
    model = FCTSFN(backbone="efficientnet_lite2")
    assert all(
        part.median > 0 for part in seconds_per_part(model, 32, 32, 1, np.random.default_rng(0))
    )


def test_cost_by_size_and_by_clicks(monkeypatch):
    """By a clock that the segmenter alone moves: 1 s a click, a tenth of the height to encode."""
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def segment(image, clicks, previous):
        segment.encode_seconds = image.shape[0] / 10
        clock[0] += len(clicks) + segment.encode_seconds
        return np.zeros(image.shape[:2], np.float32)

    by_size, by_clicks = cost_by_size_and_clicks({"it": segment}, [(8, 12), (90, 12)], 4)
    assert by_size["it"] == pytest.approx([3, 3])
    assert by_clicks["it"] == pytest.approx([1, 2, 3, 4])


def test_methods_take_turns_on_each_image():
    calls = []

    def segment_as(name):
        def segment(image, clicks, previous):
            calls.append((name, len(clicks), image.tobytes()))
            return np.zeros(image.shape[:2], np.float32)

        return segment

    cost_by_size_and_clicks({name: segment_as(name) for name in "ab"}, [(8, 12)], 3)
    for first in range(0, len(calls), 6):
        turn = calls[first : first + 6]
        assert [call[:2] for call in turn] == [(name, n) for name in "ab" for n in (1, 2, 3)]
        assert len({image for *_, image in turn}) == 1
