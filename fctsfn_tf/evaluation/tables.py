"""Results → tables to read: the summary as Markdown, and CSV with a line per object.

Cells are not padded, as tabulate would: so the change of a number is the change of its line alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from fctsfn_tf.evaluation.metrics import HARMFUL_DROP, number_of_clicks
from fctsfn_tf.evaluation.results import Results, percent
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.files import printable

# Digits after the point of an IoU in the CSV.
IOU_DIGITS = 6


def markdown(results: Results) -> str:
    """The summary as Markdown: one table of clicks and failures, one of mean IoUs, the failures."""
    summary = summarise(results)
    parts = [
        [describe(results)],
        _lines_of_clicks(summary, results.targets),
        _lines_of_ious(summary),
        [
            f"Of the {summary['later_clicks']} clicks after an object's first and until "
            f"{results.finished:.0%} IoU, {shown(summary['harmful_clicks'], '.1%')} lowered the "
            f"IoU by more than {100 * HARMFUL_DROP:g} points."
        ],
        _lines_of_decidability(summary, results.run["protocol"]["choice"]),
        [
            f"Medians: image part {shown(summary['seconds_encode'], '.3f')} s, first click "
            f"{shown(summary['seconds_first_click'], '.3f')} s, later clicks "
            f"{shown(summary['seconds_per_click'], '.3f')} s. Robot user and measures: "
            f"{shown(summary['robot_share'], '.0%')} of the time."
        ],
    ]
    if summary["failed"]:
        parts.append([f"**{summary['failed']} objects failed and are not counted:**"])
        failures = summary["failures"].items()
        parts.append([f"- {printable(name)}: {failure}" for name, failure in failures])
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


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


def _lines_of_clicks(summary: dict[str, Any], targets: Sequence[float]) -> list[str]:
    return [
        "| IoU | mean clicks (NoC) | 95 % interval | never reached (NoF) |",
        "|---|---|---|---|",
        *(
            f"| {key} % | {shown(summary[f'clicks_to_{key}'], '.2f')} "
            f"| {_shown_interval(summary[f'clicks_to_{key}_interval'], '.2f')} "
            f"| {summary[f'failures_at_{key}']} |"
            for key in map(percent, targets)
        ),
    ]


def _lines_of_ious(summary: dict[str, Any]) -> list[str]:
    rows = zip_longest(
        summary["mean_iou"], summary["mean_iou_interval"], summary["mean_boundary_iou"]
    )
    return [
        "| clicks | mean IoU | 95 % interval | mean Boundary IoU |",
        "|---|---|---|---|",
        *(
            f"| {index} | {value:.1%} | {_shown_interval(interval, '.1%')} | {shown(edge, '.1%')} |"
            for index, (value, interval, edge) in enumerate(rows, 1)
        ),
    ]


def _lines_of_decidability(summary: dict[str, Any], choice: str) -> list[str]:
    if "mean_decidability" not in summary:
        return []
    values = zip(summary["mean_decidability"], summary["infinite_decidability"], strict=True)
    return [
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
        + [f"clicks_to_{percent(target)}" for target in targets]
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
        ious = [f"{value:.{IOU_DIGITS}f}" for value in result.ious]
        ious += [""] * (max_clicks - len(ious))
        times = [f"{sum(values):.3f}" for values in (result.seconds, result.encode_seconds)]
        writer.writerow([result.name, result.failure or "", *clicks, harmful, *ious, *times])
    return file.getvalue()


def shown(value: float | None, form: str) -> str:
    """A number in a table; a dash for None."""
    return "–" if value is None else format(value, form)


def _shown_interval(interval: Sequence[float] | None, form: str) -> str:
    return "–" if interval is None else " … ".join(format(end, form) for end in interval)
