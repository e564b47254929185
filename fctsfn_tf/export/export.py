"""A preset → files for other programs: TF.js, SavedModel, ONNX or LiteRT, in two parts.

An export is a directory:

    manifest.json    what the two parts take and give, and all that a program must know to bring a
                     photograph and clicks to them; described in docs/export.md
    image…, click…   image part and click part, each a file or a directory
    README.md        the preset's model card: data, licence, measured results, known failures

Both parts take a batch of one, and any height and width that are multiples of 32. BatchNorm is
folded into the convolutions across the border between them (`folding.fold`), so the features of one
export are not those of another.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from fctsfn_tf.errors import InputError
from fctsfn_tf.export import tfjs_converter
from fctsfn_tf.export.manifest import MANIFEST_FILE, list_files, manifest_of
from fctsfn_tf.export.parts import FORMATS
from fctsfn_tf.files import check_place, file_kind, new_directory, printable
from fctsfn_tf.networks.parts import export_parts, write_part
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, MODEL_CARD_FILE, preset_facts
from fctsfn_tf.predict.presets import load_preset

DTYPES = tuple(tfjs_converter.QUANTIZATION)
# What a format needs beside TensorFlow: module → what installs it.
ONNX_MODULES = ("onnx", "tf2onnx")


def export_preset(
    output: str | Path,
    preset: str | Path = DEFAULT_PRESET,
    form: str = "tfjs",
    dtype: str = "float32",
    overwrite: bool = False,
    report: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Write a preset for other programs: the whole directory or nothing.

    Args:
        output: the directory to be made; missing ones above it are made too.
        preset: see `presets.load_preset`.
        form: a key of `FORMATS`.
        dtype: how the weights are stored, of `DTYPES`; other than "float32" for "tfjs" only. All
            compute in float32. See `tfjs_converter.QUANTIZATION`.
        overwrite: True to replace an earlier export; nothing else is ever replaced.
        report: told what is being done.

    Returns:
        The content of the manifest.

    Raises:
        InputError: an unknown format or dtype, something is in the way at `output`, a package or
            TF.js' converter is missing, Keras runs on another backend than TensorFlow, or see
            `load_preset`.
    """
    output = Path(output)
    _check_request(form, dtype)
    _check_output(output, overwrite)
    facts = preset_facts(preset)
    report(f"reading the preset {facts.name}")
    model, config = load_preset(preset)
    parts = export_parts(model)
    with new_directory(output, overwrite) as directory:
        for name in ("image", "click"):
            report(f"writing the {name} part as {form}, {dtype}")
            _write_part(getattr(parts, name), directory, name, form, dtype)
        if facts.model_card:
            (directory / MODEL_CARD_FILE).write_text(facts.model_card, encoding="utf-8")
        manifest = manifest_of(parts, config, facts, form, dtype)
        manifest["files"] = list_files(directory)
        text = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
        (directory / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return manifest


def _check_request(form: str, dtype: str) -> None:
    if form not in FORMATS:
        raise InputError(f"A format must be one of {', '.join(FORMATS)}. Received {form!r:.40}.")
    if dtype not in DTYPES or (form != "tfjs" and dtype != "float32"):
        raise InputError(
            f"Weights are stored as {', '.join(DTYPES)} in TF.js and as float32 in every other "
            f"format. Choose one of them. Received {dtype!r:.40} for {form}."
        )
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            "Exports are made by TensorFlow. Set the environment variable "
            f"KERAS_BACKEND=tensorflow. Received the backend {keras.backend.backend()}."
        )
    if form == "tfjs":
        tfjs_converter.check_installed()
    missing = [name for name in ONNX_MODULES if importlib.util.find_spec(name) is None]
    if form == "onnx" and missing:
        raise InputError(
            f"ONNX needs the packages {' and '.join(ONNX_MODULES)}. Install them with "
            f"`pip install 'fctsfn-tf[onnx]'`. There is no {missing[0]}."
        )


def _check_output(output: Path, overwrite: bool) -> None:
    """Refuse an output directory that cannot or must not be made, before any work is done."""
    name = printable(output)
    if file_kind(output) != "missing" or output.is_symlink():
        is_export = (output / MANIFEST_FILE).is_file() and not output.is_symlink()
        if not (is_export and overwrite):
            how = "replace it (--force, overwrite=True)" if is_export else "remove it yourself"
            raise InputError(f"{name} exists already. Choose another name, or {how}.")
    check_place(output)


def _write_part(part: keras.Model, directory: Path, name: str, form: str, dtype: str) -> None:
    """One part in `directory`, at the place that `FORMATS` says."""
    target = directory / FORMATS[form].format(name)
    if form in ("onnx", "litert"):
        write_part(part, target, form)
    elif form == "savedmodel":
        write_part(part, target.parent, "tf_saved_model")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            saved_model = Path(scratch) / name
            write_part(part, saved_model, "tf_saved_model")
            tfjs_converter.convert(saved_model, target.parent, list(part.output), dtype)
