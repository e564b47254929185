"""The compact network: FCTSFN's idea at a size that answers while a person clicks.

Same shape as Fig. 2: an image stream that never sees a click, an interaction stream, late fusion
at 1/16 (the paper: pool4), a score at 1/8, then refining from several scales. What differs:

- the image stream is MobileNetV2 and ends in a top-down pyramid; per image it runs once, so it
  may be the larger part;
- the interaction stream reads disks and the previous probability (RITM, §3.1 and §3.2);
- `ClickAttention` lets every place ask the clicked places which of them it resembles;
- inverted residuals replace the 7×7 fc6; refining is top-down to 1/2 instead of 7×7 convolutions
  at full resolution (the paper's refining layers alone cost 407 k multiply–accumulates a pixel).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks import efficientnet_lite
from fctsfn_tf.networks.click_network import ClickNetwork, builder, input_size
from fctsfn_tf.networks.compact_blocks import (
    conv_norm_relu,
    deep_fusion,
    fuse,
    halves_of_pyramid,
    image_half,
    inverted_residual,
    linear,
    refine,
    refined_to_half,
)
from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike, PadToMultiple
from fctsfn_tf.networks.weight_files import load_variables

# MobileNetV2's layers read by the pyramid, from 1/2 to 1/32. The expanded activations are wide,
# but only the image part pays for that.
TAPS = (
    "block_1_expand_relu",
    "block_3_expand_relu",
    "block_6_expand_relu",
    "block_13_expand_relu",
    "block_16_project_BN",
)
# Widths of MobileNetV2 that `keras.applications` has weights of.
IMAGENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# Channels of the pyramid and of the refining, from 1/2 to 1/32.
WIDTHS = (16, 32, 64, 128, 160)
ATTENTION_WIDTH = 64
# Added to the share of a cell that disks cover before the logarithm, so that without any click
# the attention is uniform instead of undefined.
UNCLICKED = 1e-6


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ClickAttention(layers.Layer):
    """For every place, the sign and features of the clicked places that it resembles.

    Inputs, a list: queries (B, h, w, d), keys (B, h, w, d), values (B, h, w, v), and the disks at
    the same resolution (B, h, w, 2) in [0, 1]. Attention weights are softmax over all places of
    q·k/√d + log(disk share), so places without a click count for nothing. Queries and keys come
    from the image alone.

    Output: (B, h, w, 2 + v): share of attention on positive and negative clicks, and the values.
    """

    def call(self, inputs):  # noqa: ANN001, ANN201
        queries, keys, values, disks = inputs
        shape = ops.shape(queries)
        batch, height, width = shape[0], shape[1], shape[2]
        depth = queries.shape[-1]
        queries = ops.reshape(queries, (batch, height * width, depth))
        # Transposed while it has four axes: a converter would fold it into the product of matrices,
        # which TF.js' wasm backend computes ten times as slowly when one is transposed.
        keys = ops.reshape(ops.transpose(keys, (0, 3, 1, 2)), (batch, depth, height * width))
        values = ops.reshape(values, (batch, height * width, values.shape[-1]))
        disks = ops.reshape(disks, (batch, height * width, 2))

        # UNCLICKED, its logarithm and the quotient by it are beyond half precision.
        disks = ops.cast(disks, "float32")
        covered = ops.sum(disks, axis=-1) + UNCLICKED  # (B, hw)
        similarity = ops.matmul(queries, keys) * depth**-0.5
        similarity = ops.cast(similarity, "float32") + ops.log(covered)[:, None, :]
        attention = ops.cast(ops.softmax(similarity, axis=-1), values.dtype)  # (B, hw, hw)
        signs = ops.cast(disks / covered[:, :, None], values.dtype)
        attended = ops.matmul(attention, ops.concatenate([signs, values], axis=-1))
        return ops.reshape(attended, (batch, height, width, 2 + values.shape[-1]))

    def compute_output_shape(self, input_shape):  # noqa: ANN001, ANN201
        queries, _, values, _ = input_shape
        return (*queries[:3], 2 + values[-1])


@builder
def compact_network(
    backbone: str = "mobilenet_v2",
    backbone_weights: str | Path | None = None,
    alpha: float = 1.0,
    name: str = "compact_fctsfn",
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """The compact two-stream network.

    Args:
        backbone: "mobilenet_v2".
        backbone_weights: None for random weights, "imagenet" for those of `keras.applications`
            (downloaded), or the path of an .npz of its variables.
        alpha: MobileNetV2's width multiplier (0.35, 0.5, 0.75, 1.0, 1.3 or 1.4 with "imagenet").
        name: of the model.
        input_shape: see `fctsfn.TSLFN`.

    Returns:
        A functional model. Inputs, by name or in this order: "image" (B, H, W, 3) float32 RGB in
        [0, 255]; "click_maps" (B, H, W, 3) float32 in [0, 1]: positive disks, negative disks,
        previous probability.
        Output: foreground logits (B, H, W, 1) float32. Any height and width; multiples of 32 cost
        no padding. The layer "coarse_score" holds the logits at 1/8.

    Raises:
        InputError: unknown backbone, or weights that cannot be had.
    """
    if backbone != "mobilenet_v2":
        raise InputError(
            f"The compact network's backbone must be 'mobilenet_v2'. Received {backbone!r}."
        )
    height, width = input_size(input_shape)
    image = layers.Input((height, width, 3), name="image")
    click_maps = layers.Input((height, width, 3), name="click_maps")

    # ---- Image part: runs once per image -------------------------------------------------------
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale_image")(image)
    x = PadToMultiple(32, name="pad_image")(x)
    taps = _mobilenet_v2(x, backbone_weights, alpha)
    pyramid = _pyramid(taps)  # 1/2 … 1/32, WIDTHS channels
    image_halves = halves_of_pyramid(pyramid, WIDTHS)  # (B, H/2, W/2, 16) … (B, H/32, W/32, 160)
    queries = image_half(pyramid[3], ATTENTION_WIDTH, "queries")
    keys = image_half(pyramid[3], ATTENTION_WIDTH, "keys")

    # ---- Interaction stream: runs per click ----------------------------------------------------
    maps = PadToMultiple(32, name="pad_click_maps")(click_maps)
    interaction = []
    x = maps
    for scale, filters in enumerate(WIDTHS[:4]):
        x = conv_norm_relu(x, filters, 3, f"interaction_{2 ** (scale + 1)}", strides=2)
        interaction.append(x)
    disks = layers.AveragePooling2D(16, name="disks_16")(maps)[..., :2]  # (B, H/16, W/16, 2)

    # ---- Fusion net ----------------------------------------------------------------------------
    attended = ClickAttention(name="click_attention")([queries, keys, interaction[3], disks])
    x = fuse(
        image_halves[3],
        [
            linear(interaction[3], WIDTHS[3], "fusion_16_interaction"),
            linear(attended, WIDTHS[3], "fusion_16_attended"),
        ],
        "fusion_16",
    )
    x = deep_fusion(x, image_halves[4], WIDTHS)  # (B, H/16, W/16, 128)

    # ---- Score at 1/8, then refining to 1/2 ----------------------------------------------------
    x = refine(x, image_halves[2], interaction[2], WIDTHS[2], "refine_8")
    x = inverted_residual(x, WIDTHS[2], 3, "refine_8_a")
    x = inverted_residual(x, WIDTHS[2], 3, "refine_8_b")
    score = layers.Conv2D(1, 1, name="coarse_score")(x)  # (B, H/8, W/8, 1)
    x = layers.Concatenate(name="with_score")([x, score])
    x = refined_to_half(x, image_halves, interaction, WIDTHS)
    x = layers.Conv2D(1, 3, padding="same", name="refined_score")(x)  # (B, H/2, W/2, 1)
    x = BilinearUpsampling(2, name="refined_up")(x)
    logits = CropLike(name="crop", dtype="float32")([x, click_maps])  # (B, H, W, 1)
    # A list: Keras would sort a dictionary by name, click maps first.
    return ClickNetwork([image, click_maps], logits, name=name)


def freeze_backbone(network: keras.Model) -> None:
    """Let everything learn but the backbone, whose BatchNorm then stays in inference mode as well.

    Args:
        network: of `compact_network` or `compact_lite_network`; compile it afterwards.

    Examples:
        >>> from fctsfn_tf import FCTSFN, freeze_backbone
        >>> model = FCTSFN(backbone="mobilenet_v2", alpha=0.35)
        >>> before = len(model.trainable_variables)
        >>> freeze_backbone(model)
        >>> len(model.trainable_variables) < before
        True
    """
    for layer in network.layers:
        layer.trainable = not is_backbone(layer)


def freeze_backbone_norm(network: keras.Model) -> None:
    """Let everything learn but the backbone's BatchNorm, which stays in inference mode.

    Args:
        network: of `compact_network` or `compact_lite_network`; compile it afterwards.
    """
    for layer in network.layers:
        is_norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = not (is_norm and is_backbone(layer))


def is_backbone(layer: layers.Layer) -> bool:
    """Whether a layer of a compact network belongs to MobileNetV2 or EfficientNet-Lite2."""
    names = ("Conv1", "bn_Conv1", "expanded_conv_", "block_", efficientnet_lite.PREFIX)
    return layer.name.startswith(names)


def _mobilenet_v2(image: Any, weights: str | Path | None, alpha: float) -> list:
    """MobileNetV2's activations at 1/2, 1/4, 1/8, 1/16 and 1/32."""
    if weights == "imagenet" and alpha not in IMAGENET_WIDTHS:
        raise InputError(
            f"MobileNetV2 has ImageNet weights of the widths {IMAGENET_WIDTHS} only. Choose one of "
            f"them as alpha, or build it without weights. Received {alpha!r}."
        )
    try:
        network = keras.applications.MobileNetV2(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_tensor=image,
            alpha=alpha,
        )
    except Exception as error:
        if weights != "imagenet":
            raise
        raise InputError(
            "The ImageNet weights of MobileNetV2 could not be downloaded. Connect to the network "
            "once, or give backbone_weights the path of an .npz of its variables. "
            f"Received: {str(error).splitlines()[0]:.120}"
        ) from error
    taps = [network.get_layer(tap).output for tap in TAPS]
    if weights not in (None, "imagenet"):
        load_variables(network, weights)
    return taps


def _pyramid(taps: list) -> list:
    """Top-down pyramid over the taps: what the coarse levels know reaches the fine ones."""
    levels = [conv_norm_relu(taps[4], WIDTHS[4], 1, "pyramid_32")]
    for level in (3, 2, 1, 0):
        scale = 2 ** (level + 1)
        lateral = linear(taps[level], WIDTHS[level], f"pyramid_{scale}_lateral")
        coarser = linear(levels[0], WIDTHS[level], f"pyramid_{scale}_reduce")
        coarser = BilinearUpsampling(2, name=f"pyramid_{scale}_up")(coarser)
        x = fuse(lateral, [coarser], f"pyramid_{scale}")
        x = conv_norm_relu(x, WIDTHS[level], 3, f"pyramid_{scale}_out")
        levels.insert(0, x)
    return levels
