"""The parts of a network, by name, are the network."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import FCTSFN
from fctsfn_tf.networks.parts import export_parts


def test_both_parts_together_are_the_network():
    keras.utils.set_random_seed(0)
    model = FCTSFN(alpha=0.02)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(variable + 0.1 * rng.random(variable.shape))
    parts = export_parts(model)
    image = ops.convert_to_tensor(rng.uniform(0, 255, (1, 32, 64, 3)).astype(np.float32))
    click_maps = ops.convert_to_tensor(rng.uniform(0, 255, (1, 32, 64, 2)).astype(np.float32))
    features = parts.image({"image": image})
    assert tuple(features) == parts.features
    logits = parts.click({**features, "click_maps": click_maps})["logits"]
    expected = model({"image": image, "click_maps": click_maps})
    expected = ops.convert_to_numpy(expected)
    # Sums of large numbers that cancel each other: as exact as the largest of them.
    np.testing.assert_allclose(
        ops.convert_to_numpy(logits), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )


def test_a_network_that_is_none():
    image = keras.Input((None, None, 3), name="image")
    with pytest.raises(InputError, match="must take the inputs"):
        export_parts(keras.Model(image, keras.layers.Conv2D(1, 1)(image)))
