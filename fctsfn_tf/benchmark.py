"""What a network costs: parameters, multiply–accumulates and seconds, per image and per click."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from fctsfn_tf.compact import ClickAttention
from fctsfn_tf.encode_once import compiled_parts, split
from fctsfn_tf.errors import InputError
from fctsfn_tf.model import FCTSFN, SSFCN, TSLFN, TSLFNMinus

# The size MSRN is trained at (paper §3.3).
HEIGHT, WIDTH = 240, 320
# Runs before the clock starts: the first ones compile.
WARM_UP_RUNS = 2

NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "FCTSFN": FCTSFN,
    **{f"TSLFN {stride}s": lambda stride=stride: TSLFN(stride) for stride in (8, 16, 32)},
    **{f"TSLFN_{depth} 32s": lambda depth=depth: TSLFN(32, depth) for depth in (1, 2, 3, 4, 5)},
    "TSLFN⁻ 32s": TSLFNMinus,
    "SSFCN 8s": SSFCN,
    "compact": lambda: FCTSFN(backbone="mobilenet_v2"),
}


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


def benchmark_table(
    names: Sequence[str] | None = None,
    height: int = HEIGHT,
    width: int = WIDTH,
    runs: int = 3,
    rng: np.random.Generator | None = None,
) -> str:
    """A Markdown table with one row per network.

    Args:
        names: of `NETWORKS`; None for all of them.
        height, width: of the image, in pixels. The networks pad it to multiples of 32.
        runs: timed runs of each part, whose median is shown; 0 to time nothing, which needs no
            memory for weights (FCTSFN's are 577 MB).
        rng: draws the timed inputs; None for a fixed seed.

    Returns:
        Columns: parameters in millions; GMAC of both parts; with `runs`, seconds of both parts; and
        what a click would cost more if the image part ran again, by seconds or else by GMAC.

    Raises:
        InputError: an unknown name, or a size or number of runs that makes no sense.
    """
    names = list(NETWORKS) if names is None else list(names)
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        raise InputError(
            f"A network must be one of {', '.join(NETWORKS)}. Received {', '.join(unknown)}."
        )
    if min(height, width) < 1 or runs < 0:
        raise InputError(
            "A benchmark needs a height and width of at least 1 pixel and 0 or more runs. "
            f"Received {height} × {width} and {runs} runs."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    seconds_columns = ["s image", "s click"] if runs else []
    header = [
        "network",
        "M parameters",
        "GMAC image",
        "GMAC click",
        *seconds_columns,
        "whole ÷ click",
    ]
    rows = [header, ["---"] + ["---:"] * (len(header) - 1)]
    rows += [_row(name, height, width, runs, rng) for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, height: int, width: int, runs: int, rng: np.random.Generator) -> list[str]:
    """One line of the table; the network lives only here."""
    model = built_without_weights(NETWORKS[name])
    parameters, image, click = cost(model, height, width)
    cells = [name, f"{parameters / 1e6:.3f}", f"{image / 1e9:.2f}", f"{click / 1e9:.2f}"]
    if runs:
        image, click = seconds_per_part(NETWORKS[name](), height, width, runs, rng)
        cells += [f"{image:.3f}", f"{click:.3f}"]
        gc.collect()  # a Keras model is full of cycles; two of FCTSFN's need not fit in memory
    return [*cells, f"{(image + click) / click:.1f}×"]


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


def seconds_per_part(
    model: keras.Model, height: int, width: int, runs: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Median seconds of the image part and of the click part, each on a batch of one.

    Args:
        model: a network that `encode_once.split` can cut.
        height, width: of the image, in pixels.
        runs: timed runs, at least 1, after two that are not.
        rng: draws an image and click maps.
    """
    image_part, click_part = compiled_parts(model)
    channels = model.input["click_maps"].shape[-1]
    image = ops.convert_to_tensor(rng.uniform(0, 255, (1, height, width, 3)), "float32")
    click_maps = ops.convert_to_tensor(rng.uniform(0, 1, (1, height, width, channels)), "float32")
    features = keras.tree.flatten(image_part(image))

    def encode() -> None:
        for feature in keras.tree.flatten(image_part(image)):
            # Devices and JAX work in the background; fetching a number waits for them.
            ops.convert_to_numpy(feature[:1, :1, :1])

    def click() -> None:
        ops.convert_to_numpy(click_part([*features, click_maps]))

    return _median_seconds(encode, runs), _median_seconds(click, runs)


def _median_seconds(run: Callable[[], Any], runs: int) -> float:
    """Median wall-clock seconds of `run`, warmed up."""
    seconds = []
    for _ in range(WARM_UP_RUNS + runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[WARM_UP_RUNS:])


# Multiply–accumulates


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
            "own layers. Replace the layer, or teach fctsfn_tf.benchmark to count it. "
            f"Received {type(operation).__name__} '{operation.name}'."
        )
    return 0


def _positions(shape: tuple) -> int:
    """Places at which a layer applies its kernel: all axes but the channels'."""
    return math.prod(shape[:-1])
