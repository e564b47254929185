"""Results of an evaluation: files of them, their summary, tables, and several joined to one.

A results file is JSON:

    {
      "format": 2,
      "run": {"data": ..., "model": ..., "seed": ..., "protocol": {...}, "versions": {...}, ...},
      "summary": {"clicks_to_90": ..., "failures_at_90": ..., "mean_iou": [...], ...},
      "objects": [{"name": ..., "ious": [...], "clicks": [[x, y, label], ...], ...}, ...]
    }

While an evaluation runs, the same objects lie as JSON lines beside it in `<file>.partial`, from
which a run that was killed goes on.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import (
    HARMFUL_DROP,
    bootstrap_interval,
    harmful_clicks,
    number_of_clicks,
    number_of_failures,
)
from fctsfn_tf.files import atomic_write, printable

FORMAT = 2
# IoUs of NoC@80 … NoC@95: the paper's are 85 % and 90 % (§4.1), the literature's 80 to 95 %.
TARGETS = (0.80, 0.85, 0.90, 0.95)
# Digits after the point of seconds in files, and of IoUs in tables. In files these are kept whole:
# one that is rounded up to a target would reach it.
DIGITS = 6


@dataclass(frozen=True)
class ObjectResult:
    """What happened on one object.

    Attributes:
        name: of the sample.
        position: which photograph of the data set it lies in, from 0.
        clicks: the robot user's clicks, in order.
        ious: IoU in [0, 1] after click 1, 2, …: `max_clicks` numbers, or fewer if the object was
            left at `until`. Where nothing was left to correct, no more clicks are made and the last
            IoU holds for the rest.
        boundary_ious: Boundary IoU after each of them.
        decidability: index of Eq. 2 after each of them; infinite where all responses of a side
            are equal. Empty unless the protocol asks for it.
        seconds: wall-clock time of each click, from the click to the mask, less `encode_seconds`.
            The first for the first object of all includes what a network compiles.
        encode_seconds: time of each click that went into the image part of a network; 0 for methods
            without one, and where the object before lies in the same view of the same image.
        robot_seconds: time that all of the robot user's choices and the measures took.
        failure: why the object cannot be counted; None if it can.
    """

    name: str
    position: int = 0
    clicks: tuple[Click, ...] = ()
    ious: tuple[float, ...] = ()
    boundary_ious: tuple[float, ...] = ()
    decidability: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    encode_seconds: tuple[float, ...] = ()
    robot_seconds: float = 0.0
    failure: str | None = None


@dataclass(frozen=True)
class Results:
    """An evaluation: `run` says of what and how (JSON values), `objects` what came out."""

    run: dict[str, Any]
    objects: tuple[ObjectResult, ...]

    @property
    def counted(self) -> list[ObjectResult]:
        """The objects that did not fail."""
        return [result for result in self.objects if result.failure is None]

    @property
    def targets(self) -> list[float]:
        """The IoUs of `TARGETS` up to which the objects were clicked."""
        until = self.run["protocol"]["until"]
        return [target for target in TARGETS if until is None or target <= until]

    @property
    def finished(self) -> float:
        """The IoU at which an object counts as done: the last of `TARGETS`, or `until` if less."""
        until = self.run["protocol"]["until"]
        return TARGETS[-1] if until is None else min(until, TARGETS[-1])

    def harmful_clicks(self, result: ObjectResult) -> tuple[int, int]:
        """Of one object: how many clicks lowered its IoU, and of how many after the first; see
        `metrics.harmful_clicks`."""
        # Where nothing was left to correct, the last IoU is repeated without a click.
        return harmful_clicks(result.ious[: len(result.clicks)], self.finished)

    def clicks_to(self, target: float) -> list[int]:
        """NoC@target of each counted object."""
        return [
            number_of_clicks(result.ious, target, self.run["protocol"]["max_clicks"])
            for result in self.counted
        ]

    def ious_after(self, num_clicks: int) -> list[float]:
        """IoU of each counted object after so many clicks.

        Raises:
            InputError: an object was left before.
        """
        short = [result.name for result in self.counted if len(result.ious) < num_clicks]
        if short:
            raise InputError(
                f"The IoU after {num_clicks} clicks needs objects that are clicked so often. "
                f"Evaluate without `until`. Received {len(short)} that were left before, the first "
                f"{printable(short[0])}."
            )
        return [result.ious[num_clicks - 1] for result in self.counted]


# ---- The numbers -------------------------------------------------------------------------------


def summarise(results: Results) -> dict[str, Any]:
    """The numbers to report, over the objects that did not fail (JSON values).

    - `objects`, `failed`: how many counted and did not; `failures`: {name: why}.
    - `clicks_to_<t>`: mean number of clicks to t % IoU (NoC@t), for t in `TARGETS` up to the
      protocol's `until`, `clicks_to_<t>_interval` its 95 % bootstrap interval over objects;
      `failures_at_<t>`: objects that never reach it (NoF@t).
    - `mean_iou`, `mean_iou_interval`, `mean_boundary_iou`: after click 1, 2, …, as far as every
      object was clicked.
    - `harmful_clicks`: share of the clicks that lowered the IoU by more than 2 points, among the
      `later_clicks`: all clicks after an object's first, until it is `Results.finished`.
    - `mean_decidability`: after click 1, 2, …, over the objects whose index is finite;
      `infinite_decidability`: how many are not.
    - `seconds_encode`, `seconds_first_click`, `seconds_per_click`: medians of the image part, over
      the clicks that ran it; of the rest of the first click; and of that of all later clicks.
    - `robot_share`: share of the robot user and the measures in the time of all.

    Where no object counted, the means are None.
    """
    counted = results.counted
    failures = {result.name: result.failure for result in results.objects if result.failure}
    summary: dict[str, Any] = {
        "objects": len(counted),
        "failed": len(failures),
        "failures": failures,
    }
    max_clicks = results.run["protocol"]["max_clicks"]
    curves = [result.ious for result in counted]
    for target in results.targets:
        clicks, key = results.clicks_to(target), f"{target:.0%}"[:-1]
        summary[f"clicks_to_{key}"] = statistics.fmean(clicks) if clicks else None
        summary[f"clicks_to_{key}_interval"] = _interval(clicks) if clicks else None
        summary[f"failures_at_{key}"] = number_of_failures(curves, target, max_clicks)
    columns = _columns(curves)
    summary["mean_iou"] = [statistics.fmean(column) for column in columns]
    summary["mean_iou_interval"] = [_interval(column) for column in columns]
    edges = _columns([result.boundary_ious for result in counted])
    summary["mean_boundary_iou"] = [statistics.fmean(column) for column in edges]
    summary |= _harmful_clicks(results)
    summary |= _decidability([result.decidability for result in counted])
    return summary | _times(counted)


def _columns(curves: list[Sequence[float]]) -> list[tuple[float, ...]]:
    """What all objects had after click 1, 2, …, as far as every one was clicked."""
    return list(zip(*curves, strict=False))


def _harmful_clicks(results: Results) -> dict[str, Any]:
    counts = [results.harmful_clicks(result) for result in results.counted]
    harmful, later = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return {"harmful_clicks": harmful / later if later else None, "later_clicks": later}


def _interval(values: Sequence[float]) -> list[float]:
    return list(bootstrap_interval(values, np.random.default_rng(0)))


def _decidability(curves: list[Sequence[float]]) -> dict[str, Any]:
    columns = _columns(curves)
    if not columns:
        return {}
    finite = [[value for value in column if math.isfinite(value)] for column in columns]
    return {
        "mean_decidability": [statistics.fmean(column) if column else None for column in finite],
        "infinite_decidability": [len(curves) - len(column) for column in finite],
    }


def _times(counted: list[ObjectResult]) -> dict[str, float | None]:
    def median(values: list[float]) -> float | None:
        return statistics.median(values) if values else None

    encode = [seconds for result in counted for seconds in result.encode_seconds if seconds]
    segment = sum(sum(result.seconds) + sum(result.encode_seconds) for result in counted)
    robot = sum(result.robot_seconds for result in counted)
    return {
        "seconds_encode": median(encode),
        "seconds_first_click": median([result.seconds[0] for result in counted if result.seconds]),
        "seconds_per_click": median([s for result in counted for s in result.seconds[1:]]),
        "robot_share": robot / (robot + segment) if robot + segment else None,
    }


# ---- Tables ------------------------------------------------------------------------------------


def markdown(results: Results) -> str:
    """The summary as Markdown: one table of clicks and failures, one of mean IoUs, the failures."""
    summary = summarise(results)
    keys = [f"{target:.0%}"[:-1] for target in results.targets]
    lines = [
        describe(results),
        "",
        "| IoU | mean clicks (NoC) | 95 % interval | never reached (NoF) |",
        "|---|---|---|---|",
        *(
            f"| {key} % | {shown(summary[f'clicks_to_{key}'], '.2f')} "
            f"| {_shown_interval(summary[f'clicks_to_{key}_interval'], '.2f')} "
            f"| {summary[f'failures_at_{key}']} |"
            for key in keys
        ),
        "",
        "| clicks | mean IoU | 95 % interval | mean Boundary IoU |",
        "|---|---|---|---|",
    ]
    edges = summary["mean_boundary_iou"]
    for index, value in enumerate(summary["mean_iou"]):
        edge = edges[index] if index < len(edges) else None
        interval = _shown_interval(summary["mean_iou_interval"][index], ".1%")
        lines.append(f"| {index + 1} | {value:.1%} | {interval} | {shown(edge, '.1%')} |")
    lines += [
        "",
        f"Of the {summary['later_clicks']} clicks after an object's first and until "
        f"{results.finished:.0%} IoU, {shown(summary['harmful_clicks'], '.1%')} lowered the IoU by "
        f"more than {100 * HARMFUL_DROP:g} points.",
    ]
    lines += _decidability_lines(summary, results.run["protocol"]["choice"])
    lines += [
        "",
        f"Medians: image part {shown(summary['seconds_encode'], '.3f')} s, first click "
        f"{shown(summary['seconds_first_click'], '.3f')} s, later clicks "
        f"{shown(summary['seconds_per_click'], '.3f')} s. Robot user and measures: "
        f"{shown(summary['robot_share'], '.0%')} of the time.",
    ]
    if summary["failed"]:
        lines += ["", f"**{summary['failed']} objects failed and are not counted:**", ""]
        lines += [
            f"- {printable(name)}: {failure}" for name, failure in summary["failures"].items()
        ]
    return "\n".join(lines) + "\n"


def describe(results: Results) -> str:
    """One line: what was evaluated, on what, and how."""
    run, protocol = results.run, results.run["protocol"]
    binarised = "graph cut" if protocol["graph_cut"] else f"probability > {protocol['threshold']}"
    jitter = " with jitter" if protocol["is_jittered"] else ""
    until = f" until {protocol['until']:.0%}" if protocol["until"] else ""
    shard = "" if run["shard"] == [1, 1] else f", shard {run['shard'][0]}/{run['shard'][1]}"
    return (
        f"**{run['model']}** on **{run['data']}**: {len(results.counted)} objects, "
        f"{protocol['rule']} clicks{jitter}{until}, at most {protocol['max_clicks']}, "
        f"{binarised}, seed {run['seed']}, {run['num_cpus']} CPUs{shard}."
    )


def _decidability_lines(summary: dict[str, Any], choice: str) -> list[str]:
    if "mean_decidability" not in summary:
        return []
    values = zip(summary["mean_decidability"], summary["infinite_decidability"], strict=True)
    return [
        "",
        f"| clicks ({choice}) | decidability index | infinite, not counted |",
        "|---|---|---|",
        *(
            f"| {index} | {shown(value, '.2f')} | {infinite} |"
            for index, (value, infinite) in enumerate(values, 1)
        ),
    ]


def table_of_objects(results: Results) -> str:
    """One line per object as CSV: failure, number of clicks to each target, clicks that lowered the
    IoU, IoU after each click, and the seconds of all its clicks."""
    targets = results.targets
    max_clicks = results.run["protocol"]["max_clicks"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    numbers = range(1, max_clicks + 1)
    writer.writerow(
        ["object", "failure"]
        + [f"clicks_to_{target:.0%}"[:-1] for target in targets]
        + ["harmful_clicks"]
        + [f"iou_{number}" for number in numbers]
        + ["seconds", "encode_seconds"]
    )
    for result in results.objects:
        clicks = [
            number_of_clicks(result.ious, target, max_clicks) if result.failure is None else ""
            for target in targets
        ]
        harmful = results.harmful_clicks(result)[0] if result.failure is None else ""
        ious = [f"{value:.{DIGITS}f}" for value in result.ious]
        ious += [""] * (max_clicks - len(ious))
        times = [f"{sum(values):.3f}" for values in (result.seconds, result.encode_seconds)]
        writer.writerow([result.name, result.failure or "", *clicks, harmful, *ious, *times])
    return file.getvalue()


def shown(value: float | None, form: str) -> str:
    """A number in a table; a dash for None."""
    return "–" if value is None else format(value, form)


def _shown_interval(interval: Sequence[float] | None, form: str) -> str:
    return "–" if interval is None else " … ".join(format(end, form) for end in interval)


# ---- Files -------------------------------------------------------------------------------------


def write_results(results: Results, path: str | Path, overwrite: bool = False) -> None:
    """Write a results file (see the head of this module), whole or not at all.

    Raises:
        InputError: the file exists and `overwrite` is False, or it cannot be written.
    """
    head = {"format": FORMAT, "run": results.run, "summary": summarise(results)}
    # One object a line: half the size of indented JSON, and a change is a change of few lines.
    lines = ",\n".join(json.dumps(object_to_json(result)) for result in results.objects)
    text = f'{json.dumps(head, indent=1)[:-2]},\n "objects": [\n{lines}\n]}}\n'
    atomic_write(path, lambda file: file.write(text.encode()), overwrite)


def read_results(path: str | Path) -> Results:
    """The results that `write_results` wrote.

    Raises:
        InputError: there is no such file, or it is none of these.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise InputError(
                f"{printable(path)} must be of format {FORMAT}. Evaluate again with this version. "
                f"Received format {document['format']!r:.20}."
            )
        objects = tuple(object_from_json(values) for values in document["objects"])
        # What every reader of it needs.
        run = document["run"]
        _ = run["protocol"]["until"], run["protocol"]["max_clicks"], run["data"], run["shard"]
        return Results(run, objects)
    except OSError as error:
        raise InputError(
            f"There is no results file {printable(path)} ({error.strerror}). Name one that "
            "`fctsfn evaluate --output` wrote."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{printable(path)} must be a results file of `fctsfn evaluate`. Evaluate again. "
            f"Received something else ({error!r:.60})."
        ) from None


def object_to_json(result: ObjectResult) -> dict[str, Any]:
    """JSON values of one object; infinite indices become None."""
    points = [[click.col, click.row, int(click.is_positive)] for click in result.clicks]
    return {
        "name": result.name,
        "position": result.position,
        "clicks": points,
        "ious": list(result.ious),
        "boundary_ious": list(result.boundary_ious),
        "decidability": [value if math.isfinite(value) else None for value in result.decidability],
        "seconds": [round(value, DIGITS) for value in result.seconds],
        "encode_seconds": [round(value, DIGITS) for value in result.encode_seconds],
        "robot_seconds": round(result.robot_seconds, DIGITS),
        "failure": result.failure,
    }


def object_from_json(values: dict[str, Any]) -> ObjectResult:
    """The object that `object_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    given = {field.name: values[field.name] for field in fields(ObjectResult)}
    for name in ("ious", "boundary_ious", "seconds", "encode_seconds"):
        given[name] = tuple(float(value) for value in given[name])
    given["clicks"] = tuple(Click(y, x, bool(label)) for x, y, label in given["clicks"])
    given["decidability"] = tuple(
        math.inf if value is None else float(value) for value in given["decidability"]
    )
    return ObjectResult(**given)


class PartialResults:
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
            finished = [object_from_json(json.loads(line)) for line in lines[1:]]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{printable(path)} must hold the objects of an evaluation that was broken off. "
                "Remove it to start afresh. Received something else."
            ) from None
        if found != run:
            keys = sorted(run.keys() | found.keys())
            different = [key for key in keys if found.get(key) != run.get(key)]
            raise InputError(
                f"{printable(path)} must come from the same evaluation to be continued. Remove it "
                "to start afresh, or name another output. "
                f"Received another {', '.join(different)}."
            )
        self.finished = {result.name: result for result in finished}
        with open(path, "r+b") as file:
            file.truncate(len(text) + 1)

    def append(self, result: ObjectResult) -> None:
        """Keep one more object."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(object_to_json(result)) + "\n")

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink()


# ---- Several results ---------------------------------------------------------------------------


def merge(shards: Sequence[Results], is_whole: bool = True) -> Results:
    """The shards of one evaluation as the evaluation.

    Args:
        shards: of one data set, model and protocol.
        is_whole: False to join those that there are, for a look before the rest is done.

    Raises:
        InputError: they belong to different evaluations, one is missing, or one comes twice.
    """
    if not shards:
        raise InputError("There must be at least one results file to merge. Received none.")
    runs = [{**results.run, "shard": None, "num_cpus": None} for results in shards]
    for run in runs[1:]:
        different = [key for key in run if run[key] != runs[0].get(key)]
        if different:
            raise InputError(
                "The shards must be of one evaluation. Evaluate all of them with the same options "
                f"and versions. Received different {', '.join(different)}."
            )
    found = sorted(results.run["shard"][0] for results in shards)
    count = shards[0].run["shard"][1]
    expected = list(range(1, count + 1))
    is_complete = found == expected or not (is_whole or len(set(found)) < len(found))
    if not is_complete or any(results.run["shard"][1] != count for results in shards):
        raise InputError(
            f"To merge, each of the {count} shards must be there once. Received "
            f"{', '.join('{}/{}'.format(*results.run['shard']) for results in shards)}."
        )
    objects = [result for results in shards for result in results.objects]
    # Sorting is stable: the objects of one photograph lie in one shard, in order.
    objects.sort(key=lambda result: result.position)
    cpus = max(results.run["num_cpus"] for results in shards)
    # Of a part, the first number of the shard says how many of them there are.
    shard = [1, 1] if found == expected else [len(found), count]
    return Results({**shards[0].run, "shard": shard, "num_cpus": cpus}, tuple(objects))
