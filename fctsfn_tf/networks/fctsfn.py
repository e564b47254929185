"""Fig. 2 from top to bottom: FCTSFN, and the networks the paper compares it with.

    TSLFN      two VGG16 streams, late fusion net, score at 1/8           Fig. 2a, §3.1
    FCTSFN     TSLFN, refined from five scales at full resolution         Fig. 2b, §3.2
    SSFCN      one stream over image and click maps together (Xu 2016)    §4.2, Tables 1–3
    TSLFNMinus no interaction stream: the maps join at pool4              §4.2, Fig. 3

The streams and the convolutions of the fusion net are the layers of `keras.applications.VGG16`,
cloned with their names (`block3_conv2_image` is the image stream's conv3_2). fc6 and fc7 are its
dense layers as convolutions.

Every network takes "image" (B, H, W, 3), RGB in [0, 255], and "click_maps" (B, H, W, 2), distances
in [0, 255], by these names or in this order, and returns foreground logits (B, H, W, 1), for any
height and width.

One deviation from the released Caffe network: all convolutions have `same` padding (so fc6, 7×7, is
padded by 3), where Caffe pads conv1_1 by 100 pixels and crops by offsets afterwards. Weights and
their counts are the same, the work is far less, and only a rim near the border differs.

Late fusion is linear: a convolution over concat(image, interaction) is built as the sum of a
convolution `…_image` (no bias) and one `…_interaction`. The image half is computed once per image;
`encode_once.split` cuts there. Functions called `fusing_…` take a pair of streams, all others take
one tensor.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.click_network import ClickNetwork, builder, from_preset, input_size
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.compact_lite import compact_lite_network
from fctsfn_tf.networks.encode_once import IMAGE_FEATURES_PREFIX
from fctsfn_tf.networks.layers import (
    BilinearUpsampling,
    CropLike,
    ForegroundLogit,
    FreezableDropout,
    MeanSubtraction,
    PadToMultiple,
)
from fctsfn_tf.networks.vgg16_weights import initialise_from_vgg16

BLOCKS = range(1, 6)  # of VGG16: two or three convolutions and a pooling each
FC_FILTERS = 4096  # fc6 (7×7) and fc7 (1×1), VGG16's dense layers "fc1" and "fc2"
FC_DROPOUT = 0.5
# The two channels of every score: 0 background, 1 foreground.
NUM_CLASSES = 2

# MSRN, Fig. 2b: scale → factor to full resolution; then the refining layers' kernel sizes.
REFINED_SCALES = {
    "block1_conv2": 1,
    "block2_conv2": 2,
    "block3_conv3": 4,
    "block4_conv3": 8,
    "block5_conv3": 16,
}
BOTTLENECK_FILTERS = 60
REFINING_KERNELS = (7, 5, 3, 3, 3)
REFINING_FILTERS = 64
REFINING_DROPOUT = 0.5
# How the names of its layers begin.
MSRN_PREFIXES = ("bottleneck", "refine", "score_bn")
HE_NORMAL = "he_normal"
# Variance 1 over the fan-in of one stream is 2 over that of both. Not an instance: that would give
# every layer the same numbers.
HE_NORMAL_OF_A_HALF = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
}
BATCH_NORM_EPSILON = 1e-5  # Caffe's default, which the released network keeps

# Means that the released Caffe network subtracts: image in BGR, click maps positive, negative.
BGR_MEAN = (104.00699, 116.66877, 122.67892)
CLICK_MAPS_MEAN = (166.90557, 147.47697)
COARSEST_STRIDE = 32


class Pair(NamedTuple):
    """Features of the same size from both streams: where the paper writes ⊗, concatenate."""

    image: keras.KerasTensor
    interaction: keras.KerasTensor


@builder
def FCTSFN(
    backbone: str = "vgg16",
    weights: str | Path | None = None,
    alpha: float = 1.0,
    name: str = "fctsfn",
    *,
    fc_filters: int = FC_FILTERS,
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """The fully convolutional two-stream fusion network: TSLFN and MSRN (Fig. 2).

    Args:
        backbone: "vgg16" for the paper's network; "mobilenet_v2" or "efficientnet_lite2" for a
            compact one, whose click maps have three channels (`compact_network`,
            `compact_lite_network`; the latter has more outputs).
        weights: see `TSLFN`; the `backbone_weights` of the compact ones.
        alpha: see `TSLFN`; with "mobilenet_v2" it is MobileNetV2's width multiplier.
        name: of the model.
        fc_filters: see `TSLFN`; of "vgg16" alone.
        input_shape: see `TSLFN`.

    Returns:
        "image" (B, H, W, 3), "click_maps" (B, H, W, 2) → logits (B, H, W, 1) float32.

    Raises:
        InputError: an unknown backbone, `weights` that cannot be had, or an `alpha` that the
            backbone does not have.

    Reference: Hu et al., A Fully Convolutional Two-Stream Fusion Network for Interactive Image
    Segmentation, 2019, §3.

    Examples:
        >>> from fctsfn_tf import FCTSFN
        >>> model = FCTSFN(alpha=0.125)  # an eighth of the filters
        >>> [tensor.name for tensor in model.inputs], model.output_shape
        (['image', 'click_maps'], (None, None, None, 1))
    """
    if backbone == "mobilenet_v2":
        return compact_network(backbone, weights, alpha, name, input_shape)
    if backbone == "efficientnet_lite2":
        if alpha != 1:
            raise InputError(
                "EfficientNet-Lite2 has one width, `alpha` 1. Leave `alpha` out, or take "
                f"'mobilenet_v2'. Received {alpha!r}."
            )
        return compact_lite_network(weights, name, input_shape)
    if backbone != "vgg16":
        raise InputError(
            "A backbone must be 'vgg16' (the paper's network), 'mobilenet_v2' or "
            f"'efficientnet_lite2' (compact ones). Choose one of them. Received {backbone!r}."
        )
    check_width(alpha, fc_filters, weights)
    inputs = network_inputs(input_shape)
    streams = two_streams(inputs, depth=4, alpha=alpha)
    fused = fusion_net(streams["block4_pool"], depth=4, alpha=alpha, fc_filters=fc_filters)
    score = score_at_full_resolution(streams, fused, stride=8)  # (B, H, W, 2)
    score = multi_scale_refining(streams, fused, score, alpha)  # (B, H, W, 2)
    return finished_network(inputs, score, weights, name)


FCTSFN.from_preset = from_preset


@builder
def TSLFN(
    stride: int = 8,
    depth: int = 4,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    name: str = "tslfn",
    *,
    fc_filters: int = FC_FILTERS,
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """The two-stream late fusion network (Fig. 2a) and its variants TSLFN_1 … TSLFN_5.

    Args:
        stride: 32, 16 or 8, of the finest score; 8 is the paper's final TSLFN.
        depth: conv-relu-pool blocks in each stream, 1 … 5; the rest of VGG16 is the fusion net.
            4 is the paper's TSLFN.
        weights: None for random weights, "imagenet" for VGG16 from `keras.applications`, or the
            path of its weights, see `vgg16_weights.read_vgg16`. The scores start at zero in any
            case.
        alpha: multiplies the number of filters of every layer, as in `keras.applications`. Only
            alpha = 1 has ImageNet weights; small ones serve tests.
        name: of the model.
        fc_filters: of fc6 and fc7. The paper's 4096 hold 120 of the 144 million weights; with
            another number both start from He's initialisation instead of VGG16's dense layers.
        input_shape: (height, width, 3) of the images, for networks of that size alone, whose
            `summary()` shows every size; None for any size. A preset of the network takes any.

    Returns:
        "image" (B, H, W, 3), "click_maps" (B, H, W, 2) → logits (B, H, W, 1) float32.

    Raises:
        InputError: another stride, depth, alpha or fc_filters, or `weights` that cannot be had.

    Examples:
        >>> from fctsfn_tf import TSLFN
        >>> model = TSLFN(stride=32, alpha=0.125, input_shape=(240, 320, 3))
        >>> model.output_shape
        (None, 240, 320, 1)
    """
    check_stride(stride)
    if depth not in BLOCKS:
        raise InputError(
            f"Each stream of a TSLFN has 1 to 5 blocks. Use depth 4 for the paper's network; "
            f"depth 0 is called SSFCN. Received depth={depth!r}."
        )
    check_width(alpha, fc_filters, weights)
    inputs = network_inputs(input_shape)
    streams = two_streams(inputs, depth, alpha)
    fused = fusion_net(streams[f"block{depth}_pool"], depth, alpha, fc_filters)
    score = score_at_full_resolution(streams, fused, stride)
    return finished_network(inputs, score, weights, name)


@builder
def SSFCN(
    stride: int = 8,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    name: str = "ssfcn",
    *,
    fc_filters: int = FC_FILTERS,
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """The single-stream network: image and click maps are concatenated at the input.

    That is TSLFN with streams of depth 0, so only conv1_1's image half can be computed once per
    image.

    Args:
        stride: 32, 16 or 8, of the finest score.
        weights: see `TSLFN`.
        alpha: see `TSLFN`.
        name: of the model.
        fc_filters: see `TSLFN`.
        input_shape: see `TSLFN`.

    Returns:
        "image" (B, H, W, 3), "click_maps" (B, H, W, 2) → logits (B, H, W, 1) float32.

    Raises:
        InputError: see `TSLFN`.

    Reference: Xu et al., Deep Interactive Object Selection, 2016; paper §4.2.

    Examples:
        >>> from fctsfn_tf import SSFCN
        >>> SSFCN(alpha=0.125).output_shape
        (None, None, None, 1)
    """
    check_stride(stride)
    check_width(alpha, fc_filters, weights)
    inputs = network_inputs(input_shape)
    streams = two_streams(inputs, depth=0, alpha=alpha)
    fused = fusion_net(streams["block0_pool"], depth=0, alpha=alpha, fc_filters=fc_filters)
    score = score_at_full_resolution(streams, fused, stride)
    return finished_network(inputs, score, weights, name)


@builder
def TSLFNMinus(
    stride: int = 32,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    name: str = "tslfn_minus",
    *,
    fc_filters: int = FC_FILTERS,
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """TSLFN⁻, without the interaction stream: the maps join the image stream at its end.

    The maps are resized by averaging. The paper shows stride 32 only; at strides 16 and 8 the maps
    take the place of the interaction stream's pool4 and pool3 in the scores as well.

    Args:
        stride: 32, 16 or 8, of the finest score.
        weights: see `TSLFN`.
        alpha: see `TSLFN`.
        name: of the model.
        fc_filters: see `TSLFN`.
        input_shape: see `TSLFN`.

    Returns:
        "image" (B, H, W, 3), "click_maps" (B, H, W, 2) → logits (B, H, W, 1) float32.

    Raises:
        InputError: see `TSLFN`.

    Source: paper §4.2, Fig. 3.

    Examples:
        >>> from fctsfn_tf import TSLFNMinus
        >>> TSLFNMinus(alpha=0.125).output_shape
        (None, None, None, 1)
    """
    check_stride(stride)
    check_width(alpha, fc_filters, weights)
    inputs = network_inputs(input_shape)
    prepared = prepare(inputs)
    image = vgg16_blocks(prepared.image, range(1, 5), alpha, suffix="_image")
    streams = {
        pool: Pair(
            image[pool],
            layers.AveragePooling2D(factor, name=f"resized_{factor}")(prepared.interaction),
        )
        for pool, factor in (("block3_pool", 8), ("block4_pool", 16))
    }
    fused = fusion_net(streams["block4_pool"], depth=4, alpha=alpha, fc_filters=fc_filters)
    score = score_at_full_resolution(streams, fused, stride)
    return finished_network(inputs, score, weights, name)


def check_stride(stride: int) -> None:
    """Refuse a stride the paper does not have, before the network is built.

    Raises:
        InputError: it is not 8, 16 or 32.
    """
    if stride not in (8, 16, 32):
        raise InputError(
            "The stride of a score must be 32, 16 or 8 (the paper's final one). Use one of them. "
            f"Received stride={stride!r}."
        )


def check_width(alpha: float, fc_filters: int, weights: str | Path | None) -> None:
    """Refuse widths that no network has, or no VGG16 weights, before anything is downloaded.

    Raises:
        InputError: see above.
    """
    if not alpha > 0:
        raise InputError(
            f"alpha multiplies the number of filters and must be above 0. Received {alpha!r}."
        )
    if isinstance(fc_filters, bool) or not isinstance(fc_filters, int) or fc_filters < 1:
        raise InputError(
            "`fc_filters` must be a whole number of 1 or more; the paper has 4096. "
            f"Received {fc_filters!r}."
        )
    if alpha != 1 and weights is not None:
        raise InputError(
            "VGG16 weights fit networks of VGG16's width only. Build the network with alpha=1, "
            f"or without weights. Received alpha={alpha!r} and weights={str(weights)!r}."
        )


# Input


def network_inputs(input_shape: Sequence[int] | None = None) -> dict[str, keras.KerasTensor]:
    """The two inputs by name, in their order; of any size if `input_shape` is None."""
    height, width = input_size(input_shape)
    return {
        "image": keras.Input((height, width, 3), name="image"),
        "click_maps": keras.Input((height, width, 2), name="click_maps"),
    }


def prepare(inputs: dict[str, keras.KerasTensor]) -> Pair:
    """Both inputs minus their means, the image in BGR, padded to what five poolings divide."""
    image = MeanSubtraction(BGR_MEAN, reverse_channels=True, name="mean_image")(inputs["image"])
    click_maps = MeanSubtraction(CLICK_MAPS_MEAN, name="mean_interaction")(inputs["click_maps"])
    return Pair(
        PadToMultiple(COARSEST_STRIDE, name="padded_image")(image),
        PadToMultiple(COARSEST_STRIDE, name="padded_interaction")(click_maps),
    )


# TSLFN, Fig. 2a


def two_streams(inputs: dict[str, keras.KerasTensor], depth: int, alpha: float) -> dict[str, Pair]:
    """Image stream and interaction stream: the first `depth` blocks of VGG16, one each.

    Returns:
        Pairs by VGG16's names, see `vgg16_blocks`; "block0_pool" is the prepared input.
    """
    prepared = prepare(inputs)
    image = vgg16_blocks(prepared.image, range(1, depth + 1), alpha, suffix="_image")
    interaction = vgg16_blocks(
        prepared.interaction, range(1, depth + 1), alpha, suffix="_interaction"
    )
    return {"block0_pool": prepared} | {key: Pair(image[key], interaction[key]) for key in image}


def fusion_net(
    pair: Pair, depth: int, alpha: float, fc_filters: int
) -> dict[str, keras.KerasTensor]:
    """The rest of VGG16 over both streams' `block<depth>_pool`, up to the score at stride 32.

    Its first convolution fuses the streams; with depth 5 that is fc6.

    Returns:
        Features of the remaining blocks (see `vgg16_blocks`) and "score" (B, H/32, W/32, 2).
    """
    features = {}
    filters = scaled(fc_filters, alpha)
    if depth < 5:
        features |= vgg16_blocks(pair, range(depth + 1, 6), alpha)
        x = features["block5_pool"]  # (B, H/32, W/32, 512)
        x = convolution(x, filters, 7, name="fc6", kernel_initializer=HE_NORMAL)
    else:
        x = fusing_convolution(pair, filters, 7, name="fc6", kernel_initializer=HE_NORMAL_OF_A_HALF)
    x = layers.ReLU(name="relu6")(x)
    x = FreezableDropout(FC_DROPOUT, name="dropout6")(x)
    x = convolution(x, filters, 1, name="fc7", kernel_initializer=HE_NORMAL)
    x = layers.ReLU(name="relu7")(x)
    x = FreezableDropout(FC_DROPOUT, name="dropout7")(x)
    return features | {"score": score_layer(x, name="score")}


def score_at_full_resolution(
    streams: dict[str, Pair], fused: dict[str, keras.KerasTensor], stride: int
) -> keras.KerasTensor:
    """Scores of pool4 and pool3 added to the coarse one, as `stride` asks; then full resolution.

    Returns:
        (B, H, W, 2), padded size.

    Source: Long et al., Fully Convolutional Networks, 2015 (paper's [11]); paper §3.3.
    """
    score = fused["score"]  # (B, H/32, W/32, 2)
    if stride <= 16:
        score = BilinearUpsampling(2, name="score_up16")(score)
        score_pool4 = score_of_pool(4, streams, fused)
        score = layers.Add(name="score_16s")([score, score_pool4])  # (B, H/16, W/16, 2)
    if stride == 8:
        score = BilinearUpsampling(2, name="score_up8")(score)
        score_pool3 = score_of_pool(3, streams, fused)
        score = layers.Add(name="score_8s")([score, score_pool3])  # (B, H/8, W/8, 2)
    return BilinearUpsampling(stride, name="score_up")(score)


def score_of_pool(
    block: int, streams: dict[str, Pair], fused: dict[str, keras.KerasTensor]
) -> keras.KerasTensor:
    """The score of a block's pooling, over both streams where they reach it, as in Fig. 2a."""
    pool, name = f"block{block}_pool", f"score_pool{block}"
    if pool in streams:
        return fusing_score_layer(streams[pool], name)
    return score_layer(fused[pool], name)


# MSRN, Fig. 2b


def multi_scale_refining(
    streams: dict[str, Pair],
    fused: dict[str, keras.KerasTensor],
    score: keras.KerasTensor,
    alpha: float,
) -> keras.KerasTensor:
    """The refined score from five scales of TSLFN and its score, at full resolution.

    Args:
        streams, fused: between them with the names in `REFINED_SCALES`.
        score: (B, H, W, 2), from TSLFN.
        alpha: see `TSLFN`.

    Returns:
        (B, H, W, 2).

    Source: paper §3.2, Fig. 2b. BatchNorm is in the released network, not in the paper's text.
    """
    scales = []
    for i, (name, factor) in enumerate(REFINED_SCALES.items(), start=1):
        filters = scaled(BOTTLENECK_FILTERS, alpha)
        if name in streams:
            x = fusing_normalised_convolution(streams[name], filters, 1, name=f"bottleneck{i}")
        else:
            x = normalised_convolution(fused[name], filters, 1, name=f"bottleneck{i}")
        scales.append(BilinearUpsampling(factor, name=f"bottleneck{i}_up")(x))  # (B, H, W, 60)
    x = layers.Add(name="sum_of_scales")(scales)
    score = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name="score_bn")(score)
    x = layers.Concatenate(name="scales_and_score")([x, score])  # (B, H, W, 62)
    for i, kernel_size in enumerate(REFINING_KERNELS, start=1):
        filters = scaled(REFINING_FILTERS, alpha)
        x = normalised_convolution(x, filters, kernel_size, name=f"refine{i}")  # (B, H, W, 64)
        x = layers.Dropout(REFINING_DROPOUT, name=f"refine{i}_dropout")(x)
    return layers.Conv2D(NUM_CLASSES, 1, kernel_initializer=HE_NORMAL, name="refined_score")(x)


def freeze_tslfn(network: keras.Model) -> None:
    """Let only the MSRN of an FCTSFN learn; its TSLFN stays as it is, bit for bit (§3.3).

    The TSLFN's layers are made untrainable, which also turns their dropout off, so that in training
    they compute what they compute in use. They have no BatchNorm. Layers made trainable again drop
    out again.

    Args:
        network: of `FCTSFN`; compile it afterwards.

    Raises:
        InputError: it has no MSRN.

    Examples:
        >>> from fctsfn_tf import FCTSFN, freeze_tslfn
        >>> model = FCTSFN(alpha=0.125)
        >>> before = len(model.trainable_variables)
        >>> freeze_tslfn(model)
        >>> len(model.trainable_variables) < before
        True
    """
    refining = [layer for layer in network.layers if layer.name.startswith(MSRN_PREFIXES)]
    if not refining:
        raise InputError(
            "Only an FCTSFN has an MSRN to train. Build the network with fctsfn_tf.FCTSFN. "
            f"Received '{network.name}'."
        )
    for layer in network.layers:
        if layer not in refining:
            layer.trainable = False
            if type(layer) is layers.Dropout:  # of a `.keras` file from before FreezableDropout
                layer.__class__ = FreezableDropout


# The pieces they are made of


def vgg16_blocks(
    x: keras.KerasTensor | Pair, blocks: range, alpha: float, suffix: str = ""
) -> dict[str, keras.KerasTensor]:
    """Blocks of `keras.applications.VGG16` over `x`: its own layers, cloned.

    Args:
        x: features; or those of both streams, which the first convolution fuses.
        blocks: their numbers, in order.
        alpha: see `TSLFN`.
        suffix: of the layers' names.

    Returns:
        What each layer gives, by VGG16's name of it: `block<i>_conv<j>` and `block<i>_pool`.
    """
    features = {}
    for layer in vgg16_layers(blocks):
        name = f"{layer.name}{suffix}"
        if isinstance(layer, layers.MaxPooling2D):
            x = cloned(layer, name)(x)
        elif isinstance(x, Pair):
            x = fusing_convolution(x, scaled(layer.filters, alpha), layer.kernel_size, name)
            x = layers.ReLU(name=f"{name}_relu")(x)
        else:
            x = cloned(layer, name, filters=scaled(layer.filters, alpha))(x)
        features[layer.name] = x
    return features


def vgg16_layers(blocks: range) -> list[keras.layers.Layer]:
    """The layers of some blocks of `keras.applications.VGG16`, in order; they are only read."""
    return [layer for layer in vgg16().layers if layer.name.startswith(_block_names(blocks))]


def _block_names(blocks: range) -> tuple[str, ...]:
    return tuple(f"block{block}_" for block in blocks)


@functools.cache
def vgg16() -> keras.Model:
    """`keras.applications.VGG16` without its dense layers, of any image size: the pattern.

    It is made once. So that the weights of a network depend on the seed alone, and not on whether
    it is the first one, the pattern's own random numbers are taken back.
    """
    state = random.getstate()
    pattern = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(None, None, 3), name="vgg16"
    )
    random.setstate(state)
    return pattern


def cloned(layer: keras.layers.Layer, name: str, **changes: Any) -> keras.layers.Layer:
    """A fresh layer like another one, with a name and weights of its own.

    The dtype policy is today's, not the one under which the pattern was made.
    """
    config = {key: value for key, value in layer.get_config().items() if key != "dtype"}
    return type(layer).from_config({**config, "name": name, **changes})


def convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    name: str,
    **conv_arguments,
) -> keras.KerasTensor:
    """A convolution with `same` padding."""
    return layers.Conv2D(filters, kernel_size, padding="same", name=name, **conv_arguments)(x)


def fusing_convolution(
    pair: Pair, filters: int, kernel_size: int, name: str, **conv_arguments
) -> keras.KerasTensor:
    """A convolution over both streams, as the sum of one convolution per stream.

    That sum equals a convolution over the concatenated pair, and its image half needs no click.
    """
    image_half = convolution(
        pair.image,
        filters,
        kernel_size,
        name=f"{name}_image",
        **(conv_arguments | {"use_bias": False}),
    )
    image_half = layers.Identity(name=f"{IMAGE_FEATURES_PREFIX}{name}")(image_half)
    interaction_half = convolution(
        pair.interaction, filters, kernel_size, name=f"{name}_interaction", **conv_arguments
    )
    return layers.Add(name=name)([image_half, interaction_half])


def score_layer(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Scores of background and foreground; zero before training (§3.3)."""
    return convolution(x, NUM_CLASSES, 1, name, kernel_initializer="zeros")


def fusing_score_layer(pair: Pair, name: str) -> keras.KerasTensor:
    """Scores of background and foreground over both streams; zero before training (§3.3)."""
    return fusing_convolution(pair, NUM_CLASSES, 1, name, kernel_initializer="zeros")


def normalised_convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str
) -> keras.KerasTensor:
    """MSRN's convolution without bias, BatchNorm and ReLU, with He's initialisation (§3.3)."""
    x = convolution(x, filters, kernel_size, name, use_bias=False, kernel_initializer=HE_NORMAL)
    return batch_norm_relu(x, name)


def fusing_normalised_convolution(
    pair: Pair, filters: int, kernel_size: int, name: str
) -> keras.KerasTensor:
    """The same over both streams, of the same width: He's fan-in is that of both."""
    x = fusing_convolution(
        pair, filters, kernel_size, name, use_bias=False, kernel_initializer=HE_NORMAL_OF_A_HALF
    )
    return batch_norm_relu(x, name)


def batch_norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """What follows each of MSRN's convolutions."""
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def finished_network(
    inputs: dict[str, keras.KerasTensor],
    score: keras.KerasTensor,
    weights: str | Path | None,
    name: str,
) -> keras.Model:
    """The network from its inputs to logits of the inputs' size, with weights where asked."""
    score = CropLike(name="cropped_score")([score, inputs["click_maps"]])
    logits = ForegroundLogit(name="logits", dtype="float32")(score)  # (B, H, W, 1)
    # A list: Keras would sort a dictionary by name, click maps first.
    model = ClickNetwork(list(inputs.values()), logits, name=name)
    if weights is not None:
        initialise_from_vgg16(model, weights)
    return model


def scaled(filters: int, alpha: float) -> int:
    """The number of filters at width `alpha`."""
    return max(1, round(filters * alpha))
