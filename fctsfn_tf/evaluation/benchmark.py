"""What a network costs: parameters, multiply–accumulates and seconds, per image and per click."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark_peers import PEERS, made_up_clicks, made_up_photograph
from fctsfn_tf.evaluation.segmenters import Segment
from fctsfn_tf.networks.compact import ClickAttention
from fctsfn_tf.networks.encode_once import compiled_parts, named_inputs, split
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus

# The size MSRN is trained at (paper §3.3).
HEIGHT, WIDTH = 240, 320
# Runs before the clock starts: the first ones compile.
WARM_UP_RUNS = 2
# Clicks that a peer is given, and the click that is timed at each image size: both signs are there.
NUM_PEER_CLICKS = TIMED_CLICK = 3
# Images of the curves of cost.
CURVE_RUNS = 3

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


class Timing(NamedTuple):
    """Wall-clock seconds of several runs: the median, and what 95 % of them stay within."""

    median: float
    p95: float


@dataclass(frozen=True)
class Row:
    """A line of the table; None is not known or does not apply.

    Attributes:
        name: of the network or peer.
        parameters, image_macs, click_macs: see `Cost`.
        image, click: times of the image part and of a click.
        peak_bytes: memory at its peak, above what the process held before.
        remark: why there is nothing else.
    """

    name: str
    parameters: int | None = None
    image_macs: int | None = None
    click_macs: int | None = None
    image: Timing | None = None
    click: Timing | None = None
    peak_bytes: int | None = None
    remark: str = ""


def benchmark_table(
    names: Sequence[str] | None = None,
    height: int = HEIGHT,
    width: int = WIDTH,
    runs: int = 3,
    rng: np.random.Generator | None = None,
    peers: Sequence[str] = (),
) -> str:
    """A Markdown table with one row per network and peer.

    Args:
        names: of `NETWORKS`; None for all of them.
        height, width: of the image, in pixels. The networks pad it to multiples of 32.
        runs: timed runs of each part; 0 to time nothing, which needs no memory for weights
            (FCTSFN's are 577 MB), and leaves the peers out.
        rng: draws the timed inputs; None for a fixed seed.
        peers: of `benchmark_peers.PEERS`; a peer whose library is missing says so in its row.

    Returns:
        Columns: parameters in millions; GMAC of both parts; with `runs`, seconds of both parts
        (median and 95th percentile), the peak of memory, and the time of a click as a multiple of
        the first row's; and what a click would cost more if the image part ran again, by seconds or
        else by GMAC.

    Raises:
        InputError: an unknown name, or a size or number of runs out of range.
    """
    names = list(NETWORKS) if names is None else list(names)
    unknown = [name for name in names if name not in NETWORKS]
    unknown += [name for name in peers if name not in PEERS]
    if unknown:
        raise InputError(
            f"`names` must be among {', '.join(NETWORKS)}, `peers` among {', '.join(PEERS)}. "
            f"Received {', '.join(unknown)}."
        )
    if min(height, width) < 1 or runs < 0:
        raise InputError(
            "The size must be at least 1 × 1 pixel and `runs` 0 or more. "
            f"Received {height} × {width} and {runs} runs."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    rows = [_network_row(name, height, width, runs, rng) for name in names]
    if runs:
        rows += [_peer_row(name, height, width, runs, rng) for name in peers]
    return _markdown(rows, bool(runs))


def _network_row(name: str, height: int, width: int, runs: int, rng: np.random.Generator) -> Row:
    """The network lives only here."""
    parameters, image_macs, click_macs = cost(built_without_weights(NETWORKS[name]), height, width)
    row = Row(name, parameters, image_macs, click_macs)
    if not runs:
        return row
    memory = _PeakMemory()
    image, click = seconds_per_part(NETWORKS[name](), height, width, runs, rng)
    row = replace(row, image=image, click=click, peak_bytes=memory.peak_bytes())
    gc.collect()  # a Keras model is full of cycles; two of FCTSFN's need not fit in memory
    return row


def _peer_row(name: str, height: int, width: int, runs: int, rng: np.random.Generator) -> Row:
    memory = _PeakMemory()
    photograph = made_up_photograph(height, width, rng)
    try:
        work = PEERS[name](photograph, made_up_clicks(height, width, NUM_PEER_CLICKS))
    except InputError as error:
        return Row(name, remark=str(error))
    image = None if work.encode is None else _timing(work.encode, runs)
    click = _timing(work.click, runs, work.before_click)
    row = Row(name, work.parameters, None, None, image, click, memory.peak_bytes())
    gc.collect()
    return row


def _markdown(rows: list[Row], is_timed: bool) -> str:
    header = ["network", "M parameters", "GMAC image", "GMAC click"]
    if is_timed:
        header += ["s image", "p95", "s click", "p95", "peak MB", "click ÷ first row's"]
    header.append("whole ÷ click")
    first = next((row.click for row in rows if row.click), None)
    lines = [header, ["---"] + ["---:"] * (len(header) - 1)]
    for row in rows:
        cells = [
            _scaled(value, scale, form)
            for value, scale, form in (
                (row.parameters, 1e6, ".3f"),
                (row.image_macs, 1e9, ".2f"),
                (row.click_macs, 1e9, ".2f"),
            )
        ]
        image, click = row.image_macs, row.click_macs
        if is_timed:
            times = [
                second for timing in (row.image, row.click) for second in timing or (None, None)
            ]
            cells += [_scaled(second, 1, ".3f") for second in times]
            cells.append(_scaled(row.peak_bytes, 1e6, ".0f"))
            cells.append(f"{row.click.median / first.median:.2f}×" if row.click else row.remark)
            image, click = (timing and timing.median for timing in (row.image, row.click))
        cells.append(f"{(image + click) / click:.1f}×" if image and click else "–")
        lines.append([row.name, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scaled(value: float | None, scale: float, form: str) -> str:
    return "–" if value is None else format(value / scale, form)


class _PeakMemory:
    """The most memory that the process holds from now on, by Linux' own account."""

    def __init__(self) -> None:
        gc.collect()
        self._before = self._kilobytes("VmRSS")
        try:
            # Starts the account of the peak anew (see proc(5)).
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = None

    def peak_bytes(self) -> int | None:
        """The peak above what was held at first; None where the system does not tell."""
        peak = self._kilobytes("VmHWM")
        if peak is None or self._before is None:
            return None
        return max(0, peak - self._before) * 1024

    @staticmethod
    def _kilobytes(name: str) -> int | None:
        try:
            text = Path("/proc/self/status").read_text(encoding="ascii")
        except OSError:
            return None
        return int(text.partition(f"{name}:")[2].split()[0])


def cost_by_size_and_clicks(
    segments: dict[str, Segment], sizes: Sequence[tuple[int, int]], num_clicks: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of a click by image size, and by how many clicks there are.

    Args:
        segments: what segments, by name; see `segmenters`. They take turns on each image, so that
            other work on the machine slows all of them.
        sizes: (height, width) of images. At each, the third click is timed.
        num_clicks: 1 … so many are timed, at the first of `sizes`.

    Returns:
        {name: seconds per size} and {name: seconds per number of clicks}, less the work on the
        image alone where the method tells it; the median of `CURVE_RUNS` images.
    """
    rng = np.random.default_rng(0)
    per_size = [_click_seconds(segments, *size, TIMED_CLICK, rng) for size in sizes]
    by_size = {name: [seconds[name][-1] for seconds in per_size] for name in segments}
    return by_size, _click_seconds(segments, *sizes[0], num_clicks, rng)


def _click_seconds(
    segments: dict[str, Segment], height: int, width: int, num_clicks: int, rng: np.random.Generator
) -> dict[str, list[float]]:
    """{name: seconds of click 1 … `num_clicks`}, medians over images; one image more warms up."""
    clicks = made_up_clicks(height, width, num_clicks)
    runs: dict[str, list[list[float]]] = {name: [] for name in segments}
    for _ in range(1 + CURVE_RUNS):
        image = made_up_photograph(height, width, rng)
        for name, segment in segments.items():
            runs[name].append(_seconds_per_click(segment, image, clicks))
    return {
        name: [statistics.median(times) for times in zip(*of_images[1:], strict=True)]
        for name, of_images in runs.items()
    }


def _seconds_per_click(
    segment: Segment, image: np.ndarray, clicks: tuple[Click, ...]
) -> list[float]:
    """Seconds of each click on one image, less the work on the image alone."""
    previous, seconds = None, []
    for number in range(1, len(clicks) + 1):
        started = time.perf_counter()
        previous = segment(image, clicks[:number], previous)
        encode = getattr(segment, "encode_seconds", 0.0)
        seconds.append(time.perf_counter() - started - encode)
    return seconds


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
) -> tuple[Timing, Timing]:
    """Seconds of the image part and of the click part, each on a batch of one.

    Args:
        model: a network that `encode_once.split` can cut.
        height, width: of the image, in pixels.
        runs: timed runs, at least 1, after two that are not.
        rng: draws an image and click maps.
    """
    image_part, click_part = compiled_parts(model)
    channels = named_inputs(model)["click_maps"].shape[-1]
    image = ops.convert_to_tensor(rng.uniform(0, 255, (1, height, width, 3)), "float32")
    click_maps = ops.convert_to_tensor(rng.uniform(0, 1, (1, height, width, channels)), "float32")
    features = keras.tree.flatten(image_part(image))

    def encode() -> None:
        for feature in keras.tree.flatten(image_part(image)):
            # Devices and JAX work in the background; fetching a number waits for them.
            ops.convert_to_numpy(feature[:1, :1, :1])

    def click() -> None:
        ops.convert_to_numpy(click_part([*features, click_maps]))

    return _timing(encode, runs), _timing(click, runs)


def _timing(
    run: Callable[[], Any], runs: int, before_run: Callable[[], Any] | None = None
) -> Timing:
    """Wall-clock seconds of `run`, warmed up, without those of `before_run`."""
    seconds = []
    for _ in range(WARM_UP_RUNS + runs):
        if before_run is not None:
            before_run()
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    timed = seconds[WARM_UP_RUNS:]
    return Timing(statistics.median(timed), float(np.quantile(timed, 0.95)))


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
            "own layers. Replace the layer, or teach fctsfn_tf.evaluation.benchmark to count it. "
            f"Received {type(operation).__name__} '{operation.name}'."
        )
    return 0


def _positions(shape: tuple) -> int:
    """Places at which a layer applies its kernel: all axes but the channels'."""
    return math.prod(shape[:-1])
