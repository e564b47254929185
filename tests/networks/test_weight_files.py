import zipfile

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import FCTSFN
from fctsfn_tf.networks.weight_files import load_variables, save_variables


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def randomise(model, rng):
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))


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
        save_variables(model, "unused.npz")
