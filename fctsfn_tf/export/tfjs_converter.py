"""TensorFlow.js' converter, in a Python environment of its own: SavedModel → graph model.

The package `tensorflowjs` 4.22.0 pins libraries that ask for TensorFlow 2.19, so it cannot be
installed beside the TensorFlow of this package. `install` therefore makes an environment for it
alone, with the versions of tfjs_converter.txt, and `convert` runs it there.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable, sha256_of
from fctsfn_tf.networks.quantization import are_halves, on_grid

LOCK = Path(__file__).parent / "tfjs_converter.txt"
# TensorFlow 2.19 and its decision forests have wheels for these; the lock was made with the first.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 12)
# Names the environment's directory, if not the default one.
DIRECTORY_VARIABLE = "FCTSFN_TFJS_CONVERTER"
INSTALL_COMMAND = "fctsfn install-tfjs"
# Says that the installation is whole, and of which lock; written last.
STAMP = "fctsfn-tfjs-converter.txt"
MODEL_FILE = "model.json"
BINARY_FILE = "weights.bin"

# What the converter is told, by the dtype of the export. With uint8 only the kernels of ordinary
# convolutions are stored so (`pack_kernels`), by one step for the whole kernel; they are nearly all
# of the bytes. Depthwise kernels differ too much between channels for one step: float16. Biases are
# few and stay float32, as do constants, such as the mean of an image.
QUANTIZATION = {
    "float32": (),
    "float16": ("--quantize_float16=*/ReadVariableOp,*/Squeeze,*/Reshape",),
    "uint8": ("--quantize_float16=*/depthwise/ReadVariableOp",),
}
CONVOLUTION_KERNEL = "convolution/ReadVariableOp"
# Last part of a weight's name in model.json → the Keras variable that it was.
KERNEL_OR_BIAS = {
    CONVOLUTION_KERNEL: "kernel",
    "depthwise/ReadVariableOp": "kernel",
    "Squeeze": "bias",
    "Reshape": "bias",
    # Dense layers
    "Cast/ReadVariableOp": "kernel",
    "BiasAdd/ReadVariableOp": "bias",
    "Add/ReadVariableOp": "bias",
}


def directory() -> Path:
    """Where the converter's environment is or will be."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return Path(named).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "fctsfn_tf" / "tensorflowjs"


def is_installed() -> bool:
    """Whether the converter's environment is there, whole, and of the present lock."""
    try:
        return (directory() / STAMP).read_text(encoding="utf-8") == sha256_of(LOCK)
    except OSError:
        return False


def check_installed() -> None:
    """Refuse to go on without the converter.

    Raises:
        InputError: `is_installed` is False.
    """
    if not is_installed():
        raise InputError(
            "TensorFlow.js models are made by its own converter, in a Python environment of its "
            f"own. Run `{INSTALL_COMMAND}` once (2.9 GB, some minutes), or name a directory where "
            f"that was done in {DIRECTORY_VARIABLE}. There is none in {printable(directory())}."
        )


def install() -> None:
    """Make the converter's environment; pip's messages go to standard output.

    An interrupted installation is taken up again by the next call; a whole one is left alone.

    Raises:
        InputError: this Python cannot run the converter, the directory holds something else, or pip
            could not install the packages.
    """
    target = directory()
    if is_installed():
        return
    if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        oldest, newest = (".".join(map(str, it)) for it in (OLDEST_PYTHON, NEWEST_PYTHON))
        raise InputError(
            f"TensorFlow.js' converter runs on Python {oldest} and {newest}. Run "
            f"`{INSTALL_COMMAND}` with one of them. This is Python {sys.version.split()[0]}."
        )
    stamp = target / STAMP
    if target.exists() and not stamp.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            f"{printable(target)} holds something else, which stays as it is. Remove it, or name "
            f"another directory in {DIRECTORY_VARIABLE}."
        )
    target.mkdir(parents=True, exist_ok=True)
    stamp.write_text("unfinished", encoding="utf-8")  # whose directory this is
    python = _python(target)
    try:
        _run([sys.executable, "-m", "venv", target])
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", "-r", LOCK])
    except subprocess.CalledProcessError:
        raise InputError(
            "The converter's packages could not be installed (the reason stands above). They come "
            f"over the network: check the connection, then run `{INSTALL_COMMAND}` again."
        ) from None
    stamp.write_text(sha256_of(LOCK), encoding="utf-8")


def convert(saved_model: Path, target: Path, outputs: list[str], dtype: str) -> None:
    """Turn a SavedModel into a TF.js graph model whose inputs and outputs keep their names.

    Args:
        saved_model: its directory; the signature "serving_default" is converted.
        target: a directory to be made, which then holds model.json and binary files.
        outputs: the names of the signature's outputs, in any order.
        dtype: how weights are stored, a key of `QUANTIZATION`; the browser computes in float32.

    Raises:
        InputError: there is no converter, or it failed.
    """
    check_installed()
    command = [
        *(_python(directory()), "-m", "tensorflowjs.converters.converter"),
        *QUANTIZATION[dtype],
        *("--input_format=tf_saved_model", "--signature_name=serving_default"),
        *("--output_format=tfjs_graph_model", saved_model, target),
    ]
    done = subprocess.run(command, env=_variables(), capture_output=True, text=True)
    if done.returncode != 0 or not (target / MODEL_FILE).is_file():
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise InputError(
            "TensorFlow.js' converter failed. If its environment is damaged, remove "
            f"{printable(directory())} and run `{INSTALL_COMMAND}`. It said: "
            f"{lines[-1].strip() if lines else 'nothing'!s:.300}"
        )
    model = json.loads((target / MODEL_FILE).read_text(encoding="utf-8"))
    name_tensors(model, outputs)
    flatten_biases(model)
    if dtype == "uint8":
        pack_kernels(model, target)
    text = json.dumps(model, separators=(",", ":"))
    (target / MODEL_FILE).write_text(text, encoding="utf-8")


def name_tensors(model: dict[str, Any], outputs: list[str]) -> None:
    """Give inputs and outputs in the content of a model.json the SavedModel's names, in place.

    The outputs' nodes are called "Identity", "Identity_1" and so on, in the alphabetical order of
    the signature's names. What the converter writes in "signature" is a guess by shape.
    """
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    found = {
        direction: {entry["name"].split(":")[0]: entry for entry in entries.values()}
        for direction, entries in model["signature"].items()
    }
    model["signature"]["inputs"] = found["inputs"]
    model["signature"]["outputs"] = {}
    for place, name in enumerate(sorted(outputs)):
        former = f"Identity_{place}" if place else "Identity"
        nodes[former]["name"] = name
        model["signature"]["outputs"][name] = {**found["outputs"][former], "name": f"{name}:0"}


def flatten_biases(model: dict[str, Any]) -> None:
    """Give every bias of a fused convolution one axis, in place, in the content of a model.json.

    Keras adds the bias of a convolution with one filter as an array (1, 1, 1, 1), and the converter
    fuses it as it is. TF.js' wasm backend refuses such a bias ("only supports rank-1 bias").
    """
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    entries = {entry["name"]: entry for entry in weight_entries(model)}
    for node in nodes.values():
        if node["op"] not in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            continue
        bias = node["input"][2].split(":")[0]
        if bias in entries and len(entries[bias]["shape"]) > 1:
            entries[bias]["shape"] = entries[bias]["shape"][-1:]
            shape = nodes[bias]["attr"]["value"]["tensor"]["tensorShape"]
            shape["dim"] = shape["dim"][-1:]


def pack_kernels(model: dict[str, Any], folder: Path) -> None:
    """Store the kernels of ordinary convolutions as bytes: the content of a model.json, in place,
    and its binary files.

    The converter's own quantization chooses steps that keep no kernel on the grid on which
    `quantization.quantize` has put it. A kernel that it has made of float16 numbers stays one.
    """
    parts = []
    for entry, stored in _stored_weights(model, folder):
        if entry["name"].endswith(f"/{CONVOLUTION_KERNEL}"):
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            if are_halves(stored):
                stored = stored.astype(np.float16)
            else:
                stored, step, least = on_grid(stored)
                entry["quantization"] |= {"dtype": "uint8", "scale": step, "min": least}
        parts.append(stored.tobytes())
    groups = model["weightsManifest"]
    for name in (name for group in groups for name in group["paths"]):
        (folder / name).unlink()
    (folder / BINARY_FILE).write_bytes(b"".join(parts))
    entries = list(weight_entries(model))
    model["weightsManifest"] = [{"paths": [BINARY_FILE], "weights": entries}]


def read_weights(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """The weights that a graph model computes with, as float32.

    Args:
        path: its model.json, made by `convert` from a network that `folding.fold` has been over.

    Returns:
        {(layer as the graph calls it, "kernel" or "bias"): array}. The graph adds "_1" and so on to
        the name of a layer that was called before.
    """
    model = json.loads(path.read_text(encoding="utf-8"))
    weights = {}
    for entry, stored in _stored_weights(model, path.parent):
        for ending, variable in KERNEL_OR_BIAS.items():
            if entry["name"].endswith(f"/{ending}"):
                layer = entry["name"].removesuffix(f"/{ending}").rpartition("/")[2]
                how = entry.get("quantization", {})
                values = stored * how.get("scale", 1.0) + how.get("min", 0.0)
                weights[layer, variable] = values.astype(np.float32)
    return weights


def _stored_weights(
    model: dict[str, Any], folder: Path
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """What the content of a model.json says of each weight, and the numbers as they are stored."""
    names = [name for group in model["weightsManifest"] for name in group["paths"]]
    data = b"".join((folder / name).read_bytes() for name in names)
    start = 0
    for entry in weight_entries(model):
        dtype = entry.get("quantization", entry)["dtype"]
        stored = np.frombuffer(data, dtype, math.prod(entry["shape"]), start)
        start += stored.nbytes
        yield entry, stored.reshape(entry["shape"])


def weight_entries(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the content of a model.json says of each weight, in the order of the binary files."""
    for group in model["weightsManifest"]:
        yield from group["weights"]


def _python(environment: Path) -> Path:
    windows = environment / "Scripts" / "python.exe"
    return windows if os.name == "nt" else environment / "bin" / "python"


def _run(command: list[Any]) -> None:
    subprocess.run(command, env=_variables(), check=True)


def _variables() -> dict[str, str]:
    """The environment variables for the converter, less what would let other packages in."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}
