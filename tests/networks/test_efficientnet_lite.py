"""EfficientNet-Lite2: its activations, and weights read from PyTorch's layout."""

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.efficientnet_lite import (
    PREFIX,
    STAGES,
    efficientnet_lite2,
    load_efficientnet_lite2,
)


@pytest.fixture(scope="module")
def network():
    image = layers.Input((None, None, 3))
    return keras.Model(image, efficientnet_lite2(image))


@pytest.fixture(scope="module")
def arrays(network):
    """Random weights as `efficientnet_lite_pytorch` names them, some of them of later layers."""
    rng = np.random.default_rng(0)
    arrays = {"_blocks.20._project_conv.weight": np.zeros((352, 1248, 1, 1), np.float16)}

    def add(conv, norm, layer):
        kernel = network.get_layer(layer).kernel.shape
        order = (2, 3, 0, 1) if "depthwise" in layer else (3, 2, 0, 1)
        shape = [kernel[axis] for axis in order]
        arrays[f"{conv}.weight"] = rng.normal(size=shape).astype(np.float16)
        for name in ("weight", "bias", "running_mean", "running_var"):
            count = network.get_layer(f"{layer}_norm").gamma.shape[0]
            arrays[f"{norm}.{name}"] = rng.uniform(size=count).astype(np.float32)

    add("_conv_stem", "_bn0", f"{PREFIX}stem")
    for number in range(sum(stage.repeats for stage in STAGES)):
        kinds = ["depthwise", "project"] if number == 0 else ["expand", "depthwise", "project"]
        for index, kind in enumerate(kinds, start=3 - len(kinds)):
            theirs = f"_blocks.{number}."
            add(f"{theirs}_{kind}_conv", f"{theirs}_bn{index}", f"{PREFIX}{number}_{kind}")
    return arrays


def write(path, arrays):
    np.savez(path, **arrays)
    return path


def test_taps_are_at_five_scales(network):
    shapes = [tuple(tap.shape) for tap in network(np.zeros((1, 64, 96, 3), np.float32))]
    assert shapes == [
        (1, 32, 48, 96),
        (1, 16, 24, 144),
        (1, 8, 12, 288),
        (1, 4, 6, 720),
        (1, 2, 3, 208),
    ]


def test_weights_get_to_their_layers(network, arrays, tmp_path):
    load_efficientnet_lite2(network, write(tmp_path / "weights.npz", arrays))
    stem = network.get_layer("lite_stem").kernel
    # PyTorch: (out, in, rows, cols); Keras: (rows, cols, in, out).
    assert stem[1, 2, 0, 5] == arrays["_conv_stem.weight"][5, 0, 1, 2]
    depthwise = network.get_layer("lite_4_depthwise").kernel
    assert depthwise[3, 1, 7, 0] == arrays["_blocks.4._depthwise_conv.weight"][7, 0, 3, 1]
    norm = network.get_layer("lite_4_project_norm")
    for name, ours in (("weight", norm.gamma), ("running_var", norm.moving_variance)):
        np.testing.assert_array_equal(ours, arrays[f"_blocks.4._bn2.{name}"])
    first = network.get_layer("lite_0_depthwise_norm").beta  # block 0 expands nothing
    np.testing.assert_array_equal(first, arrays["_blocks.0._bn1.bias"])


def test_the_stem_is_pytorch_s_convolution_with_tensorflow_s_padding(network, arrays, tmp_path):
    load_efficientnet_lite2(network, write(tmp_path / "weights.npz", arrays))
    stem = network.get_layer("lite_stem")
    image = np.random.default_rng(1).normal(size=(1, 32, 32, 3)).astype(np.float32)
    answer = keras.ops.convert_to_numpy(stem(image))
    padded = np.pad(image[0], ((0, 1), (0, 1), (0, 0)))  # SAME at stride 2: below and right
    kernel = arrays["_conv_stem.weight"].astype(np.float64)[4]  # (in, rows, cols)
    window = padded[6 : 6 + 3, 10 : 10 + 3].transpose(2, 0, 1)
    np.testing.assert_allclose(answer[0, 3, 5, 4], (window * kernel).sum(), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_blocks.3._bn1.bias": None}, "without '_blocks.3._bn1.bias'"),
        ({"_conv_stem.weight": np.zeros((32, 3, 5, 5))}, "'_conv_stem' must have the shapes"),
        ({"_bn0.bias": np.full(32, np.nan)}, "finite"),
    ],
)
def test_weights_that_are_others(network, arrays, tmp_path, change, message):
    changed = {key: value for key, value in {**arrays, **change}.items() if value is not None}
    with pytest.raises(InputError, match=message):
        load_efficientnet_lite2(network, write(tmp_path / "weights.npz", changed))


def test_files_that_are_none(network, tmp_path):
    with pytest.raises(InputError, match="no weight file"):
        load_efficientnet_lite2(network, tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(InputError, match="not a whole"):
        load_efficientnet_lite2(network, tmp_path / "text.npz")


def test_torch_files(network, arrays, tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
    load_efficientnet_lite2(network, path)
    norm = network.get_layer("lite_stem_norm")
    np.testing.assert_array_equal(norm.beta, arrays["_bn0.bias"])


def test_torch_files_without_torch(network, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match="needs torch"):
        load_efficientnet_lite2(network, path)
