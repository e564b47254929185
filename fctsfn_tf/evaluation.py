"""A click protocol over anything that segments: objects → IoU after every click → a results file.

The robot user clicks, `segment(image, clicks, previous)` answers with a probability, the protocol
makes a mask of it, and so on. What segments may be a network (`predictor_segment`) or any function.
An object on which something goes wrong is named and counted, never averaged in.

A results file is JSON:

    {
      "format": 1,
      "run": {"data": ..., "preset": ..., "seed": ..., "protocol": {...}, "versions": {...}, ...},
      "summary": {"clicks_to_90": ..., "failures_at_90": ..., "mean_iou": [...], ...},
      "objects": [{"name": ..., "ious": [...], "clicks": [[x, y, label], ...], ...}, ...]
    }

While an evaluation runs, the same objects lie as JSON lines beside it in `<file>.partial`, from
which a run that was killed goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fctsfn_tf.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.baselines import BASELINES
from fctsfn_tf.baselines.seeds import SEED_RADIUS
from fctsfn_tf.clicks import Click
from fctsfn_tf.dataset_layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable
from fctsfn_tf.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters, graph_cut
from fctsfn_tf.metrics import MAX_CLICKS, iou, number_of_clicks, number_of_failures
from fctsfn_tf.robot_user import jittered, next_click_paper, next_click_ritm

if TYPE_CHECKING:
    from fctsfn_tf.predictor import Predictor

FORMAT = 1
# IoUs of NoC@80 … NoC@95: the paper's are 85 % and 90 % (§4.1), the literature's 80 to 95 %.
TARGETS = (0.80, 0.85, 0.90, 0.95)
NEXT_CLICK = {"paper": next_click_paper, "ritm": next_click_ritm}
# Packages that can change a result; those that are installed are named in it.
PACKAGES = (
    "fctsfn-tf",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "PyMaxflow",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
)
PROGRESS_SECONDS = 10.0

# (image (H, W, 3) uint8, all clicks so far, previous probability or None) → (H, W) float in [0, 1]
Segment = Callable[[np.ndarray, tuple[Click, ...], np.ndarray | None], np.ndarray]


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

    Raises:
        InputError: no such rule, or a number outside its range.
    """

    rule: str = "ritm"
    threshold: float = 0.49
    graph_cut: GraphCutParameters | None = None
    max_clicks: int = MAX_CLICKS
    until: float | None = None
    is_jittered: bool = False

    def __post_init__(self) -> None:
        if self.rule not in NEXT_CLICK:
            raise InputError(
                f"`rule` must be one of {', '.join(NEXT_CLICK)}. Received {self.rule!r}."
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


@dataclass(frozen=True)
class ObjectResult:
    """What happened on one object.

    Attributes:
        name: of the sample.
        clicks: the robot user's clicks, in order.
        ious: IoU in [0, 1] after click 1, 2, …: `max_clicks` numbers, or fewer if the object was
            left at `until`. Where nothing was left to correct, no more clicks are made and the last
            IoU holds for the rest.
        seconds: wall-clock time of each click, from the click to the mask. The first one includes
            the image part of a network, unless the object before lies in the same image, and for
            the first object of all what the network compiles.
        failure: why the object cannot be counted; None if it can.
    """

    name: str
    clicks: tuple[Click, ...] = ()
    ious: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    failure: str | None = None


@dataclass(frozen=True)
class Results:
    """An evaluation: `run` says of what and how (JSON values), `objects` what came out."""

    run: dict[str, Any]
    objects: tuple[ObjectResult, ...]


def evaluate_object(
    segment: Segment, sample: Sample, protocol: Protocol, seed: int = 0
) -> ObjectResult:
    """One object clicked by the robot user.

    Args:
        segment: called once per click with the image, all clicks so far and its previous answer
            (None at first).
        sample: the object.
        protocol: see `Protocol`.
        seed: of the jitter; each object has its own random numbers, whatever came before it.

    Returns:
        The result. It is a failure if the true mask is empty or does not fit the image, if
        `segment` returns something other than a finite (H, W) float array in [0, 1], or if it
        raises `InputError`. Other exceptions pass through: they are errors of the program.
    """
    failure = _unusable(sample)
    if failure:
        return ObjectResult(sample.name, failure=failure)
    rng = np.random.default_rng([seed, zlib.crc32(sample.name.encode())])
    clicks: list[Click] = []
    ious: list[float] = []
    seconds: list[float] = []
    probability, mask = None, np.zeros_like(sample.gt_mask)
    while len(ious) < protocol.max_clicks:
        click = NEXT_CLICK[protocol.rule](mask, sample.gt_mask, sample.ignore, clicks)
        if click is None:
            ious += [ious[-1]] * (protocol.max_clicks - len(ious))
            break
        if protocol.is_jittered:
            click = jittered(click, sample.gt_mask, rng, sample.ignore, clicks)
        clicks.append(click)
        started = time.perf_counter()
        try:
            probability = segment(sample.image, tuple(clicks), probability)
            _check_probability(probability, sample.gt_mask.shape)
        except InputError as error:
            failure = f"click {len(clicks)}: {error}"
            break
        mask = _binarise(probability, sample.image, clicks, protocol)
        seconds.append(time.perf_counter() - started)
        ious.append(iou(mask, sample.gt_mask, sample.ignore))
        if protocol.until is not None and ious[-1] >= protocol.until:
            break
    return ObjectResult(sample.name, tuple(clicks), tuple(ious), tuple(seconds), failure)


def evaluate(
    objects: Iterable[Sample],
    segment: Segment,
    protocol: Protocol,
    *,
    data: str,
    preset: str,
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
        preset: name of what segments, for the record; it should change with the weights.
        num_objects: how many there are, if known, for the time left.
        output: file for the results; None writes none. Each object is kept in `<output>.partial`
            as soon as it is done; where that exists from a run that was killed, its objects are
            taken over. It is removed when the results are written.
        overwrite: True to replace an existing `output`.

    Returns:
        The results, those taken over included, in the order of `objects`.

    Raises:
        InputError: `output` exists, the partial results come from another data set, preset, seed,
            protocol or machine, two objects have one name, or there are no objects.
    """
    run = _describe_run(data, preset, seed, protocol)
    partial = None
    if output is not None:
        check_writable(output, overwrite)
        partial = _PartialResults(Path(f"{output}.partial"), run)
    done: dict[str, ObjectResult] = {}
    progress = _Progress(num_objects)
    for sample in objects:
        if sample.name in done:
            raise InputError(
                "Every object must have a name of its own. Rename one of the two. "
                f"Received {sample.name!r} twice."
            )
        result = partial.finished.get(sample.name) if partial else None
        is_new = result is None
        if is_new:
            result = evaluate_object(segment, sample, protocol, seed)
            if partial:
                partial.append(result)
        done[sample.name] = result
        progress.update(result, is_new)
    if not done:
        raise InputError("There must be at least one object to evaluate. Received none.")
    results = Results(run, tuple(done.values()))
    if partial:
        write_results(results, output, overwrite)
        partial.remove()
    return results


def evaluate_preset(
    directory: str | Path,
    preset: str | Path,
    protocol: Protocol,
    *,
    names: set[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """A preset's network on a folder of photographs and masks.

    Args:
        directory: the data, see `dataset_layouts.open_dataset`.
        preset: see `presets.load_preset`. Its own threshold and graph cut do not count here: the
            protocol says how the probability becomes a mask. Its zoom-in does.
        names: stems of the images to take; None for all.
        limit: only the first so many objects, for a quick look; None for all.
        protocol, seed, output, overwrite: see `evaluate`.

    Raises:
        InputError: see `dataset_layouts.open_dataset`, `presets.load_preset` and `evaluate`.
    """
    # Keras takes seconds to load, and the rest of this module does without it.
    from fctsfn_tf.predictor import Predictor
    from fctsfn_tf.presets import load_preset

    if output is not None:
        check_writable(output, overwrite)
    num_objects = _count_objects(directory, names, limit)
    model, config = load_preset(preset)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return evaluate(
        _objects(directory, names, limit),
        predictor_segment(Predictor(model, replace(config, graph_cut=False))),
        protocol,
        data=Path(directory).resolve().name,
        # A preset that was trained further keeps its name: the digest tells them apart.
        preset=f"{Path(preset).name}@{digest.hexdigest()[:12]}",
        seed=seed,
        num_objects=num_objects,
        output=output,
        overwrite=overwrite,
    )


def evaluate_baseline(
    directory: str | Path,
    baseline: str,
    protocol: Protocol,
    *,
    names: set[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """A classical method on a folder of photographs and masks.

    Args:
        baseline: a name in `BASELINES`. Most of them end in a graph cut of their own: take a
            protocol without one (`graph_cut=None`).
        directory, names, limit, protocol, seed, output, overwrite: see `evaluate_preset`.

    Raises:
        InputError: no such baseline, or a library that it needs is not installed; and see
            `dataset_layouts.open_dataset` and `evaluate`.
    """
    if baseline not in BASELINES:
        raise InputError(
            f"`baseline` must be one of {', '.join(BASELINES)}. Received {baseline!r:.60}."
        )
    num_objects = _count_objects(directory, names, limit)
    # A library that is not installed is named at once, not object by object.
    BASELINES[baseline](
        np.zeros((9, 9, 3), np.uint8), (Click(1, 1, True), Click(7, 7, False)), None
    )
    return evaluate(
        _objects(directory, names, limit),
        BASELINES[baseline],
        protocol,
        data=Path(directory).resolve().name,
        preset=f"{baseline}, seeds of {SEED_RADIUS:g} px",
        seed=seed,
        num_objects=num_objects,
        output=output,
        overwrite=overwrite,
    )


def predictor_segment(predictor: Predictor) -> Segment:
    """A predictor as a `Segment`: the image part runs once per image, only new clicks are fed.

    An image counts as the same one as long as the same array comes.
    """
    current: list[np.ndarray] = []

    def segment(
        image: np.ndarray, clicks: tuple[Click, ...], previous: np.ndarray | None
    ) -> np.ndarray:
        # The predictor keeps the previous probability itself, at the network's own size.
        if not current or current[0] is not image:
            predictor.set_image(image)
            current[:] = [image]
        pixels = [click.pixel for click in clicks]
        points = [(col, row) for row, col in pixels]
        labels = [int(click.is_positive) for click in clicks]
        return predictor.predict(points, labels).probability

    return segment


def summarise(results: Results) -> dict[str, Any]:
    """The numbers to report, over the objects that did not fail (JSON values).

    - `objects`, `failed`: how many counted and did not; `failures`: {name: why}.
    - `clicks_to_<t>`: mean number of clicks to t % IoU (NoC@t), for t in `TARGETS` up to the
      protocol's `until`; `failures_at_<t>`: objects that never reach it (NoF@t).
    - `mean_iou`: after click 1, 2, …, as far as every object was clicked.
    - `seconds_first_click`, `seconds_per_click`: medians over objects, and over all later clicks.

    Where no object counted, the means are None.
    """
    counted = [result for result in results.objects if result.failure is None]
    failures = {result.name: result.failure for result in results.objects if result.failure}
    summary: dict[str, Any] = {
        "objects": len(counted),
        "failed": len(failures),
        "failures": failures,
    }
    protocol = results.run["protocol"]
    curves = [result.ious for result in counted]
    for target in TARGETS:
        if protocol["until"] is not None and target > protocol["until"]:
            continue
        clicks = [number_of_clicks(ious, target, protocol["max_clicks"]) for ious in curves]
        summary[f"clicks_to_{target:.0%}"[:-1]] = statistics.fmean(clicks) if clicks else None
        summary[f"failures_at_{target:.0%}"[:-1]] = number_of_failures(
            curves, target, protocol["max_clicks"]
        )
    shortest = min((len(ious) for ious in curves), default=0)
    summary["mean_iou"] = [
        statistics.fmean(ious[index] for ious in curves) for index in range(shortest)
    ]
    first = [result.seconds[0] for result in counted]
    later = [seconds for result in counted for seconds in result.seconds[1:]]
    summary["seconds_first_click"] = statistics.median(first) if first else None
    summary["seconds_per_click"] = statistics.median(later) if later else None
    return summary


def write_results(results: Results, path: str | Path, overwrite: bool = False) -> None:
    """Write a results file (see the head of this module), whole or not at all.

    Raises:
        InputError: the file exists and `overwrite` is False, or it cannot be written.
    """
    document = {
        "format": FORMAT,
        "run": results.run,
        "summary": summarise(results),
        "objects": [_object_to_json(result) for result in results.objects],
    }
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    atomic_write(path, lambda file: file.write(text.encode()), overwrite)


def markdown(results: Results) -> str:
    """The summary as Markdown: one table of clicks and failures, one of mean IoUs, the failures."""
    summary, run = summarise(results), results.run
    protocol = run["protocol"]
    binarised = "graph cut" if protocol["graph_cut"] else f"probability > {protocol['threshold']}"
    targets = [key.removeprefix("clicks_to_") for key in summary if key.startswith("clicks_to_")]
    lines = [
        f"**{run['preset']}** on **{run['data']}**: {summary['objects']} objects, "
        f"{protocol['rule']} clicks{' with jitter' if protocol['is_jittered'] else ''}, at most "
        f"{protocol['max_clicks']}, {binarised}, seed {run['seed']}, {run['num_cpus']} CPUs.",
        "",
        "| IoU | mean clicks (NoC) | never reached (NoF) |",
        "|---|---|---|",
        *(
            f"| {target} % | {_shown(summary[f'clicks_to_{target}'], '.2f')} "
            f"| {summary[f'failures_at_{target}']} |"
            for target in targets
        ),
        "",
        "| clicks | mean IoU |",
        "|---|---|",
        *(f"| {index} | {value:.1%} |" for index, value in enumerate(summary["mean_iou"], 1)),
        "",
        f"First click {_shown(summary['seconds_first_click'], '.3f')} s, later clicks "
        f"{_shown(summary['seconds_per_click'], '.3f')} s (medians).",
    ]
    if summary["failed"]:
        lines += ["", f"**{summary['failed']} objects failed and are not counted:**", ""]
        lines += [f"- {name}: {failure}" for name, failure in summary["failures"].items()]
    return "\n".join(lines) + "\n"


def _count_objects(directory: str | Path, names: set[str] | None, limit: int | None) -> int:
    """How many objects will be clicked: for the time left, and to find a damaged file before the
    work and not after it.

    Raises:
        InputError: `limit` is below 1; and see `dataset_layouts.open_dataset`.
    """
    if limit is not None and limit < 1:
        raise InputError(f"`limit` must be 1 or more, or None for all. Received {limit}.")
    return sum(1 for _ in _objects(directory, names, limit))


def _objects(directory: str | Path, names: set[str] | None, limit: int | None) -> Iterator[Sample]:
    """The objects to click, without annotation noise."""
    dataset = open_dataset(directory)
    if names is not None:
        dataset = dataset.only(names)
    return islice(dataset.samples(MIN_OBJECT_SHARE), limit)


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


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


def _describe_run(data: str, preset: str, seed: int, protocol: Protocol) -> dict[str, Any]:
    return {
        "data": data,
        "preset": preset,
        "seed": seed,
        "protocol": asdict(protocol),
        "versions": {"python": platform.python_version(), **dict(_installed(PACKAGES))},
        "num_cpus": os.cpu_count(),
    }


def _installed(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    for package in packages:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def _object_to_json(result: ObjectResult) -> dict[str, Any]:
    points = [[click.col, click.row, int(click.is_positive)] for click in result.clicks]
    return {**asdict(result), "clicks": points}


def _object_from_json(values: dict[str, Any]) -> ObjectResult:
    clicks = tuple(Click(y, x, bool(label)) for x, y, label in values["clicks"])
    return ObjectResult(
        values["name"], clicks, tuple(values["ious"]), tuple(values["seconds"]), values["failure"]
    )


class _PartialResults:
    """The finished objects of an evaluation that has not ended, as JSON lines after a first line
    that says of which run.

    Attributes:
        finished: {name: result} of what was there already.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        """
        Raises:
            InputError: the file belongs to another run, or is none of these files.
        """
        self._path = path
        self.finished: dict[str, ObjectResult] = {}
        # A run that was killed may have left half a line: what follows the last line end.
        text = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        lines = text.splitlines()
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run) + "\n", encoding="utf-8")
            return
        try:
            found = dict(json.loads(lines[0]))
            finished = [_object_from_json(json.loads(line)) for line in lines[1:]]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path} must hold the objects of an evaluation that was broken off. "
                "Remove it to start afresh. Received something else."
            ) from None
        if found != run:
            keys = sorted(run.keys() | found.keys())
            different = [key for key in keys if found.get(key) != run.get(key)]
            raise InputError(
                f"{path} must come from the same evaluation to be continued. Remove it to start "
                f"afresh, or name another output. Received another {', '.join(different)}."
            )
        self.finished = {result.name: result for result in finished}
        with open(path, "r+b") as file:
            file.truncate(len(text) + 1)

    def append(self, result: ObjectResult) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(_object_to_json(result), allow_nan=False) + "\n")

    def remove(self) -> None:
        self._path.unlink()


class _Progress:
    """Lines on stderr: how many objects are done, how good they are, how long it will take."""

    def __init__(self, num_objects: int | None) -> None:
        self._num_objects = num_objects
        self._num_done = self._num_new = self._num_failed = 0
        self._last_ious: list[float] = []
        self._started = self._reported = time.monotonic()

    def update(self, result: ObjectResult, is_new: bool) -> None:
        """Count an object; speak up every `PROGRESS_SECONDS`, and at once about a failure."""
        self._num_done += 1
        self._num_new += is_new
        if result.failure is None:
            self._last_ious.append(result.ious[-1])
        else:
            self._num_failed += 1
            print(f"{result.name} failed: {result.failure}", file=sys.stderr)
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS and self._num_done != self._num_objects:
            return
        self._reported = now
        total = "" if self._num_objects is None else f" of {self._num_objects}"
        line = f"{self._num_done}{total} objects, {self._num_failed} failed"
        if self._last_ious:
            line += f", mean IoU after the last click {statistics.fmean(self._last_ious):.1%}"
        if self._num_objects is not None and self._num_new:
            pace = (now - self._started) / self._num_new
            left = round(pace * (self._num_objects - self._num_done))
            line += f", {left // 60}:{left % 60:02d} min left"
        print(line, file=sys.stderr, flush=True)
