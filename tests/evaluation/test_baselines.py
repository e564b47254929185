"""What holds of every classical method."""

import sys

import numpy as np
import pytest
from scenes import GREEN, LIBRARIES, RED, baseline, disc, painted

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS


@pytest.mark.parametrize("name", BASELINES)
def test_a_disc_that_touches_another_region(name):
    """A red disc that leans on a green block, all on grey."""
    gt_mask = disc(30, 34, 17)
    block = np.zeros_like(gt_mask)
    block[:, 48:70] = True
    image = painted((block, GREEN), (gt_mask, RED))
    clicks = (Click(30, 34, True), Click(30, 60, False), Click(6, 6, False), Click(30, 77, False))
    assert iou(baseline(name)(image, clicks, None) > 0.5, gt_mask) > 0.96


@pytest.mark.parametrize("name", BASELINES)
def test_one_click_on_a_disc(name):
    gt_mask = disc(30, 34, 17)
    mask = baseline(name)(painted((gt_mask, RED)), (Click(30, 34, True),), None) > 0.5
    assert iou(mask, gt_mask) > 0.96


@pytest.mark.parametrize("name", ["gc", "esc", "gsc"])
def test_the_border_teaches_colours_but_does_not_bind(name):
    """One click on an object that reaches the border, which otherwise shows the background."""
    gt_mask = disc(30, 0, 24)
    image = painted((gt_mask, RED), noise=8.0)
    answer = baseline(name)(image, (Click(30, 8, True),), None)
    assert iou(answer > 0.5, gt_mask) > 0.9
    assert (answer[20:40, 0] > 0.5).all()


@pytest.mark.parametrize("name", BASELINES)
def test_answers_are_probabilities_and_the_same_every_time(name):
    segment = baseline(name)
    image = np.random.default_rng(7).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    clicks = (Click(10, 9, True), Click(4, 30, False), Click(12, 22, True))
    for count in (1, 3):
        first = segment(image, clicks[:count], None)
        assert first.dtype == np.float32
        assert first.shape == (21, 34)
        assert first.min() >= 0
        assert first.max() <= 1
        for click in clicks[:count]:
            assert (first[click.pixel] > 0.5) == click.is_positive
        np.testing.assert_array_equal(segment(image, clicks[:count], None), first)


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_object_without_a_positive_click(name):
    segment = baseline(name)
    image = np.random.default_rng(8).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    for clicks in ((), (Click(3, 3, False),)):
        answer = segment(image, clicks, None)
        assert answer.dtype == np.float32
        assert not answer.any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 4), (7, 2)])
@pytest.mark.parametrize("name", BASELINES)
def test_tiny_images_and_one_colour(name, size):
    segment = baseline(name)
    for colour in (0, 255):
        image = np.full((*size, 3), colour, np.uint8)
        for clicks in (
            (Click(0, 0, True),),
            (Click(0, 0, True), Click(size[0] - 1, size[1] - 1, False)),
        ):
            answer = segment(image, clicks, None)
            assert answer.shape == size
            assert np.isfinite(answer).all()


@pytest.mark.parametrize("name", BASELINES)
def test_bad_input_is_named(name):
    segment = baseline(name)
    image, clicks = np.zeros((9, 14, 3), np.uint8), (Click(3, 3, True),)
    for broken in (image[..., 0], image / 255.0, image[..., :2], image[:0]):
        with pytest.raises(InputError, match="`image` must be uint8 RGB"):
            segment(broken, clicks, None)
    with pytest.raises(InputError, match="inside the image"):
        segment(image, (Click(3, 14, True),), None)


@pytest.mark.parametrize(
    ("name", "library"), [(name, library) for name in LIBRARIES for library in LIBRARIES[name]]
)
def test_a_missing_library_is_named(name, library, monkeypatch):
    segment = baseline(name)
    imported = [name for name in sys.modules if name.partition(".")[0] == library]
    for blocked in [*imported, library]:
        monkeypatch.setitem(sys.modules, blocked, None)
    package = {"maxflow": "PyMaxflow", "sklearn": "scikit-learn"}
    # Of another size than all before, whose graphs are kept.
    size = (20 + LIBRARIES[name].index(library), 40 + list(LIBRARIES).index(name), 3)
    image = np.random.default_rng(9).integers(0, 256, size, dtype=np.uint8)
    with pytest.raises(InputError, match=f"{package.get(library, 'SciPy')}.* not installed"):
        segment(image, (Click(10, 9, True), Click(4, 30, False)), None)


@pytest.mark.parametrize("name", BASELINES)
def test_the_evaluation_runs_over_it(name):
    gt_mask = disc(30, 34, 17)
    sample = Sample("disc", painted((gt_mask, RED)), gt_mask, np.zeros_like(gt_mask))
    result = evaluate_object(baseline(name), sample, PROTOCOLS["ritm"])
    assert result.failure is None
    assert result.ious[0] > 0.96
