"""A click protocol over anything that segments: objects → IoU after every click.

The robot user clicks, `segment(image, clicks, previous)` answers with a probability, the protocol
makes a mask of it, and so on. What segments may be a network or a classical method (`Segmenter`),
or any function. An object on which something goes wrong is named and counted, never averaged in.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import (
    MIN_OBJECT_SHARE,
    AnnotatedImage,
    Dataset,
    Sample,
    samples_of,
)
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import MAX_CLICKS, boundary_iou, decidability_index, iou
from fctsfn_tf.evaluation.results import ObjectResult, PartialResults, Results, write_results
from fctsfn_tf.evaluation.robot_user import jittered, next_click_paper, next_click_ritm
from fctsfn_tf.evaluation.segmenters import Segment, Segmenter
from fctsfn_tf.files import check_writable, printable
from fctsfn_tf.images.click_constraints import click_constraints
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters, graph_cut

NEXT_CLICK = {"paper": next_click_paper, "ritm": next_click_ritm}
# Which errors the robot user may click (paper §4.2).
CHOICES = ("free-choice", "all-positive", "single-positive")
# So far from a click, in pixels, responses count as its own in the decidability index (§4.2).
DECIDABILITY_RADIUS = 10
# Packages that can change a result; those that are installed are named in it.
PACKAGES = (
    "fctsfn-tf",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "PyMaxflow",
    "scikit-learn",
    "scipy",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
)
PROGRESS_SECONDS = 10.0
# What tells the libraries how many threads a process may start.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Protocol:
    """How the robot user clicks, and what counts as the mask.

    Attributes:
        rule: "paper" or "ritm": where the next click goes, see `robot_user`.
        threshold: the mask is where the probability is above this (RITM: 0.49).
        graph_cut: parameters to cut the probability with instead (paper §4.1); None for the
            threshold.
        max_clicks: clicks per object (paper §4.1: 20).
        until: None to make all clicks, which the mean IoU after each click needs; or the IoU at
            which an object is left, which is quicker and changes no number of clicks to targets up
            to this one.
        is_jittered: True to move every click as a person's hand would, see `robot_user.jittered`.
        choice: which errors are clicked: "free-choice", all of them; "all-positive", missed object
            alone; "single-positive", that at the first click and false object afterwards. Where no
            such error is left, no more clicks are made.
        measures_decidability: True to measure the decidability index after every click.

    Raises:
        InputError: no such rule, or a number outside its range.
    """

    rule: str = "ritm"
    threshold: float = 0.49
    graph_cut: GraphCutParameters | None = None
    max_clicks: int = MAX_CLICKS
    until: float | None = None
    is_jittered: bool = False
    choice: str = "free-choice"
    measures_decidability: bool = False

    def __post_init__(self) -> None:
        if self.rule not in NEXT_CLICK:
            raise InputError(
                f"`rule` must be one of {', '.join(NEXT_CLICK)}. Received {self.rule!r}."
            )
        if self.choice not in CHOICES:
            raise InputError(
                f"`choice` must be one of {', '.join(CHOICES)}. Received {self.choice!r}."
            )
        if not 0 <= self.threshold < 1:
            raise InputError(f"`threshold` must be in [0, 1). Received {self.threshold!r}.")
        if self.max_clicks < 1:
            raise InputError(f"`max_clicks` must be 1 or more. Received {self.max_clicks!r}.")
        if self.until is not None and not 0 < self.until <= 1:
            raise InputError(
                "`until` must be an IoU in (0, 1], or None to make all clicks. "
                f"Received {self.until!r}."
            )


# The paper's (§4.1) and the one that the literature reports since 2021 (RITM).
PROTOCOLS = {
    "paper": Protocol(rule="paper", graph_cut=DEFAULT_PARAMETERS),
    "ritm": Protocol(rule="ritm"),
}


def evaluate_object(
    segment: Segment, sample: Sample, protocol: Protocol, seed: int = 0, position: int = 0
) -> ObjectResult:
    """One object clicked by the robot user.

    Args:
        segment: called once per click with the image, all clicks so far and its previous answer
            (None at first); see `segmenters`.
        sample: the object.
        protocol: see `Protocol`.
        seed: of the jitter; each object has its own random numbers, whatever came before it.
        position: of its photograph in the data set, for the record.

    Returns:
        The result. It is a failure if the true mask is empty or does not fit the image, if
        `segment` returns something other than a finite (H, W) float array in [0, 1], or if it
        raises `InputError`. Other exceptions pass through: they are errors of the program.
    """
    failure = _unusable(sample)
    if failure:
        return ObjectResult(sample.name, position, failure=failure)
    started = time.perf_counter()
    record = _Record(protocol.measures_decidability)
    rng = np.random.default_rng([seed, zlib.crc32(sample.name.encode())])
    clicks: list[Click] = []
    probability, mask = None, np.zeros_like(sample.gt_mask)
    while len(record.ious) < protocol.max_clicks:
        click = _next_click(protocol, mask, sample, clicks, rng)
        if click is None:
            record.hold(protocol.max_clicks)
            break
        clicks.append(click)
        asked = time.perf_counter()
        try:
            probability = segment(sample.image, tuple(clicks), probability)
            _check_probability(probability, sample.gt_mask.shape)
        except InputError as error:
            failure = f"click {len(clicks)}: {error}"
            break
        mask = _binarise(probability, sample.image, clicks, protocol)
        record.time(time.perf_counter() - asked, getattr(segment, "encode_seconds", 0.0))
        record.measure(probability, mask, sample, clicks, protocol)
        if protocol.until is not None and record.ious[-1] >= protocol.until:
            break
    robot = time.perf_counter() - started - sum(record.seconds) - sum(record.encode_seconds)
    return ObjectResult(
        sample.name,
        position,
        tuple(clicks),
        tuple(record.ious),
        tuple(record.boundary_ious),
        tuple(record.decidability),
        tuple(record.seconds),
        tuple(record.encode_seconds),
        # A click that failed is nobody's measured time.
        0.0 if failure else robot,
        failure,
    )


class _Record:
    """What is measured on one object, after each click; see `ObjectResult`."""

    def __init__(self, measures_decidability: bool) -> None:
        self._measures_decidability = measures_decidability
        self.ious: list[float] = []
        self.boundary_ious: list[float] = []
        self.decidability: list[float] = []
        self.seconds: list[float] = []
        self.encode_seconds: list[float] = []

    def time(self, seconds: float, encode_seconds: float) -> None:
        self.seconds.append(max(0.0, seconds - encode_seconds))
        self.encode_seconds.append(encode_seconds)

    def measure(
        self,
        probability: np.ndarray,
        mask: np.ndarray,
        sample: Sample,
        clicks: list[Click],
        protocol: Protocol,
    ) -> None:
        self.ious.append(iou(mask, sample.gt_mask, sample.ignore))
        self.boundary_ious.append(boundary_iou(mask, sample.gt_mask, sample.ignore))
        if self._measures_decidability:
            self.decidability.append(object_decidability(probability, sample, clicks, protocol))

    def hold(self, max_clicks: int) -> None:
        """No more clicks are made: what holds now holds for the rest."""
        for values in (self.ious, self.boundary_ious, self.decidability):
            values += values[-1:] * (max_clicks - len(values))


def object_decidability(
    probability: np.ndarray, sample: Sample, clicks: list[Click], protocol: Protocol
) -> float:
    """Decidability index of the responses around the clicks of the two signs.

    A pixel is around the nearest click within `DECIDABILITY_RADIUS`; ignored ones are left out.
    Without negative clicks the whole background stands in for their surroundings; with the choice
    "single-positive", from its first negative click on, the whole object stands in for those of the
    positive one.

    Source: paper Eq. 2 and §4.2, "free-choice", "all-positive", "single-positive".
    """
    around = click_constraints(clicks, *probability.shape, DECIDABILITY_RADIUS)
    positive, negative = around > 0, around < 0
    if not negative.any():
        negative = ~sample.gt_mask
    elif protocol.choice == "single-positive":
        positive = sample.gt_mask
    counts = ~sample.ignore
    positive, negative = probability[positive & counts], probability[negative & counts]
    # An object that fills its photograph leaves no background to tell it from.
    if not positive.size or not negative.size:
        return float("inf")
    return decidability_index(positive, negative)


def _next_click(
    protocol: Protocol,
    mask: np.ndarray,
    sample: Sample,
    clicks: list[Click],
    rng: np.random.Generator,
) -> Click | None:
    """The robot user's next click; None where nothing is left that it may correct."""
    if protocol.choice == "all-positive":
        mask = mask & sample.gt_mask  # hides what is false
    elif protocol.choice == "single-positive" and clicks:
        mask = mask | sample.gt_mask  # hides what is missed
    click = NEXT_CLICK[protocol.rule](mask, sample.gt_mask, sample.ignore, clicks)
    if click is not None and protocol.is_jittered:
        return jittered(click, sample.gt_mask, rng, sample.ignore, clicks)
    return click


def evaluate(
    objects: Iterable[Sample],
    segment: Segment,
    protocol: Protocol,
    *,
    data: str,
    model: str,
    seed: int = 0,
    num_objects: int | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Every object clicked by the robot user; progress and time left go to stderr.

    Args:
        objects: samples with names of their own.
        segment, protocol, seed: see `evaluate_object`.
        data: name of the data set, for the record.
        model: name of what segments, for the record; it should change with the weights.
        num_objects: how many there are, if known, for the time left.
        output: file for the results; None writes none. Each object is kept in `<output>.partial`
            as soon as it is done; where that exists from a run that was killed, its objects are
            taken over. It is removed when the results are written.
        overwrite: True to replace an existing `output`.

    Returns:
        The results, those taken over included, in the order of `objects`.

    Raises:
        InputError: `output` exists, the partial results come from another data set, model, seed,
            protocol or machine, two objects have one name, or there are no objects.
    """
    run = _describe_run(data, model, seed, protocol)
    collected = _Collected(run, output, overwrite)
    progress = _Progress(num_objects, "objects")
    for position, sample in enumerate(objects):
        result = collected.finished.get(sample.name)
        is_new = result is None
        if is_new:
            result = evaluate_object(segment, sample, protocol, seed, position)
        collected.add(result, is_new)
        progress.update([result], is_new)
    return collected.results()


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a data set, for a machine of its own: every `count`-th
    photograph from number `index` on, counted from 1.

    Raises:
        InputError: `index` is not in 1 … `count`.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(
                f"A shard must be one of 1/{self.count} … {self.count}/{self.count}. "
                f"Received {self.index}/{self.count}."
            )

    def positions(self, num_images: int) -> range:
        """Its photographs' numbers, from 0."""
        return range(self.index - 1, num_images, self.count)


def evaluate_dataset(
    dataset: Dataset,
    segmenter: Segmenter,
    protocol: Protocol,
    *,
    data: str,
    min_share: float = MIN_OBJECT_SHARE,
    limit: int | None = None,
    shard: Shard | None = None,
    workers: int = 1,
    seed: int = 0,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Every object of a data set clicked by the robot user; see `evaluate`.

    A photograph that cannot be used (unreadable, without its mask, an empty mask) is a failure with
    its name.

    Args:
        dataset: see `dataset_layouts.open_dataset`.
        segmenter: a network or a classical method.
        data: name of the data set, for the record.
        min_share: objects that cover less of their photograph are left out.
        limit: only the first so many photographs, for a quick look; None for all.
        shard: the part to evaluate; None for all. `results.merge` joins them.
        workers: processes. With one, objects are kept in `<output>.partial` one by one; with more,
            photograph by photograph.
        protocol, seed, output, overwrite: see `evaluate`.

    Returns:
        The results, in the order of the data set.

    Raises:
        InputError: see `evaluate` and `Segmenter.build`; or a number below 1.
    """
    for name, number in (("limit", limit), ("workers", workers)):
        if number is not None and number < 1:
            raise InputError(f"`{name}` must be 1 or more. Received {number}.")
    if output is not None:
        check_writable(output, overwrite)
    shard = shard or Shard()
    images = dataset.images[:limit]
    name, segment = segmenter.build()
    run = _describe_run(data, name, seed, protocol)
    run |= {"photographs": len(images), "min_share": min_share, "shard": [shard.index, shard.count]}
    collected = _Collected(run, output, overwrite)
    positions = shard.positions(len(images))
    progress = _Progress(len(positions), "photographs")
    task = _Task(dataset, segmenter, protocol, min_share, seed, frozenset(collected.finished))
    if workers == 1:
        for position in positions:
            results = []
            for result in task.results(position, segment):
                known = collected.finished.get(result.name)
                collected.add(known or result, known is None)
                results.append(known or result)
            progress.update(results, True)
    else:
        for results in _in_processes(task, positions, workers):
            for result in results:
                known = collected.finished.get(result.name)
                collected.add(known or result, known is None)
            progress.update(results, True)
    return collected.results()


@dataclass(frozen=True)
class _Task:
    """What a process needs to evaluate photographs."""

    dataset: Dataset
    segmenter: Segmenter
    protocol: Protocol
    min_share: float
    seed: int
    finished: frozenset[str]

    def results(self, position: int, segment: Segment) -> Iterator[ObjectResult]:
        """The objects of one photograph; of those that are finished only the name."""
        image = self.dataset.images[position]
        try:
            objects = list(self._objects(image))
        except InputError as error:
            yield ObjectResult(image.name, position, failure=str(error))
            return
        for sample in objects:
            if sample.name in self.finished:
                yield ObjectResult(sample.name, position)
            else:
                yield evaluate_object(segment, sample, self.protocol, self.seed, position)

    def _objects(self, image: AnnotatedImage) -> Iterator[Sample]:
        pixels, objects = image.read_masks()
        self.dataset.check_objects(image, objects)
        return samples_of(image.name, pixels, objects, self.min_share)


def _in_processes(
    task: _Task, positions: Iterable[int], workers: int
) -> Iterator[list[ObjectResult]]:
    """The photographs' results as they come, each process with its share of the cores."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _environment(dict.fromkeys(THREAD_VARIABLES, str(threads))),
        ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=_start_process, initargs=(task, threads)
        ) as pool,
    ):
        waiting = [pool.submit(_results_of, position) for position in positions]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_process: tuple[_Task, Segment] | None = None


def _start_process(task: _Task, threads: int) -> None:
    global _process
    cv2.setNumThreads(threads)
    _process = task, task.segmenter.build()[1]


def _results_of(position: int) -> list[ObjectResult]:
    task, segment = _process
    return list(task.results(position, segment))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Collected:
    """The objects of a run as they come, kept on disk meanwhile; see `evaluate`."""

    def __init__(self, run: dict[str, Any], output: str | Path | None, overwrite: bool) -> None:
        self._run, self._output, self._overwrite = run, output, overwrite
        self._partial = None
        if output is not None:
            check_writable(output, overwrite)
            self._partial = PartialResults(Path(f"{output}.partial"), run)
        self.finished = self._partial.finished if self._partial else {}
        self._done: dict[str, ObjectResult] = {}

    def add(self, result: ObjectResult, is_new: bool) -> None:
        if result.name in self._done:
            raise InputError(
                "Every object must have a name of its own. Rename one of the two. "
                f"Received {result.name!r} twice."
            )
        self._done[result.name] = result
        if is_new and self._partial:
            self._partial.append(result)

    def results(self) -> Results:
        """All of them in the order of the data set, written to the output."""
        if not self._done:
            raise InputError("There must be at least one object to evaluate. Received none.")
        # Sorting is stable: the objects of one photograph come in order.
        objects = sorted(self._done.values(), key=lambda result: result.position)
        results = Results(self._run, tuple(objects))
        if self._partial:
            write_results(results, self._output, self._overwrite)
            self._partial.remove()
        return results


def _unusable(sample: Sample) -> str | None:
    """Why a sample cannot be evaluated; None if it can."""
    size = sample.image.shape[:2]
    for name, array in (("gt_mask", sample.gt_mask), ("ignore", sample.ignore)):
        if array.shape != size or array.dtype != bool:
            return f"{name} is {array.dtype} {array.shape}, not bool {size} as the image"
    if not (sample.gt_mask & ~sample.ignore).any():
        return "gt_mask is empty"
    return None


def _check_probability(probability: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse an answer of `segment` that is no probability of this size, (height, width).

    Raises:
        InputError: it is of another size or kind, not finite, or outside of [0, 1].
    """
    if probability.shape != size or not np.issubdtype(probability.dtype, np.floating):
        raise InputError(
            f"The probability must be float {size} as the image. "
            f"Received {probability.dtype} {probability.shape}."
        )
    if not np.isfinite(probability).all():
        raise InputError("The probability must be finite. Received NaN or infinity.")
    if probability.min() < 0 or probability.max() > 1:
        raise InputError(
            "The probability must be in [0, 1]. "
            f"Received {probability.min():g} to {probability.max():g}."
        )


def _binarise(
    probability: np.ndarray, image: np.ndarray, clicks: list[Click], protocol: Protocol
) -> np.ndarray:
    if protocol.graph_cut is None:
        return probability > protocol.threshold
    return graph_cut(probability, image, clicks, protocol.graph_cut)


def _describe_run(data: str, model: str, seed: int, protocol: Protocol) -> dict[str, Any]:
    return {
        "data": data,
        "model": model,
        "seed": seed,
        "protocol": asdict(protocol),
        "shard": [1, 1],
        "versions": {"python": platform.python_version(), **dict(_installed(PACKAGES))},
        "num_cpus": os.cpu_count(),
    }


def _installed(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    for package in packages:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


class _Progress:
    """Lines on stderr: how many are done, how good they are, how long it will take."""

    def __init__(self, total: int | None, unit: str) -> None:
        """`total` of the `unit` ("objects", "photographs") will come, or nobody knows."""
        self._total, self._unit = total, unit
        self._num_done = self._num_new = self._num_failed = 0
        self._last_ious: list[float] = []
        self._started = self._reported = time.monotonic()

    def update(self, results: list[ObjectResult], is_new: bool) -> None:
        """Count one more unit and its objects; speak up every `PROGRESS_SECONDS`, and at once about
        a failure."""
        self._num_done += 1
        self._num_new += is_new
        for result in results:
            if result.failure is not None:
                self._num_failed += 1
                print(f"{printable(result.name)} failed: {result.failure}", file=sys.stderr)
            elif result.ious:
                self._last_ious.append(result.ious[-1])
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS and self._num_done != self._total:
            return
        self._reported = now
        total = "" if self._total is None else f" of {self._total}"
        line = f"{self._num_done}{total} {self._unit}, {self._num_failed} failed"
        if self._last_ious:
            line += f", mean IoU after the last click {statistics.fmean(self._last_ious):.1%}"
        if self._total is not None and self._num_new:
            pace = (now - self._started) / self._num_new
            left = round(pace * (self._total - self._num_done))
            line += f", {left // 60}:{left % 60:02d} min left"
        print(line, file=sys.stderr, flush=True)
