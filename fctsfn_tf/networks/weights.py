"""ImageNet initialisation, transfer from stage to stage, and weight files."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable

# How many names a message lists before it only counts.
NAMES_IN_MESSAGE = 3

# Caffe's name of a layer, as `fctsfn_tf.networks.fctsfn` uses it, with the stream where it has one.
_CONV_NAME = re.compile(r"conv(?P<block>\d)_(?P<index>\d)(_image|_interaction)?")
_FC_NAME = re.compile(r"fc(?P<index>[67])(_image|_interaction)?")


# ImageNet initialisation


def pretrained_vgg16(weights: str | Path) -> keras.Model:
    """VGG16 with its three dense layers, trained on ImageNet.

    Args:
        weights: "imagenet" to let `keras.applications` download them (553 MB, kept in its cache),
            or the path of `vgg16_weights_tf_dim_ordering_tf_kernels.h5` or of a `.weights.h5` of
            the same layout.

    Raises:
        InputError: no network and not in the cache, no such file, or a file of another layout.
    """
    if weights != "imagenet" and not Path(weights).is_file():
        raise InputError(
            "VGG16 weights are 'imagenet' (downloaded) or the path of a file. Download "
            "vgg16_weights_tf_dim_ordering_tf_kernels.h5 of keras.applications and give its path. "
            f"Received {str(weights)!r}, which is no file."
        )
    # Keras raises a bare Exception where the download fails, and whatever h5py does on a bad file.
    try:
        return keras.applications.VGG16(include_top=True, weights=str(weights))
    except Exception as error:
        raise InputError(
            "The VGG16 weights could not be loaded. Expected keras.applications' VGG16 with its "
            "dense layers (include_top=True); download vgg16_weights_tf_dim_ordering_tf_kernels.h5 "
            "elsewhere and give its path. "
            f"Received {str(weights)!r}, and Keras says: {' '.join(str(error).split()):.200}"
        ) from None


def initialise_from_vgg16(model: keras.Model, vgg16: keras.Model) -> None:
    """Copy VGG16's layers to the streams and the fusion net, in place (paper §3.3).

    Every `conv…` and `fc…` layer gets the kernel and bias of VGG16's layer; fc6 and fc7 are its
    dense layers as convolutions. Where a layer is split in an image and an interaction half, both
    get the whole kernel. Where it has another number of input channels (click maps), each gets the
    mean of the kernel over VGG16's channels. Scores and MSRN stay as they are. Keras' VGG16 reads
    BGR, as these networks do, so no channel is turned.

    Args:
        model: a network of `fctsfn_tf.networks.fctsfn`.
        vgg16: with layers `block<b>_conv<i>`, `fc1` and `fc2`, as in `keras.applications`.

    Raises:
        InputError: a layer of another width than VGG16's; then nothing was changed.
    """
    values = {}
    for layer in model.layers:
        source = _vgg16_arrays(layer, vgg16)
        if source is None:
            continue
        kernel, bias = source
        if kernel.shape[2] != layer.kernel.shape[2]:
            mean = kernel.mean(axis=2, keepdims=True)
            kernel = np.repeat(mean, layer.kernel.shape[2], axis=2)
        if kernel.shape != tuple(layer.kernel.shape):
            raise InputError(
                "VGG16 weights fit networks of VGG16's width only. Build the network with alpha=1, "
                f"or without weights. Received layer '{layer.name}' with kernel "
                f"{tuple(layer.kernel.shape)}, where VGG16 has {kernel.shape}."
            )
        values[layer.name] = (kernel, bias)
    for name, (kernel, bias) in values.items():
        layer = model.get_layer(name)
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(bias)


def _vgg16_arrays(
    layer: keras.layers.Layer, vgg16: keras.Model
) -> tuple[np.ndarray, np.ndarray] | None:
    """VGG16's kernel (rows, cols, in, out) and bias (out,) for a layer; None where it has none."""
    if not isinstance(layer, keras.layers.Conv2D):
        return None
    if match := _CONV_NAME.fullmatch(layer.name):
        kernel, bias = vgg16.get_layer(f"block{match['block']}_conv{match['index']}").get_weights()
        return kernel, bias
    if match := _FC_NAME.fullmatch(layer.name):
        kernel, bias = vgg16.get_layer(f"fc{int(match['index']) - 5}").get_weights()
        # Keras flattens (rows, cols, channels) in this order, so the reshape undoes it.
        return kernel.reshape(*layer.kernel_size, -1, kernel.shape[1]), bias
    return None


# Stage transfer


class Transfer(NamedTuple):
    """What `transfer_stage` did, by layer name, in the order of the networks.

    Attributes:
        transferred: layers of the target that now hold the source's weights.
        new: layers of the target that the source lacks; they kept theirs.
        unused: layers of the source that the target lacks.
    """

    transferred: list[str]
    new: list[str]
    unused: list[str]


def transfer_stage(source: keras.Model, target: keras.Model) -> Transfer:
    """Set the target's layers from the source's of the same name: 32s → 16s → 8s → FCTSFN (§3.3).

    Layers the source lacks are left alone, so the new score layers of a fresh target stay zero.

    Returns:
        What was transferred and what was not.

    Raises:
        InputError: a layer of the same name but another shape, or no layer in common; then nothing
            was changed.
    """
    sources, targets = _variables(source), _variables(target)
    common = [name for name in targets if name in sources]
    if not common:
        raise InputError(
            "Two stages must share layers by name. Build both with fctsfn_tf.networks.fctsfn. "
            f"Received '{source.name}' and '{target.name}', which share none."
        )
    for name in common:
        if sources[name].shape != targets[name].shape:
            raise InputError(
                "Layers of the same name must have the same shape in both stages. Build both with "
                f"the same depth and alpha. Received {tuple(sources[name].shape)} in "
                f"'{source.name}' and {tuple(targets[name].shape)} in '{target.name}' for '{name}'."
            )
    for name in common:
        targets[name].assign(sources[name].value)
    return Transfer(
        transferred=_layers_of(common),
        new=_layers_of(name for name in targets if name not in sources),
        unused=_layers_of(name for name in sources if name not in targets),
    )


def _layers_of(variable_names: Iterable[str]) -> list[str]:
    """The names of the layers of some variables, each once."""
    return list(dict.fromkeys(name.rpartition("/")[0] for name in variable_names))


# Weight files


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
    for name, variable in _variables(model).items():
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
    variables = _variables(model)
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


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The network's weights by path, without the model's name where Keras put it in front."""
    prefix = f"{model.name}/"
    variables = {variable.path.removeprefix(prefix): variable for variable in model.weights}
    if len(variables) != len(model.weights):
        raise InputError(
            "Every layer of a network must have a name of its own, so that its weights can be "
            f"told apart. Rename the layers. Received '{model.name}' with "
            f"{len(model.weights)} variables but {len(variables)} names."
        )
    return variables


def _read_arrays(path: Path, expected_names: set[str]) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file that holds exactly the expected names; no pickle is read."""
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it holds a single array")
    with archive:
        missing = sorted(expected_names - set(archive.files))
        superfluous = sorted(set(archive.files) - expected_names)
        if missing or superfluous:
            raise InputError(
                f"A weight file must hold the network's {len(expected_names)} arrays and no "
                "others. Build the network the file was made for. Received "
                f"{printable(path)} without {_listed(missing)} and with superfluous "
                f"{_listed(superfluous)}."
            )
        return {name: archive[name] for name in expected_names}


def _listed(names: Iterable[str]) -> str:
    """The first few names and how many more there are, for a message."""
    names = list(names)
    if not names:
        return "none"
    more = len(names) - NAMES_IN_MESSAGE
    return ", ".join(names[:NAMES_IN_MESSAGE]) + (f" and {more} more" if more > 0 else "")
