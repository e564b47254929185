"""A preset → the engine that answers: LiteRT where the preset has its parts, else Keras."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fctsfn_tf.errors import InputError, explaining_backend
from fctsfn_tf.predict import litert_engine
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.preset_files import (
    DEFAULT_PRESET,
    find_preset,
    litert_parts,
    predictor_config,
    read_settings,
)

LITERT, KERAS = "litert", "keras"
ENGINES = (LITERT, KERAS)


def load_engine(
    preset: str | Path = DEFAULT_PRESET, engine: str | None = None
) -> tuple[Engine, PredictorConfig]:
    """What runs the network of a preset, and how photographs and clicks are brought to it.

    Args:
        preset: see `presets.load_preset`.
        engine: "litert" or "keras"; None for LiteRT where it is installed and the preset has parts
            for it, and Keras otherwise.

    Raises:
        InputError: another engine, one that is not installed or has no parts, or see `load_preset`.

    Examples:
        >>> from fctsfn_tf import Predictor, load_engine
        >>> engine, config = load_engine("compact")  # once for all users
        >>> ours, theirs = Predictor(engine, config), Predictor(engine, config)
    """
    directory = find_preset(preset)
    if chosen_engine(directory, engine) == KERAS:
        with explaining_backend():
            # Keras takes seconds to import, and LiteRT does without.
            from fctsfn_tf.predict.keras_engine import KerasEngine
            from fctsfn_tf.predict.presets import load_preset

        model, config = load_preset(directory)
        return KerasEngine(model), config
    settings = read_settings(directory)
    config = predictor_config(settings["predictor"], directory)
    image_part, click_part = litert_parts(settings, directory)
    return litert_engine.LitertEngine(directory.resolve().name, image_part, click_part), config


def chosen_engine(preset: str | Path, engine: str | None) -> str:
    """The one of `ENGINES` that `load_engine` takes; see there."""
    if engine not in (None, *ENGINES):
        raise InputError(f"An engine is one of {', '.join(ENGINES)}. Received {engine!r:.40}.")
    if engine == KERAS and not _has_keras():
        raise InputError(
            "The engine 'keras' needs Keras. Install it with `pip install "
            "'fctsfn-tf[tensorflow]'` (or [jax], [torch]). It is not installed."
        )
    if engine == LITERT and not litert_engine.is_installed():
        raise InputError(
            "The engine 'litert' needs the package ai-edge-litert. Install it with `pip install "
            "ai-edge-litert`, or take the engine 'keras'. It is not installed."
        )
    if engine is not None:
        return engine
    directory = find_preset(preset)
    has_parts = "litert" in read_settings(directory)
    if has_parts and litert_engine.is_installed():
        return LITERT
    if not _has_keras():
        raise InputError(_nothing_answers(directory, has_parts))
    return KERAS


def _has_keras() -> bool:
    return find_spec("keras") is not None


def _nothing_answers(directory: Path, has_parts: bool) -> str:
    """Why neither engine can run a preset, in one line."""
    with_keras = "Keras (`pip install 'fctsfn-tf[tensorflow]'`)"
    if has_parts:
        return (
            f"Predicting needs LiteRT (`pip install ai-edge-litert`) or {with_keras}. Install one "
            "of them. Neither is installed."
        )
    return (
        f"{directory} has no LiteRT parts, so it needs {with_keras}. Install it, or have the parts "
        "written where it is: fctsfn export --format litert --into-preset. Keras is not installed."
    )
