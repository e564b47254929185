"""What a network holds and computes, counted without running it.

Keras 3 has no counter of operations, and TensorFlow's profiler none for the other backends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import ClickAttention
from fctsfn_tf.networks.encode_once import split


class Cost(NamedTuple):
    """What a network holds and computes for one image and one click.

    Attributes:
        parameters: numbers of all its weights, BatchNorm's moving statistics included.
        image_macs: multiply–accumulates of the image part.
        click_macs: multiply–accumulates of the click part.
    """

    parameters: int
    image_macs: int
    click_macs: int


def built_without_weights(build: Callable[[], keras.Model]) -> keras.Model:
    """A network with the shapes of its variables but no memory behind them; it cannot run.

    The torch backend cannot hold a variable without values: there it is a whole network.
    """
    if keras.backend.backend() == "torch":
        return build()
    with keras.StatelessScope(initialize_variables=False):
        return build()


def cost(model: keras.Model, height: int, width: int) -> Cost:
    """What a network costs for an image of this size, without running it.

    Raises:
        InputError: see `multiply_accumulates` and `encode_once.split`.
    """
    macs = multiply_accumulates(model, height, width)
    image_part, _ = split(model)
    image_layers = {layer.name for layer in image_part.layers}
    image_macs = sum(count for name, count in macs.items() if name in image_layers)
    return Cost(model.count_params(), image_macs, sum(macs.values()) - image_macs)


def multiply_accumulates(model: keras.Model, height: int, width: int) -> dict[str, int]:
    """Multiply–accumulates of every layer, from shapes alone, for one image of this size.

    Convolutions, dense layers and attention count; what is linear in the number of activations
    (sums, ReLU, BatchNorm, pooling, bilinear upsampling) does not, as is usual. Taps on padding
    count like others.

    Args:
        model: a functional network whose inputs have the axes (batch, height, width, channels).
        height, width: of the inputs, in pixels.

    Returns:
        The count of every layer that has one, by the layer's name.

    Raises:
        InputError: a layer with weights that this function does not know.
    """
    counts: dict[str, int] = {}
    sized = keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=(1, height, width, tensor.shape[-1]), dtype=tensor.dtype, name=tensor.name
        ),
        model.input,
    )
    # A clone of measuring stand-ins: shapes pass through, weights are not copied, and the layers
    # of the model do not notice.
    keras.models.clone_model(
        keras.Model(model.input, model.output),
        input_tensors=sized,
        clone_function=lambda operation: _Measure(operation, counts),
    )
    return {name: count for name, count in counts.items() if count}


class _Measure(keras.Operation):
    """Stands in for an operation of a network: same output shape, and notes down its work."""

    def __init__(self, operation: keras.Operation, counts: dict[str, int]) -> None:
        super().__init__(name=operation.name)
        self.operation = operation
        self.counts = counts

    def compute_output_spec(self, *args, **kwargs) -> Any:
        output = self.operation.compute_output_spec(*args, **kwargs)
        input_shapes = [
            x.shape for x in keras.tree.flatten(args) if isinstance(x, keras.KerasTensor)
        ]
        self.counts[self.name] = _operation_macs(self.operation, input_shapes, output.shape)
        return output


def _operation_macs(
    operation: keras.Operation, input_shapes: list[tuple], output_shape: tuple
) -> int:
    """Multiply–accumulates of one operation on inputs (1, height, width, channels)."""
    if isinstance(operation, layers.Conv2DTranspose):
        return _positions(input_shapes[0]) * math.prod(operation.kernel.shape)
    if isinstance(operation, layers.SeparableConv2D):
        per_position = math.prod(operation.depthwise_kernel.shape) + math.prod(
            operation.pointwise_kernel.shape
        )
        return _positions(output_shape) * per_position
    if isinstance(operation, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
        return _positions(output_shape) * math.prod(operation.kernel.shape)
    if isinstance(operation, ClickAttention):
        # q·k for every two places, then the attended values and signs.
        return _positions(output_shape) ** 2 * (input_shapes[0][-1] + output_shape[-1])
    if any(len(variable.shape) > 1 for variable in getattr(operation, "weights", ())):
        raise InputError(
            "Multiply–accumulates are counted for Keras' 2-D convolutions, Dense and the package's "
            "own layers. Replace the layer, or teach fctsfn_tf.evaluation.benchmark to count it. "
            f"Received {type(operation).__name__} '{operation.name}'."
        )
    return 0


def _positions(shape: tuple) -> int:
    """Places at which a layer applies its kernel: all axes but the channels'."""
    return math.prod(shape[:-1])
