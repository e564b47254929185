"""Training steps of a network with candidates, on a tiny one."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.training import candidate_clicks
from fctsfn_tf.training.candidate_clicks import CandidateClicks
from fctsfn_tf.training.candidate_losses import CandidateLoss
from fctsfn_tf.training.compact_training import jit_compile
from fctsfn_tf.training.streaming_metrics import MaskIoU

HEIGHT, WIDTH = 32, 64


def tiny_network():
    """The outputs and the layers that training looks for, of two convolutions."""
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    seen = layers.Conv2D(6, 8, 8, name="seen")(layers.Rescaling(1 / 255)(image))
    seen = layers.Identity(name="image_features_all")(seen)
    clicked = layers.Conv2D(6, 8, 8, name="clicked")(click_maps)
    x = layers.Activation("tanh")(layers.Add()([seen, clicked]))
    scores = layers.Conv2D(4, 1, name="coarse_score")(x)
    iou = layers.Dense(4, name="iou_score")(layers.GlobalAveragePooling2D()(x))
    masks = BilinearUpsampling(8)(scores)
    return keras.Model([image, click_maps], [masks[..., :1], masks[..., 1:], iou])


@pytest.fixture
def batch():
    """Two photographs, two objects each, one first click on each."""
    rng = np.random.default_rng(0)
    maps = np.zeros((4, HEIGHT, WIDTH, 3), np.float32)
    maps[:, 12:19, 15:22, 0] = 1
    inputs = {
        "image": rng.uniform(0, 30, (2, HEIGHT, WIDTH, 3)).astype(np.float32),
        "click_maps": maps,
        "hidden_area": np.zeros(4, np.float32),
    }
    target = np.zeros((4, HEIGHT, WIDTH, 1), np.float32)
    target[:, 8:24, 8:32] = 1
    inputs["image"][:, 8:24, 8:32] += 200
    return inputs, target


def model(rollouts, network=None):
    keras.utils.set_random_seed(0)
    model = CandidateClicks(network or tiny_network(), CandidateLoss(), rollouts, 2)
    # JAX compiles clicks for minutes; steps without them are quicker compiled.
    compiled = jit_compile() if rollouts == (1.0,) else False
    model.compile("adam", metrics=[MaskIoU()], jit_compile=compiled)
    model.optimizer.learning_rate = 0.01
    return model


def test_it_learns_and_predicts_how_good_it_is(batch):
    inputs, target = batch
    # JAX would compile the clicks for minutes; those are tested below.
    training = model((1.0,) if keras.backend.backend() == "jax" else (0.5, 0.5))
    for _ in range(100):
        numbers = training.train_on_batch(inputs, target, return_dict=True)
    assert np.isfinite(numbers["loss"])
    assert numbers["iou"] > 0.5
    images = np.repeat(inputs["image"], 2, axis=0)
    outputs = training.network([images, inputs["click_maps"]])
    logits, _, predicted = (ops.convert_to_numpy(output) for output in outputs)
    inside = ((logits > 0) & (target > 0)).sum((1, 2, 3))
    ious = inside / ((logits > 0) | (target > 0)).sum((1, 2, 3))
    assert ious.min() > 0.5
    np.testing.assert_allclose(1 / (1 + np.exp(-predicted[:, 0])), ious, atol=0.25)
    np.testing.assert_allclose(ops.convert_to_numpy(training(inputs)), logits, atol=1e-5)


def test_all_weights_are_the_network_s_once(batch):
    training = model((1.0,))
    paths = [variable.path for variable in training.trainable_variables]
    assert sorted(paths) == sorted(v.path for v in training.network.trainable_variables)


def test_hidden_areas_reach_the_loss(batch):
    inputs, target = batch
    inputs["hidden_area"] += 1e6  # no IoU but 0 is right then
    training = model((1.0,))
    for _ in range(60):
        training.train_on_batch(inputs, target)
    images = np.repeat(inputs["image"], 2, axis=0)
    predicted = ops.convert_to_numpy(training.network([images, inputs["click_maps"]])[2])
    assert (1 / (1 + np.exp(-predicted))).max() < 0.4


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_the_second_click_corrects_what_was_seen(batch, monkeypatch, probability):
    """The answer says "everything", the candidate that is thought best says "nothing"."""
    network = tiny_network()
    for layer in network.layers:
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    network.get_layer("coarse_score").bias.assign([9.0, -9.0, -9.0, -9.0])
    network.get_layer("iou_score").bias.assign([0.0, 0.0, 5.0, 0.0])
    monkeypatch.setattr(candidate_clicks, "CHOSEN_PROBABILITY", probability)
    training = model((0.0, 1.0), network)
    inputs, target = batch
    features = [ops.repeat(x, 2, axis=0) for x in training._image_part(inputs["image"])]
    maps = ops.convert_to_tensor(inputs["click_maps"])
    clicked = training._clicked_on(features, maps, ops.convert_to_tensor(target))
    new = ops.convert_to_numpy(clicked)[..., :2] - inputs["click_maps"][..., :2]
    positive, negative = new.max((1, 2)).T
    # The object is missed, or what lies around it was taken in.
    assert (positive == probability).all()
    assert (negative == 1 - probability).all()
    previous = ops.convert_to_numpy(clicked)[..., 2]
    np.testing.assert_allclose(previous, 1 - probability, atol=1e-3)
