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

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import keras

from fctsfn_tf import __version__
from fctsfn_tf.clicks.click_maps import DISK_RADIUS, TRUNCATION
from fctsfn_tf.errors import InputError
from fctsfn_tf.export import tfjs_converter
from fctsfn_tf.files import file_kind, printable
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.folding import fold
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import (
    DEFAULT_PRESET,
    MODEL_CARD_FILE,
    PresetFacts,
    load_preset,
    preset_facts,
)
from fctsfn_tf.predict.views import CUT_OFF_SHARE, EVEN_ODDS, SIDE_MULTIPLE

MANIFEST_FILE = "manifest.json"
# Of the manifest; a reader refuses another one.
MANIFEST_FORMAT = 1
# Format → the part's file, of which `{}` is "image" or "click".
FORMATS = {
    "tfjs": "{}/" + tfjs_converter.MODEL_FILE,
    "savedmodel": "{}/saved_model.pb",
    "onnx": "{}.onnx",
    "litert": "{}.tflite",
}
DTYPES = tuple(tfjs_converter.QUANTIZATION)
# What a format needs beside TensorFlow: module → what installs it.
ONNX_MODULES = ("onnx", "tf2onnx")


class Parts(NamedTuple):
    """A network ready for export; inputs and outputs are dictionaries by name.

    Attributes:
        image: {"image": (1, H, W, 3)} → {name: features}.
        click: {name: features, "click_maps": (1, H, W, C)} → {"logits": (1, H, W, 1)}.
        features: the names in the order of `encode_once.split`.
    """

    image: keras.Model
    click: keras.Model
    features: tuple[str, ...]


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
    with _new_directory(output) as directory:
        for name in ("image", "click"):
            report(f"writing the {name} part as {form}, {dtype}")
            _write_part(getattr(parts, name), directory, name, form, dtype)
        if facts.model_card:
            (directory / MODEL_CARD_FILE).write_text(facts.model_card, encoding="utf-8")
        manifest = _manifest(parts, config, facts, form, dtype)
        manifest["files"] = _listed(directory)
        text = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
        (directory / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return manifest


def export_parts(model: keras.Model) -> Parts:
    """The two parts of a network for export, from its present weights.

    Raises:
        InputError: see `encode_once.split`.
    """
    image_part, click_part = split(fold(model))
    *features, _ = names = [tensor.name for tensor in click_part.inputs]
    image = keras.Model(
        {"image": image_part.inputs[0]},
        dict(zip(features, image_part.outputs, strict=True)),
        name="image_part",
    )
    click = keras.Model(
        dict(zip(names, click_part.inputs, strict=True)),
        {"logits": click_part.outputs[0]},
        name="click_part",
    )
    return Parts(image, click, tuple(features))


def with_stored_weights(model: keras.Model, directory: str | Path) -> keras.Model:
    """A network that computes on Keras with the weights that an export for TF.js stores.

    So what float16 and uint8 cost can be measured without a browser.

    Args:
        model: the exported network.
        directory: of an export that has been made from it with the format "tfjs".

    Raises:
        InputError: the export is one of another network.
    """
    stored = {}
    for name in ("image", "click"):
        stored |= tfjs_converter.read_weights(Path(directory) / FORMATS["tfjs"].format(name))
    network = fold(model)
    for layer in network.layers:
        for variable in layer.weights:
            # The graph's names carry a number where the layer was called before.
            names = (layer.name, *(f"{layer.name}_{number}" for number in range(1, 9)))
            keys = [(name, variable.name) for name in names]
            found = [stored[key] for key in keys if key in stored]
            if not found or found[0].shape != variable.shape:
                raise InputError(
                    f"{printable(directory)} must be an export of this network. Export it again. "
                    f"It has no {variable.name} {tuple(variable.shape)} of '{layer.name}'."
                )
            variable.assign(found[0])
    return network


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
    ancestor = next(parent for parent in output.absolute().parents if parent.exists())
    if not (ancestor.is_dir() and os.access(ancestor, os.W_OK | os.X_OK)):
        raise InputError(
            f"{name} cannot be made: {printable(ancestor)} is no directory, or not one that you "
            "may write to. Choose another place."
        )


def _write_part(part: keras.Model, directory: Path, name: str, form: str, dtype: str) -> None:
    """One part in `directory`, at the place that `FORMATS` says."""
    signature = [
        {
            key: keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=key)
            for key, tensor in part.input.items()
        }
    ]
    target = directory / FORMATS[form].format(name)
    if form in ("onnx", "litert"):
        part.export(target, format=form, input_signature=signature, verbose=False)
    elif form == "savedmodel":
        part.export(
            target.parent, format="tf_saved_model", input_signature=signature, verbose=False
        )
    else:
        with tempfile.TemporaryDirectory() as scratch:
            saved_model = Path(scratch) / name
            part.export(
                saved_model, format="tf_saved_model", input_signature=signature, verbose=False
            )
            tfjs_converter.convert(saved_model, target.parent, list(part.output), dtype)


def _manifest(
    parts: Parts, config: PredictorConfig, facts: PresetFacts, form: str, dtype: str
) -> dict[str, Any]:
    """The manifest without the list of files."""
    return {
        "format": MANIFEST_FORMAT,
        "kind": form,
        "dtype": dtype,
        "made_by": f"fctsfn_tf {__version__}",
        "preset": {"name": facts.name, "weights_sha256": facts.weights_sha256},
        "licence": _section(facts.model_card, "Licence"),
        "predictor": asdict(config),
        "views": {
            "side_multiple": SIDE_MULTIPLE,
            "even_odds": EVEN_ODDS,
            "cut_off_share": CUT_OFF_SHARE,
        },
        "click_maps": {
            "channels": parts.click.input["click_maps"].shape[-1],
            "disk_radius": DISK_RADIUS,
            "truncation": TRUNCATION,
        },
        "image_part": {
            "file": FORMATS[form].format("image"),
            "image": "image",
            "features": list(parts.features),
        },
        "click_part": {
            "file": FORMATS[form].format("click"),
            "features": list(parts.features),
            "click_maps": "click_maps",
            "logits": "logits",
        },
    }


def _section(markdown: str, title: str) -> str | None:
    """The text under a heading of the model card, on one line; None where there is no such one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^#|\Z)", markdown, re.DOTALL | re.MULTILINE)
    return " ".join(found.group(1).split()) if found else None


def _listed(directory: Path) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of every file below `directory`, by path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [
        {
            "path": path.relative_to(directory).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    ]


@contextlib.contextmanager
def _new_directory(output: Path) -> Iterator[Path]:
    """A temporary directory that becomes `output` at the end; if anything fails, it vanishes and
    `output` is what it was."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{output.name:.40}.", dir=output.parent))
        try:
            directory, earlier = scratch / "new", scratch / "earlier"
            directory.mkdir()
            yield directory
            if output.exists():  # an earlier export, which `_check_output` allowed to replace
                os.rename(output, earlier)
            try:
                os.rename(directory, output)
            except BaseException:
                if earlier.exists():
                    os.rename(earlier, output)
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"{printable(output)} could not be written ({error.strerror}). Make room there, or "
            "choose another place."
        ) from error
