"""Figures 3 to 8 of the paper, as far as there are results and data for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS, open_benchmark_set
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.paper.collected import collect, columns_of, missing_lines
from fctsfn_tf.evaluation.paper.reported import (
    EXAMPLES_OF_CLICKS,
    EXAMPLES_OF_METHODS,
    FIGURES,
    IOU_CLICKS,
    METHODS,
    TABLES,
)
from fctsfn_tf.evaluation.paper.workshop import Workshop
from fctsfn_tf.evaluation.plots import Panel, Picture, curves, sheet
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.segmenters import Segment
from fctsfn_tf.evaluation.summary import summarise

# Photographs of Figs. 7 and 8, and clicks on each (Fig. 8: "up to 5").
EXAMPLES, EXAMPLE_CLICKS = 4, 5


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
