"""The compact network: shapes, attention, the split, what the image part must not see."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import TAPS, ClickAttention, compact_network, is_backbone
from fctsfn_tf.networks.encode_once import split


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return compact_network(alpha=0.35)


def inputs(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.uniform(0, 255, (2, height, width, 3)).astype(np.float32),
        "click_maps": rng.integers(0, 2, (2, height, width, 3)).astype(np.float32),
    }


@pytest.mark.parametrize("size", [(64, 96), (33, 70), (1, 1)])
def test_logits_have_the_size_of_the_image(network, size):
    logits = network.predict_on_batch(inputs(*size))
    assert logits.shape == (2, *size, 1)
    assert np.isfinite(logits).all()


def test_padding_is_what_the_network_does_itself(network):
    data = inputs(50, 70)
    padded = {
        # 127.5 is what the image's scaling maps to zero.
        "image": np.pad(data["image"], ((0, 0), (0, 14), (0, 26), (0, 0)), constant_values=127.5),
        "click_maps": np.pad(data["click_maps"], ((0, 0), (0, 14), (0, 26), (0, 0))),
    }
    np.testing.assert_allclose(
        network.predict_on_batch(data),
        network.predict_on_batch(padded)[:, :50, :70],
        atol=1e-4,
    )


def test_split_gives_the_whole_network_s_output(network):
    data = inputs(64, 96)
    image_part, click_part = split(network)
    features = image_part.predict_on_batch(data["image"])
    np.testing.assert_allclose(
        click_part.predict_on_batch([*features, data["click_maps"]]),
        network.predict_on_batch(data),
        atol=1e-5,
    )


def test_image_is_the_first_input_and_names_of_what_crosses(network):
    assert [tensor.name for tensor in network.inputs] == ["image", "click_maps"]
    _, click_part = split(network)
    scales = ("eighth", "half", "keys", "quarter", "queries", "sixteenth", "thirty_second")
    names = [*(f"features_{name}" for name in scales), "click_maps"]
    assert [tensor.name for tensor in click_part.inputs] == names


def test_click_attention_equals_its_formula():
    rng = np.random.default_rng(1)
    queries, keys, values = (rng.normal(size=(2, 3, 5, d)).astype("f") for d in (4, 4, 6))
    disks = rng.uniform(size=(2, 3, 5, 2)).astype("f") * (rng.random((2, 3, 5, 1)) < 0.3)
    result = np.asarray(ClickAttention()([queries, keys, values, disks.astype("f")]))
    for b in range(2):
        q, k, v, d = (
            x[b].reshape(15, -1).astype(np.float64) for x in (queries, keys, values, disks)
        )
        covered = d.sum(1) + 1e-6
        weights = np.exp(q @ k.T / 2) * covered
        weights /= weights.sum(1, keepdims=True)
        expected = weights @ np.concatenate([d / covered[:, None], v], 1)
        np.testing.assert_allclose(result[b].reshape(15, -1), expected, rtol=1e-4, atol=1e-5)


def test_attention_without_clicks_is_finite():
    zeros = np.zeros((1, 2, 3, 2), "f")
    queries = np.ones((1, 2, 3, 4), "f")
    assert np.isfinite(np.asarray(ClickAttention()([queries, queries, queries, zeros]))).all()


def test_backbone_is_mobilenet_and_nothing_else(network):
    names = {layer.name for layer in network.layers if is_backbone(layer)}
    assert set(TAPS) <= names
    reference = {layer.name for layer in keras.applications.MobileNetV2(weights=None).layers}
    assert names <= reference
    others = [layer.name for layer in network.layers if not is_backbone(layer)]
    assert not set(others) & reference - {"Conv_1", "Conv_1_bn", "out_relu"}


def test_round_trip(network, tmp_path):
    data = inputs(32, 64)
    expected = ops.convert_to_numpy(network(data))
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(data)), expected, atol=1e-6)
    network.save_weights(tmp_path / "network.weights.h5")
    fresh = compact_network(alpha=0.35)
    fresh.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_allclose(ops.convert_to_numpy(fresh(data)), expected, atol=1e-6)


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(InputError, match="mobilenet_v2"):
        compact_network(backbone="resnet")
    with pytest.raises(InputError):
        compact_network(backbone_weights=tmp_path / "absent.npz", alpha=0.35)


def test_a_width_without_imagenet_weights_is_refused_before_the_download(monkeypatch):
    def download(**_):
        raise AssertionError("weights that are not there are downloaded")

    monkeypatch.setattr(keras.applications, "MobileNetV2", download)
    with pytest.raises(InputError, match=r"widths .* only.* Received 0\.6"):
        compact_network(backbone_weights="imagenet", alpha=0.6)
