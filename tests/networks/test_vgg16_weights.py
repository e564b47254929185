from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.cost import built_without_weights
from fctsfn_tf.networks.fctsfn import (
    BGR_MEAN,
    FCTSFN,
    SSFCN,
    TSLFN,
    TSLFNMinus,
    vgg16,
    vgg16_layers,
)
from fctsfn_tf.networks.vgg16_weights import initialise_from_vgg16, read_vgg16

ALPHA = 1 / 32
# Simonyan and Zisserman 2015, configuration D.
FILTERS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
DENSE = 128  # 4096 × ALPHA


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def small_vgg16():
    """A VGG16 of `keras.applications`' layout with 1/32 of its filters and 10 classes."""
    generator = np.random.default_rng(1)
    x = image = keras.Input((224, 224, 3))
    for block, filters in enumerate(FILTERS, start=1):
        for i, count in enumerate(filters, start=1):
            x = layers.Conv2D(
                count // 32, 3, padding="same", activation="relu", name=f"block{block}_conv{i}"
            )(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DENSE, activation="relu", name="fc1")(x)
    x = layers.Dense(DENSE, activation="relu", name="fc2")(x)
    model = keras.Model(image, layers.Dense(10, name="predictions")(x))
    for variable in model.weights:
        variable.assign(variable + generator.normal(0.02, 0.1, variable.shape))
    return model


def save_as_npz(model, path, names=None):
    arrays = {}
    for layer in model.layers:
        if layer.weights and (names is None or layer.name in names):
            kernel, bias = layer.get_weights()
            arrays |= {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": bias}
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def small_file(small_vgg16, tmp_path_factory):
    return save_as_npz(small_vgg16, tmp_path_factory.mktemp("weights") / "small.npz")


def test_the_layers_are_those_of_keras_applications():
    network = FCTSFN(alpha=ALPHA)
    pattern = vgg16_layers(range(1, 6))
    assert [layer.name for layer in pattern if isinstance(layer, layers.Conv2D)] == [
        f"block{block}_conv{i}"
        for block, filters in enumerate(FILTERS, start=1)
        for i, _ in enumerate(filters, start=1)
    ]
    for layer in pattern:
        block = int(layer.name[5])
        for suffix in ("_image", "_interaction") if block < 5 else ("",):
            if layer.name == "block5_conv1":
                continue  # fuses both streams: two halves, their sum, and a ReLU
            config = network.get_layer(layer.name + suffix).get_config()
            expected = {**layer.get_config(), "name": layer.name + suffix}
            if "filters" in expected:
                expected["filters"] = max(1, expected["filters"] // 32)
            assert config == expected


def test_weights_depend_on_the_seed_alone():
    """And not on whether a network was built before."""

    def first_kernel():
        keras.utils.set_random_seed(3)
        network = TSLFN(32, alpha=ALPHA)
        return network.get_layer("block1_conv1_image").get_weights()[0]

    vgg16.cache_clear()
    np.testing.assert_array_equal(first_kernel(), first_kernel())


def test_halves_start_as_wide_as_he_asks_of_the_whole():
    network = FCTSFN(alpha=1 / 4)
    halves = [network.get_layer(f"bottleneck4_{s}").kernel for s in ("image", "interaction")]
    image, interaction = (ops.convert_to_numpy(half) for half in halves)
    assert not np.array_equal(image, interaction)
    expected = np.sqrt(2 / (2 * image.shape[2]))
    for half in (image, interaction):
        assert half.std() == pytest.approx(expected, rel=0.1)


def test_initialised_network_computes_what_vgg16_computes(small_vgg16, small_file, rng):
    """At the centre of a 224 × 224 image fc7 equals VGG16's fc2, with the clicks' half shut off."""
    network = TSLFN(32, alpha=ALPHA)
    initialise_from_vgg16(network, small_file)
    half = network.get_layer("block5_conv1_interaction")
    half.kernel.assign(ops.zeros(half.kernel.shape))

    image = rng.uniform(0, 255, (1, 224, 224, 3)).astype("float32")
    vgg_input = image[..., ::-1] - np.float32(BGR_MEAN)
    until_fc2 = keras.Model(small_vgg16.input, small_vgg16.get_layer("fc2").output)
    expected = until_fc2.predict(vgg_input, verbose=0)[0]
    until_fc7 = keras.Model(network.input, network.get_layer("relu7").output)
    inputs = {"image": image, "click_maps": np.zeros((1, 224, 224, 2), np.float32)}
    centre = until_fc7.predict(inputs, verbose=0)[0, 3, 3]
    assert expected.std() > 0.1
    np.testing.assert_allclose(centre, expected, atol=1e-5 * expected.max())


def test_click_streams_first_layer_is_the_mean_over_rgb(small_vgg16, small_file):
    network = TSLFN(32, alpha=ALPHA)
    initialise_from_vgg16(network, small_file)
    rgb, bias = small_vgg16.get_layer("block1_conv1").get_weights()
    kernel, new_bias = network.get_layer("block1_conv1_interaction").get_weights()
    assert kernel.shape[2] == 2
    for channel in (0, 1):
        mean = (rgb[:, :, 0] + rgb[:, :, 1] + rgb[:, :, 2]) / 3
        np.testing.assert_allclose(kernel[:, :, channel], mean, rtol=1e-5)
    np.testing.assert_array_equal(new_bias, bias)


def test_both_halves_of_a_fusing_layer_get_the_whole_kernel(small_vgg16, small_file):
    network = TSLFN(8, depth=5, alpha=ALPHA)
    initialise_from_vgg16(network, small_file)
    dense, bias = small_vgg16.get_layer("fc1").get_weights()
    image = network.get_layer("fc6_image").get_weights()
    interaction = network.get_layer("fc6_interaction").get_weights()
    assert len(image) == 1
    np.testing.assert_array_equal(image[0], dense.reshape(7, 7, 16, 128))
    np.testing.assert_array_equal(interaction[0], image[0])
    np.testing.assert_array_equal(interaction[1], bias)
    for name in ("score", "score_pool4_image", "score_pool3_interaction"):
        assert not any(array.any() for array in network.get_layer(name).get_weights())


@pytest.mark.parametrize("build", [SSFCN, TSLFNMinus, FCTSFN])
def test_every_vgg16_layer_of_the_other_networks_is_initialised(build, small_file):
    network = build(alpha=ALPHA)
    for layer in network.layers:
        if layer.name.startswith(("block", "fc")) and layer.weights:
            layer.kernel.assign(ops.full(layer.kernel.shape, 99.0))
    refined = network.get_layer("refine1").get_weights() if build is FCTSFN else None
    initialise_from_vgg16(network, small_file)
    assert not any((ops.convert_to_numpy(variable) == 99.0).any() for variable in network.weights)
    if build is FCTSFN:
        np.testing.assert_array_equal(network.get_layer("refine1").get_weights(), refined)


def test_another_width_is_refused_before_anything_changes(small_file):
    network = TSLFN(32, alpha=1 / 64)
    before = network.get_weights()
    with pytest.raises(InputError, match="alpha=1"):
        initialise_from_vgg16(network, small_file)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def save_as_keras_applications_does(model, path):
    """The layout of vgg16_weights_tf_dim_ordering_tf_kernels.h5, which is Keras 1's."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"][: len(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array


NOTOP = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.mark.parametrize(
    "name", ["vgg16_weights_tf_dim_ordering_tf_kernels.h5", NOTOP, "a.weights.h5", "convs.npz"]
)
def test_weights_are_read_from_a_file(small_vgg16, tmp_path, monkeypatch, caplog, name):
    path = tmp_path / name
    without_dense = keras.Model(
        small_vgg16.input, small_vgg16.get_layer("block5_pool").output, name="vgg16_notop"
    )
    saved = without_dense if name in (NOTOP, "convs.npz") else small_vgg16
    if name.endswith(".npz"):
        save_as_npz(saved, path)
    elif name.endswith(".weights.h5"):
        saved.save_weights(path)
    else:
        save_as_keras_applications_does(saved, path)

    def small(include_top, weights):
        model = keras.models.clone_model(small_vgg16 if include_top else without_dense)
        model.load_weights(weights)
        return model

    network = FCTSFN(alpha=ALPHA)
    he = network.get_layer("fc6").get_weights()[0]
    monkeypatch.setattr(keras.applications, "VGG16", small)
    monkeypatch.setattr("fctsfn_tf.networks.vgg16_weights._DENSE_FILTERS", DENSE)
    initialise_from_vgg16(network, path)
    np.testing.assert_array_equal(
        network.get_layer("block3_conv2_image").get_weights()[0],
        small_vgg16.get_layer("block3_conv2").get_weights()[0],
    )
    fc6 = network.get_layer("fc6").get_weights()[0]
    if saved is without_dense:
        np.testing.assert_array_equal(fc6, he)
        assert "He's initialisation" in caplog.text
    else:
        dense = small_vgg16.get_layer("fc1").get_weights()[0]
        np.testing.assert_array_equal(fc6, dense.reshape(fc6.shape))
        assert not caplog.text
    path.write_bytes(b"neither HDF5 nor a .npz")
    with pytest.raises(InputError, match=r"could not be loaded|An \.npz of VGG16 holds"):
        initialise_from_vgg16(network, path)


def test_another_number_of_dense_filters_takes_the_convolutions_alone(small_file, caplog):
    network = TSLFN(32, alpha=ALPHA, fc_filters=32)  # 1 filter
    initialise_from_vgg16(network, small_file)
    assert network.get_layer("fc7").filters == 1
    assert "He's initialisation" in caplog.text


def test_weights_that_cannot_be_had(monkeypatch, tmp_path):
    def no_network(**kwargs):
        raise Exception("URL fetch failure on https://example.org:\nno route")

    monkeypatch.setattr(keras.applications, "VGG16", no_network)
    with pytest.raises(InputError, match="its path") as error:
        read_vgg16("imagenet")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="is no file"):
        read_vgg16(tmp_path / "missing.h5")


@pytest.mark.parametrize(("fc_filters", "download"), [(4096, True), (512, False)])
def test_dense_layers_are_downloaded_only_where_they_fit(monkeypatch, fc_filters, download):
    def note(include_top, weights):
        assert weights == "imagenet"
        raise RuntimeError(f"dense: {include_top}")

    network = built_without_weights(lambda: TSLFN(32, fc_filters=fc_filters))
    monkeypatch.setattr(keras.applications, "VGG16", note)
    with pytest.raises(InputError, match=f"dense: {download}"):
        initialise_from_vgg16(network, "imagenet")


def test_another_width_is_refused_before_anything_is_downloaded(monkeypatch):
    def never(**kwargs):
        raise AssertionError("downloaded")

    vgg16()
    monkeypatch.setattr(keras.applications, "VGG16", never)
    with pytest.raises(InputError, match="alpha=1"):
        FCTSFN(weights="imagenet", alpha=0.5)
    with pytest.raises(InputError, match="fc_filters"):
        TSLFN(fc_filters=0)


def test_the_released_convolutions_where_they_are_at_hand():
    path = Path(__file__).parents[3] / "shared/data/backbones/vgg16_notop.npz"
    if not path.is_file():
        pytest.skip("ImageNet's convolutions are not part of the repository")
    read = read_vgg16(path)
    assert len(read) == 13
    assert read["block5_conv3"].kernel.shape == (3, 3, 512, 512)
