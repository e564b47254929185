import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import BGR_MEAN, FCTSFN, SSFCN, TSLFN, VGG16_BLOCKS, TSLFNMinus
from fctsfn_tf.networks.vgg16_weights import initialise_from_vgg16, pretrained_vgg16

ALPHA = 1 / 32


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def small_vgg16():
    """A VGG16 of `keras.applications`' layout with 1/32 of its filters and 10 classes."""
    generator = np.random.default_rng(1)
    x = image = keras.Input((224, 224, 3))
    for block, filters in VGG16_BLOCKS.items():
        for i, count in enumerate(filters, start=1):
            x = layers.Conv2D(
                count // 32, 3, padding="same", activation="relu", name=f"block{block}_conv{i}"
            )(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="fc1")(x)
    x = layers.Dense(128, activation="relu", name="fc2")(x)
    model = keras.Model(image, layers.Dense(10, name="predictions")(x))
    for variable in model.weights:
        variable.assign(variable + generator.normal(0.02, 0.1, variable.shape))
    return model


def test_initialised_network_computes_what_vgg16_computes(small_vgg16, rng):
    """At the centre of a 224 × 224 image fc7 equals VGG16's fc2, with the clicks' half shut off."""
    network = TSLFN(32, alpha=ALPHA)
    initialise_from_vgg16(network, small_vgg16)
    half = network.get_layer("conv5_1_interaction")
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


def test_click_streams_first_layer_is_the_mean_over_rgb(small_vgg16):
    network = TSLFN(32, alpha=ALPHA)
    initialise_from_vgg16(network, small_vgg16)
    rgb, bias = small_vgg16.get_layer("block1_conv1").get_weights()
    kernel, new_bias = network.get_layer("conv1_1_interaction").get_weights()
    assert kernel.shape[2] == 2
    for channel in (0, 1):
        mean = (rgb[:, :, 0] + rgb[:, :, 1] + rgb[:, :, 2]) / 3
        np.testing.assert_allclose(kernel[:, :, channel], mean, rtol=1e-5)
    np.testing.assert_array_equal(new_bias, bias)


def test_both_halves_of_a_fusing_layer_get_the_whole_kernel(small_vgg16):
    network = TSLFN(8, depth=5, alpha=ALPHA)
    initialise_from_vgg16(network, small_vgg16)
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
def test_every_vgg16_layer_of_the_other_networks_is_initialised(build, small_vgg16):
    network = build(alpha=ALPHA)
    for layer in network.layers:
        if layer.name.startswith(("conv", "fc")) and layer.weights:
            layer.kernel.assign(ops.full(layer.kernel.shape, 99.0))
    refined = network.get_layer("refine1").get_weights() if build is FCTSFN else None
    initialise_from_vgg16(network, small_vgg16)
    assert not any((ops.convert_to_numpy(variable) == 99.0).any() for variable in network.weights)
    if build is FCTSFN:
        np.testing.assert_array_equal(network.get_layer("refine1").get_weights(), refined)


def test_another_width_is_refused_before_anything_changes(small_vgg16):
    network = TSLFN(32, alpha=1 / 64)
    before = network.get_weights()
    with pytest.raises(InputError, match="alpha=1"):
        initialise_from_vgg16(network, small_vgg16)
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


@pytest.mark.parametrize("name", ["vgg16_weights_tf_dim_ordering_tf_kernels.h5", "a.weights.h5"])
def test_weights_argument_initialises_from_a_file(small_vgg16, tmp_path, monkeypatch, name):
    path = tmp_path / name
    if name.endswith(".weights.h5"):
        small_vgg16.save_weights(path)
    else:
        save_as_keras_applications_does(small_vgg16, path)

    def vgg16(include_top, weights):
        assert include_top
        model = keras.models.clone_model(small_vgg16)
        model.load_weights(weights)
        return model

    monkeypatch.setattr(keras.applications, "VGG16", vgg16)
    network = FCTSFN(weights=path, alpha=ALPHA)
    np.testing.assert_array_equal(
        network.get_layer("conv3_2_image").get_weights()[0],
        small_vgg16.get_layer("block3_conv2").get_weights()[0],
    )
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="could not be loaded"):
        FCTSFN(weights=path, alpha=ALPHA)


def test_weights_that_cannot_be_had(monkeypatch, tmp_path):
    def no_network(**kwargs):
        raise Exception("URL fetch failure on https://example.org:\nno route")

    monkeypatch.setattr(keras.applications, "VGG16", no_network)
    with pytest.raises(InputError, match="give its path") as error:
        pretrained_vgg16("imagenet")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="is no file"):
        pretrained_vgg16(tmp_path / "missing.h5")
