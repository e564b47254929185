"""The tables and figures of the paper's Section 4, from results files: ours beside the paper's.

Results lie in one directory as `<data set>_<method>_<protocol>.json`. What is missing there is
evaluated where the data is at hand, and otherwise named: nothing is left out in silence.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS, open_benchmark_set
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.evaluation import (
    CHOICES,
    PROTOCOLS,
    Protocol,
    Shard,
    evaluate_dataset,
    evaluate_object,
)
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.paper_results import (
    DECIDABILITY_CLICKS,
    EXAMPLES_OF_CLICKS,
    EXAMPLES_OF_METHODS,
    FIGURES,
    IOU_CLICKS,
    METHODS,
    SETS,
    TABLES,
    PaperTable,
)
from fctsfn_tf.evaluation.plots import Panel, Picture, curves, sheet
from fctsfn_tf.evaluation.results import Results, merge, read_results, shown, summarise
from fctsfn_tf.evaluation.segmenters import Segment, Segmenter
from fctsfn_tf.files import printable

# The paper's names of the classical methods; OpenCV's stands beside them.
CLASSICAL = {"GC": "gc", "GM": "gm", "RW": "rw", "ESC": "esc", "GSC": "gsc"}
EXTRA_METHODS = {"OpenCV GrabCut": "grabcut"}
# Photographs of Figs. 7 and 8, and clicks on each (Fig. 8: "up to 5").
EXAMPLES, EXAMPLE_CLICKS = 4, 5


@dataclass(frozen=True)
class Workshop:
    """Where data and results lie, and how what is missing is evaluated.

    Attributes:
        data: holds the data sets in folders of their names in `BENCHMARK_SETS`; None evaluates
            nothing.
        results: directory of the results files, read and written.
        protocol: a key of `evaluation.PROTOCOLS`.
        presets: {the paper's name of a network: preset with its trained weights}.
        shipped: presets that get a column of their own.
        until, limit, workers, shard: see `evaluation.Protocol` and `evaluate_dataset`.
    """

    data: Path | None
    results: Path
    protocol: str = "paper"
    presets: dict[str, str] = field(default_factory=dict)
    shipped: tuple[str, ...] = ()
    until: float | None = None
    limit: int | None = None
    workers: int = 1
    shard: Shard = field(default_factory=Shard)

    def segmenter_of(self, method: str) -> Segmenter | None:
        """What computes a column; None where its weights were not given."""
        if method in CLASSICAL or method in EXTRA_METHODS:
            return Segmenter((CLASSICAL | EXTRA_METHODS)[method])
        if method in self.presets:
            return Segmenter(self.presets[method])
        return Segmenter(method) if method in self.shipped else None

    def sets(self) -> list[str]:
        """The paper's data sets, then others that lie in `data` or have results."""
        found = list(SETS)
        for name in BENCHMARK_SETS:
            has_data = self.data is not None and (self.data / name).is_dir()
            has_results = any(self.results.glob(f"{name}_*_{self.protocol}*.json*"))
            if name not in found and (has_data or has_results):
                found.append(name)
        return found


def results_of(workshop: Workshop, name: str, method: str, choice: str | None = None) -> Results:
    """The results of one method on one data set, from their file or evaluated now.

    Args:
        name: a key of `BENCHMARK_SETS`.
        method: as the paper or the workshop calls it.
        choice: to measure the decidability index in this setting, at up to 10 clicks.

    Raises:
        InputError: they are missing and cannot be made; the message says why.
    """
    segmenter = workshop.segmenter_of(method)
    if segmenter is None:
        raise InputError("no trained weights (name them with --preset NAME=DIR)")
    path = _path(workshop, name, method, choice)
    if path.exists():
        return read_results(path)
    has_data = workshop.data is not None and (workshop.data / name).is_dir()
    shards = _shards(path)
    if len(shards) == _count(shards) or (shards and not has_data):
        return merge([read_results(shard) for shard in shards], is_whole=False)
    if not has_data:
        raise InputError("no results, and no data in --data to make them" + _partly(path))
    index, count = workshop.shard.index, workshop.shard.count
    own = path if count == 1 else path.with_name(f"{path.stem}.{index}-of-{count}.json")
    if own not in shards:
        results = evaluate_dataset(
            open_benchmark_set(name, workshop.data),
            segmenter,
            _protocol(workshop, segmenter, choice),
            data=name,
            min_share=BENCHMARK_SETS[name].min_share,
            limit=workshop.limit,
            shard=workshop.shard,
            workers=workshop.workers,
            output=own,
        )
        if own == path:
            return results
    shards = _shards(path)
    if len(shards) < count:
        raise InputError(f"{len(shards)} of {count} shards are there")
    return merge([read_results(shard) for shard in shards])


def _shards(path: Path) -> list[Path]:
    """The files of the shards of what shall be in `path`."""
    return sorted(path.parent.glob(f"{path.stem}.*-of-*.json"))


def _count(shards: list[Path]) -> int:
    """Into how many the shards divide the data, as their names say; −1 without any."""
    return int(shards[0].stem.rpartition("-")[2]) if shards else -1


def _path(workshop: Workshop, name: str, method: str, choice: str | None) -> Path:
    known = (CLASSICAL | EXTRA_METHODS).get(method, method)
    words = [name, re.sub(r"[^\w⁻]+", "-", Path(known).name), workshop.protocol, choice]
    return workshop.results / f"{'_'.join(word for word in words if word)}.json"


def _partly(path: Path) -> str:
    partial = Path(f"{path}.partial")
    if partial.exists():
        done = len(partial.read_bytes().splitlines()) - 1
        return f"; {done} objects are evaluated, the rest is not"
    return ""


def _protocol(workshop: Workshop, segmenter: Segmenter, choice: str | None) -> Protocol:
    protocol = replace(PROTOCOLS[workshop.protocol], until=workshop.until)
    if segmenter.is_classical:
        # They cut by themselves, or were published without a cut.
        protocol = replace(protocol, graph_cut=None)
    if choice is not None:
        most = max(DECIDABILITY_CLICKS)
        protocol = replace(
            protocol, until=None, max_clicks=most, choice=choice, measures_decidability=True
        )
    return protocol


# ---- Tables ------------------------------------------------------------------------------------


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


def table(workshop: Workshop, number: int) -> str:
    """One of Tables 1 to 7 as Markdown, the paper's row above ours.

    Raises:
        InputError: no such table.
    """
    if number not in TABLES:
        raise InputError(f"`table` must be one of 1 … {max(TABLES)}. Received {number}.")
    paper = TABLES[number]
    methods = columns_of(workshop, paper.methods)
    choices = CHOICES if paper.measure == "decidability" else (None,)
    found = collect(workshop, methods, choices)
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
            cells = [f"{value:{form}}" for value in theirs] + [""] * (len(methods) - len(theirs))
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


# The paper's networks: what `Workshop.presets` may name.
NETWORKS = tuple(
    dict.fromkeys(
        method
        for known in (*TABLES.values(), *FIGURES.values())
        for method in known.methods
        if method not in CLASSICAL
    )
)


# ---- Figures -----------------------------------------------------------------------------------


def figure(workshop: Workshop, number: int) -> tuple[bytes, str]:
    """One of Figs. 3 to 8 as a PNG, and what is missing in it.

    Figs. 3 to 6 are mean IoU against clicks, with the points that the paper's tables give (hollow).
    Figs. 7 and 8 show `EXAMPLES` objects of the first data set that is there: the answers of all
    methods to the clicks that the first network was given, and a network's masks click by click.

    Raises:
        InputError: no such figure, Matplotlib is missing, or for Figs. 7 and 8 no data or network.
    """
    if number in FIGURES:
        return _curves(workshop, number)
    if number == EXAMPLES_OF_METHODS:
        return _methods_side_by_side(workshop)
    if number == EXAMPLES_OF_CLICKS:
        return _click_by_click(workshop)
    raise InputError(f"`figure` must be one of 3 … {EXAMPLES_OF_CLICKS}. Received {number}.")


def _curves(workshop: Workshop, number: int) -> tuple[bytes, str]:
    paper = FIGURES[number]
    methods = columns_of(workshop, paper.methods)
    found = collect(workshop, methods)
    panels = []
    for name in workshop.sets():
        ours = {
            method: summarise(found.results[name, method, None])["mean_iou"]
            for method in methods
            if (name, method, None) in found.results
        }
        theirs: dict[str, dict[int, float]] = {}
        if paper.table is not None:
            for clicks in IOU_CLICKS:
                values = TABLES[paper.table].values.get((name, clicks), ())
                for method, value in zip(paper.methods, values, strict=False):
                    theirs.setdefault(method, {})[clicks] = value / 100
        panels.append(Panel(BENCHMARK_SETS[name].title, ours, theirs))
    hollow = "" if paper.table is None else "; hollow: the paper's"
    title = f"Figure {number}. {paper.title} (protocol {workshop.protocol}{hollow})"
    return curves(title, panels), "\n".join(missing_lines(found))


def _methods_side_by_side(workshop: Workshop) -> tuple[bytes, str]:
    methods = columns_of(workshop, METHODS)
    built, missing = _built(workshop, methods)
    clicked = next((name for name in reversed(methods) if name in built), None)
    rows = []
    for sample in _examples(workshop):
        protocol = replace(PROTOCOLS[workshop.protocol], graph_cut=None, max_clicks=EXAMPLE_CLICKS)
        clicks = evaluate_object(built[clicked], sample, protocol).clicks if clicked else ()
        row = [Picture("clicks", sample.image, clicks)]
        for method, segment in built.items():
            mask = _masks(segment, sample, clicks, protocol.threshold)[-1]
            title = f"{method} {iou(mask, sample.gt_mask, sample.ignore):.0%}"
            row.append(Picture(title, sample.image, (), mask))
        rows.append([*row, Picture("true mask", sample.image, (), sample.gt_mask)])
    said = f"Clicks: the robot user's for {clicked}, {EXAMPLE_CLICKS} at most.\n"
    return sheet(rows), said + "\n".join(missing)


def _click_by_click(workshop: Workshop) -> tuple[bytes, str]:
    methods = [*workshop.presets, *workshop.shipped]
    built, missing = _built(workshop, methods[:1])
    if not built:
        raise InputError(f"Fig. {EXAMPLES_OF_CLICKS} needs a network. Received none.")
    (segment,) = built.values()
    rows = []
    for sample in _examples(workshop):
        protocol = replace(PROTOCOLS[workshop.protocol], graph_cut=None, max_clicks=EXAMPLE_CLICKS)
        clicks = evaluate_object(segment, sample, protocol).clicks
        masks = _masks(segment, sample, clicks, protocol.threshold)
        # An object that is right before its last click keeps its last mask.
        masks += masks[-1:] * (EXAMPLE_CLICKS - len(masks))
        rows.append(
            [
                Picture(
                    f"click {number}: {iou(mask, sample.gt_mask, sample.ignore):.0%}",
                    sample.image,
                    clicks[:number],
                    mask,
                )
                for number, mask in enumerate(masks, 1)
            ]
        )
    return sheet(rows), "\n".join(missing)


def _built(workshop: Workshop, methods: Sequence[str]) -> tuple[dict[str, Segment], list[str]]:
    """What segments, by method, and a line for each method that is missing."""
    built, missing = {}, []
    for method in methods:
        segmenter = workshop.segmenter_of(method)
        if segmenter is None:
            missing.append(f"- {method}: no trained weights")
            continue
        try:
            built[method] = segmenter.build()[1]
        except InputError as error:
            missing.append(f"- {method}: {error}")
    return built, missing


def _examples(workshop: Workshop) -> list[Sample]:
    """One object of each of `EXAMPLES` photographs, evenly through the first data set there is.

    Raises:
        InputError: there is none.
    """
    for name in ("grabcut", *workshop.sets()):
        if workshop.data is not None and (workshop.data / name).is_dir():
            images = open_benchmark_set(name, workshop.data).images
            kept = images[:: max(1, len(images) // EXAMPLES)][:EXAMPLES]
            return [next(iter(image.samples())) for image in kept]
    raise InputError("Examples need a data set. Name its folder with --data. Received none.")


def _masks(
    segment: Segment, sample: Sample, clicks: Sequence[Click], threshold: float
) -> list[np.ndarray]:
    """The mask after each of the clicks."""
    probability, masks = None, []
    for number in range(1, len(clicks) + 1):
        probability = segment(sample.image, tuple(clicks[:number]), probability)
        masks.append(probability > threshold)
    return masks
