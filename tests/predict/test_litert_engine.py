"""LiteRT gives what Keras gives: on the shipped preset, at any size, in threads, copied, forked."""

import json
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict import litert_engine
from fctsfn_tf.predict.litert_engine import LitertEngine
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.preset_engine import load_engine
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, PRESETS_DIRECTORY

ROOT = Path(__file__).resolve().parents[2]
PHOTOGRAPHS = ROOT / "web" / "tests" / "photographs.json"
# What a user would never see.
TOLERANCE, LEAST_IOU = 1e-3, 0.995

pytestmark = pytest.mark.skipif(not litert_engine.is_installed(), reason="LiteRT is not here")


def contents():
    directory = PRESETS_DIRECTORY / DEFAULT_PRESET
    return [(directory / f"{name}.tflite").read_bytes() for name in ("image", "click")]


@pytest.fixture(scope="module")
def engine():
    return LitertEngine("compact", *contents())


@pytest.fixture(scope="module")
def keras_engine():
    return load_engine(DEFAULT_PRESET, "keras")[0]


@pytest.fixture
def predictor(engine):
    return Predictor(engine, load_engine(DEFAULT_PRESET, "litert")[1])


def cat(predictor):
    predictor.set_image(ROOT / "examples" / "cat.jpg")
    return predictor.predict([(220, 120), (100, 260)], [1, 1]).probability


@pytest.mark.parametrize("number", range(10))
def test_ten_photographs_click_by_click(predictor, keras_engine, number):
    entry = json.loads(PHOTOGRAPHS.read_text(encoding="utf-8"))[number]
    expected = Predictor(keras_engine, predictor.config)
    image = read_image(PHOTOGRAPHS.parent / entry["file"])
    for one in (predictor, expected):
        one.set_image(image)
    assert entry["clicks"]
    for click in entry["clicks"]:
        got, wanted = predictor.add_click(*click), expected.add_click(*click)
        np.testing.assert_allclose(got.probability, wanted.probability, rtol=0, atol=TOLERANCE)
        union = (got.mask | wanted.mask).sum()
        assert (got.mask & wanted.mask).sum() >= LEAST_IOU * union


@pytest.mark.parametrize("size", [(32, 32), (32, 384), (416, 96), (160, 224)])
def test_any_size_one_after_the_other(engine, keras_engine, size):
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (*size, 3)).astype(np.float32)
    maps = rng.integers(0, 2, (*size, 3)).astype(np.float32)
    logits = [one.click(one.encode(image), maps) for one in (engine, keras_engine)]
    assert logits[0].shape == size
    np.testing.assert_allclose(*logits, rtol=0, atol=TOLERANCE)


def test_features_stay_what_they_were(engine):
    """Interpreters reuse their memory; what they gave must not change with the next call."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 64, 96, 3)).astype(np.float32)
    maps = np.zeros((64, 96, 3), np.float32)
    features = engine.encode(images[0])
    logits = engine.click(features, maps)
    before = logits.copy()
    engine.click(engine.encode(images[1]), maps)
    np.testing.assert_array_equal(logits, before)
    np.testing.assert_array_equal(engine.click(features, maps), before)


def test_features_that_are_held_give_what_a_new_engine_gives():
    """Photographs in turn, of one size and of another, each with clicks and a second look."""
    rng = np.random.default_rng(0)
    engine = LitertEngine("compact", *contents())
    images = [rng.uniform(0, 255, (*size, 3)).astype(np.float32) for size in ((64, 96),) * 2]
    images.append(rng.uniform(0, 255, (96, 64, 3)).astype(np.float32))
    features = [engine.encode(image) for image in images]
    for number in (0, 0, 1, 2, 1, 0, 0, 2):
        maps = rng.integers(0, 2, images[number].shape).astype(np.float32)
        fresh = LitertEngine("compact", *contents())
        expected = fresh.click(fresh.encode(images[number]), maps)
        np.testing.assert_array_equal(engine.click(features[number], maps), expected)
        with pytest.raises(ValueError, match="Cannot set tensor"):
            engine.click(features[number], maps.astype(np.float64))


def test_features_cannot_be_changed_unnoticed(engine):
    features = engine.encode(np.zeros((32, 32, 3), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        next(iter(features.values()))[:] = 0


def test_predictors_in_several_threads_over_one_engine(predictor):
    config = predictor.config
    images = [np.full((60 + 30 * k, 90, 3), 40, np.uint8) for k in range(3)]
    for k, image in enumerate(images):
        image[10:40, 20 + 10 * k : 60] = (220, 60 * k, 40)

    def answer(k):
        one = Predictor(predictor._engine, config)
        one.set_image(images[k])
        return one.predict([(45, 20), (5, 50)], [1, 0]).probability

    expected = [answer(k) for k in range(3)]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(4) if not np.array_equal(answer(k), expected[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_call_during_another_has_an_interpreter_of_its_own():
    began, may_go_on = threading.Event(), threading.Event()

    class Busy:
        def __call__(self, image):
            assert not began.is_set(), "two threads have one interpreter"
            began.set()
            assert may_go_on.wait(60)

    part = LitertEngine("compact", *contents())._image_part
    busy = Busy()
    part._at_rest[os.getpid()].append(busy)
    image = np.zeros((1, 32, 64, 3), np.float32)
    first = threading.Thread(target=part, kwargs={"image": image})
    first.start()
    assert began.wait(60)
    assert part(image=image)
    assert busy not in part._at_rest[os.getpid()]
    may_go_on.set()
    first.join()
    assert len(set(part._at_rest[os.getpid()])) == 2


def test_it_can_be_pickled(engine):
    other = pickle.loads(pickle.dumps(engine))
    assert (other.name, other.num_click_maps) == ("compact", 3)
    image = np.full((32, 64, 3), 99, np.float32)
    maps = np.zeros((32, 64, 3), np.float32)
    np.testing.assert_array_equal(
        other.click(other.encode(image), maps), engine.click(engine.encode(image), maps)
    )


def test_a_pool_of_processes(predictor):
    """Each child answers with a copy, and goes on from the clicks that it came with."""
    expected = cat(predictor)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(cat, predictor).result(), expected)


def _in_child(predictor, pipe):
    predictor.add_click(430, 60, 0)
    pipe.send(predictor.undo().probability)
    pipe.send(cat(predictor))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
@pytest.mark.parametrize("num_threads", ["1", "3"])
def test_a_forked_child_goes_on(monkeypatch, num_threads):
    monkeypatch.setenv(litert_engine.THREADS_VARIABLE, num_threads)
    predictor = Predictor.from_preset(engine="litert")
    expected = cat(predictor)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_in_child, args=(predictor, there))
    child.start()
    try:
        for _ in range(2):
            assert here.poll(60), "the child hangs"
            np.testing.assert_array_equal(here.recv(), expected)
    finally:
        child.join(60)
        child.kill()
    assert child.exitcode == 0


def test_a_child_leaves_its_parents_interpreters_alone(monkeypatch):
    engine = LitertEngine("compact", *contents())
    image = np.zeros((32, 64, 3), np.float32)
    (parents,) = engine._image_part._at_rest.values()
    kept, parent = list(parents), os.getpid()
    monkeypatch.setattr(litert_engine.os, "getpid", lambda: parent + 1)
    engine.encode(image)
    assert parents == kept
    assert engine._image_part._at_rest[parent + 1] != kept
    monkeypatch.undo()
    engine.encode(image)
    assert parents == kept


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), ("3", 3)])
def test_the_environment_says_how_many_threads(monkeypatch, asked, expected):
    monkeypatch.setenv(litert_engine.THREADS_VARIABLE, asked)
    assert litert_engine._num_threads() == expected


@pytest.mark.parametrize("asked", ["", "0", "-1", "many", "1.5"])
def test_otherwise_as_many_as_processors_up_to_four(monkeypatch, asked):
    monkeypatch.setenv(litert_engine.THREADS_VARIABLE, asked)
    for processors, expected in ((1, 1), (3, 3), (64, 4), (None, 1)):
        monkeypatch.setattr(litert_engine.os, "cpu_count", lambda processors=processors: processors)
        assert litert_engine._num_threads() == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda image, click: (b"no file", click),
        lambda image, click: (image, b""),
        lambda image, click: (image, click[:5000]),
        lambda image, click: (click, image),
        lambda image, click: (image, image),
    ],
)
def test_files_that_are_not_the_two_parts(damage):
    with pytest.raises(InputError, match="LiteRT parts of 'x' must be the image part") as caught:
        LitertEngine("x", *damage(*contents()))
    assert "\n" not in str(caught.value)
