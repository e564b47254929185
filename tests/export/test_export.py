"""export: what other programs compute from an export is what Keras computes.

Answers are compared on real photographs, with clicks. SavedModel, ONNX and LiteRT are made here.
TF.js' converter stands in an environment of its own (`fctsfn install-tfjs`); what needs it is
skipped where it is not. The browser model in web/model needs only Node and web/node_modules.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import DISTANCES, disk_maps, distance_maps
from fctsfn_tf.commands import install_tfjs
from fctsfn_tf.commands.cli import main
from fctsfn_tf.errors import InputError
from fctsfn_tf.export import tfjs_converter
from fctsfn_tf.export.export import export_preset
from fctsfn_tf.export.manifest import MANIFEST_FILE
from fctsfn_tf.export.parts import with_stored_weights
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.networks.encode_once import image_feature_layers
from fctsfn_tf.networks.fctsfn import FCTSFN
from fctsfn_tf.networks.parts import Parts, export_parts
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.preset_files import PRESETS_DIRECTORY
from fctsfn_tf.predict.presets import load_preset, save_preset
from fctsfn_tf.predict.views import whole_view

ROOT = Path(__file__).resolve().parents[2]
BROWSER_MODEL = ROOT / "web" / "model"
# Longest side of the photographs here: enough to see something, quick enough for three runtimes.
WORKING_SIZE = 160
# The differences that a user would never see; float32 rounding gives 1e-5.
TOLERANCE = 1e-3

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are made by TensorFlow"
)
needs_converter = pytest.mark.skipif(
    not tfjs_converter.is_installed(),
    reason=f"TF.js' converter is not here; `{tfjs_converter.INSTALL_COMMAND}` installs it",
)


def photographs() -> list[np.ndarray]:
    """Photographs of three shapes, RGB uint8."""
    data = pytest.importorskip("skimage.data")
    return [
        read_image(ROOT / "examples" / "cat.jpg"),
        read_image(ROOT / "examples" / "coffee.jpg"),
        data.astronaut()[:, 100:400],
    ]


def inputs_of(photograph: np.ndarray, config: PredictorConfig) -> dict[str, np.ndarray]:
    """What the network sees of a photograph with two clicks and a previous answer."""
    view = whole_view(*photograph.shape[:2], config)
    rows, cols = photograph.shape[:2]
    clicks = [Click(0.5 * rows, 0.45 * cols, True), Click(0.1 * rows, 0.9 * cols, False)]
    clicks = [view.click_in(click) for click in clicks]
    if config.click_encoding == DISTANCES:
        maps = distance_maps(clicks, view.height, view.width)
    else:
        previous = np.zeros((view.height, view.width, 1), np.float32)
        previous[: view.height // 2] = 0.7
        maps = np.concatenate([disk_maps(clicks, view.height, view.width), previous], axis=-1)
    return {"image": view.image_in(photograph)[None], "click_maps": maps[None]}


def probability(logits: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * np.asarray(logits, np.float64))


def keras_probability(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    answer, *_ = keras.tree.flatten(model(inputs, training=False))
    return probability(keras.ops.convert_to_numpy(answer))


@pytest.fixture(scope="module")
def cases() -> list[dict[str, np.ndarray]]:
    config = PredictorConfig(working_size=WORKING_SIZE)
    return [inputs_of(photograph, config) for photograph in photographs()]


@pytest.fixture(scope="module")
def compact() -> keras.Model:
    return load_preset("compact")[0]


@pytest.fixture(scope="module")
def paper_preset(tmp_path_factory, no_litert_parts) -> Path:
    """A small FCTSFN with weights that let every part of it speak, as a preset."""
    rng = np.random.default_rng(0)
    model = FCTSFN(alpha=0.05)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            scale = (2 / max(1, np.prod(variable.shape[:-1]))) ** 0.5
            variable.assign(rng.normal(0, scale, variable.shape))
    directory = tmp_path_factory.mktemp("presets") / "paper"
    config = PredictorConfig(click_encoding=DISTANCES, working_size=WORKING_SIZE)
    card = "# paper\n\n## Licence\n\nNone:\nit is random.\n\n## Other\n"
    with no_litert_parts():
        save_preset(model, directory, config, card, dtype="float32")
    return directory


@pytest.fixture(scope="module")
def paper(paper_preset) -> tuple[keras.Model, PredictorConfig, Parts]:
    """The network of `paper_preset`, its configuration and its parts."""
    model, config = load_preset(paper_preset)
    return model, config, export_parts(model)


# Other runtimes: (export directory) → function of inputs that gives logits


def savedmodel_runtime(directory: Path, manifest: dict):
    import tensorflow as tf

    image, click = (
        tf.saved_model.load((directory / manifest[f"{part}_part"]["file"]).parent)
        for part in ("image", "click")
    )

    def run(inputs):
        features = image.signatures["serving_default"](image=tf.constant(inputs["image"]))
        maps = tf.constant(inputs["click_maps"])
        return click.signatures["serving_default"](**features, click_maps=maps)["logits"]

    return run


def onnx_runtime(directory: Path, manifest: dict):
    runtime = pytest.importorskip("onnxruntime")
    image, click = (
        runtime.InferenceSession(directory / manifest[f"{part}_part"]["file"])
        for part in ("image", "click")
    )

    def run(inputs):
        names = manifest["image_part"]["features"]
        features = dict(zip(names, image.run(names, {"image": inputs["image"]}), strict=True))
        feed = {**features, "click_maps": inputs["click_maps"]}
        return click.run(["logits"], feed)[0]

    return run


def litert_runtime(directory: Path, manifest: dict):
    import tensorflow as tf

    def call(part, inputs):
        interpreter = tf.lite.Interpreter(str(directory / manifest[f"{part}_part"]["file"]))
        # Only operations that every LiteRT runtime has.
        assert not [op for op in interpreter._get_ops_details() if "Flex" in op["op_name"]]
        for detail in interpreter.get_input_details():
            name = detail["name"].removeprefix("serving_default_").split(":")[0]
            interpreter.resize_tensor_input(detail["index"], inputs[name].shape)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner("serving_default")(**inputs)

    def run(inputs):
        features = call("image", {"image": inputs["image"]})
        return call("click", {**features, "click_maps": inputs["click_maps"]})["logits"]

    return run


RUNTIMES = {"savedmodel": savedmodel_runtime, "onnx": onnx_runtime, "litert": litert_runtime}


@needs_tensorflow
@pytest.mark.filterwarnings("ignore")  # of the converters about themselves
@pytest.mark.parametrize("form", RUNTIMES)
def test_other_runtimes_give_the_preset_s_probabilities(form, cases, compact, tmp_path):
    if form == "onnx":
        pytest.importorskip("tf2onnx")
    manifest = export_preset(tmp_path / "export", "compact", form)
    run = RUNTIMES[form](tmp_path / "export", manifest)
    for inputs in cases:
        expected = keras_probability(compact, inputs)
        assert expected.min() < 0.2
        assert expected.max() > 0.8
        np.testing.assert_allclose(probability(run(inputs)), expected, atol=TOLERANCE)


@needs_tensorflow
def test_the_paper_s_network_is_exported_too(paper_preset, paper, tmp_path):
    manifest = export_preset(tmp_path / "export", paper_preset, "savedmodel")
    assert manifest["click_maps"]["channels"] == 2
    assert manifest["preset"]["name"] == "paper"
    assert manifest["licence"] == "None: it is random."
    model, config, _ = paper
    run = savedmodel_runtime(tmp_path / "export", manifest)
    for photograph in photographs():
        inputs = inputs_of(photograph, config)
        expected = keras_probability(model, inputs)
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(probability(run(inputs)), expected, atol=TOLERANCE)


# The directory


def check_manifest(directory: Path, preset: Path) -> dict:
    """What holds for every export of the preset in that directory; returns its manifest."""
    manifest = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
    listed = {file["path"]: file for file in manifest["files"]}
    found = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    assert found == {*listed, MANIFEST_FILE}
    for name, file in listed.items():
        content = (directory / name).read_bytes()
        assert len(content) == file["bytes"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    settings = json.loads((preset / "config.json").read_text(encoding="utf-8"))
    digest = settings["weights"]["sha256"]
    assert manifest["preset"] == {"name": preset.name, "weights_sha256": digest}
    assert manifest["predictor"] == settings["predictor"]
    assert manifest["image_part"]["file"] in listed
    assert manifest["click_part"]["file"] in listed
    assert manifest["image_part"]["features"] == manifest["click_part"]["features"]
    return manifest


@pytest.fixture
def quick_writer(paper, monkeypatch):
    """ONNX parts made and written in no time, so that the directory around them can be tested."""

    def write(part, directory, name, form, dtype):
        (directory / f"{name}.onnx").write_text(f"{name} {dtype}")

    monkeypatch.setattr("fctsfn_tf.export.export._write_part", write)
    monkeypatch.setattr("fctsfn_tf.export.export.ONNX_MODULES", ())
    monkeypatch.setattr("fctsfn_tf.export.export.load_preset", lambda preset: paper[:2])
    monkeypatch.setattr("fctsfn_tf.export.export.export_parts", lambda model: paper[2])
    return write


@needs_tensorflow
def test_an_export_is_whole_and_described(quick_writer, paper_preset, tmp_path):
    export_preset(tmp_path / "new" / "export", paper_preset, "onnx")
    manifest = check_manifest(tmp_path / "new" / "export", paper_preset)
    assert manifest["kind"] == "onnx"
    assert manifest["dtype"] == "float32"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["export"]


@needs_tensorflow
def test_nothing_is_replaced_unasked_and_nothing_but_an_export_ever(
    quick_writer, paper_preset, tmp_path
):
    output = tmp_path / "export"
    export_preset(output, paper_preset, "onnx")
    (output / "image.onnx").write_text("mine")
    with pytest.raises(InputError, match=r"exists already.*--force"):
        export_preset(output, paper_preset, "onnx")
    assert (output / "image.onnx").read_text() == "mine"
    export_preset(output, paper_preset, "onnx", overwrite=True)
    check_manifest(output, paper_preset)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]

    folder = tmp_path / "photographs"
    folder.mkdir()
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"exists already.*remove it yourself"):
            export_preset(folder, paper_preset, "onnx", overwrite=overwrite)


@needs_tensorflow
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_export_that_fails_leaves_nothing(
    error, quick_writer, paper_preset, tmp_path, monkeypatch
):
    def write(part, directory, name, form, dtype):
        if name == "click":
            raise error
        quick_writer(part, directory, name, form, dtype)

    output = tmp_path / "export"
    export_preset(output, paper_preset, "onnx")
    before = (output / MANIFEST_FILE).read_bytes()
    monkeypatch.setattr("fctsfn_tf.export.export._write_part", write)
    with pytest.raises((KeyboardInterrupt, InputError)):
        export_preset(output, paper_preset, "onnx", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (output / MANIFEST_FILE).read_bytes() == before


@needs_tensorflow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "coreml"}, r"format must be one of tfjs.*Received 'coreml'"),
        ({"form": "onnx", "dtype": "uint8"}, "float32 in every other"),
        ({"form": "savedmodel", "preset": "no-such"}, "preset must be"),
    ],
)
def test_bad_requests_say_what_to_do(arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        export_preset(tmp_path / "export", **arguments)
    assert list(tmp_path.iterdir()) == []


@needs_tensorflow
def test_outputs_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        export_preset(tmp_path / "file" / "export", form="savedmodel")
    with pytest.raises(InputError, match="cannot be a file's name"):
        export_preset(tmp_path / ("long" * 100), form="savedmodel")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists already"):
        export_preset(tmp_path / "link", form="savedmodel", overwrite=True)


@needs_tensorflow
def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(tfjs_converter.DIRECTORY_VARIABLE, str(tmp_path / "converter"))
    assert main(["export", "--output", str(tmp_path / "export")]) == 2
    assert "fctsfn install-tfjs" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["export", "--format", "onnx", "--output", str(tmp_path / "export")]) == 2
    assert "pip install 'fctsfn-tf[onnx]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# TF.js' converter and its environment


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """The commands of an installation, none of which is carried out."""
    commands = []
    monkeypatch.setenv(tfjs_converter.DIRECTORY_VARIABLE, str(tmp_path / "converter"))
    monkeypatch.setattr(tfjs_converter, "_run", commands.append)
    monkeypatch.setattr(tfjs_converter.sys, "version_info", (3, 11, 9))
    return commands


def test_the_converter_is_installed_once(pip, tmp_path, capsys):
    assert not tfjs_converter.is_installed()
    assert main(["install-tfjs"]) == 0
    assert str(tmp_path / "converter") in capsys.readouterr().out
    assert ["venv" in command for command in pip] == [True, False]
    assert tfjs_converter.LOCK in pip[1]
    assert tfjs_converter.is_installed()
    tfjs_converter.install()
    assert len(pip) == 2


def test_the_help_names_where_it_is(pip, monkeypatch):
    assert install_tfjs.DIRECTORY_VARIABLE == tfjs_converter.DIRECTORY_VARIABLE
    for variable in (tfjs_converter.DIRECTORY_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert tfjs_converter.directory() == Path(install_tfjs.DEFAULT_DIRECTORY).expanduser()


def test_an_interrupted_installation_is_taken_up_again(pip, monkeypatch):
    def fail(command):
        raise subprocess.CalledProcessError(1, command)

    with monkeypatch.context() as patched:
        patched.setattr(tfjs_converter, "_run", fail)
        with pytest.raises(InputError, match="check the connection"):
            tfjs_converter.install()
    assert not tfjs_converter.is_installed()
    tfjs_converter.install()
    assert tfjs_converter.is_installed()


def test_another_lock_asks_for_another_installation(pip, tmp_path, monkeypatch):
    tfjs_converter.install()
    lock = tmp_path / "lock.txt"
    lock.write_text("tensorflowjs==5")
    monkeypatch.setattr(tfjs_converter, "LOCK", lock)
    assert not tfjs_converter.is_installed()


def test_what_is_not_the_converter_s_stays(pip, tmp_path):
    (tmp_path / "converter").mkdir()
    (tmp_path / "converter" / "thesis.txt").touch()
    with pytest.raises(InputError, match="holds something else"):
        tfjs_converter.install()
    assert pip == []


def test_a_python_that_cannot_run_the_converter_is_named(pip, monkeypatch):
    monkeypatch.setattr(tfjs_converter.sys, "version_info", (3, 13, 0))
    with pytest.raises(InputError, match=r"Python 3\.11 and 3\.12"):
        tfjs_converter.install()


def test_the_lock_is_exact():
    lines = tfjs_converter.LOCK.read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in packages)
    assert {"tensorflowjs==4.22.0", "tensorflow==2.19.0"} <= set(packages)


# TF.js in Node


def answers_in_node(export: Path, cases: list[dict[str, np.ndarray]], scratch: Path) -> list:
    """The probabilities that TF.js computes from an export, on its wasm backend."""
    modules = os.environ.get("FCTSFN_NODE_MODULES", ROOT / "web" / "node_modules")
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (Path(modules) / "@tensorflow" / "tfjs-backend-wasm").is_dir():
        pytest.skip("TF.js is not here; `npm ci` in web/ installs it")
    sizes = []
    for i, inputs in enumerate(cases):
        _, height, width, _ = inputs["image"].shape
        sizes.append({"height": height, "width": width})
        for name, array in inputs.items():
            (scratch / f"{i}.{name}").write_bytes(np.ascontiguousarray(array, "<f4").tobytes())
    (scratch / "cases.json").write_text(json.dumps(sizes))
    command = ["node", ROOT / "scripts" / "tfjs_in_node.cjs", "answers", export, scratch]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [
        probability(np.fromfile(scratch / f"{i}.logits", "<f4")).reshape(
            1, size["height"], size["width"], 1
        )
        for i, size in enumerate(sizes)
    ]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def test_the_browser_model_is_that_of_the_shipped_preset():
    manifest = check_manifest(BROWSER_MODEL, PRESETS_DIRECTORY / "compact")
    assert "research" in manifest["licence"]
    assert manifest["kind"] == "tfjs"
    assert manifest["dtype"] == "uint8"
    # What a visitor waits for.
    assert sum(file["bytes"] for file in manifest["files"]) < 6.5e6


def test_the_browser_model_answers_as_the_preset(cases, compact, tmp_path):
    answers = answers_in_node(BROWSER_MODEL, cases, tmp_path)
    stored = with_stored_weights(compact, BROWSER_MODEL)
    for inputs, answer in zip(cases, answers, strict=True):
        # TF.js computes what Keras computes with the weights that are stored …
        np.testing.assert_allclose(answer, keras_probability(stored, inputs), atol=TOLERANCE)
        # … and these are the preset's, which lie on the grid.
        np.testing.assert_allclose(answer, keras_probability(compact, inputs), atol=TOLERANCE)


@needs_tensorflow
@needs_converter
def test_tfjs_gives_keras_probabilities(paper_preset, paper, tmp_path):
    export = tmp_path / "export"
    manifest = export_preset(export, paper_preset, "tfjs")
    for part in ("image_part", "click_part"):
        topology = json.loads((export / manifest[part]["file"]).read_text())["modelTopology"]
        # One operation a convolution: nothing of what converters make of BatchNorm is left.
        assert not {"FusedBatchNormV3", "Rsqrt"} & {node["op"] for node in topology["node"]}
    model, config, _ = paper
    cases = [inputs_of(photograph, config) for photograph in photographs()]
    (tmp_path / "cases").mkdir()
    answers = answers_in_node(export, cases, tmp_path / "cases")
    for inputs, answer in zip(cases, answers, strict=True):
        np.testing.assert_allclose(answer, keras_probability(model, inputs), atol=TOLERANCE)


@needs_tensorflow
@needs_converter
@pytest.mark.filterwarnings("ignore")
def test_what_uint8_stores_how(tmp_path):
    inputs = keras.Input((None, None, 3), batch_size=1, name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", bias_initializer="normal", name="conv")(inputs)
    x = keras.layers.DepthwiseConv2D(3, bias_initializer="normal", name="depthwise")(x)
    halves = keras.layers.Conv2D(5, 3, bias_initializer="normal", name="halves")
    x = halves(x)
    kernel = keras.ops.convert_to_numpy(halves.kernel)
    halves.kernel.assign(kernel.astype(np.float16).astype(np.float32))
    model = keras.Model({"image": inputs}, {"b": x, "a": keras.layers.ReLU()(inputs + 0.1)})
    model.export(tmp_path / "saved_model", format="tf_saved_model", verbose=False)
    tfjs_converter.convert(tmp_path / "saved_model", tmp_path / "tfjs", ["b", "a"], "uint8")

    path = tmp_path / "tfjs" / tfjs_converter.MODEL_FILE
    content = json.loads(path.read_text())
    assert list(content["signature"]["inputs"]) == ["image"]
    nodes = {node["name"]: node for node in content["modelTopology"]["node"]}
    assert nodes["a"]["input"][0].endswith("Relu") or nodes["a"]["op"] == "Relu"
    stored = {
        tuple(entry["shape"]): entry.get("quantization", entry)["dtype"]
        for entry in tfjs_converter.weight_entries(content)
    }
    assert stored == {
        (3, 3, 3, 8): "uint8",
        (3, 3, 8, 1): "float16",
        (3, 3, 8, 5): "float16",
        (8,): "float32",
        (5,): "float32",
        (): "float32",
    }
    weights = tfjs_converter.read_weights(path)
    for layer in (model.get_layer("conv"), model.get_layer("depthwise"), halves):
        for variable in layer.weights:
            [read] = [
                array
                for (name, kind), array in weights.items()
                if name.startswith(layer.name) and kind == variable.name
            ]
            expected = keras.ops.convert_to_numpy(variable)
            np.testing.assert_allclose(read, expected, atol=np.ptp(expected) / 255)


def test_parts_exchange_features_by_name(paper):
    model, _, parts = paper
    assert parts.image.output.keys() == set(parts.features)
    assert parts.click.input.keys() == {*parts.features, "click_maps"}
    assert list(parts.features) == [
        layer.name.removeprefix("image_") for layer in image_feature_layers(model)
    ]


def test_biases_of_one_channel_get_one_axis():
    dims = [{"size": "1"}] * 4
    model = {
        "modelTopology": {
            "node": [
                {
                    "name": "bias",
                    "op": "Const",
                    "attr": {"value": {"tensor": {"tensorShape": {"dim": dims}}}},
                },
                {"name": "conv", "op": "_FusedConv2D", "input": ["x", "kernel", "bias"]},
                {
                    "name": "other",
                    "op": "Const",
                    "attr": {"value": {"tensor": {"tensorShape": {"dim": dims}}}},
                },
                {"name": "add", "op": "AddV2", "input": ["x", "other"]},
            ]
        },
        "weightsManifest": [
            {
                "weights": [
                    {"name": "bias", "shape": [1, 1, 1, 1]},
                    {"name": "other", "shape": [1, 1]},
                ]
            }
        ],
    }
    tfjs_converter.flatten_biases(model)
    assert [entry["shape"] for entry in tfjs_converter.weight_entries(model)] == [[1], [1, 1]]
    assert (
        model["modelTopology"]["node"][0]["attr"]["value"]["tensor"]["tensorShape"]["dim"]
        == dims[:1]
    )
    assert (
        model["modelTopology"]["node"][2]["attr"]["value"]["tensor"]["tensorShape"]["dim"] == dims
    )
