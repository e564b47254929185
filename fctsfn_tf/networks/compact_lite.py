"""The compact network on EfficientNet-Lite2, with several candidate masks and what each is worth.

Same shape as `compact`: an image stream that never sees a click, an interaction stream, late
fusion at 1/16, a score at 1/8, refining to 1/2. What differs:

- the backbone knows more of things (77.5 % top-1 instead of 71 %), and its pyramid ends in wider
  fine levels;
- `ClickResemblance` tells every place how much it resembles the clicked ones, also where there is
  only one, and brings what the image shows there;
- beside the answer there are three candidates for what one click may have meant (part, whole,
  group), trained so that one of them is right, and a predicted IoU for each of the four.

Source of candidates and predicted IoU: Segment Anything (Kirillov et al. 2023), §3 and App. A.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from fctsfn_tf.networks.click_network import ClickNetwork, builder, input_size
from fctsfn_tf.networks.compact_blocks import (
    BATCH_NORM_MOMENTUM,
    conv_norm_relu,
    deep_fusion,
    fuse,
    halves_of_pyramid,
    image_half,
    inverted_residual,
    linear,
    refined_to_half,
)
from fctsfn_tf.networks.efficientnet_lite import (
    OFFSET,
    SCALE,
    efficientnet_lite2,
    load_efficientnet_lite2,
)
from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike, PadToMultiple

# Channels of the pyramid and of the refining, from 1/2 to 1/32.
WIDTHS = (24, 48, 64, 128, 160)
INTERACTION_WIDTHS = (16, 32, 64, 128)
# Of `ClickResemblance`: heads, and channels of queries and keys, and of values.
HEADS = 4
KEY_WIDTH = 96
VALUE_WIDTH = 96
# Share of a cell of 16 × 16 pixels that all of one disk covers: π · 5² / 16².
DISK_SHARE = 0.307
# Keeps the logarithm of an unclicked cell finite.
UNCLICKED = 1e-6
# Masks for what one click may have meant (SAM: three).
NUM_CANDIDATES = 3


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ClickResemblance(layers.Layer):
    """For every place, how much it resembles the clicked places, and what these are.

    Inputs, a list: queries (B, h, w, d), keys (B, h, w, d), values (B, h, w, v), and the disks at
    the same resolution (B, h, w, 2) in [0, 1]. Attention of several heads, in which a place is
    looked at as far as disks cover it, and in which one more thing can always be looked at that
    shows nothing: so a single click, too, is resembled more or less.

    Output: (B, h, w, heads · 2 + v): share of each head's attention on positive and on negative
    clicks, and the values.

    Args:
        heads: among which d and v are divided.
    """

    def __init__(self, heads: int = HEADS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, inputs):  # noqa: ANN001, ANN201
        queries, keys, values, disks = inputs
        shape = ops.shape(queries)
        batch, height, width = shape[0], shape[1], shape[2]
        places = height * width
        depth, value_depth = (x.shape[-1] // self.heads for x in (queries, values))
        queries = ops.reshape(queries, (batch, places, queries.shape[-1]))
        # Transposed while it has four axes: a converter would fold it into the product of matrices,
        # which TF.js' wasm backend computes ten times as slowly when one is transposed.
        keys = ops.transpose(keys, (0, 3, 1, 2))
        keys = ops.reshape(keys, (batch, keys.shape[1], places))
        values = ops.reshape(values, (batch, places, values.shape[-1]))
        disks = ops.reshape(disks, (batch, places, 2))

        # UNCLICKED, its logarithm and the quotient by it are beyond half precision.
        disks = ops.cast(disks, "float32")
        covered = ops.sum(disks, axis=-1) + UNCLICKED  # (B, hw)
        signs = ops.cast(disks / covered[:, :, None], values.dtype)
        # One place more, which shows nothing: its key, its logarithm and its values are 0.
        keys = ops.pad(keys, [[0, 0], [0, 0], [0, 1]])
        closeness = ops.pad(ops.log(covered / DISK_SHARE), [[0, 0], [0, 1]])[:, None, :]
        attended = []
        for head in range(self.heads):  # one by one: wasm has no quick product of stacked matrices
            own = slice(head * depth, (head + 1) * depth)
            similarity = ops.matmul(queries[:, :, own], keys[:, own]) * depth**-0.5
            similarity = ops.cast(similarity, "float32") + closeness
            attention = ops.cast(ops.softmax(similarity, axis=-1), values.dtype)  # (B, hw, hw + 1)
            own = slice(head * value_depth, (head + 1) * value_depth)
            seen = ops.concatenate([signs, values[:, :, own]], axis=-1)
            attended.append(ops.matmul(attention, ops.pad(seen, [[0, 0], [0, 1], [0, 0]])))
        channels = self.heads * (2 + value_depth)
        return ops.reshape(ops.concatenate(attended, axis=-1), (batch, height, width, channels))

    def compute_output_shape(self, input_shape):  # noqa: ANN001, ANN201
        queries, _, values, _ = input_shape
        return (*queries[:3], 2 * self.heads + values[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ClickPrototypes(layers.Layer):
    """Every place's features times the mean features of the clicked places of each sign.

    Inputs, a list: features (B, h, w, d) of unit length, and disks (B, h, w, 2) in [0, 1].

    Output: (B, h, w, 2 d), products for positive and for negative clicks; 0 without clicks of the
    sign. Their sum over a sign's channels, over d, is the cosine that a place has with the mean.
    """

    def call(self, inputs):  # noqa: ANN001, ANN201
        features, disks = inputs
        shape = ops.shape(features)
        depth = features.shape[-1]
        flat = ops.reshape(features, (shape[0], shape[1] * shape[2], depth))
        disks = ops.reshape(disks, (shape[0], shape[1] * shape[2], 2))
        disks = ops.transpose(disks, (0, 2, 1))  # (B, 2, hw)
        covered = ops.sum(disks, axis=-1, keepdims=True) + UNCLICKED
        means = ops.matmul(disks / covered, flat)  # (B, 2, d)
        means = means[:, :, None, None, :] * depth
        return ops.concatenate([features * means[:, 0], features * means[:, 1]], axis=-1)

    def compute_output_shape(self, input_shape):  # noqa: ANN001, ANN201
        features, _ = input_shape
        return (*features[:3], 2 * features[-1])


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class MaskStatistics(layers.Layer):
    """What lies under each of several masks: the input of the predicted IoU.

    Inputs, a list: features (B, h, w, c) and logits (B, h, w, n).

    Output: (B, n, 2 c + 3): per mask the mean features under it, those of the whole view, its share
    of the view, how unsure it is (mean of 4 p (1 − p) over p), and the share of it that lies at the
    view's border.
    """

    def call(self, inputs):  # noqa: ANN001, ANN201
        features, logits = inputs
        shape = ops.shape(features)
        places = shape[1] * shape[2]
        depth, number = features.shape[-1], logits.shape[-1]
        flat = ops.reshape(features, (shape[0], places, depth))
        masks = ops.sigmoid(ops.reshape(logits, (shape[0], places, number)))
        masks = ops.transpose(masks, (0, 2, 1))  # (B, n, hw)
        area = ops.sum(masks, axis=-1, keepdims=True) + 1.0
        under = ops.matmul(masks, flat) / area  # (B, n, c)
        everywhere = ops.repeat(ops.mean(flat, axis=1, keepdims=True), number, axis=1)
        num_places = ops.cast(places, area.dtype)
        unsure = ops.sum(4 * masks * (1 - masks), axis=-1, keepdims=True) / area
        inner = ops.sigmoid(logits)[:, 1:-1, 1:-1]
        inside = ops.sum(inner, axis=(1, 2))[:, :, None]  # (B, n, 1)
        at_border = (area - 1.0 - inside) / area
        statistics = [under, everywhere, area / num_places, unsure, at_border]
        return ops.concatenate(statistics, axis=-1)

    def compute_output_shape(self, input_shape):  # noqa: ANN001, ANN201
        features, logits = input_shape
        return (features[0], logits[-1], 2 * features[-1] + 3)


@builder
def compact_lite_network(
    backbone_weights: str | Path | None = None,
    name: str = "compact_lite_fctsfn",
    input_shape: Sequence[int] | None = None,
) -> keras.Model:
    """The compact network on EfficientNet-Lite2.

    Args:
        backbone_weights: None for random weights, or a file, see `load_efficientnet_lite2`.
        name: of the model.
        input_shape: (height, width, 3) of the image, None for any height or width.

    Returns:
        A functional model. Inputs, by name or in this order: "image" (B, H, W, 3) float32 RGB in
        [0, 255]; "click_maps" (B, H, W, 3) float32 in [0, 1]: positive disks, negative disks,
        previous probability.
        Outputs, a list: foreground logits (B, H, W, 1) float32; the logits of the candidates
        (B, H, W, 3), meant for a first click alone; and the logits of the predicted IoU (B, 4) of
        the answer and the candidates, each with all of the object, what the view cuts off
        included. Any height and width; multiples of 32 cost no padding. The layer "coarse_score"
        holds all four masks' logits at 1/8.

    Raises:
        InputError: weights that cannot be had.
    """
    height, width = input_size(input_shape)
    image = layers.Input((height, width, 3), name="image")
    click_maps = layers.Input((height, width, 3), name="click_maps")

    # ---- Image part: runs once per image -------------------------------------------------------
    x = layers.Rescaling(SCALE, offset=OFFSET * SCALE, name="rescale_image")(image)
    x = PadToMultiple(32, name="pad_image")(x)
    pyramid = _pyramid(efficientnet_lite2(x))  # 1/2 … 1/32, WIDTHS channels
    image_halves = halves_of_pyramid(pyramid, WIDTHS)  # (B, H/2, W/2, 24) … (B, H/32, W/32, 160)
    queries = image_half(pyramid[3], KEY_WIDTH, "queries")
    keys = image_half(pyramid[3], KEY_WIDTH, "keys")
    values = image_half(pyramid[3], VALUE_WIDTH, "values")
    appearance = linear(pyramid[2], WIDTHS[2], "appearance_image")
    appearance = layers.UnitNormalization(name="appearance_unit")(appearance)
    appearance = layers.Identity(name="image_features_appearance")(appearance)

    # ---- Interaction stream: runs per click ----------------------------------------------------
    maps = PadToMultiple(32, name="pad_click_maps")(click_maps)
    interaction = []
    x = maps
    for scale, filters in enumerate(INTERACTION_WIDTHS):
        convolution = _separable if scale == 3 else conv_norm_relu
        x = convolution(x, filters, 3, f"interaction_{2 ** (scale + 1)}", strides=2)
        interaction.append(x)
    disks_8 = layers.AveragePooling2D(8, name="disks_8")(maps)[..., :2]  # (B, H/8, W/8, 2)
    disks_16 = layers.AveragePooling2D(16, name="disks_16")(maps)[..., :2]

    # ---- Fusion net ----------------------------------------------------------------------------
    resembling = ClickResemblance(name="click_resemblance")([queries, keys, values, disks_16])
    x = fuse(
        image_halves[3],
        [
            linear(interaction[3], WIDTHS[3], "fusion_16_interaction"),
            linear(resembling, WIDTHS[3], "fusion_16_resembling"),
        ],
        "fusion_16",
    )
    x = deep_fusion(x, image_halves[4], WIDTHS)  # (B, H/16, W/16, 128)

    # ---- Scores at 1/8, then refining to 1/2 ---------------------------------------------------
    prototypes = ClickPrototypes(name="click_prototypes")([appearance, disks_8])
    x = BilinearUpsampling(2, name="refine_8_up")(linear(x, WIDTHS[2], "refine_8_reduce"))
    x = fuse(
        x,
        [
            image_halves[2],
            linear(interaction[2], WIDTHS[2], "refine_8_interaction"),
            linear(prototypes, WIDTHS[2], "refine_8_prototypes"),
        ],
        "refine_8",
    )
    x = inverted_residual(x, WIDTHS[2], 5, "refine_8_a")
    x = inverted_residual(x, WIDTHS[2], 5, "refine_8_b")
    x = inverted_residual(x, WIDTHS[2], 5, "refine_8_c")
    num_masks = 1 + NUM_CANDIDATES
    scores = layers.Conv2D(num_masks, 1, name="coarse_score")(x)  # (B, H/8, W/8, 4)
    predicted_iou = _predicted_iou(x, scores)
    x = layers.Concatenate(name="with_score")([x, scores])
    x = refined_to_half(x, image_halves, interaction, WIDTHS)
    x = layers.Conv2D(num_masks, 3, padding="same", name="refined_score")(x)  # (B, H/2, W/2, 4)
    masks = []
    for what, part in (("answer", x[..., :1]), ("candidates", x[..., 1:])):
        part = BilinearUpsampling(2, name=f"{what}_up")(part)
        masks.append(CropLike(name=f"{what}_crop", dtype="float32")([part, click_maps]))
    outputs = [*masks, predicted_iou]  # (B, H, W, 1), (B, H, W, 3), (B, 4)
    # A list: Keras would sort a dictionary by name, click maps first.
    network = ClickNetwork([image, click_maps], outputs, name=name)
    if backbone_weights is not None:
        load_efficientnet_lite2(network, backbone_weights)
    return network


def _pyramid(taps: list) -> list:
    """Top-down pyramid over the taps: what the coarse levels know reaches the fine ones."""
    levels = [conv_norm_relu(taps[4], WIDTHS[4], 1, "pyramid_32")]
    for level in (3, 2, 1, 0):
        scale = 2 ** (level + 1)
        lateral = linear(taps[level], WIDTHS[level], f"pyramid_{scale}_lateral")
        coarser = linear(levels[0], WIDTHS[level], f"pyramid_{scale}_reduce")
        coarser = BilinearUpsampling(2, name=f"pyramid_{scale}_up")(coarser)
        x = fuse(lateral, [coarser], f"pyramid_{scale}")
        if level == 3:  # 3 × 3 kernels of 128 channels would be 4 % of all weights
            x = _separable(x, WIDTHS[level], 5, f"pyramid_{scale}_out")
        else:
            x = conv_norm_relu(x, WIDTHS[level], 3, f"pyramid_{scale}_out")
        levels.insert(0, x)
    return levels


def _separable(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    """A depthwise convolution, BatchNorm, and a 1×1 convolution with BatchNorm and ReLU."""
    x = layers.DepthwiseConv2D(
        size, strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_depthwise_norm")(x)
    return conv_norm_relu(x, filters, 1, name)


def _predicted_iou(features: Any, scores: Any) -> Any:
    """(B, masks) float32 logits of the IoU that each mask is expected to have."""
    x = MaskStatistics(name="mask_statistics", dtype="float32")([features, scores])
    x = layers.Dense(64, "relu", name="iou_hidden", dtype="float32")(x)
    x = layers.Dense(1, name="iou_score", dtype="float32")(x)
    return x[..., 0]
