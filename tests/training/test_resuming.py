"""A run that is killed and goes on ends like one that was not, bit for bit.

Real processes: one is killed hard in the middle of writing a checkpoint, the next is interrupted
as by Ctrl-C, the next is killed hard in the middle of a step, the last one ends.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fctsfn_tf.training.reporting import read_log

ROOT = Path(__file__).resolve().parents[2]
# What happens to the processes that train, one after the other, and with which code each ends.
MISFORTUNES = (("in a checkpoint", -9), ("by Ctrl-C", -2), ("in a step", -9), ("well", 0))
# Arguments: the photographs, a directory for what each process says, and per process the run's
# directory and what happens to it. The first imports, which takes longest, and prints the codes of
# the others, which it starts as copies of itself: it has done nothing else that they could share.
PROGRAM = """
import io, json, os, signal, sys, threading
from dataclasses import replace
import numpy as np
from fctsfn_tf.commands.train import compute_alike
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.predict import presets
from fctsfn_tf.training import loop
from fctsfn_tf.training.recipes import MSRN_STAGE, Schedule
from fctsfn_tf.training.paper_stages import train_tslfn
from fctsfn_tf.training.stages import TrainingData
from fctsfn_tf.training.stop_signals import stop_signals

signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run in a background
photographs, said, *runs = sys.argv[1:]
codes = []
for number, (directory, fate) in enumerate(zip(runs[::2], runs[1::2], strict=True)):
    if (process := os.fork()) == 0:
        os.dup2(os.open(f"{said}/{number}", os.O_WRONLY | os.O_CREAT), 2)
        break
    codes.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
else:
    print(json.dumps(codes))
    sys.exit()
compute_alike()
presets.MAX_LITERT_BYTES = 0  # the parts would take most of the time

def die():
    os.kill(os.getpid(), signal.SIGKILL)

savez, num_saved = np.savez, 0

def cut_off(file, **arrays):
    global num_saved
    num_saved += 1
    if fate != "in a checkpoint" or num_saved < 2:
        return savez(file, **arrays)
    whole = io.BytesIO()
    savez(whole, **arrays)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    die()

step, num_steps = loop._step, 0

def fatal_step(*arguments):
    global num_steps
    num_steps += 1
    if fate == "by Ctrl-C" and num_steps == 1:
        os.kill(os.getpid(), signal.SIGINT)
    while fate == "in a step" and num_steps == 4:
        threading.Timer(0.01, die).start()
        step(*arguments)
    return step(*arguments)

np.savez, loop._step = cut_off, fatal_step
views = replace(MSRN_STAGE.input, views=((32, 64, 2),))
schedule = Schedule(steps=9, validate_every=99, patience=None, checkpoint_every=2)
recipe = replace(MSRN_STAGE, input=views, schedule=schedule, learning_rate=1e-6)
data = TrainingData(open_dataset(photographs))
with stop_signals() as should_stop:
    train_tslfn(data, directory, stages={32: recipe}, alpha=1 / 64, should_stop=should_stop)
"""


@pytest.fixture(scope="module")
def runs(shapes_directory, tmp_path_factory):
    """The run without and the run with misfortunes, and what the latter said each time."""
    whole, broken, said = map(tmp_path_factory.mktemp, ("whole", "broken", "said"))
    words = [sys.executable, "-c", PROGRAM, shapes_directory, said, whole, "well"]
    for fate, _ in MISFORTUNES:
        words += [broken, fate]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    options = {"capture_output": True, "text": True, "check": False}
    done = subprocess.run(list(map(str, words)), env=variables, **options)
    assert done.returncode == 0, done.stderr
    messages = [(said / str(number)).read_text() for number in range(1 + len(MISFORTUNES))]
    assert json.loads(done.stdout) == [0, *(code for _, code in MISFORTUNES)], messages
    return whole / "tslfn_32s", broken / "tslfn_32s", messages[1:]


def test_it_went_on_from_the_last_whole_checkpoint(runs):
    _, _, messages = runs
    going_on = [text.split("going on at step ")[1:] for text in messages]
    assert [int(text[0].split()[0]) for text in going_on[1:]] == [2, 3, 6]
    assert not going_on[0]
    assert "once more to stop at once" in messages[1]


def test_final_weights_are_equal(runs):
    whole, broken, _ = runs
    one, other = (
        dict(np.load(run / "preset" / "weights.npz", allow_pickle=False)) for run in (whole, broken)
    )
    assert sorted(one) == sorted(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    assert np.abs(one["score/kernel"]).max() > 0


def test_the_log_is_the_same(runs):
    whole, broken, _ = runs
    assert read_log(whole / "log.jsonl") == read_log(broken / "log.jsonl") != []


def test_nothing_is_left_over(runs):
    _, broken, _ = runs
    assert list(broken.glob(".*")) == []
