"""ImageNet initialisation: VGG16's layers in the streams and the fusion net (paper §3.3)."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np

from fctsfn_tf.errors import InputError

# Caffe's name of a layer, as `fctsfn_tf.networks.fctsfn` uses it, with the stream where it has one.
_CONV_NAME = re.compile(r"conv(?P<block>\d)_(?P<index>\d)(_image|_interaction)?")
_FC_NAME = re.compile(r"fc(?P<index>[67])(_image|_interaction)?")


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
