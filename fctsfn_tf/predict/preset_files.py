"""A preset's directory: where it lies, and what its config.json says; no network is made here.

config.json, format 1:

    {
      "format": 1,
      "builder": "compact_network",                one of `presets.BUILDERS`
      "arguments": {"backbone": "mobilenet_v2"},   of the builder, JSON values
      "predictor": {"working_size": 384, ...},     fields of `config.PredictorConfig`
      "weights": {"file": "weights.npz", "sha256": "..."},
      "litert": {                                  optional: the same network for LiteRT
        "weights_sha256": "...",                   of the weights that they were made from
        "image": {"file": "image.tflite", "sha256": "..."},
        "click": {"file": "click.tflite", "sha256": "..."}
      }
    }

A preset may come from a stranger: no path leads out of the directory, and weights and parts must be
the ones that config.json was written for.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import read_json, sha256_of
from fctsfn_tf.predict.config import PredictorConfig

# The preset that everything uses unless told otherwise.
DEFAULT_PRESET = "compact"
FORMAT = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.npz"
MODEL_CARD_FILE = "README.md"
# The LiteRT parts of a network, in the order in which they run.
PARTS = ("image", "click")
PART_FILE = "{}.tflite"
HUB_PREFIX = "hf://"
# Where the shipped presets lie, one directory each.
PRESETS_DIRECTORY = Path(__file__).resolve().parents[1] / "presets"
# In a checkout, beside the package: those that are too large for its wheel.
CHECKOUT = Path(__file__).resolve().parents[2]
LARGE_PRESETS = "presets"
CHECKOUT_FILE = "setup.cfg"


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
    """The names of the presets that are here, sorted: those of the package, and in a checkout
    those that lie beside it.

    Examples:
        >>> from fctsfn_tf import preset_names
        >>> "compact" in preset_names()
        True
    """
    return sorted(_shipped())


def preset_facts(preset: str | Path = DEFAULT_PRESET) -> PresetFacts:
    """What a preset says of itself; see `load_preset` for the argument and the errors."""
    directory = find_preset(preset)
    settings = read_settings(directory)
    checked_file(settings["weights"], "weights", directory)
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
    directory = find_preset(preset)
    return predictor_config(read_settings(directory)["predictor"], directory)


def find_preset(preset: str | Path) -> Path:
    """The directory of a preset; one on the Hub is downloaded.

    Raises:
        InputError: no such preset, or it could not be downloaded.
    """
    if isinstance(preset, str) and preset.startswith(HUB_PREFIX):
        return _download(preset.removeprefix(HUB_PREFIX))
    shipped = _shipped()
    if str(preset) in shipped:
        return shipped[str(preset)]
    if Path(preset).is_dir():
        return Path(preset)
    raise InputError(
        f"A preset must be one of the shipped ones ({', '.join(preset_names()) or 'none'}), a "
        f"directory with a {CONFIG_FILE}, or '{HUB_PREFIX}owner/name'. Received '{preset}'."
    )


def _shipped() -> dict[str, Path]:
    """Name → directory of the presets that are here."""
    places = [PRESETS_DIRECTORY]
    if (CHECKOUT / CHECKOUT_FILE).is_file():
        places.insert(0, CHECKOUT / LARGE_PRESETS)
    found = (path.parent for place in places for path in place.glob(f"*/{CONFIG_FILE}"))
    return {directory.name: directory for directory in found}


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
        files = [CONFIG_FILE, "*.npz", PART_FILE.format("*"), MODEL_CARD_FILE]
        return Path(snapshot_download(repository, allow_patterns=files))
    except Exception as error:  # the Hub's and the network's errors have no common class
        reason = " ".join(str(error).split())
        raise InputError(
            f"'{HUB_PREFIX}{repository}' could not be downloaded. Check the name and the "
            f"connection, or give a directory. The Hub said: {reason:.200}"
        ) from None


def read_settings(directory: Path) -> dict[str, Any]:
    """The content of config.json, its entries of the types that the head of this module shows.

    Raises:
        InputError: there is none, or it is damaged or of another format.
    """
    path = directory / CONFIG_FILE
    if not path.is_file():
        raise InputError(
            f"A preset's directory must hold a {CONFIG_FILE}; {directory} has none. Name another "
            f"directory or a shipped preset: {', '.join(preset_names()) or 'none'}."
        )
    settings = read_json(path)
    if settings.get("format") != FORMAT:
        raise InputError(
            f"This version reads presets of format {FORMAT}. Update fctsfn_tf, or download a "
            f"preset made for it. Received format {settings.get('format')!r} in {path}."
        )
    kinds = {"builder": str, "arguments": dict, "predictor": dict, "weights": dict}
    if "litert" in settings:
        kinds["litert"] = dict
    for name, kind in kinds.items():
        if not isinstance(settings.get(name), kind):
            raise InputError(
                f"{path} must have an entry '{name}' of type {kind.__name__}. Download the preset "
                f"again. Received {settings.get(name)!r:.80}."
            )
    return settings


def predictor_config(fields: dict[str, Any], directory: Path) -> PredictorConfig:
    """The settings of a preset's "predictor".

    Raises:
        InputError: an unknown one, or a value out of its range.
    """
    try:
        return PredictorConfig(**fields)
    except TypeError:
        known = inspect.signature(PredictorConfig).parameters
        unknown = ", ".join(sorted(set(fields) - set(known)))
        raise InputError(
            f"'predictor' in {directory / CONFIG_FILE} may set {', '.join(known)}. Update "
            f"fctsfn_tf if the preset is newer. Received {unknown:.80}."
        ) from None


def litert_parts(settings: dict[str, Any], directory: Path) -> list[bytes]:
    """The contents of the image part and the click part for LiteRT.

    Args:
        settings: of `read_settings`.
        directory: of the preset.

    Raises:
        InputError: there are none, they were made from other weights, or a file is missing, not in
            the preset's directory, or another one.
    """
    entry = settings.get("litert")
    if entry is None:
        raise InputError(
            f"{directory} has no LiteRT parts. Have them written (fctsfn export --format litert "
            "--into-preset), or take the engine 'keras'."
        )
    checked_file(settings["weights"], "weights", directory)
    made_from, expected = entry.get("weights_sha256"), settings["weights"]["sha256"]
    if made_from != expected:
        raise InputError(
            f"The LiteRT parts in {directory} were made from other weights than its own. Write "
            "them again (fctsfn export --format litert --into-preset), or take the engine 'keras'. "
            f"Expected SHA-256 {expected!s:.64}, received {made_from!s:.64}."
        )
    files = [entry[name] if isinstance(entry.get(name), dict) else {} for name in PARTS]
    paths = [checked_file(file, "litert", directory) for file in files]
    return [path.read_bytes() for path in paths]


def weights_digest(preset: str | Path = DEFAULT_PRESET) -> str:
    """SHA-256 of a preset's weights as float32, in the order of the network's: another file of
    the same weights has the same, and so has the network (`Model.get_weights`).

    Raises:
        InputError: see `preset_facts`; or the file holds no arrays of numbers.
    """
    directory = find_preset(preset)
    path = checked_file(read_settings(directory)["weights"], "weights", directory)
    digest = hashlib.sha256()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for array in arrays.values():
                digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    except (OSError, ValueError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a whole .npz of plain number arrays. Download or save it again. "
            f"Reading it failed with: {error}"
        ) from None
    return digest.hexdigest()


def checked_file(entry: dict[str, Any], entry_name: str, directory: Path) -> Path:
    """The file that an entry such as "weights" names, of which the content is what that says.

    Raises:
        InputError: it is missing, not in the preset's directory, or another one.
    """
    name, expected = entry.get("file"), entry.get("sha256")
    if not (isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*", name)):
        raise InputError(
            f"'{entry_name}' in {directory / CONFIG_FILE} must name files of the same directory. "
            f"Download the preset again. Received {name!r:.80}."
        )
    path = directory / name
    if not path.is_file():
        raise InputError(
            f"The file {path} is missing. Download the preset again (with Git, run `git lfs pull`)."
        )
    found = sha256_of(path)
    if found != expected:
        raise InputError(
            f"{path} is not the file that {CONFIG_FILE} was written for: it is cut off or has been "
            f"changed. Download the preset again. Expected SHA-256 {expected!s:.64}, received "
            f"{found} ({path.stat().st_size} bytes)."
        )
    return path
