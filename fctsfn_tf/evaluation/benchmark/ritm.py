"""RITM's smallest network, HRNet18s, for what it costs beside ours; it has no trained weights.

Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for Interactive Segmentation"
(2021), on the HRNetV2-W18-small of Wang et al. (2020) with the object-contextual head (OCR) of Yuan
et al. (2020). Its clicks enter before the second convolution, so nearly all of it runs at each.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from fctsfn_tf.networks.layers import BilinearUpsampling

# Filters at 1/4 of the photograph; each further branch works at half the size with twice as many.
WIDTH = 18
# (modules, branches) of the stages after the first.
STAGES = ((1, 2), (3, 3), (2, 4))
BLOCKS = 2
OCR_WIDTH = 48


def ritm_hrnet18s() -> keras.Model:
    """{"image": (B, H, W, 3), "click_maps": (B, H, W, 3)} → logits (B, H, W, 1).

    The maps are two of clicks and the previous mask; H and W are multiples of 32. What `split`
    takes for the image part is the first convolution.
    """
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 3), name="click_maps")
    stem = layers.Identity(name="image_features_stem")(_convolution(image, 64, strides=2))
    clicks = layers.Conv2D(16, 1, activation="leaky_relu")(click_maps)
    clicks = layers.Conv2D(64, 3, 2, "same")(clicks)
    x = _convolution(layers.Add()([stem, clicks]), 64, strides=2)
    for _ in range(BLOCKS):
        x = _bottleneck(x, 64)
    branches = [x]
    for modules, number in STAGES:
        branches = _with_another_branch(branches, number)
        for _ in range(modules):
            branches = _exchange([_basic_blocks(branch) for branch in branches])
    features = layers.Concatenate()([_enlarged(x, 2**level) for level, x in enumerate(branches)])
    logits = _enlarged(_object_context_head(features), 4)
    return keras.Model({"image": image, "click_maps": click_maps}, logits, name="ritm_hrnet18s")


def _normalised(
    x: keras.KerasTensor, filters: int, kernel_size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides, "same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    return layers.ReLU()(_normalised(x, filters, kernel_size, strides))


def _bottleneck(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    wide = 4 * filters
    shortcut = x if x.shape[-1] == wide else _normalised(x, wide, 1)
    inner = _convolution(_convolution(x, filters, 1), filters)
    return layers.ReLU()(layers.Add()([shortcut, _normalised(inner, wide, 1)]))


def _basic_blocks(x: keras.KerasTensor) -> keras.KerasTensor:
    filters = x.shape[-1]
    for _ in range(BLOCKS):
        inner = _normalised(_convolution(x, filters), filters)
        x = layers.ReLU()(layers.Add()([x, inner]))
    return x


def _with_another_branch(branches: list[keras.KerasTensor], number: int) -> list[keras.KerasTensor]:
    """The given branches and a new one, of half the last one's size."""
    new = _convolution(branches[-1], WIDTH * 2 ** (number - 1), strides=2)
    if number == 2:
        branches = [_convolution(branches[0], WIDTH)]
    return [*branches, new]


def _exchange(branches: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Each branch → the sum of all of them, brought to its size and filters."""
    sums = []
    for into, target in enumerate(branches):
        filters = target.shape[-1]
        terms = []
        for source, x in enumerate(branches):
            for _ in range(source, into - 1):
                x = _convolution(x, x.shape[-1], strides=2)
            if source < into:
                x = _normalised(x, filters, strides=2)
            if source > into:
                x = _enlarged(_normalised(x, filters, 1), 2 ** (source - into))
            terms.append(x)
        sums.append(layers.ReLU()(layers.Add()(terms)))
    return sums


def _object_context_head(features: keras.KerasTensor) -> keras.KerasTensor:
    """Logits at the features' size: each pixel sees the mean of what a first guess calls object.

    With one class its attention has one key, so its softmax is 1 everywhere.
    """
    guess = layers.Conv2D(features.shape[-1], 1)(features)
    guess = layers.Conv2D(1, 1)(layers.ReLU()(layers.BatchNormalization()(guess)))
    pixels = layers.Conv2D(2 * OCR_WIDTH, 3, padding="same")(features)
    pixels = layers.ReLU()(layers.BatchNormalization()(pixels))
    share = layers.Softmax(axis=(1, 2))(guess)
    context = ops.sum(share * pixels, axis=(1, 2), keepdims=True)
    query = _convolution(_convolution(pixels, OCR_WIDTH, 1), OCR_WIDTH, 1)
    key = _convolution(_convolution(context, OCR_WIDTH, 1), OCR_WIDTH, 1)
    value = _convolution(context, OCR_WIDTH, 1)
    likeness = ops.exp(ops.sum(query * key, axis=-1, keepdims=True) / OCR_WIDTH**0.5)
    attended = likeness / ops.sum(likeness, axis=-1, keepdims=True) * value
    seen = _convolution(attended, 2 * OCR_WIDTH, 1)
    pixels = _convolution(layers.Concatenate()([seen, pixels]), 2 * OCR_WIDTH, 1)
    return layers.Conv2D(1, 1)(pixels)


def _enlarged(x: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    return x if factor == 1 else BilinearUpsampling(factor)(x)
