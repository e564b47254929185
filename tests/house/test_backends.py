"""One network, one set of weights, one answer on every Keras backend.

Run it under each value of KERAS_BACKEND. What it compares with was computed by
`python tests/house/test_backends.py` (on TensorFlow), which writes tests/golden/tiny_fctsfn_*.npz.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import distance_maps
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN, freeze_tslfn
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.networks.weight_files import load_variables, save_variables

DATA = Path(__file__).resolve().parents[1] / "golden"
WEIGHTS = DATA / "tiny_fctsfn_weights.npz"
EXAMPLE = DATA / "tiny_fctsfn_example.npz"
# Saved by Keras when the networks took a dictionary of inputs, `image_features_…` were numbered and
# dropout was Keras' own; the same network at random weights. It cannot be written again.
EARLIER = DATA / "earlier_fctsfn.keras"
ALPHA = 1 / 64
HEIGHT, WIDTH = 41, 70  # no multiples of 32, so padding and cropping take part
# Between backends only the order of summation differs; logits here lie within ±10.
TOLERANCE = 1e-4


def tiny_fctsfn():
    return FCTSFN(alpha=ALPHA)


@pytest.fixture(scope="module")
def network():
    model = tiny_fctsfn()
    load_variables(model, WEIGHTS)
    return model


@pytest.fixture(scope="module")
def example():
    with np.load(EXAMPLE, allow_pickle=False) as archive:
        return {name: archive[name].astype("float32") for name in archive.files}


def tensors(example):
    return {name: ops.convert_to_tensor(example[name]) for name in ("image", "click_maps")}


def test_the_example_says_something(example):
    assert example["logits"].shape == (1, HEIGHT, WIDTH, 1)
    assert example["logits"].std() > 0.1


def test_whole_network(network, example):
    logits = ops.convert_to_numpy(network(tensors(example)))
    np.testing.assert_allclose(logits, example["logits"], atol=TOLERANCE)


def test_predict_compiles_to_the_same(network, example):
    inputs = {name: example[name] for name in ("image", "click_maps")}
    logits = network.predict(inputs, verbose=0)
    np.testing.assert_allclose(logits, example["logits"], atol=TOLERANCE)


def test_image_part_and_click_part(network, example):
    image_part, click_part = split(network)
    inputs = tensors(example)
    logits = click_part([*image_part(inputs["image"]), inputs["click_maps"]])
    np.testing.assert_allclose(ops.convert_to_numpy(logits), example["logits"], atol=TOLERANCE)


def test_inputs_by_name_and_in_order(network, example):
    image, click_maps = tensors(example).values()
    expected = ops.convert_to_numpy(network([image, click_maps]))
    by_name = {"click_maps": click_maps, "image": image}  # in any order
    np.testing.assert_array_equal(ops.convert_to_numpy(network(by_name)), expected)
    arrays = [example["image"], example["click_maps"]]
    np.testing.assert_allclose(network.predict(arrays, verbose=0), expected, atol=TOLERANCE)


def test_network_inside_of_another_takes_inputs_by_name(network, example):
    inputs = {
        "image": keras.Input((HEIGHT, WIDTH, 3), name="image"),
        "click_maps": keras.Input((HEIGHT, WIDTH, 2), name="click_maps"),
    }
    outer = keras.Model(inputs, network(inputs))
    assert outer.output.shape == (None, HEIGHT, WIDTH, 1)
    logits = ops.convert_to_numpy(outer(tensors(example)))
    np.testing.assert_allclose(logits, example["logits"], atol=TOLERANCE)


@pytest.mark.parametrize("by_name", [True, False])
def test_fit_takes_inputs_by_name_and_in_order(by_name, example):
    network = TSLFN(32, alpha=ALPHA)
    network.compile("sgd", "mean_squared_error", jit_compile=False)
    inputs = {name: example[name] for name in ("click_maps", "image")}
    if not by_name:
        inputs = [inputs["image"], inputs["click_maps"]]
    network.fit(inputs, example["logits"], verbose=0)
    assert ops.convert_to_numpy(network.get_layer("score").kernel).any()  # it starts at zero


def test_a_network_that_an_earlier_version_saved(example, tmp_path):
    earlier = keras.saving.load_model(EARLIER)
    assert isinstance(earlier.input, dict)
    inputs, now = tensors(example), tiny_fctsfn()
    transfer_stage(earlier, now)
    expected = ops.convert_to_numpy(now(inputs))
    assert expected.std() > 0.1
    freeze_tslfn(earlier)
    earlier.save(tmp_path / "again.keras")
    for network in (earlier, keras.saving.load_model(tmp_path / "again.keras")):
        logits = ops.convert_to_numpy(network(inputs))
        np.testing.assert_allclose(logits, expected, atol=TOLERANCE)
        image_part, click_part = split(network)
        assert [tensor.name for tensor in click_part.inputs] == [
            *("features_4_conv5_1", "features_6_score_pool4", "features_7_score_pool3"),
            *(f"features_{7 + i}_bottleneck{i}" for i in (1, 2, 3, 4)),
            "click_maps",
        ]
        logits = click_part([*image_part(inputs["image"]), inputs["click_maps"]])
        np.testing.assert_allclose(ops.convert_to_numpy(logits), expected, atol=TOLERANCE)


def test_another_size_and_batch(network):
    rng = np.random.default_rng(0)
    image = ops.convert_to_tensor(rng.uniform(0, 255, (2, 50, 33, 3)), "float32")
    logits = network({"image": image, "click_maps": ops.zeros((2, 50, 33, 2))})
    assert tuple(logits.shape) == (2, 50, 33, 1)


def write_reference():
    """Random weights that let everything matter, a random image with two clicks, its logits."""
    rng = np.random.default_rng(4)
    model = tiny_fctsfn()
    for variable in model.weights:
        fan_in = max(np.prod(variable.shape[:-1]), 1)
        values = rng.normal(1 / fan_in, fan_in**-0.5, variable.shape)
        if variable.name == "moving_mean":
            values = np.zeros(variable.shape)
        if variable.name == "moving_variance":
            values = np.full(variable.shape, 3.0**2)
        if variable.name == "gamma":
            values = np.abs(values) + 0.5
        variable.assign(values)
    save_variables(model, WEIGHTS, dtype="float16", overwrite=True)
    load_variables(model, WEIGHTS)
    clicks = [Click(20, 30, True), Click(5, 60, False)]
    inputs = {
        "image": rng.integers(0, 256, (1, HEIGHT, WIDTH, 3)).astype("float32"),
        "click_maps": distance_maps(clicks, HEIGHT, WIDTH)[None],
    }
    logits = model.predict(inputs, verbose=0)
    np.savez_compressed(
        EXAMPLE,
        image=inputs["image"].astype("uint8"),
        click_maps=inputs["click_maps"],
        logits=logits,
    )
    print(f"{keras.backend.backend()}: logits {logits.min():.3f} … {logits.max():.3f}")


if __name__ == "__main__":
    write_reference()
