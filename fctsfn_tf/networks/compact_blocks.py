"""The pieces that the compact networks are made of: functions of tensors and a layer's name."""

from __future__ import annotations

from typing import Any

from keras import layers

from fctsfn_tf.networks.encode_once import IMAGE_FEATURES_PREFIX
from fctsfn_tf.networks.layers import BilinearUpsampling

# Moving averages follow fast enough for the short roll-outs in inference mode while training.
BATCH_NORM_MOMENTUM = 0.97


def deep_fusion(x: Any, coarsest: Any, widths: tuple[int, ...]) -> Any:
    """Fused features at 1/16, seen at 1/32 as well, where the image's half joins again.

    Args:
        x: (B, h, w, widths[3]).
        coarsest: the image's half at 1/32, (B, h/2, w/2, widths[4]).

    Returns:
        (B, h, w, widths[3]).
    """
    x = inverted_residual(x, widths[3], 5, "fusion_16_a")
    sixteenth = inverted_residual(x, widths[3], 5, "fusion_16_b")
    x = inverted_residual(sixteenth, widths[4], 5, "fusion_32_down", strides=2)
    x = fuse(coarsest, [x], "fusion_32")
    x = inverted_residual(x, widths[4], 5, "fusion_32_a")
    x = inverted_residual(x, widths[4], 5, "fusion_32_b")
    x = BilinearUpsampling(2, name="fusion_32_up")(linear(x, widths[3], "fusion_32_reduce"))
    x = layers.Add(name="fusion_skip")([x, sixteenth])
    return inverted_residual(x, widths[3], 5, "fusion_16_c")


def refined_to_half(x: Any, image_halves: list, interaction: list, widths: tuple[int, ...]) -> Any:
    """Features at 1/8 refined at 1/4 and at 1/2, (B, H/2, W/2, widths[0])."""
    for scale, name in ((1, "refine_4"), (0, "refine_2")):
        x = refine(x, image_halves[scale], interaction[scale], widths[scale], name)
        x = conv_norm_relu(x, widths[scale], 3, f"{name}_a")
        x = conv_norm_relu(x, widths[scale], 3, f"{name}_b")
    return x


def image_half(x: Any, filters: int, what: str) -> Any:
    """The image's half of a fusing 1×1 convolution; here the image part ends."""
    x = linear(x, filters, f"{what}_image")
    return layers.Identity(name=f"{IMAGE_FEATURES_PREFIX}{what}")(x)


def halves_of_pyramid(pyramid: list, widths: tuple[int, ...]) -> list:
    """The image's half at each scale of a pyramid, 1/2 … 1/32."""
    scales = ("half", "quarter", "eighth", "sixteenth", "thirty_second")
    return [image_half(*given) for given in zip(pyramid, widths, scales, strict=True)]


def linear(x: Any, filters: int, name: str) -> Any:
    return layers.Conv2D(filters, 1, use_bias=False, name=name)(x)


def fuse(first: Any, others: list, name: str) -> Any:
    """Sum, BatchNorm, ReLU: a 1×1 convolution over a concatenation, written as a sum of halves."""
    x = layers.Add(name=f"{name}_sum")([first, *others])
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def refine(x: Any, image_half: Any, interaction: Any, filters: int, name: str) -> Any:
    """One step up: twice the resolution, joined by that scale of both streams."""
    x = BilinearUpsampling(2, name=f"{name}_up")(linear(x, filters, f"{name}_reduce"))
    return fuse(x, [image_half, linear(interaction, filters, f"{name}_interaction")], name)


def conv_norm_relu(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    x = layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def inverted_residual(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    """MobileNetV2's block with expansion 3; the sum only where shapes agree."""
    inputs = x
    x = conv_norm_relu(x, 3 * inputs.shape[-1], 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        size, strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
    x = linear(x, filters, f"{name}_project")
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_project_norm")(x)
    if strides == 1 and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x
