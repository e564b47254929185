"""Whole evaluations: what is kept, continued, refused and said meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_samples import RITM, bars, evaluated, sample_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import runner
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.result_files import PartialResults, read_results
from fctsfn_tf.evaluation.runner import evaluate_dataset
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.shards import Shard, merge
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.progress import progress_bar


def without_seconds(results):
    times = {"seconds": (), "encode_seconds": (), "robot_seconds": 0.0}
    return [replace(result, **times) for result in results.objects]


class Interrupted(Exception):
    pass


def test_a_killed_evaluation_goes_on_where_it_was(tmp_path):
    output = tmp_path / "new" / "results.json"
    objects = [sample_of(f"bar {length}", length) for length in (3, 0, 8, 10)]
    expected = evaluated(objects, bars(2, 9))

    def killed(image, clicks, previous):
        if image is objects[3].image and len(clicks) == 2:
            raise Interrupted
        return bars(2, 9)(image, clicks, previous)

    with pytest.raises(Interrupted):
        evaluated(objects, killed, output)
    assert not output.exists()
    partial = tmp_path / "new" / "results.json.partial"
    with open(partial, "a") as file:
        file.write('{"name": "bar 10", "ious": [0.')  # killed while writing

    segmented = []

    def watched(image, clicks, previous):
        segmented.append(image is objects[3].image)
        return bars(2, 9)(image, clicks, previous)

    results = evaluated(objects, watched, output)
    assert without_seconds(results) == without_seconds(expected)
    assert len(segmented) == len(expected.objects[3].clicks) > 1
    assert all(segmented)
    assert not partial.exists()
    assert [entry["name"] for entry in json.loads(output.read_text())["objects"]] == [
        "bar 3",
        "bar 0",
        "bar 8",
        "bar 10",
    ]


def test_an_evaluation_may_be_killed_more_than_once(tmp_path):
    output = tmp_path / "results.json"
    objects = [sample_of(name) for name in ("one", "two", "three")]

    def killed_after(count):
        yield from objects[:count]
        raise Interrupted

    for count in (1, 2):
        with pytest.raises(Interrupted):
            evaluated(killed_after(count), bars(5), output)
        with open(f"{output}.partial", "a") as file:
            file.write('{"name"')
    assert len(evaluated(objects, bars(5), output).objects) == 3


def interrupt(partial_of, **options):
    """Leave the partial results of an evaluation that was killed after one object."""

    def objects():
        yield sample_of("first")
        raise Interrupted

    with pytest.raises(Interrupted):
        evaluated(objects(), bars(5), partial_of, **options)


def test_partial_results_of_another_run_are_not_continued(tmp_path):
    output = tmp_path / "results.json"
    interrupt(output, seed=1)
    with pytest.raises(InputError, match="another seed"):
        evaluated([sample_of()], bars(5), output, seed=2)
    with pytest.raises(InputError, match="another protocol"):
        evaluated([sample_of()], bars(5), output, seed=1, protocol=PROTOCOLS["paper"])


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"data": 1}\n{"name": 1}\n'])
def test_a_foreign_partial_file_is_left_alone(tmp_path, text):
    partial = tmp_path / "results.json.partial"
    partial.write_text(text)
    with pytest.raises(InputError, match=r"results\.json\.partial"):
        evaluated([sample_of()], bars(5), tmp_path / "results.json")
    assert partial.read_text() == text


def test_results_are_never_overwritten_unasked(tmp_path):
    output = tmp_path / "results.json"
    output.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        evaluated([sample_of()], None, output)
    assert output.read_text() == "mine"
    evaluated([sample_of()], bars(5), output, overwrite=True)
    assert read_results(output).objects[0].name == "bar"


def test_objects_need_names_and_must_be_there():
    with pytest.raises(InputError, match="'bar' twice"):
        evaluated([sample_of(), sample_of()], bars(5))
    with pytest.raises(InputError, match="at least one object"):
        evaluated([], bars(5))


def test_progress_and_time_left_go_to_stderr(monkeypatch, capsys):
    monkeypatch.setattr(runner, "PROGRESS_SECONDS", 0.0)
    evaluated([sample_of("a"), sample_of("b", 0)], bars(5), num_objects=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1/2 objects, 00:00 left, 0 failed, mean IoU after the last click 50.0%" in captured.err
    assert "b failed: gt_mask is empty" in captured.err
    assert "2/2 objects, 00:00 left, 1 failed" in captured.err


def test_progress_goes_without_the_number_of_objects(capsys):
    evaluated([sample_of("a"), sample_of("b", 0)], bars(5))
    assert "2 objects [" in capsys.readouterr().err


@pytest.fixture
def progress_bars(monkeypatch):
    """Every bar that is shown."""
    shown = []

    def watched(*arguments):
        shown.append(progress_bar(*arguments))
        return shown[-1]

    monkeypatch.setattr(runner, "progress_bar", watched)
    return shown


def test_the_time_left_counts_only_new_objects(tmp_path, progress_bars, capsys):
    output = tmp_path / "results.json"
    objects = [sample_of("one"), sample_of("two", 0), sample_of("three")]

    def killed():
        yield from objects[:2]
        raise Interrupted

    with pytest.raises(Interrupted):
        evaluated(killed(), bars(5), output)
    capsys.readouterr()
    evaluated(objects, bars(5), output, num_objects=3)
    assert [(bar.initial, bar.n) for bar in progress_bars] == [(0, 2), (2, 3)]
    said = capsys.readouterr().err
    assert "two failed: gt_mask is empty" in said
    assert "3/3 objects, 00:00 left, 1 failed, mean IoU after the last click 50.0%" in said


@pytest.fixture
def pets(tmp_path):
    """A folder of three images with two objects each, painted 90 and 180 on black."""
    for directory in ("images", "labels"):
        (tmp_path / "pets" / directory).mkdir(parents=True)
    labels = np.zeros((60, 96), np.uint8)
    labels[5:28, 8:44], labels[33:56, 60:92] = 1, 2
    for stem in ("cat", "dog", "eel"):
        image = np.repeat(90 * labels[..., None], 3, axis=2)
        cv2.imwrite(str(tmp_path / "pets" / "images" / f"{stem}.png"), image)
        cv2.imwrite(str(tmp_path / "pets" / "labels" / f"{stem}.png"), labels)
    return tmp_path / "pets"


GRABCUT = Segmenter("grabcut")
QUICK = replace(RITM, max_clicks=2)


def test_every_object_of_a_data_set_in_its_order(pets):
    results = evaluate_dataset(open_dataset(pets), GRABCUT, QUICK, data="pets")
    names = [f"{stem}_{number}" for stem in ("cat", "dog", "eel") for number in (1, 2)]
    assert [result.name for result in results.objects] == names
    assert [result.position for result in results.objects] == [0, 0, 1, 1, 2, 2]
    assert all(result.ious[0] > 0.95 for result in results.objects)
    assert results.run["data"] == "pets"
    assert results.run["model"] == "grabcut, seeds of 8 px"
    few = evaluate_dataset(open_dataset(pets), GRABCUT, QUICK, data="pets", limit=2)
    assert len(few.objects) == 4
    large = evaluate_dataset(open_dataset(pets), GRABCUT, QUICK, data="pets", min_share=0.13)
    assert [result.name for result in large.objects] == ["cat", "dog", "eel"]


def test_a_photograph_that_cannot_be_used_is_named_and_counted(pets, capsys):
    cv2.imwrite(str(pets / "labels" / "cat.png"), np.zeros((60, 96), np.uint8))
    (pets / "labels" / "dog.png").write_bytes(b"no picture")
    results = evaluate_dataset(open_dataset(pets), GRABCUT, QUICK, data="pets")
    summary = summarise(results)
    assert (summary["objects"], summary["failed"]) == (2, 2)
    assert "at least one object" in summary["failures"]["cat"]
    assert "dog" in summary["failures"]
    assert "cat failed: A mask must show" in capsys.readouterr().err


def test_shards_merge_to_the_whole(pets):
    dataset = open_dataset(pets)
    whole = evaluate_dataset(dataset, GRABCUT, QUICK, data="pets")
    shards = [
        evaluate_dataset(dataset, GRABCUT, QUICK, data="pets", shard=Shard(index, 2))
        for index in (1, 2)
    ]
    assert [result.name for result in shards[1].objects] == ["dog_1", "dog_2"]
    merged = merge(shards)
    assert without_seconds(merged) == without_seconds(whole)
    assert merged.run == whole.run
    for index, count in ((0, 2), (3, 2)):
        with pytest.raises(InputError, match="A shard must be one of 1/2"):
            Shard(index, count)


def test_workers_give_what_one_process_gives_and_go_on_where_it_was(pets, tmp_path, progress_bars):
    dataset, output = open_dataset(pets), tmp_path / "r.json"
    one = evaluate_dataset(dataset, GRABCUT, QUICK, data="pets")
    run = {**one.run}
    partial = PartialResults(Path(f"{output}.partial"), run)
    marked = replace(one.objects[0], clicks=(Click(1, 1, True),))
    partial.append(marked)
    two = evaluate_dataset(dataset, GRABCUT, QUICK, data="pets", workers=2, output=output)
    expected = without_seconds(one)
    expected[0] = replace(expected[0], clicks=marked.clicks)
    assert without_seconds(two) == expected
    assert without_seconds(read_results(output)) == expected
    # The photograph that was begun says nothing of the time that the other two take.
    assert [(bar.initial, bar.n) for bar in progress_bars] == [(0, 3), (1, 3)]


def test_numbers_below_one_are_refused(pets):
    for options in ({"limit": 0}, {"workers": 0}):
        with pytest.raises(InputError, match="must be 1 or more"):
            evaluate_dataset(open_dataset(pets), GRABCUT, RITM, data="pets", **options)


KILLED = """
import sys, time
from dataclasses import replace
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.runner import evaluate_dataset
from fctsfn_tf.evaluation.segmenters import Segmenter

def slow(image, clicks, previous):
    time.sleep(0.1)
    return BASELINES["gc"](image, clicks, previous)

folder, output = sys.argv[1:]
BASELINES["grabcut"] = slow
BASELINES["gc"] = lambda image, clicks, previous: (image[..., 0] == 90).astype("float32")
protocol = replace(PROTOCOLS["ritm"], max_clicks=3)
evaluate_dataset(open_dataset(folder), Segmenter("grabcut"), protocol, data="pets", output=output)
"""


def test_kill_9_loses_no_finished_object(pets, tmp_path):
    output = tmp_path / "r.json"
    partial = Path(f"{output}.partial")
    command = [sys.executable, "-c", KILLED, str(pets), str(output)]
    environment = os.environ | {"PYTHONPATH": str(Path(runner.__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        while not partial.exists() or partial.read_bytes().count(b"\n") < 3:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    kept = partial.read_bytes().rpartition(b"\n")[0].splitlines()[1:]
    assert not output.exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    objects = read_results(output).objects
    assert len(objects) == 6
    assert not partial.exists()
    # What was finished is taken over to the last digit of its seconds.
    lines = output.read_text().splitlines()
    assert all(any(line.decode() == other.rstrip(",") for other in lines) for line in kept)
    assert "3/3 photographs, 00:00 left, 0 failed" in done.stderr
