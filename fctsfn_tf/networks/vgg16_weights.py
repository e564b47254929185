"""ImageNet initialisation: VGG16's layers in the streams and the fusion net (paper §3.3)."""

from __future__ import annotations

import logging
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

LOG = logging.getLogger(__name__)
# A layer of `fctsfn_tf.networks.fctsfn` that is VGG16's, with the stream where it has one.
_CONV_NAME = re.compile(r"(?P<name>block\d_conv\d)(_image|_interaction)?")
_FC_NAME = re.compile(r"fc(?P<index>[67])(_image|_interaction)?")
# VGG16's dense layers that become fc6 and fc7; its third one is ImageNet's classes.
_DENSE_NAMES = ("fc1", "fc2")
_DENSE_FILTERS = 4096
_KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"


class LayerWeights(NamedTuple):
    """One of VGG16's layers: kernel (rows, columns, in, out) or (in, out), and bias (out,)."""

    kernel: np.ndarray
    bias: np.ndarray


def read_vgg16(weights: str | Path, with_dense: bool = True) -> dict[str, LayerWeights]:
    """VGG16's weights by the layer's name in `keras.applications`.

    Args:
        weights: "imagenet" to let `keras.applications` download them, kept in its cache (553 MB,
            or 59 MB without dense layers); or the path of one of its two files
            (`vgg16_weights_tf_dim_ordering_tf_kernels.h5`, `…_notop.h5`), of a `.weights.h5` of
            the same layers, or of a `.npz` with arrays "block1_conv1/kernel",
            "block1_conv1/bias", ….
        with_dense: whether the dense layers are wanted.

    Returns:
        All 13 convolutions, and "fc1" and "fc2" where they are there.

    Raises:
        InputError: no network and not in the cache, no such file, or a file of another layout.
    """
    if weights == "imagenet":
        return _imagenet(with_dense)
    path = Path(weights)
    if not path.is_file():
        raise InputError(
            f"VGG16 weights are 'imagenet' (downloaded) or the path of a file. Download "
            f"{_KERAS_FILE} of keras.applications and give its path. "
            f"Received {str(weights)!r}, which is no file."
        )
    return _read_npz(path) if path.suffix == ".npz" else _read_h5(path, with_dense)


def initialise_from_vgg16(model: keras.Model, weights: str | Path) -> None:
    """Set a network's streams and fusion net from VGG16, in place (paper §3.3).

    Every `block…` and `fc…` layer gets the kernel and bias of VGG16's layer; fc6 and fc7 are its
    dense layers as convolutions. Where a layer is split in an image and an interaction half, both
    get the whole kernel. Where it has another number of input channels (click maps), each gets the
    mean of the kernel over VGG16's channels. Scores and MSRN stay as they are. Keras' VGG16 reads
    BGR, as these networks do, so no channel is turned.

    Where the weights hold no dense layers, or the network's fc6 and fc7 have another width, these
    two stay as they were (He's initialisation in a fresh network), and the log says so.

    Args:
        model: a network of `fctsfn_tf.networks.fctsfn` with alpha = 1.
        weights: see `read_vgg16`.

    Raises:
        InputError: see `read_vgg16`, or a layer of another width than VGG16's; then nothing was
            changed.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    dense = [layer for layer in convolutions if _FC_NAME.fullmatch(layer.name)]
    vgg16 = read_vgg16(weights, all(layer.filters == _DENSE_FILTERS for layer in dense))
    values = {}
    for layer in convolutions:
        source = _source_of(layer, vgg16)
        if source is not None:
            values[layer.name] = source
    for name, (kernel, bias) in values.items():
        layer = model.get_layer(name)
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(bias)
    if not {layer.name for layer in dense} <= set(values):
        LOG.warning(
            "fc6 and fc7 of '%s' start from He's initialisation: %s holds no dense layers of "
            "%d and %d filters.",
            model.name,
            printable(weights),
            *(model.get_layer(name).output.shape[-1] for name in ("fc6", "fc7")),
        )


def _source_of(layer: keras.layers.Conv2D, vgg16: dict[str, LayerWeights]) -> LayerWeights | None:
    """What a layer gets; None where VGG16 has nothing for it.

    Raises:
        InputError: it has another width than VGG16's layer.
    """
    if match := _CONV_NAME.fullmatch(layer.name):
        kernel, bias = vgg16[match["name"]]
        if kernel.shape[2] != layer.kernel.shape[2]:
            mean = kernel.mean(axis=2, keepdims=True)
            kernel = np.repeat(mean, layer.kernel.shape[2], axis=2)
    elif match := _FC_NAME.fullmatch(layer.name):
        dense = vgg16.get(_DENSE_NAMES[int(match["index"]) - 6])
        if dense is None or len(dense.bias) != layer.filters:
            return None
        # Keras flattens (rows, columns, channels) in this order, so the reshape undoes it.
        kernel, bias = dense.kernel.reshape(*layer.kernel_size, -1, len(dense.bias)), dense.bias
    else:
        return None
    if kernel.shape != tuple(layer.kernel.shape):
        raise InputError(
            "VGG16 weights fit networks of VGG16's width only. Build the network with alpha=1, "
            f"or without weights. Received layer '{layer.name}' with kernel "
            f"{tuple(layer.kernel.shape)}, where VGG16 has {kernel.shape}."
        )
    return LayerWeights(kernel, bias)


def _imagenet(with_dense: bool) -> dict[str, LayerWeights]:
    # Keras raises a bare Exception where the download fails.
    try:
        model = keras.applications.VGG16(include_top=with_dense, weights="imagenet")
    except Exception as error:
        raise InputError(
            f"VGG16's weights could not be downloaded. Download {_KERAS_FILE} elsewhere and give "
            f"its path. Keras says: {' '.join(str(error).split()):.200}"
        ) from None
    return _layers_of(model)


def _read_h5(path: Path, with_dense: bool) -> dict[str, LayerWeights]:
    """A file of keras.applications' layers, with or without the dense ones."""
    problem = None
    for include_top in (True, False) if with_dense else (False, True):
        # Keras raises whatever h5py does on a bad file.
        try:
            model = keras.applications.VGG16(include_top=include_top, weights=str(path))
        except Exception as error:
            problem = problem or error
            continue
        return _layers_of(model)
    raise InputError(
        "The VGG16 weights could not be loaded. Expected keras.applications' VGG16, with its dense "
        f"layers or without; download {_KERAS_FILE} elsewhere and give its path. "
        f"Received {printable(path)}, and Keras says: {' '.join(str(problem).split()):.200}"
    )


def _layers_of(model: keras.Model) -> dict[str, LayerWeights]:
    return {
        layer.name: LayerWeights(*layer.get_weights())
        for layer in model.layers
        if layer.weights and (layer.name.startswith("block") or layer.name in _DENSE_NAMES)
    }


def _read_npz(path: Path) -> dict[str, LayerWeights]:
    """Arrays "<layer>/kernel" and "<layer>/bias", of any floating-point type."""
    names = [
        f"block{block}_conv{index}"
        for block, count in enumerate((2, 2, 3, 3, 3), start=1)
        for index in range(1, count + 1)
    ]
    try:
        with np.load(path, allow_pickle=False) as archive:
            names += [name for name in _DENSE_NAMES if f"{name}/kernel" in archive]
            return {
                name: LayerWeights(
                    *(archive[f"{name}/{kind}"].astype(np.float32) for kind in LayerWeights._fields)
                )
                for name in names
            }
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            "An .npz of VGG16 holds plain arrays 'block1_conv1/kernel', 'block1_conv1/bias' and so "
            "on to 'block5_conv3/bias'. Save it so, or give keras.applications' own file. "
            f"Received {printable(path)}, where reading failed with: {error}"
        ) from None
