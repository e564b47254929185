"""EfficientNet-Lite2, the image stream's backbone: activations at five scales, and its weights.

EfficientNet without squeeze-and-excite and with ReLU6, made for phones. `keras.applications` has
no such network, so it is built here, block by block as the release lists them, and its weights are
read from a file in PyTorch's layout.

Source: Tan and Le 2019 (EfficientNet); the TensorFlow release "EfficientNet-Lite" (Apache-2.0).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

# All layers of the backbone begin with this.
PREFIX = "lite_"
# (RGB − 127) / 128, as the release scales its images.
OFFSET, SCALE = -127.0, 1 / 128.0
EPSILON = 1e-3
STEM_FILTERS = 32


class Stage(NamedTuple):
    """Blocks in a row: the first one has the stride."""

    repeats: int
    size: int
    stride: int
    filters: int


# Lite2 is 1.1 times as wide and 1.2 times as deep as Lite0. Blocks expand six times, but the first.
# Its last stage (352 filters) and the last two blocks of the one before hold 1.8 of its 4.4 million
# weights; they serve the classifier and are left out.
STAGES = (
    Stage(1, 3, 1, 16),
    Stage(3, 3, 2, 24),
    Stage(3, 5, 2, 48),
    Stage(4, 3, 2, 88),
    Stage(4, 5, 1, 120),
    Stage(3, 5, 2, 208),
)
EXPANSION = 6


def efficientnet_lite2(image: Any) -> list:
    """The backbone's activations at 1/2, 1/4, 1/8, 1/16 and 1/32, without weights yet.

    Args:
        image: (B, H, W, 3), scaled as `OFFSET` and `SCALE` say; H and W are multiples of 32.

    Returns:
        What each strided block expands, before its stride, and the output of the last block: 96,
        144, 288, 720 and 208 channels. Expanded activations are wide, but only the image part pays.
    """
    x = _conv_norm(image, STEM_FILTERS, 3, f"{PREFIX}stem", strides=2)
    x = layers.ReLU(6.0, name=f"{PREFIX}stem_relu")(x)
    taps, number = [], 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x, expanded = _block(x, stage, stride, f"{PREFIX}{number}")
            if stride == 2:
                taps.append(expanded)
            number += 1
    return [*taps, x]


def load_efficientnet_lite2(network: Any, path: str | Path) -> None:
    """Set the backbone of a network from a file in PyTorch's layout.

    Args:
        network: with the layers of `efficientnet_lite2`.
        path: an .npz, or a file of `torch.save` (needs torch), with the arrays that
            `efficientnet_lite_pytorch` names: `_conv_stem.weight`,
            `_blocks.<n>._depthwise_conv.weight`, `_blocks.<n>._bn1.running_mean`, …; what belongs
            to layers that are left out may be missing.

    Raises:
        InputError: no such file, or an array is missing or has another shape.
    """
    arrays = _read(Path(path))
    number_of_blocks = sum(stage.repeats for stage in STAGES)
    _set_conv(network, f"{PREFIX}stem", arrays, "_conv_stem", "_bn0", path)
    for number in range(number_of_blocks):
        theirs, ours = f"_blocks.{number}.", f"{PREFIX}{number}_"
        norms = iter(("_bn0", "_bn1", "_bn2"))
        if number == 0:
            next(norms)  # nothing expands
        else:
            _set_conv(
                *(network, f"{ours}expand", arrays),
                *(f"{theirs}_expand_conv", f"{theirs}{next(norms)}", path),
            )
        for what in ("depthwise", "project"):
            _set_conv(
                *(network, f"{ours}{what}", arrays),
                *(f"{theirs}_{what}_conv", f"{theirs}{next(norms)}", path),
            )


def _block(x: Any, stage: Stage, stride: int, name: str) -> tuple[Any, Any]:
    """An inverted residual block, and what its depthwise convolution reads."""
    inputs = x
    if name != f"{PREFIX}0":
        x = _conv_norm(x, EXPANSION * inputs.shape[-1], 1, f"{name}_expand")
        x = layers.ReLU(6.0, name=f"{name}_expand_relu")(x)
    expanded = x
    x = layers.DepthwiseConv2D(
        stage.size, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _conv_norm(x, stage.filters, 1, f"{name}_project")
    if stride == 1 and inputs.shape[-1] == stage.filters:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x, expanded


def _conv_norm(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_norm")(x)


def _set_conv(
    network: Any, layer: str, arrays: dict[str, np.ndarray], conv: str, norm: str, path: Any
) -> None:
    """Set a convolution and its BatchNorm."""
    kernel = _array(arrays, f"{conv}.weight", path)
    axes = (2, 3, 0, 1) if layer.endswith("_depthwise") else (2, 3, 1, 0)
    _set(network.get_layer(layer), [np.transpose(kernel, axes)], conv, path)
    names = ("weight", "bias", "running_mean", "running_var")
    values = [_array(arrays, f"{norm}.{name}", path) for name in names]
    _set(network.get_layer(f"{layer}_norm"), values, norm, path)


def _set(layer: Any, values: list[np.ndarray], name: str, path: Any) -> None:
    expected = [tuple(variable.shape) for variable in layer.weights]
    found = [value.shape for value in values]
    if expected != found or not all(np.isfinite(value).all() for value in values):
        raise InputError(
            f"{printable(path)} must hold EfficientNet-Lite2's finite weights. '{name}' must have "
            f"the shapes {expected}. Received {found}."
        )
    layer.set_weights([value.astype(np.float32) for value in values])


def _array(arrays: dict[str, np.ndarray], name: str, path: Any) -> np.ndarray:
    if name not in arrays:
        raise InputError(
            f"{printable(path)} must hold EfficientNet-Lite2 as `efficientnet_lite_pytorch` names "
            f"it. Received {len(arrays)} arrays without '{name}'."
        )
    return arrays[name]


def _read(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of the file."""
    if not path.is_file():
        raise InputError(
            f"There is no weight file {printable(path)}. Give the path of EfficientNet-Lite2's "
            "weights as an .npz or of `torch.save`; docs/training.md says where they are had."
        )
    if path.suffix != ".npz":
        return _read_torch(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{printable(path)} is not a whole .npz of plain number arrays. Download it again. "
            f"Reading it failed with: {error}"
        ) from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    """A state dictionary; nothing but tensors is unpickled."""
    try:
        import torch
    except ImportError:
        raise InputError(
            f"{printable(path)} is taken for a file of `torch.save`, which needs torch. Install "
            "it, or save the weights as an .npz."
        ) from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:
        raise InputError(
            f"{printable(path)} must be a state dictionary of `torch.save`. Download it again. "
            f"Torch says: {' '.join(str(error).split()):.120}"
        ) from None
