"""A training run in one file: weights, optimiser, random state, and where the run stands.

The file is an `.npz`: every variable under its place in the model or optimiser, and "state", JSON.
It is replaced whole or not at all, so a run that is killed at any moment leaves the checkpoint
before or the new one. Keras' own files of weights (`save_weights`, `BackupAndRestore`) hold the
optimiser, but no state of random numbers, from which dropout and clicks are drawn; and where the
run stands would be a second file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable

CHECKPOINT_NAME = "checkpoint.npz"
_STATE = "state"
_TORCH_RANDOM = "torch_random/"


def save_checkpoint(directory: Path, model: keras.Model, state: dict[str, Any]) -> None:
    """Write a compiled model's variables and `state` (JSON values) to the directory's checkpoint.

    Raises:
        InputError: see `atomic_write`.
    """
    arrays = {key: ops.convert_to_numpy(v) for key, v in _variables(model).items()}
    arrays |= _torch_random_states()
    arrays[_STATE] = np.array(json.dumps(state, allow_nan=False))
    path = directory / CHECKPOINT_NAME
    atomic_write(path, lambda file: np.savez(file, **arrays), overwrite=True)


def load_checkpoint(directory: Path, model: keras.Model) -> dict[str, Any] | None:
    """Set a compiled model's variables from the directory's checkpoint and return its state.

    Returns:
        What `save_checkpoint` was given; None where there is no checkpoint.

    Raises:
        InputError: a damaged file, or one of another model; then no variable was changed.
    """
    path = directory / CHECKPOINT_NAME
    _remove_what_was_cut_off(directory)
    if not path.exists():
        return None
    variables = _variables(model)
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = json.loads(str(archive[_STATE]))
            arrays = {key: archive[key] for key in archive.files if key != _STATE}
            random_states = {
                key: arrays.pop(key) for key in list(arrays) if key.startswith(_TORCH_RANDOM)
            }
    except Exception as error:  # whatever numpy, zipfile and json do on bytes that are not theirs
        raise InputError(
            f"{printable(path)} is no whole checkpoint. Remove it to start the run afresh. "
            f"Reading it failed with: {' '.join(str(error).split()):.120}"
        ) from None
    shapes = {key: tuple(variable.shape) for key, variable in variables.items()}
    found = {key: array.shape for key, array in arrays.items()}
    if shapes != found:
        different = sorted(shapes.items() ^ found.items())
        raise InputError(
            f"{printable(path)} must come from the same network and optimiser to be continued. "
            "Repeat the run's first command, or name another directory. "
            f"Received variable {different[0][0]} of another shape, or none."
        )
    for key, variable in variables.items():
        variable.assign(arrays[key])
    _set_torch_random_states(random_states)
    return state


def read_state(directory: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` was given as `state`; None where there is no readable checkpoint."""
    try:
        with np.load(directory / CHECKPOINT_NAME, allow_pickle=False) as archive:
            return json.loads(str(archive[_STATE]))
    except Exception:  # see `load_checkpoint`, which says what is wrong
        return None


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The variables that a step reads and writes, in the order in which the model has them.

    Metrics start anew at each step. The state of random seeds (dropout, clicks) is a variable too.
    """
    metrics = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in metrics]
    named = [("model", variable) for variable in own]
    named += [("optimizer", variable) for variable in model.optimizer.variables]
    # By place, not by name: Keras numbers what has no name of its own anew in each process.
    return {f"{i:04d}/{kind}": variable for i, (kind, variable) in enumerate(named)}


def _torch_random_states() -> dict[str, np.ndarray]:
    """The state of torch's own generators, which its dropout draws from; none on other backends."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return {f"{_TORCH_RANDOM}{i}": state.numpy() for i, state in enumerate(states)}


def _set_torch_random_states(states: dict[str, np.ndarray]) -> None:
    """Put torch's generators into states of `_torch_random_states`, as far as it has as many."""
    if keras.backend.backend() != "torch" or not states:
        return
    import torch

    first, *others = (torch.from_numpy(states[key]) for key in sorted(states))
    torch.set_rng_state(first)
    for device, state in enumerate(others[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)


def _remove_what_was_cut_off(directory: Path) -> None:
    """Remove temporary files of `atomic_write` that a killed run left in its directory."""
    for path in directory.glob(".*.tmp"):
        if re.fullmatch(r"\.[0-9a-f]{16}\.tmp", path.name):
            path.unlink()
