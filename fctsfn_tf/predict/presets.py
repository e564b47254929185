"""A trained network ↔ a directory with config.json, weights and a model card.

config.json, format 1:

    {
      "format": 1,
      "builder": "compact_network",                one of `BUILDERS`
      "arguments": {"backbone": "mobilenet_v2"},   of the builder, JSON values
      "predictor": {"working_size": 384, ...},     fields of `config.PredictorConfig`
      "weights": {"file": "weights.npz", "sha256": "..."}
    }

A preset may come from a stranger: only listed functions are called, no pickle is read, no path
leads out of the directory, and the weights must be the ones that config.json was written for.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import keras

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus
from fctsfn_tf.networks.weight_files import load_variables, save_variables
from fctsfn_tf.predict.config import PredictorConfig

# The preset that everything uses unless told otherwise.
DEFAULT_PRESET = "compact"
FORMAT = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.npz"
MODEL_CARD_FILE = "README.md"
HUB_PREFIX = "hf://"
# Where the shipped presets lie, one directory each.
PRESETS_DIRECTORY = Path(__file__).resolve().parents[1] / "presets"
# The functions that config.json may name; each returns a network from JSON arguments.
BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "compact_network": compact_network,
    "FCTSFN": FCTSFN,
    "TSLFN": TSLFN,
    "SSFCN": SSFCN,
    "TSLFNMinus": TSLFNMinus,
}
# Arguments that read files or the network: a preset brings all its weights itself.
FORBIDDEN_ARGUMENTS = frozenset({"weights", "backbone_weights"})


class PresetFacts(NamedTuple):
    """What a preset says of itself.

    Attributes:
        name: of a shipped preset or a directory, or "hf://owner/name".
        weights_sha256: of its weight file, in hexadecimal.
        model_card: Markdown; empty where it has none.
        builder, arguments: what built its network, see `save_preset`.
    """

    name: str
    weights_sha256: str
    model_card: str
    builder: str
    arguments: dict[str, Any]


def preset_names() -> list[str]:
    """The names of the shipped presets, sorted."""
    return sorted(path.parent.name for path in PRESETS_DIRECTORY.glob(f"*/{CONFIG_FILE}"))


def load_preset(preset: str | Path = DEFAULT_PRESET) -> tuple[keras.Model, PredictorConfig]:
    """The network of a preset with its weights, and how photographs and clicks are brought to it.

    Args:
        preset: a name of `preset_names()`, a directory, or "hf://owner/name" (needs
            `huggingface_hub`; downloaded once, then read from its cache).

    Raises:
        InputError: no such preset, a file is missing, damaged or not the one that config.json
            names, a format or builder that this version does not know, or wrong settings.
    """
    directory = _find(preset)
    settings = _read_settings(directory)
    config = _predictor_config(settings["predictor"], directory)
    weights = _checked_weights(settings["weights"], directory)
    model = _build(settings["builder"], settings["arguments"], directory)
    load_variables(model, weights)
    return model, config


def preset_facts(preset: str | Path = DEFAULT_PRESET) -> PresetFacts:
    """What a preset says of itself; see `load_preset` for the argument and the errors."""
    directory = _find(preset)
    settings = _read_settings(directory)
    _checked_weights(settings["weights"], directory)
    card = directory / MODEL_CARD_FILE
    return PresetFacts(
        str(preset) if str(preset).startswith(HUB_PREFIX) else directory.resolve().name,
        settings["weights"]["sha256"],
        card.read_text(encoding="utf-8") if card.is_file() else "",
        settings["builder"],
        settings["arguments"],
    )


def preset_config(preset: str | Path = DEFAULT_PRESET) -> PredictorConfig:
    """The second result of `load_preset`, in milliseconds: no network is made.

    Raises:
        InputError: as `load_preset`, but the weights are not looked at.
    """
    directory = _find(preset)
    return _predictor_config(_read_settings(directory)["predictor"], directory)


def save_preset(
    directory: str | Path,
    model: keras.Model,
    builder: str,
    arguments: Mapping[str, Any],
    config: PredictorConfig,
    model_card: str,
    dtype: str = "float16",
) -> None:
    """Write a network as a preset: the whole directory or nothing.

    Args:
        directory: must not exist yet; its parent must.
        model: the trained network.
        builder: the name of `BUILDERS` that built it.
        arguments: what the builder was given, as JSON can hold it.
        config: how photographs and clicks are brought to it.
        model_card: Markdown for README.md: data, licence, measured results, known failures.
        dtype: of the kernels in the file, see `weights.save_variables`.

    Raises:
        InputError: the directory exists or its parent does not, the builder with these arguments
            does not make this network, or see `save_variables`.
    """
    directory = Path(directory)
    if directory.exists():
        raise InputError(f"A preset is written to a new directory. Remove or rename {directory}.")
    if not directory.parent.is_dir():
        raise InputError(f"The parent of {directory} does not exist. Create it first.")
    arguments = dict(arguments)
    rebuilt = _build(builder, arguments, directory)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        save_variables(model, temporary / WEIGHTS_FILE, dtype)
        # What could not be loaded must not be saved.
        load_variables(rebuilt, temporary / WEIGHTS_FILE)
        settings = {
            "format": FORMAT,
            "builder": builder,
            "arguments": arguments,
            "predictor": asdict(config),
            "weights": {"file": WEIGHTS_FILE, "sha256": _sha256(temporary / WEIGHTS_FILE)},
        }
        text = json.dumps(settings, indent=2, allow_nan=False) + "\n"
        (temporary / CONFIG_FILE).write_text(text, encoding="utf-8")
        (temporary / MODEL_CARD_FILE).write_text(model_card, encoding="utf-8")
        temporary.chmod(0o755)  # mkdtemp's 0o700 would hide an installed preset from other users
        os.rename(temporary, directory)
    except BaseException:
        shutil.rmtree(temporary)
        raise


def _find(preset: str | Path) -> Path:
    """The directory of a preset."""
    if isinstance(preset, str) and preset.startswith(HUB_PREFIX):
        return _download(preset.removeprefix(HUB_PREFIX))
    if str(preset) in preset_names():
        return PRESETS_DIRECTORY / str(preset)
    if Path(preset).is_dir():
        return Path(preset)
    raise InputError(
        f"A preset must be one of the shipped ones ({', '.join(preset_names()) or 'none'}), a "
        f"directory with a {CONFIG_FILE}, or '{HUB_PREFIX}owner/name'. Received '{preset}'."
    )


def _download(repository: str) -> Path:
    """The local copy of a preset on the Hugging Face Hub."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise InputError(
            f"A preset on the Hub must be named '{HUB_PREFIX}owner/name'. Received "
            f"'{HUB_PREFIX}{repository}'."
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise InputError(
            f"'{HUB_PREFIX}{repository}' needs the package huggingface_hub. Install it with "
            "`pip install huggingface_hub`, or download the preset and give its directory."
        ) from None
    try:
        # Not the whole repository: it may hold other formats of the network.
        files = [CONFIG_FILE, "*.npz", MODEL_CARD_FILE]
        return Path(snapshot_download(repository, allow_patterns=files))
    except Exception as error:  # the Hub's and the network's errors have no common class
        reason = " ".join(str(error).split())
        raise InputError(
            f"'{HUB_PREFIX}{repository}' could not be downloaded. Check the name and the "
            f"connection, or give a directory. The Hub said: {reason:.200}"
        ) from None


def _read_settings(directory: Path) -> dict[str, Any]:
    """The content of config.json, of the right shape."""
    path = directory / CONFIG_FILE
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"A preset's directory must hold a {CONFIG_FILE}; {directory} has none. Name another "
            f"directory or a shipped preset: {', '.join(preset_names()) or 'none'}."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as JSON. Download the preset again. Reading failed with: "
            f"{error}"
        ) from None
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        found = settings.get("format") if isinstance(settings, dict) else type(settings).__name__
        raise InputError(
            f"This version reads presets of format {FORMAT}. Update fctsfn_tf, or download a "
            f"preset made for it. Received format {found!r} in {path}."
        )
    kinds = {"builder": str, "arguments": dict, "predictor": dict, "weights": dict}
    for name, kind in kinds.items():
        if not isinstance(settings.get(name), kind):
            raise InputError(
                f"{path} must have an entry '{name}' of type {kind.__name__}. Download the preset "
                f"again. Received {settings.get(name)!r:.80}."
            )
    return settings


def _predictor_config(fields: dict[str, Any], directory: Path) -> PredictorConfig:
    try:
        return PredictorConfig(**fields)
    except TypeError:
        known = inspect.signature(PredictorConfig).parameters
        unknown = ", ".join(sorted(set(fields) - set(known)))
        raise InputError(
            f"'predictor' in {directory / CONFIG_FILE} may set {', '.join(known)}. Update "
            f"fctsfn_tf if the preset is newer. Received {unknown:.80}."
        ) from None


def _checked_weights(entry: dict[str, Any], directory: Path) -> Path:
    """The weight file, of which the content is what config.json says."""
    name, expected = entry.get("file"), entry.get("sha256")
    if not (isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*", name)):
        raise InputError(
            f"'weights' in {directory / CONFIG_FILE} must name a file of the same directory. "
            f"Download the preset again. Received {name!r:.80}."
        )
    path = directory / name
    if not path.is_file():
        raise InputError(
            f"The weight file {path} is missing. Download the preset again (with Git, run "
            "`git lfs pull`)."
        )
    found = _sha256(path)
    if found != expected:
        raise InputError(
            f"{path} is not the file that {CONFIG_FILE} was written for: it is cut off or has been "
            f"changed. Download the preset again. Expected SHA-256 {expected!s:.64}, received "
            f"{found} ({path.stat().st_size} bytes)."
        )
    return path


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


def _sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
