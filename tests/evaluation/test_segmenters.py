"""Networks as `segment`: stubs instead of Keras, which takes seconds to load."""

import pickle
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.segmenters import FlippedSegment, PredictorSegment, Segmenter
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS
from fctsfn_tf.predict.config import PredictorConfig

IMAGE = np.zeros((6, 14, 3), np.uint8)


class StubPredictor:
    """What `PredictorSegment` uses of a Predictor, and what it was told."""

    def __init__(self, *settings):
        self.settings, self.images, self.calls = settings, [], []

    def set_image(self, image):
        self.images.append(image)

    def predict(self, points, labels):
        """Each pixel's column, as a share."""
        self.calls.append((points, labels))
        height, width = self.images[-1].shape[:2]
        columns = np.tile(np.arange(width, dtype=np.float32) / width, (height, 1))
        return SimpleNamespace(probability=columns, encode_seconds=0.25)


def test_a_predictor_encodes_each_image_once_and_gets_points_as_x_y():
    predictor, other = StubPredictor(), IMAGE.copy()
    segment = PredictorSegment(predictor)
    clicks = (Click(2, 0, True), Click(3, 9, False))
    for image, count in ((IMAGE, 1), (IMAGE, 2), (other, 1)):
        segment(image, clicks[:count], None)
    assert [image is array for image, array in zip(predictor.images, (IMAGE, other), strict=True)]
    assert predictor.calls[:2] == [([(0, 2)], [1]), ([(0, 2), (9, 3)], [1, 0])]
    assert segment.encode_seconds == 0.25


def test_flip_averages_with_the_mirrored_photograph():
    image = IMAGE.copy()
    image[:, 3] = 200
    straight, mirrored = StubPredictor(), StubPredictor()
    segment = FlippedSegment(PredictorSegment(straight), PredictorSegment(mirrored))
    answer = segment(image, (Click(2, 3, True),), None)
    np.testing.assert_array_equal(mirrored.images[0], image[:, ::-1])
    assert mirrored.calls == [([(10, 2)], [1])]
    np.testing.assert_allclose(answer, np.full((6, 14), 6.5 / 14), rtol=1e-6)
    assert segment.encode_seconds == 0.5
    segment(image, (Click(2, 3, True), Click(0, 0, False)), None)
    assert len(straight.images) == len(mirrored.images) == 1


@pytest.fixture
def made(monkeypatch):
    """The predictors that were made, for a preset that zooms in and cuts."""
    found = []

    def make(*settings):
        found.append(StubPredictor(*settings))
        return found[-1]

    def load_engine(preset, engine):
        return engine, PredictorConfig(graph_cut=True)

    monkeypatch.setattr("fctsfn_tf.predict.preset_engine.load_engine", load_engine)
    monkeypatch.setattr("fctsfn_tf.evaluation.segmenters.weights_digest", lambda preset: "ab" * 32)
    monkeypatch.setitem(sys.modules, "fctsfn_tf.predict.predictor", SimpleNamespace(Predictor=make))
    return found


def test_a_preset_by_name(made):
    name, segment = Segmenter("some/compact").build()
    assert name.startswith("compact@")
    assert name.endswith(", zoom-in")
    assert isinstance(segment, PredictorSegment)
    # The protocol cuts, not the preset.
    assert made[0].settings[1] == PredictorConfig(graph_cut=False)
    assert pickle.loads(pickle.dumps(Segmenter("x", True))) == Segmenter("x", True)


def test_a_preset_says_how_smooth_its_cut_is(monkeypatch):
    config = PredictorConfig(graph_cut_smoothness=3.0)
    monkeypatch.setattr("fctsfn_tf.evaluation.segmenters.preset_config", lambda preset: config)
    assert Segmenter("some/preset").graph_cut == replace(DEFAULT_PARAMETERS, smoothness=3.0)
    assert Segmenter("gsc").graph_cut == DEFAULT_PARAMETERS


def test_zoom_in_and_flip_are_switches_and_stand_in_the_name(made):
    name, segment = Segmenter("compact", zoom_in=False, is_flipped=True).build()
    assert name.endswith(", no zoom-in, flipped")
    assert isinstance(segment, FlippedSegment)
    assert [stub.settings[1].zoom_in for stub in made] == [False, False]
    assert made[0] is not made[1]
    name, segment = Segmenter("compact", look_again=2).build()
    assert name.endswith(", zoom-in, 3 looks")
    assert made[2].settings[1].look_again == 2
    name, segment = Segmenter("compact", look_again=0, look_closer=3).build()
    assert name.endswith(", zoom-in, 3 crops")
    assert made[3].settings[1].look_closer == 3
    assert Segmenter("compact", keep_far=True).build()[0].endswith(", zoom-in, keeps far")
    assert made[4].settings[1].keep_far
    assert Segmenter("compact", engine="keras").build()[0] == "compact@abababababab, zoom-in"
    assert [stub.settings[0] for stub in made] == [None, None, None, None, None, "keras"]


def test_a_classical_method_by_name():
    segmenter = Segmenter("grabcut")
    assert segmenter.is_classical
    assert segmenter.build() == ("grabcut, seeds of 8 px", BASELINES["grabcut"])
    for settings in (
        {"zoom_in": True},
        {"is_flipped": True},
        {"look_again": 1},
        {"look_closer": 1},
        {"keep_far": True},
    ):
        with pytest.raises(InputError, match="for networks"):
            replace(segmenter, **settings).build()


def test_a_missing_library_is_named_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(InputError, match="PyMaxflow, which is not installed"):
        Segmenter("gc").build()
