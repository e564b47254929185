"""CaffeSGD against Caffe's formulas in plain numpy; SlowerAdamW against AdamW."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.training.optimizers import CaffeSGD, SlowerAdamW

RATES = (0.1, 0.1, 0.01)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("name", ["kernel", "bias"])
def test_three_steps(name, nesterov):
    """Caffe: v ← μ v + η (g + λ w), w ← w − v; Nesterov's w ← w − ((1 + μ) v − μ v_before)."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.01])
    optimizer = CaffeSGD(schedule, 0.9, nesterov, decay=0.02, bias_factor=2.0)
    variable = keras.Variable(np.array([1.0, -2.0, 3.0], "float32"), name=name)
    optimizer.build([variable])
    weights = np.array([1.0, -2.0, 3.0])
    velocity = np.zeros(3)
    rng = np.random.default_rng(0)
    for rate in RATES:
        gradient = rng.normal(size=3)
        optimizer.apply([ops.convert_to_tensor(gradient, "float32")])
        factor, decay = (2.0, 0.0) if name == "bias" else (1.0, 0.02)
        before = velocity
        velocity = 0.9 * velocity + factor * rate * (gradient + decay * weights)
        weights = weights - ((1.9 * velocity - 0.9 * before) if nesterov else velocity)
    np.testing.assert_allclose(ops.convert_to_numpy(variable), weights, rtol=1e-5)


def test_it_is_saved_with_its_numbers():
    optimizer = CaffeSGD(1e-8, 0.99, True, decay=1e-3, bias_factor=3.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_only_the_named_layers_learn_slower():
    values = np.array([1.0, -2.0, 3.0], "float32")
    gradient = ops.convert_to_tensor([0.5, 1.0, -1.0], "float32")

    def trained(optimizer):
        layers = [keras.layers.Dense(3, use_bias=False, name=name) for name in ("fast", "slow")]
        for layer in layers:
            layer.build((None, 1))
            layer.set_weights([values[None]])
        kernels = [layer.kernel for layer in layers]
        optimizer.build(kernels)
        for _ in range(3):
            optimizer.apply([gradient[None]] * 2)
        return [ops.convert_to_numpy(kernel)[0] for kernel in kernels]

    fast, slow = trained(SlowerAdamW(0.01, ["slow"], 0.1, weight_decay=0.0))
    alike, _ = trained(keras.optimizers.AdamW(0.01, weight_decay=0.0))
    _, tenth = trained(keras.optimizers.AdamW(0.001, weight_decay=0.0))
    np.testing.assert_allclose(fast, alike, rtol=1e-6)
    np.testing.assert_allclose(slow, tenth, rtol=1e-6)


def test_which_layers_are_slower_is_saved():
    optimizer = SlowerAdamW(1e-3, ["conv"], 0.1)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
