"""Results → the numbers to report: clicks, IoUs, intervals, times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from fctsfn_tf.evaluation.metrics import bootstrap_interval, number_of_failures
from fctsfn_tf.evaluation.results import ObjectResult, Results, percent


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
        clicks, key = results.clicks_to(target), percent(target)
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
