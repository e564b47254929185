"""folding: a network without BatchNorm gives the answer of the network with it."""

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.networks.fctsfn import FCTSFN
from fctsfn_tf.networks.folding import fold
from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike, PadToMultiple

HEIGHT, WIDTH = 32, 64


def randomised(model: keras.Model) -> keras.Model:
    """The model with weights that leave no BatchNorm, bias or offset without effect."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        for variable in layer.weights:
            is_norm = isinstance(layer, layers.BatchNormalization)
            spread = 0.3 if is_norm else 1 / np.sqrt(max(1, np.prod(variable.shape[:-1])))
            mean = 1.0 if is_norm else 0.0
            variable.assign(np.abs(rng.normal(mean, spread, variable.shape)) + (mean - 1) * spread)
    return model


def assert_same_answer(model: keras.Model, folded: keras.Model, channels: int) -> None:
    rng = np.random.default_rng(1)
    inputs = {
        "image": rng.uniform(0, 255, (1, HEIGHT, WIDTH, 3)).astype(np.float32),
        "click_maps": rng.uniform(0, 1, (1, HEIGHT, WIDTH, channels)).astype(np.float32),
    }
    expected = keras.ops.convert_to_numpy(model(inputs, training=False))
    assert np.ptp(expected) > 1e-3  # it depends on the input
    answer = keras.ops.convert_to_numpy(folded(inputs, training=False))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_folded_network_gives_the_same_answer():
    model = randomised(FCTSFN(alpha=0.05))
    folded = fold(model)
    gone = (layers.BatchNormalization, layers.Dropout, PadToMultiple, CropLike)
    kinds = {type(layer) for layer in model.layers}
    assert {*gone} <= kinds
    assert not any(isinstance(layer, gone) for layer in folded.layers)
    assert_same_answer(model, folded, channels=2)


def two_inputs() -> dict[str, keras.KerasTensor]:
    return {
        "image": layers.Input((None, None, 3), name="image"),
        "click_maps": layers.Input((None, None, 3), name="click_maps"),
    }


def after_a_sum(inputs):
    """BatchNorm over a sum of an upsampled, a normalised and a depthwise convolution."""
    x = layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(inputs["image"])
    x = BilinearUpsampling(2)(x)
    y = layers.BatchNormalization(name="inner")(layers.Conv2D(4, 1)(inputs["click_maps"]))
    z = layers.Conv2D(2, 1, activation="relu")(inputs["image"])
    z = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(z)
    return layers.BatchNormalization(name="outer")(layers.Add()([x, y, z]))


def after_an_activation(inputs):
    """No convolution can carry this BatchNorm."""
    x = layers.Add()([layers.ReLU()(inputs["image"]), inputs["click_maps"]])
    return layers.BatchNormalization(name="stays")(x)


def of_what_others_read(inputs):
    """The convolution is read beside BatchNorm too, so it must stay as it is."""
    x = layers.Add()([layers.Conv2D(3, 1)(inputs["image"]), inputs["click_maps"]])
    x = layers.Conv2D(2, 3, padding="same")(x)
    return layers.Concatenate()([x, layers.BatchNormalization(name="stays")(x)])


@pytest.mark.parametrize(
    ("build", "kept"),
    [(after_a_sum, []), (after_an_activation, ["stays"]), (of_what_others_read, ["stays"])],
)
def test_where_batch_norm_goes(build, kept):
    inputs = two_inputs()
    model = randomised(keras.Model(inputs, build(inputs)))
    folded = fold(model)
    assert [
        layer.name for layer in folded.layers if layer.name in ("stays", "inner", "outer")
    ] == kept
    assert_same_answer(model, folded, channels=3)


def test_folding_changes_nothing_in_the_network_itself():
    inputs = two_inputs()
    model = randomised(keras.Model(inputs, after_a_sum(inputs)))
    before = [weight.copy() for weight in model.get_weights()]
    fold(model)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert_same_answer(model, fold(model), channels=3)
