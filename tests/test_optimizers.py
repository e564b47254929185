"""CaffeSGD against Caffe's formulas in plain numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.optimizers import CaffeSGD

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
