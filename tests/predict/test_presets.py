"""Presets: a tiny network goes to a directory and back; what is damaged or strange is refused."""

import hashlib
import inspect
import json
import shutil
import sys
import types

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN
from fctsfn_tf.predict import preset_files, presets
from fctsfn_tf.predict.config import PAPER_CONFIG, PredictorConfig
from fctsfn_tf.predict.keras_engine import KerasEngine
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.preset_engine import load_engine
from fctsfn_tf.predict.preset_files import preset_config, preset_names
from fctsfn_tf.predict.presets import add_litert_parts, load_preset, save_preset
from fctsfn_tf.training.iterative_clicks import IterativeClicks

CONFIG = PredictorConfig(working_size=96, threshold=0.4, zoom_in=False)
TINY = {"builder": "tiny_network", "arguments": {"filters": 3}}
CARD = "# Tiny\n\nMade of noise; knows nothing.\n"


def tiny_network(filters=2, backbone_weights=None):
    """The smallest network of the package's shape."""
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    convolution = layers.Conv2D(filters, 3, padding="same", name="image_conv")(image)
    x = layers.Identity(name="image_features_0_conv")(convolution)
    x = layers.Add(name="sum")(
        [x, layers.Conv2D(filters, 3, padding="same", name="click_conv")(click_maps)]
    )
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(
        {"image": image, "click_maps": click_maps}, layers.Conv2D(1, 1, name="score")(x)
    )


@pytest.fixture(scope="module", autouse=True)
def _tiny_is_a_builder():
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(presets.BUILDERS, "tiny_network", tiny_network)
        yield


def noise():
    model = tiny_network(3)
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture
def model():
    return noise()


@pytest.fixture
def without_parts(monkeypatch):
    """They take most of the time where they are not what is tested."""
    monkeypatch.setattr(presets, "MAX_LITERT_BYTES", 0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved preset, made once."""
    directory = tmp_path_factory.mktemp("presets") / "tiny"
    save_preset(noise(), directory, CONFIG, CARD, "float32", **TINY)
    return directory


@pytest.fixture
def directory(tmp_path, saved):
    """A copy of the saved preset."""
    return shutil.copytree(saved, tmp_path / "tiny")


def change(directory, edit):
    """Edit the content of config.json."""
    path = directory / "config.json"
    settings = json.loads(path.read_text())
    edit(settings)
    path.write_text(json.dumps(settings))


def logits(model):
    rng = np.random.default_rng(1)
    inputs = {
        "image": rng.uniform(0, 255, (1, 32, 64, 3)),
        "click_maps": rng.random((1, 32, 64, 3)),
    }
    tensors = {name: ops.convert_to_tensor(x.astype(np.float32)) for name, x in inputs.items()}
    return ops.convert_to_numpy(model(tensors, training=False))


def test_round_trip(directory, model):
    loaded, config = load_preset(directory)
    assert config == CONFIG
    np.testing.assert_array_equal(logits(loaded), logits(model))
    assert (directory / "README.md").read_text(encoding="utf-8") == CARD
    assert sorted(path.name for path in directory.iterdir()) == [
        "README.md",
        *([] if keras.backend.backend() != "tensorflow" else ["click.tflite"]),
        "config.json",
        *([] if keras.backend.backend() != "tensorflow" else ["image.tflite"]),
        "weights.npz",
    ]
    settings = json.loads((directory / "config.json").read_text())
    weights = (directory / "weights.npz").read_bytes()
    assert settings["weights"]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert directory.stat().st_mode & 0o055 == 0o055


def test_the_config_alone(directory):
    (directory / "weights.npz").unlink()
    assert preset_config(directory) == CONFIG
    with pytest.raises(InputError):
        preset_config("nothing")


def test_half_precision_is_half_the_size(tmp_path, model, without_parts):
    save_preset(model, tmp_path / "half", CONFIG, CARD, **TINY)
    loaded, _ = load_preset(str(tmp_path / "half"))
    np.testing.assert_allclose(logits(loaded), logits(model), rtol=5e-3)
    assert (logits(loaded) != logits(model)).any()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow makes the parts")
def test_large_networks_get_litert_parts_only_when_asked_for(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr(presets, "MAX_LITERT_BYTES", 4 * model.count_params() - 1)
    preset = tmp_path / "large"
    save_preset(model, preset, CONFIG, CARD, **TINY)
    assert not list(preset.glob("*.tflite"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{preset}: no LiteRT parts, they would take 0 MB")
    assert isinstance(load_engine(preset)[0], KerasEngine)
    add_litert_parts(preset)
    assert not isinstance(load_engine(preset)[0], KerasEngine)


def test_predictor_from_preset(directory):
    predictor = Predictor.from_preset(directory)
    assert predictor.config == CONFIG
    predictor.set_image(np.zeros((40, 60, 3), np.uint8))
    assert predictor.add_click(3, 4, 1).mask[4, 3]
    overridden = Predictor.from_preset(directory, graph_cut=True, threshold=0.7).config
    assert (overridden.graph_cut, overridden.threshold) == (True, 0.7)
    assert overridden.working_size == 96
    assert Predictor.from_preset(directory, threshold=0.0).config.threshold == 0
    with pytest.raises(InputError, match="threshold"):
        Predictor.from_preset(directory, threshold=1.5)


@pytest.mark.slow  # builds a real network three times
def test_the_compact_network_round_trips(tmp_path, without_parts):
    arguments = {"backbone": "mobilenet_v2", "alpha": 0.35}
    model = compact_network(**arguments, name="while_training")
    save_preset(model, tmp_path / "c", PredictorConfig(), CARD)
    loaded, config = load_preset(tmp_path / "c")
    assert config == PredictorConfig()
    for weight, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-3, atol=1e-6)


def test_shipped_presets_are_found_by_name(monkeypatch, directory):
    monkeypatch.setattr(preset_files, "PRESETS_DIRECTORY", directory.parent)
    monkeypatch.setattr(preset_files, "CHECKOUT", directory.parent)  # which is none
    (directory.parent / "half_copied").mkdir()
    assert preset_names() == ["tiny"]
    _, config = load_preset("tiny")
    assert config == CONFIG
    with pytest.raises(InputError, match=r"shipped ones \(tiny\).*Received 'tyni'"):
        load_preset("tyni")


@pytest.mark.parametrize("name", ["no_such_preset", "", "nope/../..nope", "hf://", "hf://x"])
def test_unknown_names(name):
    if name == "":
        name = "/no/such/directory"
    with pytest.raises(InputError, match="A preset"):
        load_preset(name)


# ---- LiteRT ------------------------------------------------------------------------------------

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="LiteRT parts are made by TensorFlow"
)


def answer(engine):
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 255, (32, 64, 3)).astype(np.float32)
    return engine.click(engine.encode(image), rng.random((32, 64, 3)).astype(np.float32))


@needs_tensorflow
def test_a_saved_preset_has_litert_parts_of_the_weights_in_its_file(tmp_path, model):
    save_preset(model, tmp_path / "half", CONFIG, CARD, **TINY)
    (litert, config), (in_keras, _) = (
        load_engine(tmp_path / "half", engine) for engine in ("litert", "keras")
    )
    assert config == CONFIG
    np.testing.assert_allclose(answer(litert), answer(in_keras), rtol=1e-5)
    # Not the float32 weights that it was made from.
    assert np.abs(answer(litert) - answer(KerasEngine(model))).max() > 1e-3


@needs_tensorflow
def test_parts_compute_in_float32_whatever_training_does(tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = noise()
        assert model.compute_dtype == "float16"
        save_preset(model, tmp_path / "p", CONFIG, CARD, **TINY)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy(policy)
    (litert, _), (in_keras, _) = (
        load_engine(tmp_path / "p", engine) for engine in ("litert", "keras")
    )
    np.testing.assert_allclose(answer(litert), answer(in_keras), rtol=1e-5)


@needs_tensorflow
def test_parts_can_be_added_and_made_anew(directory, model):
    change(directory, lambda settings: settings.pop("litert"))
    for file in directory.glob("*.tflite"):
        file.unlink()
    assert sorted(file.name for file in add_litert_parts(directory)) == [
        "click.tflite",
        "image.tflite",
    ]
    np.testing.assert_allclose(
        answer(load_engine(directory, "litert")[0]), answer(KerasEngine(model)), rtol=1e-5
    )
    change(directory, lambda settings: settings["litert"].update(weights_sha256="other"))
    with pytest.raises(InputError, match="other weights"):
        load_engine(directory)
    add_litert_parts(directory)
    assert load_engine(directory)[1] == CONFIG


def test_parts_need_tensorflow_and_a_directory(directory, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(keras.backend, "backend", lambda: "tensorflow")
        with pytest.raises(InputError, match="Download it and name the directory"):
            add_litert_parts("hf://someone/tiny")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match=r"KERAS_BACKEND=tensorflow.*jax"):
        add_litert_parts(directory)


# ---- Damage ------------------------------------------------------------------------------------


def test_a_cut_off_weight_file(directory):
    weights = directory / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(InputError, match="cut off or has been changed"):
        load_preset(directory)


def test_a_changed_weight_file(directory, model, without_parts):
    model.set_weights([weight + 1 for weight in model.get_weights()])
    save_preset(model, directory.parent / "other", CONFIG, CARD, **TINY)
    (directory.parent / "other" / "weights.npz").replace(directory / "weights.npz")
    with pytest.raises(InputError, match="Download the preset again"):
        load_preset(directory)


def test_missing_files(directory):
    (directory / "weights.npz").unlink()
    with pytest.raises(InputError, match="missing"):
        load_preset(directory)
    (directory / "config.json").unlink()
    with pytest.raises(InputError, match=r"must hold a config\.json"):
        load_preset(directory)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"format": 1}', "[" * 100_000, '{"format": 2}']
)
def test_a_config_that_is_none(directory, text):
    (directory / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        load_preset(directory)


def test_a_newer_format_asks_for_an_update(directory):
    change(directory, lambda settings: settings.update(format=2))
    with pytest.raises(InputError, match=r"Update fctsfn_tf.*Received format 2"):
        load_preset(directory)


# ---- Strangers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "builder",
    ["os.system", "fctsfn_tf.networks.compact.compact_network", "__import__", "tiny", 3, None],
)
def test_only_listed_builders_are_called(directory, builder):
    change(directory, lambda settings: settings.update(builder=builder))
    with pytest.raises(InputError, match="builder"):
        load_preset(directory)


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": "many"},
        {"filters": -1},
        [],
    ],
)
def test_strange_arguments(directory, arguments):
    change(directory, lambda settings: settings.update(arguments=arguments))
    with pytest.raises(InputError):
        load_preset(directory)


@pytest.mark.parametrize("name", ["backbone_weights", "weights", "unheard_of"])
def test_arguments_that_a_preset_may_not_give(directory, name):
    change(directory, lambda settings: settings["arguments"].update({name: "/etc/passwd"}))
    with pytest.raises(InputError, match=rf"may take filters\. .*Received {name} "):
        load_preset(directory)


def test_every_builder_takes_its_weights_from_the_preset_alone():
    """An argument that reads files must not be left out of `FORBIDDEN_ARGUMENTS`."""
    for builder in presets.BUILDERS.values():
        names = set(inspect.signature(builder).parameters)
        assert {name for name in names if "weights" in name} <= presets.FORBIDDEN_ARGUMENTS


def test_arguments_of_another_network(directory):
    change(directory, lambda settings: settings.update(arguments={"filters": 5}))
    with pytest.raises(InputError, match="shape"):
        load_preset(directory)


@pytest.mark.parametrize(
    "file", ["../tiny/weights.npz", "/etc/hosts", "a/b.npz", "..", "", None, 1]
)
def test_weights_outside_the_directory(directory, file):
    change(directory, lambda settings: settings["weights"].update(file=file))
    with pytest.raises(InputError, match="same directory"):
        load_preset(directory)


@pytest.mark.parametrize("digest", [None, "", 0, "0" * 64])
def test_a_digest_is_needed(directory, digest):
    change(directory, lambda settings: settings["weights"].update(sha256=digest))
    with pytest.raises(InputError, match="SHA-256"):
        load_preset(directory)


@pytest.mark.parametrize(
    "fields", [{"working_size": 1}, {"brightness": 2}, {"click_encoding": ["disks"]}]
)
def test_strange_predictor_settings(directory, fields):
    change(directory, lambda settings: settings["predictor"].update(fields))
    with pytest.raises(InputError):
        load_preset(directory)


# ---- Saving ------------------------------------------------------------------------------------


def test_nothing_is_overwritten(directory, model):
    before = {path: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(InputError, match="new directory"):
        save_preset(model, directory, CONFIG, CARD, **TINY)
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    with pytest.raises(InputError, match="parent"):
        save_preset(model, directory / "a" / "b", CONFIG, CARD, **TINY)


@pytest.mark.parametrize(
    ("builder", "arguments"),
    [
        ("tiny_network", {"filters": 4}),
        ("tiny_network", {}),
        ("no_network", {}),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, model, builder, arguments):
    with pytest.raises(InputError):
        save_preset(model, tmp_path / "new", CONFIG, CARD, builder=builder, arguments=arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def network():
    """A network that knows what built it, with weights of its own."""
    model = TSLFN(32, alpha=1 / 64)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("what", ["network", "around it", "read from a file"])
def test_nobody_says_again_how_a_network_was_built(tmp_path, network, what, without_parts):
    trained = network
    if what == "around it":
        trained = IterativeClicks(network)
    if what == "read from a file":
        IterativeClicks(network).save(tmp_path / "last.keras")
        trained = keras.models.load_model(tmp_path / "last.keras")
    save_preset(trained, tmp_path / "mine", dtype="float32")
    loaded, config = load_preset(tmp_path / "mine")
    assert loaded.built_by == network.built_by
    assert config == PAPER_CONFIG
    for weight, expected in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert "Nothing was measured" in (tmp_path / "mine" / "README.md").read_text()
    again = FCTSFN.from_preset(str(tmp_path / "mine"))
    assert again.built_by == network.built_by
    np.testing.assert_array_equal(again.get_weights()[0], network.get_weights()[0])


def test_a_network_of_a_preset_keeps_how_photographs_are_brought_to_it(
    directory, tmp_path, without_parts
):
    model, _ = load_preset(directory)
    save_preset(model, tmp_path / "again", **TINY)
    assert preset_config(tmp_path / "again") == CONFIG
    other = PredictorConfig(working_size=64)
    save_preset(model, tmp_path / "other", other, **TINY)
    assert preset_config(tmp_path / "other") == other


def test_a_network_of_one_size_becomes_a_preset_of_any(tmp_path, without_parts):
    network = TSLFN(32, alpha=1 / 64, input_shape=(64, 96, 3))
    with pytest.raises(InputError, match="any size"):
        KerasEngine(network)
    save_preset(network, tmp_path / "mine")
    assert load_engine(tmp_path / "mine", "keras")[0].num_click_maps == 2


def test_a_network_that_nobody_knows_is_refused(tmp_path, model):
    with pytest.raises(InputError, match="Name it as `builder`"):
        save_preset(model, tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_failed_save(tmp_path, model):
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(InputError, match="finite"):
        save_preset(model, tmp_path / "new", CONFIG, CARD, **TINY)
    assert list(tmp_path.iterdir()) == []


# ---- The Hub -----------------------------------------------------------------------------------


def test_the_hub_is_asked_for_the_presets_files(monkeypatch, directory):
    asked = []

    def snapshot_download(repository, allow_patterns):
        asked.append((repository, allow_patterns))
        return str(directory)

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    _, config = load_preset("hf://someone/tiny-1.0")
    assert config == CONFIG
    assert asked == [("someone/tiny-1.0", ["config.json", "*.npz", "*.tflite", "README.md"])]
    for name in ("hf://someone", "hf://a/b/c", "hf://a/b?c", "hf:///b"):
        with pytest.raises(InputError, match="owner/name"):
            load_preset(name)
    assert len(asked) == 1


def test_without_the_hub_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="pip install huggingface_hub"):
        load_preset("hf://someone/tiny")


def test_a_failed_download(monkeypatch):
    def snapshot_download(repository, allow_patterns):
        raise OSError("404 Client\nError")

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(InputError, match=r"could not be downloaded.*404 Client Error"):
        load_preset("hf://someone/tiny")
