"""One object clicked, over made-up segmenters whose IoUs are known by hand."""

import time
from dataclasses import replace

import numpy as np
import pytest
from made_up_samples import HEIGHT, RITM, WIDTH, bars, evaluated, sample_of

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import boundary_iou
from fctsfn_tf.evaluation.one_object import evaluate_object, object_decidability
from fctsfn_tf.evaluation.protocol import Protocol
from fctsfn_tf.evaluation.summary import summarise


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
