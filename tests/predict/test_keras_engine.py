"""Keras as an engine: copied with its network, and refused in a forked child."""

import copy
import os
import pickle

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.keras_engine import KerasEngine
from fctsfn_tf.predict.predictor import Predictor

CONFIG = PredictorConfig(working_size=96, zoom_in=False)


def tiny_network():
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    features = layers.Conv2D(2, 3, padding="same", name="image_conv")(image)
    features = layers.Identity(name="image_features_0_conv")(features)
    said = layers.Conv2D(2, 3, padding="same", name="click_conv")(click_maps)
    logits = layers.Conv2D(1, 1, name="score")(layers.Add(name="sum")([features, said]))
    return keras.Model({"image": image, "click_maps": click_maps}, logits, name="tiny")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_predictor_over_keras_can_be_copied(copied):
    predictor = Predictor(tiny_network(), CONFIG)
    predictor.set_image(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    predictor.add_click(20, 30, 1)
    other = copied(predictor)
    np.testing.assert_array_equal(other.prediction.probability, predictor.prediction.probability)
    np.testing.assert_allclose(
        other.add_click(50, 10, 0).probability,
        predictor.add_click(50, 10, 0).probability,
        atol=1e-6,
    )


def test_a_forked_child_is_told_instead_of_hanging(monkeypatch):
    engine = KerasEngine(tiny_network())
    image, maps = np.zeros((2, 32, 64, 3), np.float32)
    features = engine.encode(image)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(InputError, match=r"forked process.*spawn.*'litert'"):
        engine.encode(image)
    with pytest.raises(InputError, match="forked process"):
        engine.click(features, maps)
