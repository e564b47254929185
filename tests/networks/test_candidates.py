"""A network with candidates learns from one loss of masks, and what counts as a first click."""

import keras
import numpy as np
import pytest
from candidate_case import HEIGHT, WIDTH, candidate_case
from keras import layers

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import disk_maps
from fctsfn_tf.networks.candidates import is_first_click, mask_ious
from fctsfn_tf.networks.click_network import ClickNetwork
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.networks.targets import IGNORED
from fctsfn_tf.training.losses import NormalizedFocalAndIoULoss
from fctsfn_tf.training.streaming_metrics import MaskIoU


@pytest.fixture
def case():
    return candidate_case()


def test_one_positive_click_is_the_first():
    def maps(*clicks, previous=0.0):
        channel = np.full((HEIGHT, WIDTH, 1), previous, np.float32)
        return np.concatenate([disk_maps(clicks, HEIGHT, WIDTH), channel], axis=-1)

    inside, border, between = Click(10, 10, True), Click(0, 0, True), Click(20.4, 30.7, True)
    negative = Click(20, 20, False)
    batch = np.stack(
        [
            *(maps(click) for click in (inside, border, between)),
            maps(inside, between),
            maps(inside, negative),
            maps(inside, previous=0.5),
            maps(negative),
            maps(),
        ]
    )
    assert np.asarray(is_first_click(batch)).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]


def test_iou_counts_what_the_view_hides_and_not_what_is_ignored(case):
    ious = np.asarray(mask_ious(case["target"], case["masks"], case["hidden_area"]))
    for b, hidden in enumerate(case["hidden_area"]):
        valid = case["target"][b, ..., 0] != IGNORED
        truth = (case["target"][b, ..., 0] == 1) & valid
        for k in range(4):
            mask = (case["masks"][b, ..., k] > 0) & valid
            expected = (mask & truth).sum() / ((mask | truth).sum() + hidden)
            np.testing.assert_allclose(ious[b, k], expected, rtol=1e-5)


# One loss and one target for three outputs


@pytest.fixture
def network():
    """Answer, three candidates and predicted IoUs of a few numbers."""
    keras.utils.set_random_seed(0)
    image = layers.Input((HEIGHT, WIDTH, 3), name="image")
    click_maps = layers.Input((HEIGHT, WIDTH, 3), name="click_maps")
    seen = layers.Rescaling(1 / 127.5, offset=-1)(image)
    both = layers.Concatenate()([seen, click_maps])
    x = layers.Conv2D(4, 8, 8)(both)
    iou = layers.Dense(4)(layers.GlobalAveragePooling2D()(both))
    masks = BilinearUpsampling(8)(x)
    return ClickNetwork([image, click_maps], [masks[..., :1], masks[..., 1:], iou])


@pytest.fixture
def inputs():
    """A first click, and two clicks."""
    rng = np.random.default_rng(1)
    maps = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    maps[0, ..., :2] = disk_maps([Click(10, 10, True)], HEIGHT, WIDTH)
    maps[1, ..., :2] = disk_maps([Click(12, 20, True), Click(2, 2, False)], HEIGHT, WIDTH)
    image = rng.uniform(0, 255, (2, HEIGHT, WIDTH, 3)).astype(np.float32)
    return {"image": image, "click_maps": maps}


LOSSES = {
    "of this package": NormalizedFocalAndIoULoss(),
    "Keras' own": keras.losses.BinaryCrossentropy(from_logits=True),
}


def loss_alone(loss, target, logits, weights):
    """What a network of one output makes of them."""
    image = layers.Input((HEIGHT, WIDTH, 1))
    model = ClickNetwork(image, layers.Identity()(image))
    model.compile("sgd", loss)
    return model.evaluate(logits, target, sample_weight=weights, verbose=0, return_dict=True)[
        "loss"
    ]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weights", [None, np.float32([0.5, 2])])
def test_a_loss_of_masks_is_that_of_the_answer_and_a_first_click_s_best_candidate(
    network, inputs, case, name, weights
):
    network.compile("sgd", LOSSES[name], metrics=[MaskIoU()])
    target = case["target"]
    done = network.evaluate(inputs, target, sample_weight=weights, verbose=0, return_dict=True)

    answer, candidates, predicted = network.predict(inputs, verbose=0)
    masks = np.concatenate([answer, candidates], axis=-1)
    ious = np.asarray(mask_ious(target, masks, np.zeros(2, np.float32)))
    best = 1 + ious[0, 1:].argmax()
    assert len(set(ious[0, 1:])) == 3  # or any candidate would do
    expected = loss_alone(LOSSES[name], target, answer, weights)
    first = np.float32([1, 0]) * (1 if weights is None else weights)
    expected += loss_alone(LOSSES[name], target, masks[..., best : best + 1], first)
    error = (1 / (1 + np.exp(-predicted)) - ious) ** 2
    expected += (error[0].mean() + error[1, 0]) / 2
    np.testing.assert_allclose(done["loss"], expected, rtol=1e-4)
    valid = target > IGNORED / 2
    mask, truth = (answer > 0) & valid, (target > 0.5) & valid
    each = (mask & truth).sum((1, 2, 3)) / (mask | truth).sum((1, 2, 3))
    assert done["iou"] == pytest.approx(np.average(each, weights=weights), rel=1e-4)


def test_fit_teaches_the_answer_a_candidate_and_the_predicted_iou(network, inputs, case):
    network.compile(keras.optimizers.Adam(0.05), NormalizedFocalAndIoULoss())
    target = case["target"]

    def numbers():
        answer, candidates, predicted = network.predict(inputs, verbose=0)
        masks = np.concatenate([answer, candidates], axis=-1)
        ious = np.asarray(mask_ious(target, masks, np.zeros(2, np.float32)))
        return ious, np.abs(1 / (1 + np.exp(-predicted)) - ious)[0].mean()

    ious, error = numbers()
    network.fit(inputs, target, epochs=150, verbose=0)
    learnt, smaller = numbers()
    assert learnt[:, 0].mean() > ious[:, 0].mean() + 0.1
    assert learnt[0, 1:].max() > ious[0, 1:].max() + 0.1
    assert smaller < 0.5 * error


def test_more_outputs_of_another_kind_are_left_to_keras(inputs, case):
    image = layers.Input((HEIGHT, WIDTH, 3), name="image")
    click_maps = layers.Input((HEIGHT, WIDTH, 3), name="click_maps")
    x = layers.Conv2D(1, 1)(layers.Concatenate()([image, click_maps]))
    model = ClickNetwork([image, click_maps], [x, x + 1])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", [loss, loss])
    target = np.maximum(case["target"], 0)
    done = model.evaluate(inputs, [target, target], verbose=0, return_dict=True)
    assert np.isfinite(done["loss"])
