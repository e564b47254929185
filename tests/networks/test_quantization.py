"""Kernels on grids of 8 bits: what the network computes stays, and exports store it exactly."""

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.fctsfn import FCTSFN
from fctsfn_tf.networks.folding import carried_norms, fold, scaled
from fctsfn_tf.networks.quantization import are_halves, on_grid, quantize
from fctsfn_tf.predict.presets import load_preset


def restored(codes, step, least):
    return codes * np.float32(step) + np.float32(least)


@pytest.mark.parametrize("spread", [1e-4, 0.03, 1.0, 700.0])
@pytest.mark.parametrize("shift", [-3, 0, 0.7])
def test_a_grid_spans_the_values_and_holds_zero(spread, shift):
    values = (spread * (np.random.default_rng(1).normal(size=(3, 3, 4, 5)) + shift)).astype("f4")
    codes, step, least = on_grid(values)
    assert codes.dtype == np.uint8
    assert codes.shape == values.shape
    # Half a step away at most, and the step is little more than the least that 255 steps allow.
    assert np.abs(restored(codes, step, least) - values).max() <= 0.501 * step
    span = max(values.max(), 0) - min(values.min(), 0)
    assert span / 256 < step < 1.26 * span / 254
    assert least % step == 0
    # Three significant bits: the numbers are float16 numbers.
    mantissa = np.frexp(step)[0] * 8
    assert mantissa == round(mantissa)
    numbers = restored(codes, step, least)
    np.testing.assert_array_equal(numbers.astype(np.float16).astype(np.float32), numbers)


@pytest.mark.parametrize("largest", [130, 160, 200, 255])
def test_what_lies_on_a_grid_comes_back_as_it_is(largest):
    steps = np.random.default_rng(2).integers(0, largest + 1, 4000)
    steps[:2] = 0, largest
    values = ((steps - 60) * 0.015625 * 5).astype(np.float32)
    for factor in (1, np.float32(1 + 1e-6)):
        codes, step, least = on_grid(values * factor)
        np.testing.assert_array_equal(restored(codes, step, least), values)


def test_zeros_are_zeros():
    codes, step, least = on_grid(np.zeros((2, 3), np.float32))
    assert not restored(codes, step, least).any()


@pytest.fixture(scope="module")
def network():
    """A compact network whose BatchNorm does something, as after training."""
    keras.utils.set_random_seed(0)
    model = compact_network(alpha=0.35)
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, size),
                    rng.normal(0, 0.2, size),
                    rng.normal(0, 0.1, size),
                    rng.uniform(0.5, 2, size),
                ]
            )
    return model


def answer(model):
    rng = np.random.default_rng(4)
    maps = np.zeros((1, 64, 96, 3), np.float32)
    maps[:, 20:30, 40:50, 0] = 1
    inputs = {"image": rng.uniform(0, 255, (1, 64, 96, 3)).astype("f4"), "click_maps": maps}
    logits, *_ = keras.tree.flatten(model(inputs))
    return keras.ops.convert_to_numpy(logits)


def copy(model):
    again = compact_network(alpha=0.35)
    again.set_weights(model.get_weights())
    return again


def test_the_answer_moves_little_and_kernels_lie_on_grids_that_folding_keeps(network):
    quantized = copy(network)
    quantize(quantized)
    expected = answer(network)
    difference = np.abs(answer(quantized) - expected).mean()
    assert 0 < difference < 0.2 * expected.std()
    folded = fold(quantized)
    np.testing.assert_allclose(answer(folded), answer(quantized), atol=1e-5)
    for layer in quantized.layers:
        if isinstance(layer, layers.Conv2D) and not isinstance(layer, layers.DepthwiseConv2D):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            other = keras.ops.convert_to_numpy(folded.get_layer(layer.name).kernel)
            np.testing.assert_array_equal(restored(*on_grid(other)), kernel, err_msg=layer.name)
    again = copy(quantized)
    quantize(again)
    for one, other in zip(quantized.weights, again.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, err_msg=one.path)


def read_other_scale(norm, ratio):
    """Let a BatchNorm give what it gave, when all that it reads becomes `ratio` times as much."""
    gamma, beta, mean, variance = norm.get_weights()
    deviation, changed = (np.sqrt(v + norm.epsilon) for v in (variance, variance * ratio**2))
    gamma = gamma / deviation / ratio * changed
    norm.set_weights([gamma, beta, mean * ratio, variance * ratio**2])


def test_the_shipped_preset_is_found_again_behind_other_factors_of_batch_norm():
    """Its kernels lie on their grids; the same network with other factors does not."""
    preset, _ = load_preset()
    other, _ = load_preset()
    rng = np.random.default_rng(5)
    num_between = 0
    for norm, convolutions, norms_between in carried_norms(other):
        ratio = rng.uniform(0.5, 2, norm.gamma.shape)
        for layer in convolutions:
            layer.set_weights(scaled(layer, layer.get_weights(), ratio))
        for between in norms_between:  # what it gives becomes `ratio` times as much, too
            read_other_scale(between, ratio)
            between.gamma.assign(keras.ops.convert_to_numpy(between.gamma) * ratio)
            between.beta.assign(keras.ops.convert_to_numpy(between.beta) * ratio)
        num_between += len(norms_between)
        read_other_scale(norm, ratio)
    assert num_between == 1
    np.testing.assert_allclose(answer(other), answer(preset), atol=1e-3)
    quantize(other)
    np.testing.assert_allclose(answer(other), answer(preset), atol=1e-3)
    for one, expected in zip(other.weights, preset.weights, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5, err_msg=one.path)


def test_refining_layers_of_the_paper_s_network_become_float16_numbers():
    keras.utils.set_random_seed(0)
    network = FCTSFN(alpha=1 / 8, fc_filters=64)
    rng = np.random.default_rng(6)
    for layer in network.layers:
        if layer.name.startswith("score_") and layer.weights and not layer.name.endswith("bn"):
            layer.kernel.assign(rng.normal(0, 0.05, layer.kernel.shape))
        if layer.name.startswith("refine") and layer.name.endswith("_bn"):
            # Filters of very different size once BatchNorm's factors are in the kernels.
            norm = layer.get_weights()
            layer.set_weights([*norm[:3], rng.choice([0.001, 100.0], norm[3].shape)])
    inputs = [rng.uniform(0, 255, (1, 64, 96, n)).astype("f4") for n in (3, 2)]
    expected = keras.ops.convert_to_numpy(network(inputs))
    quantize(network)
    kernels = {
        layer.name: keras.ops.convert_to_numpy(layer.kernel)
        for layer in network.layers
        if isinstance(layer, layers.Conv2D)
    }
    refining = {f"refine{number}" for number in range(1, 6)}
    assert {name for name, kernel in kernels.items() if are_halves(kernel)} == refining
    found = keras.ops.convert_to_numpy(network(inputs))
    assert np.abs(found - expected).mean() < 0.05 * expected.std()


def test_halves_are_known_behind_the_rounding_of_float32():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(3, 3, 4, 5)).astype("f4")
    halves = values.astype("f2").astype("f4")
    assert are_halves(halves)
    assert are_halves(halves * np.float32(1 + 1e-6))
    assert not are_halves(values)
    assert not are_halves(restored(*on_grid(values)))
    assert not are_halves(np.float32([1e6, 1.0]))
