"""What can be known of a preset without making its network."""

import hashlib
import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict import preset_files
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.preset_files import (
    DEFAULT_PRESET,
    PRESETS_DIRECTORY,
    checked_file,
    find_preset,
    preset_config,
    preset_facts,
    preset_names,
    read_settings,
    weights_digest,
)

CONFIG = PredictorConfig(working_size=96, threshold=0.4)


@pytest.fixture
def directory(tmp_path):
    """A preset whose weights are no network's."""
    directory = tmp_path / "tiny"
    directory.mkdir()
    (directory / "weights.npz").write_bytes(b"numbers")
    settings = {
        "format": 1,
        "builder": "someone_elses",
        "arguments": {"filters": 3},
        "predictor": asdict(CONFIG),
        "weights": {"file": "weights.npz", "sha256": hashlib.sha256(b"numbers").hexdigest()},
    }
    (directory / "config.json").write_text(json.dumps(settings))
    (directory / "README.md").write_text("# Tiny\n")
    return directory


def test_the_default_preset_is_a_shipped_one():
    assert find_preset(DEFAULT_PRESET) == PRESETS_DIRECTORY / DEFAULT_PRESET


def test_a_checkout_has_presets_beside_the_package(directory, monkeypatch):
    checkout = directory.parent / "checkout"
    large = shutil.copytree(directory, checkout / "presets" / "large")
    shutil.copytree(directory, checkout / "presets" / DEFAULT_PRESET)
    monkeypatch.setattr(preset_files, "CHECKOUT", checkout)
    assert "large" not in preset_names()  # some folder in which the package is installed
    (checkout / "setup.cfg").touch()
    assert preset_names() == [DEFAULT_PRESET, "large"]
    assert find_preset("large") == large
    assert preset_config("large") == CONFIG
    assert find_preset(DEFAULT_PRESET) == PRESETS_DIRECTORY / DEFAULT_PRESET


def test_a_directory_of_ones_own(directory):
    assert find_preset(directory) == find_preset(str(directory)) == directory
    assert preset_config(directory) == CONFIG
    facts = preset_facts(directory)
    assert (facts.name, facts.model_card, facts.builder) == ("tiny", "# Tiny\n", "someone_elses")
    assert facts.arguments == {"filters": 3}
    assert facts.weights_sha256 == hashlib.sha256(b"numbers").hexdigest()


def test_a_preset_need_not_have_a_model_card(directory):
    (directory / "README.md").unlink()
    assert preset_facts(directory).model_card == ""


def test_changed_weights_are_seen_without_reading_them(directory):
    entry = read_settings(directory)["weights"]
    assert checked_file(entry, "weights", directory) == directory / "weights.npz"
    (directory / "weights.npz").write_bytes(b"other numbers")
    with pytest.raises(InputError, match="cut off or has been changed"):
        preset_facts(directory)


def test_the_digest_is_that_of_the_numbers_not_of_the_file(directory):
    arrays = {"b": np.arange(6.0).reshape(2, 3).T, "a": np.ones(2)}
    numbers = b"".join(array.astype(np.float32).tobytes() for array in arrays.values())
    for dtype, save in ((np.float32, np.savez), (np.float16, np.savez_compressed)):
        save(
            directory / "weights.npz",
            **{name: array.astype(dtype) for name, array in arrays.items()},
        )
        settings = json.loads((directory / "config.json").read_text())
        content = (directory / "weights.npz").read_bytes()
        settings["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
        (directory / "config.json").write_text(json.dumps(settings))
        assert weights_digest(directory) == hashlib.sha256(numbers).hexdigest()


def test_the_digest_of_a_file_that_holds_no_arrays(directory):
    with pytest.raises(InputError, match=r"not a whole \.npz"):
        weights_digest(directory)
