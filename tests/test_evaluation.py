"""The click protocols over made-up segmenters whose IoUs are known by hand."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fctsfn_tf import evaluation
from fctsfn_tf.annotated_images import Sample
from fctsfn_tf.clicks import Click
from fctsfn_tf.config import PredictorConfig
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import (
    PROTOCOLS,
    ObjectResult,
    Protocol,
    Results,
    evaluate,
    evaluate_baseline,
    evaluate_object,
    evaluate_preset,
    markdown,
    predictor_segment,
    summarise,
    write_results,
)
from fctsfn_tf.graph_cut import GraphCutParameters

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
    summary = summarise(Results(run_of(RITM), (result,)))
    assert [summary[f"clicks_to_{target}"] for target in (80, 85, 90, 95)] == [3, 3, 3, 4]


def run_of(protocol, **changes):
    run = evaluation._describe_run("data", "preset", 0, protocol)
    return {**run, **changes}


def test_all_clicks_are_made_unless_told_until_when():
    segment = bars(2, 9, 2)
    assert len(evaluate_object(segment, sample_of(), RITM).ious) == 20
    early = evaluate_object(segment, sample_of(), replace(RITM, until=0.9))
    assert early.ious == (0.2, 0.9)
    summary = summarise(Results(run_of(replace(RITM, until=0.9)), (early,)))
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


def test_failures_are_counted_and_left_out_of_every_mean():
    objects = (
        ObjectResult("good", (), (0.9,) * 20, (2.0, 0.1, 0.3)),
        ObjectResult("poor", (), (0.5,) + (0.7,) * 18 + (0.8,), (4.0, 0.2, 0.2)),
        ObjectResult("broken", (), (0.0,), (9.0,), failure="click 2: NaN"),
    )
    summary = summarise(Results(run_of(RITM), objects))
    assert (summary["objects"], summary["failed"]) == (2, 1)
    assert summary["failures"] == {"broken": "click 2: NaN"}
    assert (summary["clicks_to_80"], summary["failures_at_80"]) == (10.5, 0)
    assert (summary["clicks_to_90"], summary["failures_at_90"]) == (10.5, 1)
    assert (summary["clicks_to_95"], summary["failures_at_95"]) == (20, 2)
    assert summary["mean_iou"] == pytest.approx([0.7] + [0.8] * 18 + [0.85])
    assert summary["seconds_first_click"] == 3.0
    assert summary["seconds_per_click"] == pytest.approx(0.2)


def test_summary_when_nothing_counted():
    results = Results(run_of(RITM), (ObjectResult("x", failure="gt_mask is empty"),))
    summary = summarise(results)
    assert summary["clicks_to_90"] is None
    assert summary["mean_iou"] == []
    assert "x: gt_mask is empty" in markdown(results)


def test_mean_ious_end_where_the_first_object_was_left():
    run = run_of(replace(RITM, until=0.9))
    objects = (
        ObjectResult("long", (), (0.2, 0.4, 0.6, 0.9), (1.0,)),
        ObjectResult("short", (), (0.6, 0.9), (1.0,)),
    )
    assert summarise(Results(run, objects))["mean_iou"] == pytest.approx([0.4, 0.65])


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
        preset="made up",
        output=output,
        **options,
    )


def without_seconds(results):
    return [replace(result, seconds=()) for result in results.objects]


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
    assert json.loads(output.read_text())["format"] == 1


def test_objects_need_names_and_must_be_there():
    with pytest.raises(InputError, match="'bar' twice"):
        evaluated([sample_of(), sample_of()], bars(5))
    with pytest.raises(InputError, match="at least one object"):
        evaluated([], bars(5))


def test_results_file(tmp_path):
    protocol = replace(PROTOCOLS["paper"], is_jittered=True)
    result = ObjectResult("a", (Click(1, 7, True), Click(2, 3, False)), (0.5, 0.9), (1.5, 0.1))
    results = Results(run_of(replace(protocol, until=0.9)), (result,))
    write_results(results, tmp_path / "results.json")
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["objects"][0]["clicks"] == [[7, 1, 1], [3, 2, 0]]  # x, y, label
    assert document["run"]["protocol"]["graph_cut"]["smoothness"] > 0
    assert document["run"]["versions"]["numpy"] == np.__version__
    assert document["run"]["num_cpus"] >= 1
    assert document["summary"]["clicks_to_85"] == 2
    assert evaluation._object_from_json(document["objects"][0]) == result


def test_markdown_shows_the_numbers_and_the_failures():
    objects = (
        ObjectResult("good", (), (0.25,) + (0.9,) * 19, (2.0, 0.1)),
        ObjectResult("bad", failure="click 1: NaN"),
    )
    text = markdown(Results(run_of(RITM), objects))
    assert "| 90 % | 2.00 | 0 |" in text
    assert "| 95 % | 20.00 | 1 |" in text
    assert "| 1 | 25.0% |" in text
    assert "later clicks 0.100 s" in text
    assert "1 objects failed" in text
    assert "- bad: click 1: NaN" in text


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
    "settings", [{"rule": "mine"}, {"threshold": 1.0}, {"max_clicks": 0}, {"until": 90}]
)
def test_protocols_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Protocol(**settings)


class StubPredictor:
    """What `predictor_segment` uses of a Predictor, and what it was told."""

    def __init__(self, *settings):
        self.settings, self.images, self.calls = settings, [], []

    def set_image(self, image):
        self.images.append(image)

    def predict(self, points, labels):
        self.calls.append((points, labels))
        return SimpleNamespace(probability=np.zeros(self.images[-1].shape[:2], np.float32))


def test_a_predictor_encodes_each_image_once_and_gets_points_as_x_y():
    predictor = StubPredictor()
    segment = predictor_segment(predictor)
    one, two = sample_of("one"), sample_of("two")
    same_image = replace(one, name="one again", gt_mask=two.gt_mask)
    for sample in (one, same_image, two):
        evaluate_object(segment, sample, replace(RITM, max_clicks=2))
    assert [
        image is sample.image for image, sample in zip(predictor.images, (one, two), strict=True)
    ] == [True, True]
    assert predictor.calls[0] == ([(0, 2)], [1])
    assert predictor.calls[1] == ([(0, 2), (1, 2)], [1, 1])


@pytest.fixture
def pets(tmp_path):
    """A folder of three images with two objects each, painted 90 and 180 on black."""
    Image = pytest.importorskip("PIL.Image")
    for directory in ("images", "labels"):
        (tmp_path / "pets" / directory).mkdir(parents=True)
    labels = np.zeros((40, 64), np.uint8)
    labels[5:20, 8:30], labels[25:38, 40:60] = 1, 2
    for stem in ("cat", "dog", "eel"):
        image = np.repeat(90 * labels[..., None], 3, axis=2)
        Image.fromarray(image).save(tmp_path / "pets" / "images" / f"{stem}.png")
        Image.fromarray(labels).save(tmp_path / "pets" / "labels" / f"{stem}.png")
    return tmp_path / "pets"


def test_evaluate_baseline_takes_the_folder_and_the_method(pets):
    results = evaluate_baseline(pets, "grabcut", RITM, names={"cat", "eel"}, limit=3)
    assert [result.name for result in results.objects] == ["cat_1", "cat_2", "eel_1"]
    assert all(result.ious[0] > 0.95 for result in results.objects)
    assert results.run["data"] == "pets"
    assert results.run["preset"] == "grabcut, seeds of 5 px"


def test_evaluate_baseline_names_the_choice(pets):
    with pytest.raises(InputError, match=r"of gc, gm, rw, esc, gsc, grabcut\. Received 'gd'"):
        evaluate_baseline(pets, "gd", RITM)
    with pytest.raises(InputError, match="`limit` must be 1 or more"):
        evaluate_baseline(pets, "grabcut", RITM, limit=0)


def test_evaluate_baseline_stops_at_once_where_a_library_is_missing(pets, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyamg", None)
    with pytest.raises(InputError, match="PyAMG, one of which is not installed"):
        evaluate_baseline(pets, "rw", RITM)


def test_evaluate_preset_takes_the_folder_and_the_network(pets, monkeypatch):
    """The folder's objects through a stub network; the preset's own graph cut is switched off."""
    model = SimpleNamespace(get_weights=lambda: [np.arange(3.0)])
    made = []

    def make(*settings):
        made.append(StubPredictor(*settings))
        return made[0]

    # Stubs instead of the modules themselves, which would load Keras.
    presets = SimpleNamespace(load_preset=lambda preset: (model, PredictorConfig(graph_cut=True)))
    monkeypatch.setitem(sys.modules, "fctsfn_tf.presets", presets)
    monkeypatch.setitem(sys.modules, "fctsfn_tf.predictor", SimpleNamespace(Predictor=make))
    results = evaluate_preset(
        pets, "compact", replace(RITM, max_clicks=1), names={"cat", "eel"}, limit=3
    )
    assert [result.name for result in results.objects] == ["cat_1", "cat_2", "eel_1"]
    assert results.run["data"] == "pets"
    assert results.run["preset"].startswith("compact@")
    assert made[0].settings == (model, PredictorConfig(graph_cut=False))
    assert len(made[0].images) == 2
