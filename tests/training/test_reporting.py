"""The bar of a run: what it shows, how seldom it reads, and the time left."""

import sys

import pytest
import tqdm.std

from fctsfn_tf.training import reporting
from fctsfn_tf.training.reporting import RunBar, StepNumbers
from fctsfn_tf.training.run_state import RunState


class Clock:
    """Time that passes only when it is told to."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(tqdm.std, "time", clock)
    monkeypatch.setattr(reporting.time, "time", clock)
    return clock


def run(clock, seconds, steps=100, done=0, sizes=None, numbers=None):
    """A bar after steps that took so long, one after the other."""
    numbers = numbers or StepNumbers(RunState())
    bar = RunBar(steps, done)
    for step, one in enumerate(seconds, start=done + 1):
        with bar.step(sizes[step - 1] if sizes else (1,), numbers):
            clock.now += one
            numbers.append(step, {"loss": step / 10, "iou": 0.5})
    return bar


def left(bar):
    """The seconds left that it shows."""
    text = str(bar._bar).split(" left")[0].rsplit(", ", 1)[1]
    parts = text.split(":")
    return sum(int(part) * 60**k for k, part in enumerate(reversed(parts)))


def test_from_the_tenth_step_on_the_time_left_is_that_of_the_steps_to_come(clock):
    assert left(run(clock, [300.0, *[2.0] * 9])) == 180
    assert left(run(clock, [300.0, 2.0])) == 196
    assert left(run(clock, [300.0, *[2.0] * 9], done=50)) == 80


def test_every_size_compiles(clock):
    sizes = [(4,), (3,), (4,), (2,), *[(3,)] * 6]
    assert left(run(clock, [300.0, 200.0, 2.0, 250.0, *[2.0] * 6], sizes=sizes)) == 180


def test_validations_count(clock):
    """30 seconds at each tenth step: the last step is ten times as long as they are on average."""
    assert left(run(clock, [99.0, *[1.0] * 9, *[11.0, *[1.0] * 9] * 2])) == pytest.approx(
        70 * (29 + 20) / 29, abs=1
    )


def test_before_it_knows_it_says_so(clock):
    assert "? left" in str(run(clock, [])._bar)
    assert "? left" in str(run(clock, [300.0])._bar)


def test_in_a_file_lines_come_seldom_with_the_numbers_of_that_step(clock, capsys):
    run(clock, [40.0, *[1.0] * 65]).__exit__()
    run(clock, [5.0, 1.0]).__exit__()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("|")[2] for line in lines] == [
        " 0/100 steps, ? left",
        " 31/100 steps, 01:09 left, loss 3.1, iou 0.5",
        " 61/100 steps, 00:39 left, loss 6.1, iou 0.5",
        " 66/100 steps, 00:34 left, loss 6.1, iou 0.5",
        " 0/100 steps, ? left",
        " 2/100 steps, 01:38 left",
    ]


def test_on_a_terminal_it_is_drawn_ten_times_a_second(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(clock, [40.0, *[0.025] * 8])
    drawn = capsys.readouterr().err.split("\r")
    assert [text.split("loss ")[1][:3] for text in drawn if "loss" in text] == ["0.5", "0.9"]


def test_numbers_are_read_when_it_is_drawn(clock):
    read = []

    class Number(float):
        def __float__(self):
            read.append(self)
            return super().__float__()

    class Numbers(StepNumbers):
        def append(self, step, numbers):
            super().append(step, {"loss": Number(step)})

    run(clock, [40.0, *[10.0] * 5], numbers=Numbers(RunState()))
    assert read == [1, 2, 3, 4]


def test_it_may_be_turned_off(clock, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    run(clock, [40.0, 1.0]).__exit__()
