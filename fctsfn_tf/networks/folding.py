"""A network with fewer operations, for export: BatchNorm, Dropout and padding taken out.

In inference BatchNorm is a factor and an offset per channel, and the convolution before it can
carry both. A converter finds that only where they are neighbours. Here it is done on the Keras
graph, so that it also goes through sums and upsampling, and across the border between image part
and click part: late fusion is BatchNorm over a sum of convolutions.

Padding goes because `views` never needs it, and because its sizes are known only at run time:
LiteRT's converter then loses the number of channels and falls back to TensorFlow's operations.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike, PadToMultiple

# Layers that multiply by one kernel: a factor per output channel can go into it.
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
# Layers that a factor and an offset per channel pass through unchanged.
TRANSPARENT = (layers.Identity, layers.Dropout, BilinearUpsampling)


def fold(model: keras.Model) -> keras.Model:
    """A copy of a network for inference, without BatchNorm, Dropout, padding and cropping.

    Args:
        model: a functional model that calls each of its layers once. It stays as it is; later
            changes of its weights do not reach the copy.

    Returns:
        A model with the same inputs, whose height and width must now be multiples of
        `views.SIDE_MULTIPLE`; the same answer for these in inference mode, up to float32 rounding;
        and the same layer names. A BatchNorm that no convolution can carry becomes a depthwise 1×1
        convolution of its name.
    """
    network = keras.Model(model.input, model.output, name=model.name)
    weights = _folded_weights(network)

    def clone(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization) and layer.name in weights:
            return layers.DepthwiseConv2D(1, name=layer.name, dtype=config["dtype"])
        if isinstance(layer, CONVOLUTIONS):
            config["use_bias"] = len(weights[layer.name]) == 2
        return type(layer).from_config(config)

    def call(layer: layers.Layer, *args, **kwargs) -> Any:
        if isinstance(layer, CropLike):
            return args[0][0]
        # A BatchNorm that is still one here is carried by convolutions.
        if isinstance(layer, (layers.BatchNormalization, layers.Dropout, PadToMultiple)):
            return args[0]
        if isinstance(layer, layers.DepthwiseConv2D):
            return layer(args[0])  # without the `mask` that BatchNorm takes
        return layer(*args, **kwargs)

    folded = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return folded


def _folded_weights(network: keras.Model) -> dict[str, list[np.ndarray]]:
    """The weights of the layers of the copy, by name; a BatchNorm that is carried has none."""
    weights = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    carriers_of = {carried.norm.name: carried.convolutions for carried in carried_norms(network)}
    for operation in network.operations:  # from the inputs to the outputs
        if not isinstance(operation, layers.BatchNormalization):
            continue
        factor, offset = factor_and_offset(operation)
        carriers = carriers_of.get(operation.name)
        if carriers is None:
            weights[operation.name] = [factor.reshape(1, 1, -1, 1), offset]
            continue
        del weights[operation.name]
        for layer in carriers:
            weights[layer.name] = scaled(layer, weights[layer.name], factor)
        # The offset counts once, so one summand takes it.
        kernel, *bias = weights[carriers[0].name]
        weights[carriers[0].name] = [kernel, sum(bias, offset)]
    return weights


class CarriedNorm(NamedTuple):
    """A BatchNorm that convolutions can carry.

    Attributes:
        norm: reads a sum of what the convolutions give.
        convolutions: the summands' ends.
        norms_between: BatchNorms on the way from a convolution to `norm`.
    """

    norm: layers.BatchNormalization
    convolutions: list[layers.Layer]
    norms_between: list[layers.BatchNormalization]


def carried_norms(network: keras.Model) -> list[CarriedNorm]:
    """Every BatchNorm that convolutions can carry, from the inputs to the outputs."""
    producers, num_readers = _graph(network)
    found = []
    for norm in network.operations:
        if not isinstance(norm, layers.BatchNormalization):
            continue
        carriers = _carriers(norm.input, producers, num_readers)
        if carriers is not None:
            between = [one for one in carriers if isinstance(one, layers.BatchNormalization)]
            convolutions = [one for one in carriers if one not in between]
            found.append(CarriedNorm(norm, convolutions, between))
    return found


def _graph(network: keras.Model) -> tuple[dict[int, keras.Operation], dict[int, int]]:
    """Of every tensor, by id: the operation that makes it, and how many read it."""
    producers, num_readers = {}, {}
    for operation in network.operations:
        for tensor in keras.tree.flatten(operation.output):
            producers[id(tensor)] = operation
    for operation in network.operations:
        if isinstance(operation, layers.InputLayer):
            continue
        for tensor in keras.tree.flatten(operation.input):
            num_readers[id(tensor)] = num_readers.get(id(tensor), 0) + 1
    for tensor in network.outputs:
        num_readers[id(tensor)] = num_readers.get(id(tensor), 0) + 1
    return producers, num_readers


def _carriers(
    tensor: keras.KerasTensor, producers: dict[int, keras.Operation], num_readers: dict[int, int]
) -> list[layers.Layer] | None:
    """The convolutions of which `tensor` is the sum, and BatchNorms on the way to them; None where
    anything else is in it, or where anything else reads one of them."""
    if num_readers[id(tensor)] > 1:
        return None
    producer = producers[id(tensor)]
    if isinstance(producer, CONVOLUTIONS):
        return [producer] if producer.activation is keras.activations.linear else None
    # A BatchNorm before this one is carried already, or no convolution stands behind it.
    if isinstance(producer, (*TRANSPARENT, layers.BatchNormalization)):
        found = _carriers(producer.input, producers, num_readers)
        is_norm = isinstance(producer, layers.BatchNormalization)
        return [*found, producer] if is_norm and found is not None else found
    if isinstance(producer, layers.Add):
        found = [_carriers(summand, producers, num_readers) for summand in producer.input]
        return None if None in found else list(itertools.chain(*found))
    return None


def factor_and_offset(layer: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What BatchNorm does to each channel in inference mode: x · factor + offset, float64."""
    mean, variance = (
        keras.ops.convert_to_numpy(value).astype(np.float64)
        for value in (layer.moving_mean, layer.moving_variance)
    )
    gamma = keras.ops.convert_to_numpy(layer.gamma) if layer.scale else 1.0
    beta = keras.ops.convert_to_numpy(layer.beta) if layer.center else 0.0
    factor = gamma / np.sqrt(variance + layer.epsilon)
    return factor, beta - mean * factor


def scaled(layer: layers.Layer, weights: list[np.ndarray], factor: np.ndarray) -> list[np.ndarray]:
    """Kernel and, where there is one, bias of a convolution whose output channels are multiplied by
    `factor`."""
    kernel, *bias = weights
    if isinstance(layer, layers.DepthwiseConv2D):
        return [kernel * factor.reshape(kernel.shape[2:]), *(value * factor for value in bias)]
    return [kernel * factor, *(value * factor for value in bias)]
