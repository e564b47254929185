"""Engines of a network with candidates: Keras and LiteRT give the same, and say that they have."""

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.networks.parts import export_parts, write_part
from fctsfn_tf.predict import litert_engine
from fctsfn_tf.predict.keras_engine import KerasEngine
from fctsfn_tf.predict.litert_engine import LitertEngine


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    features = layers.Conv2D(4, 3, padding="same", name="image_conv")(image)
    features = layers.Identity(name="image_features_conv")(features)
    said = layers.Conv2D(4, 3, padding="same", name="click_conv")(click_maps)
    x = layers.Conv2D(3, 1, name="score")(layers.Add(name="sum")([features, said]))
    iou = layers.Dense(3, name="iou")(layers.GlobalAveragePooling2D(name="mean")(x))
    outputs = [x[..., :1], x[..., 1:], iou]
    return keras.Model([image, click_maps], outputs, name="tiny")


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (32, 64, 3)).astype(np.float32)
    maps = np.zeros((32, 64, 3), np.float32)
    maps[10:20, 10:20, 0] = 1
    return image, maps


def test_keras_gives_the_answer_first(network, case):
    image, maps = case
    engine = KerasEngine(network)
    assert engine.num_candidates == 2
    features = engine.encode(image)
    masks, ious = engine.answers(features, maps)
    logits, candidates, predicted = network([image[None], maps[None]])
    np.testing.assert_allclose(masks[0], np.asarray(logits)[0, ..., 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(masks[2], np.asarray(candidates)[0, ..., 1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ious, np.asarray(predicted)[0], rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(engine.click(features, maps), masks[0])


def test_networks_without_candidates_have_no_answers(network, case):
    image, maps = case
    engine = KerasEngine(keras.Model(network.inputs, network.outputs[0], name="plain"))
    assert engine.num_candidates == 0
    features = engine.encode(image)
    assert engine.click(features, maps).shape == (32, 64)
    with pytest.raises(NotImplementedError, match="no candidates"):
        engine.answers(features, maps)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow" or not litert_engine.is_installed(),
    reason="LiteRT parts are made by TensorFlow and run by LiteRT",
)
def test_litert_gives_what_keras_gives(network, case, tmp_path):
    image, maps = case
    parts = export_parts(network)
    assert list(parts.click.output) == ["logits", "candidates", "predicted_iou"]
    for name in ("image", "click"):
        write_part(getattr(parts, name), tmp_path / f"{name}.tflite", "litert")
    files = [(tmp_path / f"{name}.tflite").read_bytes() for name in ("image", "click")]
    engine, expected = LitertEngine("tiny", *files), KerasEngine(network)
    assert engine.num_candidates == 2
    ours = engine.answers(engine.encode(image), maps)
    theirs = expected.answers(expected.encode(image), maps)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)
