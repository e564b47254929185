"""Weights on a grid of 8 bits: a network that computes the same here and in a browser.

A browser downloads kernels as bytes (`export`, dtype "uint8"). Rounding them only there would give
the page another network than Python has. So the rounding happens once, before a preset is saved:

1. BatchNorm's factors go into the kernels, as `folding` does it for an export, and BatchNorm is
   left with a factor of one. It stays a BatchNorm, with the statistics of what it now reads, so
   that the network can be trained on.
2. Every kernel of an ordinary convolution becomes k · s with whole numbers k that span at most 255.
   Depthwise kernels and those of the MSRN's refining layers, whose filters differ too much in size
   for one step, become float16 numbers.

The step s of a kernel has three significant bits, so that k · s is a float16 number: a preset
stores it exactly at two bytes a weight, which compress to about one.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers, ops

from fctsfn_tf.networks.fctsfn import REFINING_KERNELS
from fctsfn_tf.networks.folding import CONVOLUTIONS, carried_norms, factor_and_offset, scaled

LEVELS = 256
# Steps are these times a power of two: the 3-bit numbers.
MANTISSAS = (4, 5, 6, 7)
# A kernel is on a grid where all of it is this near to whole numbers of steps; folding again
# multiplies by a quotient that is one but for float32's rounding.
ON_GRID = 1e-3
# A kernel holds float16 numbers where all of it is this near to them, relative to their size; the
# numbers themselves lie hundreds of times farther apart.
IS_HALF = 2e-6
REFINING_LAYERS = {f"refine{number}" for number in range(1, 1 + len(REFINING_KERNELS))}


def quantize(model: keras.Model) -> None:
    """Put the kernels of a network on their grids, in place; everything else stays float32.

    A BatchNorm that no convolution carries (see `folding.fold`) stays as it is.

    Args:
        model: a functional model, such as `compact_network`.
    """
    for norm, convolutions, norms_between in carried_norms(model):
        factor, _ = factor_and_offset(norm)
        for layer in convolutions:
            layer.set_weights(scaled(layer, layer.get_weights(), factor))
        for between in norms_between:  # their own factors are one already
            _set_factor_to_one(between, factor)
            between.beta.assign(ops.convert_to_numpy(between.beta) * factor)
        _set_factor_to_one(norm, factor)
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D) or layer.name in REFINING_LAYERS:
            kernel = ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(kernel.astype(np.float16).astype(np.float32))
        elif isinstance(layer, CONVOLUTIONS):
            codes, step, least = on_grid(ops.convert_to_numpy(layer.kernel))
            layer.kernel.assign(codes * np.float32(step) + np.float32(least))


def are_halves(values: np.ndarray) -> bool:
    """Whether these are float16 numbers that lie on no grid: a byte would not hold them.

    Args:
        values: (…) float32, finite.
    """
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16).astype(np.float32)
    if not np.isfinite(halves).all():  # too large for a float16 number
        return False
    if (np.abs(values - halves) > IS_HALF * np.abs(halves)).any():
        return False
    codes, step, least = on_grid(values)
    return np.abs(codes * step + least - values).max() > ON_GRID * step


def on_grid(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Values as bytes: values ≈ codes · step + least.

    Args:
        values: (…) float32, finite.

    Returns:
        Codes (…) uint8; step, 4 to 7 times a power of two; and least, a multiple of it. Values that
        lie on such a grid already come back as they are, up to `ON_GRID` steps.
    """
    highest, lowest = max(0.0, float(values.max())), min(0.0, float(values.min()))
    step = _finest_step(highest, lowest)
    coarser = step
    while coarser <= 2 * step * MANTISSAS[-1] / MANTISSAS[0]:
        if np.abs(values / coarser - np.rint(values / coarser)).max() < ON_GRID:
            step = coarser
            break
        coarser = _next_step(coarser)
    least = round(lowest / step)
    return (np.rint(values / step) - least).astype(np.uint8), step, least * step


def _finest_step(highest: float, lowest: float) -> float:
    """The smallest step with which whole numbers from lowest to highest span at most 255."""
    if highest == lowest:
        return 1.0
    exponent = math.frexp((highest - lowest) / LEVELS)[1] - 4
    step = math.ldexp(MANTISSAS[0], exponent)
    while round(highest / step) - round(lowest / step) > LEVELS - 1:
        step = _next_step(step)
    return step


def _next_step(step: float) -> float:
    mantissa, exponent = math.frexp(step)  # in [0.5, 1): eighths
    return math.ldexp(8 * mantissa + 1, exponent - 3)


def _set_factor_to_one(norm: layers.BatchNormalization, factor: np.ndarray) -> None:
    """Let a BatchNorm read what it read before times `factor` (C,), and give what it gave."""
    mean, variance = (
        ops.convert_to_numpy(value).astype(np.float64)
        for value in (norm.moving_mean, norm.moving_variance)
    )
    norm.moving_mean.assign(mean * factor)
    norm.moving_variance.assign(variance * factor**2)
    norm.gamma.assign(np.sqrt(variance * factor**2 + norm.epsilon))
