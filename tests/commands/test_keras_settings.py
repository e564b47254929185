"""What Keras is told elsewhere (KERAS_BACKEND, keras.json): the commands work, or say one line."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*words, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *map(str, words)]
    options = {"capture_output": True, "text": True, "check": False}
    return subprocess.run(command, env=environment, **options)


@pytest.mark.parametrize("backend", ["theano", "torch"])
def test_a_backend_that_is_not_there_is_one_line(backend, tmp_path):
    if find_spec(backend):
        pytest.skip(f"{backend} is here")
    words = ("-m", "fctsfn_tf", "export", "--output", tmp_path / "out")
    done = run(*words, KERAS_BACKEND=backend)
    assert done.returncode == 2
    assert done.stderr.startswith("fctsfn: error: Keras' backend, as KERAS_BACKEND or keras.json")
    assert f"Received {backend}" in done.stderr
    assert done.stderr.count("\n") == 1
    code = "import fctsfn_tf\ntry: fctsfn_tf.TSLFN\nexcept ImportError as error: print(error)"
    assert f"Received {backend}" in run("-c", code, KERAS_BACKEND=backend).stdout


SETTINGS = """
import os, keras
from fctsfn_tf.commands import arguments
arguments.import_quietly()
config = keras.config
print(config.floatx(), config.dtype_policy().name, config.image_data_format())
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "false"  # somebody wants all memory
arguments.import_quietly()
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
"""


def test_commands_compute_alike_whatever_keras_json_says(tmp_path):
    settings = {"floatx": "float16", "image_data_format": "channels_first", "epsilon": 1e-7}
    (tmp_path / "keras.json").write_text(
        json.dumps({**settings, "backend": keras.backend.backend()})
    )
    done = run("-c", SETTINGS, KERAS_HOME=str(tmp_path))
    assert done.stdout.split() == ["float32", "float32", "channels_last", "true", "false"]
