"""A trained network ↔ a preset: a directory with config.json, weights and a model card.

`preset_files` finds the directory and reads config.json. A preset may come from a stranger: only
listed functions are called, and no pickle is read.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from fctsfn_tf.clicks.click_maps import CLICK_ENCODINGS, DISTANCES
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, new_directory, printable, sha256_of
from fctsfn_tf.networks.click_network import NOT_KEPT
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.compact_lite import compact_lite_network
from fctsfn_tf.networks.encode_once import named_inputs
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus
from fctsfn_tf.networks.parts import export_parts, write_part
from fctsfn_tf.networks.weight_files import load_variables, save_variables
from fctsfn_tf.predict.config import PAPER_CONFIG, PredictorConfig
from fctsfn_tf.predict.preset_files import (
    CONFIG_FILE,
    DEFAULT_PRESET,
    FORMAT,
    HUB_PREFIX,
    MODEL_CARD_FILE,
    PART_FILE,
    PARTS,
    WEIGHTS_FILE,
    checked_file,
    find_preset,
    predictor_config,
    read_settings,
)

# The functions that config.json may name; each returns a network from JSON arguments.
BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "compact_network": compact_network,
    "compact_lite_network": compact_lite_network,
    "FCTSFN": FCTSFN,
    "TSLFN": TSLFN,
    "SSFCN": SSFCN,
    "TSLFNMinus": TSLFNMinus,
}
# A preset brings all its weights itself, and takes photographs of any size.
FORBIDDEN_ARGUMENTS = NOT_KEPT
# Larger parts are written only when asked for: the paper's network has 579 MB of weights in float32
# and would need as much again in a second copy.
MAX_LITERT_BYTES = 100e6


def load_preset(preset: str | Path = DEFAULT_PRESET) -> tuple[keras.Model, PredictorConfig]:
    """The network of a preset with its weights, and how photographs and clicks are brought to it.

    Args:
        preset: a name of `preset_names()`, a directory, or "hf://owner/name" (needs
            `huggingface_hub`; downloaded once, then read from its cache).

    Raises:
        InputError: no such preset, a file is missing, damaged or not the one that config.json
            names, a format or builder that this version does not know, or wrong settings.

    Examples:
        >>> from fctsfn_tf import load_preset
        >>> model, config = load_preset("compact")
        >>> model.input_shape  # any size; three click maps, see `click_encoding`
        [(None, None, None, 3), (None, None, None, 3)]
        >>> config.click_encoding
        'disks_and_previous'
    """
    directory = find_preset(preset)
    settings = read_settings(directory)
    config = predictor_config(settings["predictor"], directory)
    weights = checked_file(settings["weights"], "weights", directory)
    model = _build(settings["builder"], settings["arguments"], directory)
    load_variables(model, weights)
    model.predictor_settings = settings["predictor"]
    return model, config


def save_preset(
    model: keras.Model,
    directory: str | Path,
    config: PredictorConfig | None = None,
    model_card: str | None = None,
    dtype: str = "float16",
    *,
    builder: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Write a trained network as a preset: the whole directory or nothing.

    On TensorFlow it gets LiteRT parts, with which it is answered without Keras, if its weights take
    no more than `MAX_LITERT_BYTES` in float32; other presets can have them added
    (`add_litert_parts`).

    Args:
        model: the network, or `IterativeClicks` around it.
        directory: must not exist yet; its parent must.
        config: how photographs and clicks are brought to it. None for what its preset said where
            it was loaded from one, else for the defaults; networks that read distances see
            photographs as the paper's do (`config.PAPER_CONFIG`).
        model_card: Markdown for README.md: data, licence, measured results, known failures. None
            for one that says that nothing is known.
        dtype: of the kernels in the file, see `weight_files.save_variables`.
        builder: the name of `BUILDERS` that built it; None for what the network itself knows.
        arguments: what that was given, as JSON can hold it.

    Raises:
        InputError: the directory exists or its parent does not, the builder with these arguments
            does not make this network, nobody knows what built it, or see `save_variables`.

    Examples:
        >>> from fctsfn_tf import FCTSFN, Predictor, save_preset
        >>> save_preset(FCTSFN(alpha=0.125), "mine")  # fctsfn segment photo.jpg --preset mine …
        >>> predictor = Predictor.from_preset("mine")
    """
    directory = Path(directory)
    if directory.exists():
        raise InputError(f"A preset is written to a new directory. Remove or rename {directory}.")
    if not directory.parent.is_dir():
        raise InputError(f"The parent of {directory} does not exist. Create it first.")
    model = getattr(model, "network", model)
    builder, arguments = _built_by(model, builder, arguments)
    config = config or _config_of(model, directory)
    model_card = model_card or f"# {directory.name}\n\nNothing was measured or said of it yet.\n"
    with _float32():
        rebuilt = _build(builder, arguments, directory)
    with new_directory(directory) as unfinished:
        save_variables(model, unfinished / WEIGHTS_FILE, dtype)
        # What could not be loaded must not be saved.
        load_variables(rebuilt, unfinished / WEIGHTS_FILE)
        settings = {
            "format": FORMAT,
            "builder": builder,
            "arguments": arguments,
            "predictor": asdict(config),
            "weights": {"file": WEIGHTS_FILE, "sha256": sha256_of(unfinished / WEIGHTS_FILE)},
        }
        if keras.backend.backend() == "tensorflow" and _gets_litert_parts(rebuilt, directory):
            settings["litert"] = _write_litert_parts(rebuilt, settings["weights"], unfinished)
        (unfinished / CONFIG_FILE).write_bytes(_json(settings))
        (unfinished / MODEL_CARD_FILE).write_text(model_card, encoding="utf-8")


def _built_by(
    model: keras.Model, builder: str | None, arguments: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """The function that built a network, and what it was given.

    Raises:
        InputError: it is not named, and the network does not know.
    """
    if builder is not None:
        return builder, dict(arguments or {})
    known = getattr(model, "built_by", None)
    if known is None:
        raise InputError(
            f"A preset says what builds its network: one of {', '.join(BUILDERS)}. Name it as "
            "`builder`, with its `arguments`; networks of these functions know it themselves. "
            f"Received '{model.name}', which does not."
        )
    return known["builder"], known["arguments"]


def _config_of(model: keras.Model, directory: Path) -> PredictorConfig:
    """The settings of the preset that a network comes from, or those that suit its click maps."""
    known = getattr(model, "predictor_settings", None)
    if known is not None:
        return predictor_config(known, directory)
    if named_inputs(model)["click_maps"].shape[-1] == CLICK_ENCODINGS[DISTANCES]:
        return PAPER_CONFIG
    return PredictorConfig()


def add_litert_parts(preset: str | Path) -> list[Path]:
    """Write the LiteRT parts of a preset into its directory, in place of those it may have.

    Args:
        preset: a directory or the name of a shipped preset.

    Returns:
        The files of the parts.

    Raises:
        InputError: Keras runs on another backend than TensorFlow, the preset lies on the Hub or
            its directory takes no files, or see `load_preset`.
    """
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            "LiteRT parts are made by TensorFlow. Set the environment variable "
            f"KERAS_BACKEND=tensorflow. Received the backend {keras.backend.backend()}."
        )
    if str(preset).startswith(HUB_PREFIX):
        raise InputError(
            "Parts are written into a preset's own directory. Download it and name the directory. "
            f"Received '{printable(preset)}'."
        )
    directory = find_preset(preset)
    with _float32():
        model, _ = load_preset(directory)
    settings = read_settings(directory)
    files = [directory / PART_FILE.format(name) for name in PARTS]
    with tempfile.TemporaryDirectory() as scratch:
        settings["litert"] = _write_litert_parts(model, settings["weights"], Path(scratch))
        for file in files:
            content = (Path(scratch) / file.name).read_bytes()
            atomic_write(file, lambda opened, content=content: opened.write(content), True)
    # Last: parts that it does not name yet are refused, never mixed up.
    atomic_write(directory / CONFIG_FILE, lambda opened: opened.write(_json(settings)), True)
    return files


def _gets_litert_parts(model: keras.Model, directory: Path) -> bool:
    """Whether parts are written without being asked for; says so on standard error if not."""
    num_bytes = 4 * model.count_params()
    if num_bytes <= MAX_LITERT_BYTES:
        return True
    print(
        f"{printable(directory)}: no LiteRT parts, they would take {num_bytes / 1e6:.0f} MB (more "
        f"than {MAX_LITERT_BYTES / 1e6:.0f}), so Keras answers; to have them: fctsfn export "
        "--format litert --into-preset --preset DIR",
        file=sys.stderr,
    )
    return False


def _write_litert_parts(
    model: keras.Model, weights: Mapping[str, str], directory: Path
) -> dict[str, Any]:
    """Write both parts of a network and return config.json's entry "litert".

    Args:
        model: with the weights as the preset's file stores them.
        weights: the entry "weights".
    """
    parts = export_parts(model)
    entry: dict[str, Any] = {"weights_sha256": weights["sha256"]}
    for name in PARTS:
        file = directory / PART_FILE.format(name)
        write_part(getattr(parts, name), file, "litert")
        entry[name] = {"file": file.name, "sha256": sha256_of(file)}
    return entry


@contextmanager
def _float32() -> Iterator[None]:
    """Networks that are built meanwhile compute in float32, as parts for LiteRT do."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _json(settings: Mapping[str, Any]) -> bytes:
    return (json.dumps(settings, indent=2, allow_nan=False) + "\n").encode()


def _build(builder: str, arguments: dict[str, Any], directory: Path) -> keras.Model:
    """The network, with random weights, that a listed function makes of these arguments."""
    if builder not in BUILDERS:
        raise InputError(
            f"A preset's builder must be one of {', '.join(BUILDERS)}. Update fctsfn_tf if the "
            f"preset is newer. Received {builder!r:.80} in {directory}."
        )
    known = set(inspect.signature(BUILDERS[builder]).parameters) - FORBIDDEN_ARGUMENTS
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise InputError(
            f"'{builder}' in a preset may take {', '.join(sorted(known))}. Update fctsfn_tf if the "
            f"preset is newer. Received {', '.join(unknown):.80} in {directory}."
        )
    try:
        return BUILDERS[builder](**arguments)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(
            f"'{builder}' cannot build a network from the arguments in {directory}. Correct them "
            f"or download the preset again. It said: {' '.join(str(error).split()):.200}"
        ) from None
