"""The click protocols over made-up segmenters whose IoUs are known by hand."""

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

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import evaluation
from fctsfn_tf.evaluation.evaluation import (
    PROTOCOLS,
    Protocol,
    Shard,
    evaluate,
    evaluate_dataset,
    evaluate_object,
    object_decidability,
)
from fctsfn_tf.evaluation.metrics import boundary_iou
from fctsfn_tf.evaluation.results import merge, read_results, summarise
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.images.graph_cut import GraphCutParameters

RITM = PROTOCOLS["ritm"]
HEIGHT, WIDTH = 6, 14


def sample_of(name="bar", length=10):
    """A bar of `length` pixels in row 2."""
    gt_mask = np.zeros((HEIGHT, WIDTH), bool)
    gt_mask[2, :length] = True
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return Sample(name, image, gt_mask, np.zeros_like(gt_mask))


def bars(*lengths):
    """A segmenter that answers click k with a bar of the k-th length, then with the last one."""

    def segment(image, clicks, previous):
        probability = np.zeros(image.shape[:2], np.float32)
        probability[2, : lengths[min(len(clicks), len(lengths)) - 1]] = 1.0
        return probability

    return segment


def test_ious_and_numbers_of_clicks_by_hand():
    result = evaluate_object(bars(2, 5, 9, 10), sample_of(), RITM)
    assert result.ious == (0.2, 0.5, 0.9) + (1.0,) * 17
    assert len(result.clicks) == len(result.seconds) == 4  # then nothing is left to correct
    assert result.failure is None
    summary = summarise(evaluated([sample_of()], bars(2, 5, 9, 10)))
    assert [summary[f"clicks_to_{target}"] for target in (80, 85, 90, 95)] == [3, 3, 3, 4]


def test_all_clicks_are_made_unless_told_until_when():
    segment = bars(2, 9, 2)
    assert len(evaluate_object(segment, sample_of(), RITM).ious) == 20
    early = evaluate_object(segment, sample_of(), replace(RITM, until=0.9))
    assert early.ious == (0.2, 0.9)
    summary = summarise(evaluated([sample_of()], segment, protocol=replace(RITM, until=0.9)))
    assert summary["clicks_to_90"] == 2
    assert "clicks_to_95" not in summary
    assert len(summary["mean_iou"]) == 2


def test_clicks_are_the_robots_and_the_previous_answer_comes_back():
    sample, seen = sample_of(), []

    def segment(image, clicks, previous):
        seen.append((clicks, previous))
        return np.full(image.shape[:2], len(clicks) / 100, np.float32)

    evaluate_object(segment, sample, replace(RITM, max_clicks=3))
    assert [len(clicks) for clicks, _ in seen] == [1, 2, 3]
    assert seen[0][0] == (Click(2, 0, True),)
    assert seen[2][0][:2] == seen[1][0]
    assert seen[0][1] is None
    assert seen[2][1][0, 0] == np.float32(0.02)


def test_the_threshold_itself_is_background():
    def segment(image, clicks, previous):
        return np.where(sample_of().gt_mask, 0.49, 0.4)

    assert evaluate_object(segment, sample_of(), RITM).ious[0] == 0.0
    assert evaluate_object(segment, sample_of(), replace(RITM, threshold=0.48)).ious[0] == 1.0


def test_the_rule_is_the_protocols():
    sample = sample_of()
    sample.gt_mask[3:6, 11:14] = True  # 9 pixels deep by 2, against a bar of 10 pixels
    first = {rule: evaluate_object(bars(0), sample, Protocol(rule)).clicks[0] for rule in PROTOCOLS}
    assert first == {"ritm": Click(4, 12, True), "paper": Click(2, 0, True)}


def test_ignored_pixels_do_not_count():
    sample = sample_of(length=10)
    sample.ignore[2, 8:12] = True
    assert evaluate_object(bars(12), sample, RITM).ious[0] == 1.0


def test_graph_cut_of_the_protocol():
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    sample = Sample("disk", np.zeros((30, 44, 3), np.uint8), *np.zeros((2, 30, 44), bool))
    rows, cols = np.mgrid[:30, :44]
    sample.gt_mask[:] = np.hypot(rows - 14, cols - 20) < 9
    sample.image[sample.gt_mask] = (220, 60, 40)

    def shifted(image, clicks, previous):
        return np.roll(np.where(sample.gt_mask, 0.8, 0.2), 2, axis=1)

    plain = evaluate_object(shifted, sample, replace(PROTOCOLS["paper"], graph_cut=None))
    strong = GraphCutParameters(smoothness=2.0)
    cut = evaluate_object(shifted, sample, replace(PROTOCOLS["paper"], graph_cut=strong))
    assert plain.ious[0] < 0.8
    assert cut.ious[0] > 0.97


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.full((HEIGHT, WIDTH), np.nan), "finite"),
        (np.full((HEIGHT, WIDTH), np.inf), "finite"),
        (np.zeros((WIDTH, HEIGHT)), "float (6, 14)"),
        (np.zeros((HEIGHT, WIDTH, 1)), "float (6, 14)"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "float (6, 14)"),
        (np.full((HEIGHT, WIDTH), -3.0), "[0, 1]"),
        (InputError("the network gave up"), "gave up"),
    ],
)
def test_a_broken_answer_is_a_failure_with_a_name(answer, message):
    def segment(image, clicks, previous):
        if len(clicks) < 2:
            return bars(4)(image, clicks, previous)
        if isinstance(answer, Exception):
            raise answer
        return answer

    result = evaluate_object(segment, sample_of(), RITM)
    assert message in result.failure
    assert result.failure.startswith("click 2: ")
    assert result.ious == (0.4,)


def test_errors_of_the_program_pass_through():
    def segment(image, clicks, previous):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate_object(segment, sample_of(), RITM)


def test_a_broken_sample_is_a_failure_and_never_segmented():
    empty = sample_of(length=0)
    ignored = sample_of()
    ignored.ignore[2] = True
    turned = replace(sample_of(), gt_mask=np.ones((WIDTH, HEIGHT), bool))
    numbers = replace(sample_of(), gt_mask=np.ones((HEIGHT, WIDTH), np.uint8))
    for sample, message in (
        (empty, "empty"),
        (ignored, "empty"),
        (turned, "(14, 6)"),
        (numbers, "uint8"),
    ):
        result = evaluate_object(None, sample, RITM)
        assert message in result.failure
        assert result.ious == ()


def test_jitter_depends_on_seed_and_name_alone():
    big = Sample("big", np.zeros((60, 90, 3), np.uint8), *np.zeros((2, 60, 90), bool))
    big.gt_mask[10:50, 20:80] = True
    jittered = replace(RITM, is_jittered=True, max_clicks=3)
    centred = replace(RITM, max_clicks=3)

    def nothing(image, clicks, previous):
        return np.zeros(image.shape[:2])

    def clicks(sample, seed, protocol=jittered):
        return evaluate_object(nothing, sample, protocol, seed).clicks

    assert clicks(big, 1) == clicks(big, 1)
    assert clicks(big, 1) != clicks(big, 2)
    assert clicks(big, 1) != clicks(replace(big, name="other"), 1)
    assert clicks(big, 1) != clicks(big, 1, centred)
    assert clicks(big, 1, centred) == clicks(big, 2, centred)


def evaluated(objects, segment, output=None, **options):
    return evaluate(
        objects,
        segment,
        options.pop("protocol", RITM),
        data="bars",
        model="made up",
        output=output,
        **options,
    )


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
    monkeypatch.setattr(evaluation, "PROGRESS_SECONDS", 0.0)
    evaluated([sample_of("a"), sample_of("b", 0)], bars(5), num_objects=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 of 2 objects, 0 failed, mean IoU after the last click 50.0%, 0:00 min left" in (
        captured.err
    )
    assert "b failed: gt_mask is empty" in captured.err
    assert "2 of 2 objects, 1 failed" in captured.err


@pytest.mark.parametrize(
    "settings",
    [{"rule": "mine"}, {"threshold": 1.0}, {"max_clicks": 0}, {"until": 90}, {"choice": "any"}],
)
def test_protocols_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Protocol(**settings)


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


# ---- measures ---------------------------------------------------------------------------------


def test_every_click_is_measured_and_the_last_measures_hold():
    sample = sample_of()
    result = evaluate_object(bars(2, 5, 10), sample, replace(RITM, measures_decidability=True))
    for length, value in zip((2, 5, 10), result.boundary_ious, strict=False):
        mask = np.zeros_like(sample.gt_mask)
        mask[2, :length] = True
        assert value == boundary_iou(mask, sample.gt_mask)
    assert len(result.ious) == len(result.boundary_ious) == len(result.decidability) == 20
    assert len(result.seconds) == len(result.encode_seconds) == 3
    assert result.robot_seconds > 0


def test_time_on_the_image_alone_is_told_apart():
    class Slow:
        encode_seconds = 0.0

        def __call__(self, image, clicks, previous):
            self.encode_seconds = 0.02 if len(clicks) == 1 else 0.0
            time.sleep(0.03)
            return bars(5)(image, clicks, previous)

    result = evaluate_object(Slow(), sample_of(), replace(RITM, max_clicks=2))
    assert result.encode_seconds == (0.02, 0.0)
    assert 0.01 <= result.seconds[0] < 0.03 <= result.seconds[1]


def blob():
    """A disc that is found but for its middle, and a false square beside it."""
    rows, cols = np.mgrid[:40, :70]
    gt_mask = np.hypot(rows - 20, cols - 20) < 15
    probability = np.where(gt_mask, 0.9, 0.1)
    probability[np.hypot(rows - 20, cols - 20) < 6] = 0.2
    probability[10:30, 45:65] = 0.8
    image = np.zeros((40, 70, 3), np.uint8)
    return Sample("blob", image, gt_mask, np.zeros_like(gt_mask)), probability


def test_forced_choices_click_one_kind_of_error_alone():
    sample, probability = blob()

    def signs(choice):
        protocol = replace(RITM, choice=choice, max_clicks=4)
        result = evaluate_object(lambda *_: probability, sample, protocol)
        assert len(result.ious) == 4
        return [click.is_positive for click in result.clicks]

    assert signs("free-choice") == [True, False, False, False]
    assert signs("all-positive") == [True] * 4
    assert signs("single-positive") == [True] + [False] * 3


def test_forced_clicks_end_where_no_such_error_is_left():
    sample, _ = blob()
    everywhere = np.ones(sample.gt_mask.shape)
    protocol = replace(RITM, choice="all-positive", measures_decidability=True)
    result = evaluate_object(lambda *_: everywhere, sample, protocol)
    assert len(result.clicks) == 1
    assert result.ious == (result.ious[0],) * 20
    assert len(result.decidability) == 20


def test_decidability_of_an_object_by_hand():
    sample, probability = blob()
    rows, cols = np.mgrid[:40, :70]
    positive, negative = Click(20, 20, True), Click(20, 55, False)
    near = {
        click: np.hypot(rows - click.row, cols - click.col) <= 10 for click in (positive, negative)
    }

    def index(one, other):
        a, b = probability[one], probability[other]
        return abs(a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)

    def found(clicks, choice="free-choice"):
        return object_decidability(probability, sample, clicks, Protocol(choice=choice))

    assert found([positive]) == pytest.approx(index(near[positive], ~sample.gt_mask))
    both = index(near[positive], near[negative])
    assert found([positive, negative]) == pytest.approx(both)
    single = index(sample.gt_mask, near[negative])
    assert found([positive, negative], "single-positive") == pytest.approx(single)
    sample.ignore[near[positive] & (rows < 18)] = True
    below = index(near[positive] & (rows >= 18), near[negative])
    assert found([positive, negative]) == pytest.approx(below)
    constant = np.where(sample.gt_mask, 1.0, 0.0)
    assert object_decidability(constant, sample, [positive], RITM) == np.inf


# ---- data sets --------------------------------------------------------------------------------

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


def test_workers_give_what_one_process_gives_and_go_on_where_it_was(pets, tmp_path):
    dataset, output = open_dataset(pets), tmp_path / "r.json"
    one = evaluate_dataset(dataset, GRABCUT, QUICK, data="pets")
    run = {**one.run}
    partial = evaluation.PartialResults(Path(f"{output}.partial"), run)
    marked = replace(one.objects[0], clicks=(Click(1, 1, True),))
    partial.append(marked)
    two = evaluate_dataset(dataset, GRABCUT, QUICK, data="pets", workers=2, output=output)
    expected = without_seconds(one)
    expected[0] = replace(expected[0], clicks=marked.clicks)
    assert without_seconds(two) == expected
    assert without_seconds(read_results(output)) == expected


def test_numbers_below_one_are_refused(pets):
    for options in ({"limit": 0}, {"workers": 0}):
        with pytest.raises(InputError, match="must be 1 or more"):
            evaluate_dataset(open_dataset(pets), GRABCUT, RITM, data="pets", **options)


KILLED = """
import sys, time
from dataclasses import replace
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.evaluation import PROTOCOLS, evaluate_dataset
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
    environment = os.environ | {"PYTHONPATH": str(Path(evaluation.__file__).parents[2])}
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
    assert "3 of 3 photographs, 0 failed" in done.stderr
