"""What each network and other tool costs, as a table: `fctsfn benchmark`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.cost import built_without_weights, cost
from fctsfn_tf.evaluation.benchmark.peak_memory import PeakMemory
from fctsfn_tf.evaluation.benchmark.peers import PEERS, made_up_clicks, made_up_photograph
from fctsfn_tf.evaluation.benchmark.ritm import ritm_hrnet18s
from fctsfn_tf.evaluation.benchmark.timing import Timing, seconds_per_part, timed
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus

# The size MSRN is trained at (paper §3.3).
HEIGHT, WIDTH = 240, 320
RUNS = 3
# Clicks that a peer is given: both signs are there.
NUM_PEER_CLICKS = 3

NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "FCTSFN": FCTSFN,
    **{f"TSLFN {stride}s": lambda stride=stride: TSLFN(stride) for stride in (8, 16, 32)},
    **{f"TSLFN_{depth} 32s": lambda depth=depth: TSLFN(32, depth) for depth in (1, 2, 3, 4, 5)},
    "TSLFN⁻ 32s": TSLFNMinus,
    "SSFCN 8s": SSFCN,
    "compact": lambda: FCTSFN(backbone="efficientnet_lite2"),
    "compact, MobileNetV2": lambda: FCTSFN(backbone="mobilenet_v2"),
    "RITM HRNet18s": ritm_hrnet18s,
}


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
    runs: int = RUNS,
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
        peers: of `peers.PEERS`; a peer whose library is missing says so in its row.

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
    memory = PeakMemory()
    image, click = seconds_per_part(NETWORKS[name](), height, width, runs, rng)
    row = replace(row, image=image, click=click, peak_bytes=memory.peak_bytes())
    gc.collect()  # a Keras model is full of cycles; two of FCTSFN's need not fit in memory
    return row


def _peer_row(name: str, height: int, width: int, runs: int, rng: np.random.Generator) -> Row:
    memory = PeakMemory()
    photograph = made_up_photograph(height, width, rng)
    try:
        work = PEERS[name](photograph, made_up_clicks(height, width, NUM_PEER_CLICKS))
    except InputError as error:
        return Row(name, remark=str(error))
    image = None if work.encode is None else timed(work.encode, runs)
    click = timed(work.click, runs, work.before_click)
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
