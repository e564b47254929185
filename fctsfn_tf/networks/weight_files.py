"""Weight files: the variables of a network ↔ a compressed `.npz`, one array per variable."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable

# Before the paper's networks were made of keras.applications' layers, theirs had Caffe's names:
# `conv3_2_image`, now `block3_conv2_image`.
_EARLIER_NAME = re.compile(r"^conv(?P<block>\d)_(?P<index>\d)(?=_|/)")
# How many names a message lists before it only counts.
NAMES_IN_MESSAGE = 3


def save_variables(
    model: keras.Model, path: Path, dtype: str = "float32", overwrite: bool = False
) -> None:
    """Write the variables of a network to a compressed `.npz`, one array per variable.

    Args:
        model: any built network; seeds, metrics and optimiser are not written.
        path: the file; its directory must exist.
        dtype: "float32", or "float16" to store kernels at half the size (about 3 significant
            digits). Arrays with one axis stay float32: a BatchNorm variance may underflow.
        overwrite: True to replace an existing file.

    Raises:
        InputError: another dtype, a value not finite in that dtype, or see `atomic_write`.
    """
    if dtype not in ("float16", "float32"):
        raise InputError(f"Weights are stored as 'float16' or 'float32'. Received {dtype!r}.")
    arrays = {}
    for name, variable in variables_by_path(model).items():
        array = keras.ops.convert_to_numpy(variable)
        # Beyond 65504 a float16 is infinite; the check below says so, not a warning.
        with np.errstate(over="ignore"):
            arrays[name] = array.astype(dtype if array.ndim > 1 else "float32")
    not_finite = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if not_finite:
        raise InputError(
            f"Only finite weights can be saved; as {dtype} these are not: {_listed(not_finite)}. "
            "Save as float32, or train with a smaller learning rate where that fails too."
        )
    atomic_write(path, lambda file: np.savez_compressed(file, **arrays), overwrite)


def load_variables(model: keras.Model, path: Path) -> None:
    """Set every variable of a network from a file that `save_variables` wrote.

    Either all variables are set, or none. A converted `keras.applications` backbone is read the
    same way: its keys are the variable paths of the model of the same name.

    Args:
        model: a built network with the variables of the file.
        path: a `.npz` whose keys are variable paths without the model's name.

    Raises:
        InputError: no readable `.npz`, or its arrays are missing, superfluous, of another shape or
            not finite.
    """
    variables = variables_by_path(model)
    file = printable(path)
    try:
        arrays = _read_arrays(path, expected_names=set(variables))
    except FileNotFoundError:
        raise InputError(f"There is no weight file {file}. Check the path.") from None
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{file} is not a whole .npz of plain number arrays. Download or save it again. "
            f"Reading it failed with: {error}"
        ) from None
    for name, variable in variables.items():
        if arrays[name].shape != tuple(variable.shape):
            raise InputError(
                f"'{name}' must have shape {tuple(variable.shape)} for '{model.name}'. Build the "
                f"network the file was made for. Received {arrays[name].shape} in {file}."
            )
        if not (arrays[name].dtype.kind == "f" and np.isfinite(arrays[name]).all()):
            raise InputError(
                f"'{name}' must hold finite floating-point numbers. Download or save "
                f"{file} again. Received {arrays[name].dtype} with values that are not."
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def variables_by_path(model: keras.Model) -> dict[str, keras.Variable]:
    """The network's weights by path, without the model's name where Keras put it in front."""
    prefix = f"{model.name}/"
    variables = {
        _present_name(variable.path.removeprefix(prefix)): variable for variable in model.weights
    }
    if len(variables) != len(model.weights):
        raise InputError(
            "Every layer of a network must have a name of its own, so that its weights can be "
            f"told apart. Rename the layers. Received '{model.name}' with "
            f"{len(model.weights)} variables but {len(variables)} names."
        )
    return variables


def _present_name(name: str) -> str:
    """The name that a variable of a model or file of an earlier version has today."""
    return _EARLIER_NAME.sub(r"block\g<block>_conv\g<index>", name)


def _read_arrays(path: Path, expected_names: set[str]) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file that holds exactly the expected names; no pickle is read."""
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it holds a single array")
    with archive:
        stored = {_present_name(name): name for name in archive.files}
        missing = sorted(expected_names - set(stored))
        superfluous = sorted(set(stored) - expected_names)
        if missing or superfluous:
            raise InputError(
                f"A weight file must hold the network's {len(expected_names)} arrays and no "
                "others. Build the network the file was made for. Received "
                f"{printable(path)} without {_listed(missing)} and with superfluous "
                f"{_listed(superfluous)}."
            )
        return {name: archive[stored[name]] for name in expected_names}


def _listed(names: Iterable[str]) -> str:
    """The first few names and how many more there are, for a message."""
    names = list(names)
    if not names:
        return "none"
    more = len(names) - NAMES_IN_MESSAGE
    return ", ".join(names[:NAMES_IN_MESSAGE]) + (f" and {more} more" if more > 0 else "")
