"""Two evaluations of the same objects side by side: the differences, and how sure they are."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import bootstrap_interval, paired_share_interval
from fctsfn_tf.evaluation.results import Results
from fctsfn_tf.evaluation.tables import describe

# Numbers of clicks at which mean IoUs are compared, where both evaluations go so far.
COMPARED_CLICKS = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Difference:
    """One measure of two evaluations, over the objects of both.

    Attributes:
        measure: its name.
        first, second: the means.
        low, high: the 95 % paired bootstrap interval of second − first.
        is_better_lower: whether a smaller number is the better one.
        is_share: whether it is a share, to be shown in percent.
    """

    measure: str
    first: float
    second: float
    low: float
    high: float
    is_better_lower: bool
    is_share: bool

    @property
    def verdict(self) -> str:
        """Which one is better, if the interval leaves out 0."""
        if self.low <= 0 <= self.high:
            return "no clear difference"
        return "b is better" if (self.high < 0) == self.is_better_lower else "a is better"


def paired(first: Results, second: Results) -> tuple[Results, Results]:
    """Both evaluations over the objects that count in both, in one order.

    Raises:
        InputError: other data, another number of clicks, or no object in common.
    """
    if first.run["data"] != second.run["data"]:
        raise InputError(
            "Two evaluations can be compared on the same data. Evaluate both on one set. Received "
            f"{first.run['data']} and {second.run['data']}."
        )
    limits = [results.run["protocol"]["max_clicks"] for results in (first, second)]
    if limits[0] != limits[1]:
        raise InputError(
            "Two evaluations can be compared at the same number of clicks at most. Evaluate both "
            f"alike. Received {limits[0]} and {limits[1]}."
        )
    by_name = [{result.name: result for result in results.counted} for results in (first, second)]
    names = [name for name in by_name[0] if name in by_name[1]]
    if not names:
        raise InputError(
            "Two evaluations must have objects in common. Evaluate both on one set. Received none."
        )
    return tuple(
        Results(results.run, tuple(known[name] for name in names))
        for results, known in zip((first, second), by_name, strict=True)
    )


def differences(first: Results, second: Results) -> list[Difference]:
    """Every measure that both evaluations have; see `paired`.

    The decidability index counts over the objects for which both are finite.
    """
    first, second = paired(first, second)
    found = []
    for target in first.targets:
        if target in second.targets:
            values = first.clicks_to(target), second.clicks_to(target)
            found.append(_difference(f"clicks to {target:.0%}", *values, is_better_lower=True))
    objects = (*first.objects, *second.objects)
    for number in COMPARED_CLICKS:
        when = f"after {number} click{'s' if number > 1 else ''}"
        if number <= min(len(result.ious) for result in objects):
            values = first.ious_after(number), second.ious_after(number)
            found.append(_difference(f"IoU {when}", *values, is_share=True))
        if number <= min(len(result.decidability) for result in objects):
            indices = [
                [result.decidability[number - 1] for result in results.objects]
                for results in (first, second)
            ]
            kept = np.isfinite(indices).all(axis=0)
            if kept.any():
                values = np.array(indices)[:, kept].tolist()
                found.append(_difference(f"decidability index {when}", *values))
    return [*found, *_harmful_clicks(first, second)]


def _harmful_clicks(first: Results, second: Results) -> list[Difference]:
    """One difference, or none where an evaluation has no later clicks."""
    counts = [
        np.array([results.harmful_clicks(result) for result in results.objects])
        for results in (first, second)
    ]
    totals = [one.sum(axis=0) for one in counts]
    if not all(later for _, later in totals):
        return []
    shares = [harmful / later for harmful, later in totals]
    interval = paired_share_interval(*counts, np.random.default_rng(0))
    return [
        Difference("harmful later clicks", *shares, *interval, is_better_lower=True, is_share=True)
    ]


def _difference(
    measure: str,
    first: list[float],
    second: list[float],
    is_better_lower: bool = False,
    is_share: bool = False,
) -> Difference:
    change = np.subtract(second, first, dtype=np.float64)
    low, high = bootstrap_interval(change, np.random.default_rng(0))
    means = statistics.fmean(first), statistics.fmean(second)
    return Difference(measure, *means, low, high, is_better_lower, is_share)


def comparison_table(first: Results, second: Results) -> str:
    """The differences as Markdown."""
    pair = paired(first, second)
    left_out = [
        len(results.objects) - len(kept.objects)
        for results, kept in zip((first, second), pair, strict=True)
    ]
    lines = [
        f"a: {describe(first)}",
        f"b: {describe(second)}",
        "",
        f"{len(pair[0].objects)} objects that count in both; of a {left_out[0]} and of b "
        f"{left_out[1]} are left out.",
        "",
        "| | a | b | b − a | 95 % interval | |",
        "|---|---|---|---|---|---|",
    ]
    for change in differences(first, second):
        scale, form, unit = (100, ".1f", " %") if change.is_share else (1, ".2f", "")
        first_mean, second_mean = change.first * scale, change.second * scale
        lines.append(
            f"| {change.measure} | {first_mean:{form}}{unit} | {second_mean:{form}}{unit} "
            f"| {second_mean - first_mean:+{form}} "
            f"| {change.low * scale:+{form}} … {change.high * scale:+{form}} | {change.verdict} |"
        )
    return "\n".join(lines) + "\n"
