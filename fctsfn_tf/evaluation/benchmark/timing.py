"""Seconds of a network's parts, and of a click by image size and number of clicks."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.benchmark.peers import made_up_clicks, made_up_photograph
from fctsfn_tf.evaluation.segmenters import Segment
from fctsfn_tf.networks.encode_once import compiled_parts, named_inputs

# Runs before the clock starts: the first ones compile.
WARM_UP_RUNS = 2
# The click that is timed at each image size: both signs are there.
TIMED_CLICK = 3
# Images of the curves of cost.
CURVE_RUNS = 3


class Timing(NamedTuple):
    """Wall-clock seconds of several runs: the median, and what 95 % of them stay within."""

    median: float
    p95: float


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
        for output in keras.tree.flatten(click_part([*features, click_maps])):
            ops.convert_to_numpy(output)

    return timed(encode, runs), timed(click, runs)


def timed(
    run: Callable[[], object], runs: int, before_run: Callable[[], object] | None = None
) -> Timing:
    """Wall-clock seconds of `run`, warmed up, without those of `before_run`."""
    timer = timeit.Timer(run, before_run or "pass")
    seconds = timer.repeat(WARM_UP_RUNS + runs, number=1)[WARM_UP_RUNS:]
    return Timing(statistics.median(seconds), float(np.quantile(seconds, 0.95)))


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
