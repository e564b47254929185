import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks import weights
from fctsfn_tf.networks.fctsfn import BGR_MEAN, FCTSFN, SSFCN, TSLFN, VGG16_BLOCKS, TSLFNMinus
from fctsfn_tf.networks.weights import (
    initialise_from_vgg16,
    load_variables,
    pretrained_vgg16,
    save_variables,
    transfer_stage,
)

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


# Stage transfer


def randomise(model, rng):
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))


def test_stages_transfer_and_the_new_score_adds_nothing_yet(rng):
    stages = [TSLFN(32, alpha=ALPHA), TSLFN(16, alpha=ALPHA), TSLFN(8, alpha=ALPHA)]
    stages.append(FCTSFN(alpha=ALPHA))
    randomise(stages[0], rng)
    new = [
        ["score_pool4_image", "score_pool4_interaction"],
        ["score_pool3_image", "score_pool3_interaction"],
    ]
    for source, target, names in zip(stages[:2], stages[1:3], new, strict=True):
        result = transfer_stage(source, target)
        assert sorted(result.new) == names
        assert result.unused == []
        assert "fc6" in result.transferred
        for name in names:
            assert not any(array.any() for array in target.get_layer(name).get_weights())
    result = transfer_stage(stages[2], stages[3])
    assert {name.rstrip("12345") for name in result.transferred}.isdisjoint({"refine"})
    assert "score_bn" in result.new
    source = {layer.name: layer.get_weights() for layer in stages[0].layers}
    for stage in stages[1:]:
        for name, arrays in source.items():
            for old, now in zip(arrays, stage.get_layer(name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, now)


def test_transfer_reports_what_the_target_lacks():
    result = transfer_stage(TSLFN(16, alpha=ALPHA), TSLFN(32, alpha=ALPHA))
    assert sorted(result.unused) == ["score_pool4_image", "score_pool4_interaction"]
    assert result.new == []


def test_transfer_refuses_other_networks():
    with pytest.raises(InputError, match="same depth and alpha"):
        transfer_stage(TSLFN(32, alpha=ALPHA), TSLFN(32, alpha=1 / 64))
    inputs = keras.Input((3,))
    other = keras.Model(inputs, layers.Dense(1, name="other")(inputs))
    with pytest.raises(InputError, match="share none"):
        transfer_stage(other, TSLFN(32, alpha=ALPHA))


# Weight files


def tiny_model():
    """A convolution and a BatchNorm, some of its variables with one axis."""
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, name="conv")(image)
    x = layers.BatchNormalization(name="bn")(x)
    return keras.Model(image, layers.Dropout(0.5, name="dropout")(x), name="tiny")


@pytest.fixture
def saved(tmp_path, rng):
    model = tiny_model()
    randomise(model, rng)
    path = tmp_path / "tiny.npz"
    save_variables(model, path)
    return model, path


def test_names_and_types_of_the_arrays(saved, tmp_path):
    model, path = saved
    names = ["conv/kernel", "conv/bias", *(f"bn/{name}" for name in ("gamma", "beta"))]
    names += ["bn/moving_mean", "bn/moving_variance"]
    with np.load(path, allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(names)
        assert {archive[name].dtype for name in names} == {np.dtype("float32")}
    model.get_layer("bn").moving_variance.assign([1e-9, 1, 1, 1])  # zero in float16
    save_variables(model, tmp_path / "half.npz", dtype="float16")
    with np.load(tmp_path / "half.npz", allow_pickle=False) as archive:
        assert archive["conv/kernel"].dtype == np.float16
        assert archive["bn/moving_variance"].dtype == np.float32
        assert archive["bn/moving_variance"][0] == np.float32(1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0), ("float16", 1e-3)])
def test_round_trip(saved, tmp_path, dtype, tolerance):
    model, _ = saved
    save_variables(model, tmp_path / "again.npz", dtype)
    fresh = tiny_model()
    load_variables(fresh, tmp_path / "again.npz")
    for old, new in zip(model.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=tolerance)


def test_round_trip_of_a_network_that_was_saved_by_keras(tmp_path, rng):
    network = FCTSFN(alpha=1 / 64)
    randomise(network, rng)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    save_variables(loaded, tmp_path / "network.npz")
    fresh = FCTSFN(alpha=1 / 64, name="another_name")
    load_variables(fresh, tmp_path / "network.npz")
    for old, new in zip(network.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_an_existing_file_is_kept(saved):
    model, path = saved
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        save_variables(model, path)
    assert path.read_bytes() == before
    save_variables(model, path, overwrite=True)


def test_what_cannot_be_saved(saved, tmp_path):
    model, _ = saved
    with pytest.raises(InputError, match="float64"):
        save_variables(model, tmp_path / "x.npz", dtype="float64")
    model.get_layer("conv").kernel.assign(ops.full((3, 3, 3, 4), 1e6))
    with pytest.raises(InputError, match="conv/kernel"):
        save_variables(model, tmp_path / "x.npz", dtype="float16")
    model.get_layer("bn").beta.assign([0, np.nan, 0, 0])
    with pytest.raises(InputError, match="bn/beta"):
        save_variables(model, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def changed(path, **arrays):
    """The file once more, with some arrays replaced (None: left out)."""
    with np.load(path) as archive:
        content = dict(archive)
    content |= {name.replace("__", "/"): array for name, array in arrays.items()}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"conv__bias": None}, "without conv/bias"),
        ({"dense__kernel": np.zeros(3)}, "superfluous dense/kernel"),
        ({"conv__bias": np.zeros(5)}, r"'conv/bias' must have shape \(4,\).*\(5,\)"),
        ({"conv__bias": np.zeros((1, 4))}, "'conv/bias' must have shape"),
        ({"bn__gamma": np.array([1, np.nan, 1, 1])}, "'bn/gamma' must hold finite"),
        ({"bn__gamma": np.array([1, np.inf, 1, 1])}, "'bn/gamma' must hold finite"),
        ({"bn__gamma": np.ones(4, int)}, "'bn/gamma' must hold finite.*int64"),
        ({"bn__gamma": np.array([None] * 4)}, "is not a whole"),
    ],
)
def test_wrong_arrays_are_refused_before_anything_changes(saved, arrays, message):
    _, path = saved
    changed(path, **arrays)
    fresh = tiny_model()
    before = fresh.get_weights()
    with pytest.raises(InputError, match=message) as error:
        load_variables(fresh, path)
    assert "\n" not in str(error.value)
    for old, new in zip(before, fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def flipped(content):
    """One byte within the first array changed; the archive's checksum tells."""
    return content[:200] + bytes([content[200] ^ 255]) + content[201:]


@pytest.mark.parametrize(
    "damage",
    [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"hello", lambda c: c[10:], flipped],
    ids=["truncated", "empty", "text", "beheaded", "flipped"],
)
def test_damaged_files_are_refused(saved, damage):
    _, path = saved
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is not a whole"):
        load_variables(tiny_model(), path)


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for path, message in (
        (tmp_path / "array.npy", "is not a whole"),
        (tmp_path / "text.npz", "superfluous readme.txt"),
        (tmp_path, "is not a whole"),
        (tmp_path / "none.npz", "no weight file"),
    ):
        with pytest.raises(InputError, match=message):
            load_variables(tiny_model(), path)


def test_layers_of_the_same_name_cannot_be_told_apart():
    """Keras refuses such layers in one functional network, not in one that is nested."""
    inner_input = keras.Input((3,))
    inner = keras.Model(inner_input, layers.Dense(3, name="dense")(inner_input), name="inner")
    image = keras.Input((3,))
    model = keras.Model(image, layers.Dense(3, name="dense")(inner(image)))
    with pytest.raises(InputError, match="name of its own"):
        weights.save_variables(model, "unused.npz")
