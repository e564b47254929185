"""Which engine answers: LiteRT where a preset has its parts, Keras otherwise, or one line why."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict import litert_engine, preset_engine
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.litert_engine import LitertEngine
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.preset_engine import chosen_engine, load_engine
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, PRESETS_DIRECTORY, preset_config

ROOT = Path(__file__).resolve().parents[2]

needs_litert = pytest.mark.skipif(not litert_engine.is_installed(), reason="LiteRT is not here")


@pytest.fixture
def directory(tmp_path):
    """A copy of the shipped preset."""
    return Path(shutil.copytree(PRESETS_DIRECTORY / DEFAULT_PRESET, tmp_path / "mine"))


def change(directory, edit):
    path = directory / "config.json"
    settings = json.loads(path.read_text())
    edit(settings)
    path.write_text(json.dumps(settings))


@pytest.fixture
def without(monkeypatch):
    """Takes an engine away: "litert" or "keras"."""

    def take_away(*engines):
        if "litert" in engines:
            monkeypatch.setattr(litert_engine, "is_installed", lambda: False)
        if "keras" in engines:
            monkeypatch.setattr(preset_engine, "_has_keras", lambda: False)

    return take_away


def refused(match, *given):
    with pytest.raises(InputError, match=match) as caught:
        load_engine(*given)
    assert "\n" not in str(caught.value)


@needs_litert
def test_litert_where_the_preset_has_its_parts(directory):
    engine, config = load_engine(directory)
    assert isinstance(engine, LitertEngine)
    assert (engine.name, engine.num_click_maps) == ("mine", 3)
    assert config == preset_config(directory)
    assert chosen_engine(directory, "keras") == "keras"


@needs_litert
def test_keras_for_a_preset_without_parts(directory):
    change(directory, lambda settings: settings.pop("litert"))
    assert chosen_engine(directory, None) == "keras"
    refused("has no LiteRT parts.*--into-preset", directory, "litert")


def test_keras_where_litert_is_not_installed(directory, without):
    without("litert")
    assert chosen_engine(directory, None) == "keras"
    refused("pip install ai-edge-litert", directory, "litert")


def test_keras_on_demand_is_the_network_itself():
    engine, _ = load_engine(DEFAULT_PRESET, "keras")
    assert isinstance(engine, Engine)
    assert not isinstance(engine, LitertEngine)
    assert Predictor.from_preset(engine="keras").config == preset_config()


def test_without_either_the_line_names_both(directory, without):
    without("litert", "keras")
    refused(r"pip install ai-edge-litert.*fctsfn-tf\[tensorflow\].*Neither", directory)
    change(directory, lambda settings: settings.pop("litert"))
    refused(r"has no LiteRT parts.*fctsfn-tf\[tensorflow\]", directory)
    refused(r"needs Keras.*fctsfn-tf\[tensorflow\]", directory, "keras")


@pytest.mark.parametrize("engine", ["tflite", "", 3])
def test_another_engine(engine):
    refused("one of litert, keras", DEFAULT_PRESET, engine)


# ---- Hashes ------------------------------------------------------------------------------------


@needs_litert
@pytest.mark.parametrize("name", ["image", "click"])
def test_a_changed_part_is_refused(directory, name):
    path = directory / f"{name}.tflite"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    refused(f"{name}.tflite is not the file.*cut off or has been changed", directory)
    path.unlink()
    refused(f"{name}.tflite is missing", directory)


@needs_litert
def test_parts_of_other_weights_are_refused(directory):
    weights = directory / "weights.npz"
    weights.write_bytes(weights.read_bytes() + b"\0")
    refused("cut off or has been changed", directory)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    change(directory, lambda settings: settings["weights"].update(sha256=digest))
    refused("made from other weights.*--into-preset.*'keras'", directory)


@needs_litert
@pytest.mark.parametrize(
    "entry",
    [{}, {"image": None}, {"image": {"file": "../x", "sha256": ""}}, {"image": {"sha256": "0"}}],
)
def test_strange_entries(directory, entry):
    change(directory, lambda settings: settings["litert"].update(entry, click={}))
    refused("must name files of the same directory", directory)
    change(directory, lambda settings: settings.update(litert=[]))
    refused("entry 'litert' of type dict", directory)


# ---- Without Keras -----------------------------------------------------------------------------

WITHOUT_KERAS = """
import sys
sys.modules.update(dict.fromkeys(["keras", "tensorflow", "jax", "torch", "maxflow"]))
import fctsfn_tf
try:
    from fctsfn_tf import FCTSFN
except ImportError as error:
    print(error)
predictor = fctsfn_tf.Predictor.from_preset()
predictor.set_image("examples/cat.jpg")
print(int(predictor.add_click(220, 120, 1).mask[120, 220]))
try:
    fctsfn_tf.Predictor.from_preset(engine="keras")
except fctsfn_tf.InputError as error:
    print(error)
sys.modules["ai_edge_litert"] = None
try:
    fctsfn_tf.Predictor.from_preset()
except fctsfn_tf.InputError as error:
    print(error)
"""


@needs_litert
def test_a_person_who_only_clicks_needs_no_keras():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    network, answer, keras, neither = done.stdout.splitlines()
    assert network == (
        "'FCTSFN' needs Keras, which is not installed. Install it with a backend: "
        "pip install 'fctsfn-tf[tensorflow]' (or [jax], [torch])."
    )
    assert answer == "1"
    assert "needs Keras" in keras
    assert neither.startswith("Predicting needs LiteRT (`pip install ai-edge-litert`) or Keras")
