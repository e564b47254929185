"""Tables 1 to 8 of the paper, ours under the paper's."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper.collected import Collected, collect, columns_of, missing_lines
from fctsfn_tf.evaluation.paper.reported import (
    DECIDABILITY_CLICKS,
    IOU_CLICKS,
    TABLES,
    PaperTable,
)
from fctsfn_tf.evaluation.paper.workshop import Workshop
from fctsfn_tf.evaluation.protocol import CHOICES
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.evaluation.tables import shown


def table(workshop: Workshop, number: int) -> str:
    """One of Tables 1 to 8 as Markdown, the paper's row above ours.

    Raises:
        InputError: no such table.
    """
    if number not in TABLES:
        raise InputError(f"`table` must be one of 1 … {max(TABLES)}. Received {number}.")
    paper = TABLES[number]
    methods = columns_of(workshop, paper.methods)
    choices = CHOICES if paper.measure == "decidability" else (None,)
    found = collect(workshop, [one for one in methods if one not in paper.quoted], choices)
    lines = [
        f"**Table {number}. {paper.title}.** Protocol `{workshop.protocol}`. Ours under the "
        "paper's; – is missing, see below. In brackets: the number of objects measured here.",
        "",
        f"| | | {' | '.join(methods)} |",
        "|---|---|" + "---:|" * len(methods),
    ]
    form = ".1f" if paper.measure == "iou" else ".2f"
    for title, key, ours in _rows(workshop, paper, methods, found):
        theirs = paper.values.get(key) or ()
        if theirs:
            cells = [shown(value, form) for value in theirs] + [""] * (len(methods) - len(theirs))
            lines.append(f"| {title} | paper | {' | '.join(cells)} |")
            title = ""
        lines.append(f"| {title} | here | {' | '.join(ours)} |")
    return "\n".join([*lines, "", *missing_lines(found)]) + "\n"


def _rows(
    workshop: Workshop, paper: PaperTable, methods: list[str], found: Collected
) -> Iterable[tuple[str, object, list[str]]]:
    """(title, key of the paper's values, our cells) of every pair of rows."""
    for name in workshop.sets():
        benchmark_set = BENCHMARK_SETS[name]
        if paper.measure == "clicks":
            target = benchmark_set.target or 0.90
            cells = [_cell(found, name, method, None, "clicks", target) for method in methods]
            yield f"{benchmark_set.title}, clicks to {target:.0%}", name, cells
        elif paper.measure == "iou":
            for clicks in IOU_CLICKS:
                cells = [_cell(found, name, method, None, "iou", clicks) for method in methods]
                title = f"{benchmark_set.title}, {clicks} click{'s' if clicks > 1 else ''}"
                yield title, (name, clicks), cells
        else:
            for choice in CHOICES:
                for clicks in DECIDABILITY_CLICKS:
                    if choice == "single-positive" and clicks == 1:
                        continue  # there is no negative click yet
                    cells = [
                        _cell(found, name, method, choice, "decidability", clicks)
                        for method in methods
                    ]
                    title = f"{benchmark_set.title}, {choice}, {clicks}"
                    yield title, (name, clicks, choice), cells


def _cell(
    found: Collected, name: str, method: str, choice: str | None, measure: str, at: float
) -> str:
    results = found.results.get((name, method, choice))
    if results is None:
        return "–"
    if measure == "clicks":
        if at not in results.targets:
            return "–"
        text = shown(statistics.fmean(results.clicks_to(at)) if results.counted else None, ".2f")
    elif measure == "iou":
        curve = summarise(results)["mean_iou"]
        text = f"{100 * curve[int(at) - 1]:.1f}" if len(curve) >= at else "–"
    else:
        text = shown(summarise(results)["mean_decidability"][int(at) - 1], ".2f")
    return text if text == "–" else f"{text} ({len(results.counted)})"
