"""Figures 3 to 8 of the paper, as far as there are results and data for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from fctsfn_tf.evaluation.paper.workshop import Workshop, protocol_of
from fctsfn_tf.evaluation.plots import Panel, Picture, curves, sheet
from fctsfn_tf.evaluation.protocol import Protocol
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


@dataclass(frozen=True)
class _Method:
    """What segments in Figs. 7 and 8, and how: the protocol's cut, and `EXAMPLE_CLICKS` at most."""

    segment: Segment
    protocol: Protocol

    def clicks(self, sample: Sample) -> tuple[Click, ...]:
        """The robot user's."""
        return evaluate_object(self.segment, sample, self.protocol).clicks

    def masks(self, sample: Sample, clicks: Sequence[Click]) -> list[np.ndarray]:
        """The mask after each of the clicks."""
        probability, masks = None, []
        for number in range(1, len(clicks) + 1):
            so_far = tuple(clicks[:number])
            probability = self.segment(sample.image, so_far, probability)
            masks.append(self.protocol.mask_of(probability, sample.image, so_far))
        return masks


def _methods_side_by_side(workshop: Workshop) -> tuple[bytes, str]:
    methods = columns_of(workshop, METHODS)
    built, missing = _built(workshop, methods)
    clicked = next((name for name in reversed(methods) if name in built), None)
    rows = []
    for sample in _examples(workshop):
        clicks = built[clicked].clicks(sample) if clicked else ()
        row = [Picture("clicks", sample.image, clicks)]
        for name, method in built.items():
            mask = method.masks(sample, clicks)[-1]
            title = f"{name} {iou(mask, sample.gt_mask, sample.ignore):.0%}"
            row.append(Picture(title, sample.image, (), mask))
        rows.append([*row, Picture("true mask", sample.image, (), sample.gt_mask)])
    said = f"Clicks: the robot user's for {clicked}, {EXAMPLE_CLICKS} at most.\n"
    return sheet(rows), said + "\n".join(missing)


def _click_by_click(workshop: Workshop) -> tuple[bytes, str]:
    networks = [*workshop.presets, *workshop.shipped]
    if not networks:
        raise InputError(f"Fig. {EXAMPLES_OF_CLICKS} needs a network. Received none.")
    # The paper shows FCTSFN.
    network = next((name for name in networks if name == METHODS[-1]), networks[0])
    built, missing = _built(workshop, [network])
    if not built:
        raise InputError(f"Fig. {EXAMPLES_OF_CLICKS} needs a network. {missing[0][2:]}")
    method = built[network]
    rows = []
    for sample in _examples(workshop):
        clicks = method.clicks(sample)
        masks = method.masks(sample, clicks)
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
    return sheet(rows), f"Network: {network}."


def _built(workshop: Workshop, names: Sequence[str]) -> tuple[dict[str, _Method], list[str]]:
    """What segments, by name, and a line for each that is missing."""
    built, missing = {}, []
    for name in names:
        segmenter = workshop.segmenter_of(name)
        if segmenter is None:
            missing.append(f"- {name}: no trained weights")
            continue
        try:
            protocol = protocol_of(workshop, segmenter)
            protocol = replace(protocol, until=None, max_clicks=EXAMPLE_CLICKS)
            built[name] = _Method(segmenter.build()[1], protocol)
        except InputError as error:
            missing.append(f"- {name}: {error}")
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
