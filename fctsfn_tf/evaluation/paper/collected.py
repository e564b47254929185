"""What there is for a table or figure, and what is missing: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper.workshop import CLASSICAL, EXTRA_METHODS, Workshop, results_of
from fctsfn_tf.evaluation.results import Results
from fctsfn_tf.files import printable


@dataclass
class Collected:
    """What there is for a table or figure, and what there is not.

    Attributes:
        results: {(data set, method, choice): results}.
        missing: {(data set, method, choice): why}.
    """

    results: dict[tuple[str, str, str | None], Results] = field(default_factory=dict)
    missing: dict[tuple[str, str, str | None], str] = field(default_factory=dict)


def collect(
    workshop: Workshop,
    methods: Iterable[str],
    choices: Sequence[str | None] = (None,),
) -> Collected:
    """All results of some methods on all data sets, evaluated where that is needed and possible."""
    found = Collected()
    for name in workshop.sets():
        for method in methods:
            for choice in choices:
                try:
                    found.results[name, method, choice] = results_of(workshop, name, method, choice)
                except InputError as error:
                    found.missing[name, method, choice] = str(error)
    return found


def columns_of(workshop: Workshop, methods: Sequence[str]) -> list[str]:
    """The paper's methods, and those that stand beside them here."""
    extra = EXTRA_METHODS if set(methods) & set(CLASSICAL) else {}
    return [*methods, *extra, *workshop.shipped]


def missing_lines(found: Collected) -> list[str]:
    """What is missing, and why; objects that failed; and curves that end early."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for (name, method, choice), why in found.missing.items():
        who = method + (f" {choice}" if choice else "")
        by_reason.setdefault(why, {}).setdefault(BENCHMARK_SETS[name].title, []).append(who)
    lines = []
    for why, by_set in by_reason.items():
        grouped: dict[str, list[str]] = {}
        for title, who in by_set.items():
            grouped.setdefault(", ".join(who), []).append(title)
        for who, titles in grouped.items():
            lines.append(f"- {who} on {', '.join(titles)}: {printable(why)}")
    lines = ["Missing:", "", *lines, ""] if lines else []
    for (name, method, _), results in found.results.items():
        failed = len(results.objects) - len(results.counted)
        if failed:
            lines.append(f"- {BENCHMARK_SETS[name].title}, {method}: {failed} objects failed")
        if results.run["shard"] != [1, 1]:
            lines.append(
                f"- {BENCHMARK_SETS[name].title}, {method}: only {len(results.objects)} objects, "
                f"from a part of {results.run['photographs']} photographs"
            )
        if results.run["protocol"]["until"]:
            lines.append(
                f"- {BENCHMARK_SETS[name].title}, {method}: objects were left at "
                f"{results.run['protocol']['until']:.0%}, so mean IoUs end early"
            )
    return lines
