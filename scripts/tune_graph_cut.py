"""Searches the graph cut's parameters on validation objects and prints a Markdown table.

    python scripts/tune_graph_cut.py VOC2012_DIR --split splits.json --preset compact --limit 60

VOC2012_DIR holds images/ and labels/ of Pascal VOC 2012 train; only the images under "val" in
splits.json are used. Never give it a test set: the best row becomes the preset's
`graph_cut_smoothness`.

Every object is clicked once by the `ritm` robot user on thresholded masks; the probability after
each click is then cut with every combination of parameters, and all are compared on the same
probabilities. So a row shows what the cut adds to a mask, not where clicks on cut masks would lead.

Time: 20 cuts per click, each 10 to 40 ms on images of 384 pixels, 5 clicks per object: 1 to 4
minutes for 60 objects on one core, besides the network's own time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.commands.arguments import validation_names
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS, Protocol
from fctsfn_tf.evaluation.segmenters import PredictorSegment, Segment
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters, graph_cut

NUM_CLICKS = 5
GRID = {
    "smoothness": (0.5, 1.0, 2.0, 4.0, 8.0),
    "probability_floor": (0.01, 0.1),
    "click_radius": (0.0, 2.0),
}


def combinations() -> list[GraphCutParameters]:
    """Every combination of `GRID`; what it does not name keeps its default."""
    return [
        replace(DEFAULT_PARAMETERS, **dict(zip(GRID, values, strict=True)))
        for values in itertools.product(*GRID.values())
    ]


def measure(
    objects: Iterable[Sample], segment: Segment, protocol: Protocol
) -> tuple[dict[GraphCutParameters | None, np.ndarray], dict[GraphCutParameters, float]]:
    """IoUs of every object (rows) after every click (columns), and seconds per cut.

    The key None is the threshold alone. Clicks that an object did not need repeat its last IoU;
    objects that fail are named on stderr and left out.
    """
    keys = [None, *combinations()]
    ious: dict[GraphCutParameters | None, list[list[float]]] = {key: [] for key in keys}
    seconds = dict.fromkeys(keys[1:], 0.0)
    num_cuts = 0
    for sample in objects:
        steps: list[tuple[tuple[Click, ...], np.ndarray]] = []

        def recorded(
            image: np.ndarray,
            clicks: tuple[Click, ...],
            previous: np.ndarray | None,
            steps: list = steps,
        ) -> np.ndarray:
            steps.append((clicks, segment(image, clicks, previous)))
            return steps[-1][1]

        result = evaluate_object(recorded, sample, protocol)
        if result.failure:
            print(f"{sample.name} failed: {result.failure}", file=sys.stderr)
            continue
        num_cuts += len(steps)
        padding = protocol.max_clicks - len(steps)
        ious[None].append(list(result.ious))
        for key in seconds:
            curve = []
            for clicks, probability in steps:
                started = time.perf_counter()
                mask = graph_cut(probability, sample.image, clicks, key)
                seconds[key] += time.perf_counter() - started
                curve.append(iou(mask, sample.gt_mask, sample.ignore))
            ious[key].append(curve + [curve[-1]] * padding)
        print(f"{len(ious[None])} objects", file=sys.stderr)
    means = {key: total / max(num_cuts, 1) for key, total in seconds.items()}
    return {key: np.array(curves) for key, curves in ious.items()}, means


def table(
    ious: dict[GraphCutParameters | None, np.ndarray], seconds: dict[GraphCutParameters, float]
) -> str:
    """The Markdown table, the best mean IoU over all clicks first."""
    num_objects, num_clicks = ious[None].shape
    shown = [clicks for clicks in (1, 3, 5) if clicks <= num_clicks]
    names = [*GRID, *(f"IoU@{clicks}" for clicks in shown), "mean IoU", "ms per cut"]
    lines = [f"{num_objects} objects.", "", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for key in sorted(ious, key=lambda key: -ious[key].mean()):
        settings = ["threshold", *[""] * (len(GRID) - 1)]
        if key is not None:
            settings = [f"{getattr(key, name):g}" for name in GRID]
        cells = [
            *settings,
            *(f"{ious[key][:, clicks - 1].mean():.2%}" for clicks in shown),
            f"{ious[key].mean():.2%}",
            f"{1000 * seconds[key]:.0f}" if key is not None else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", help="images/ and labels/ of VOC 2012 train")
    parser.add_argument(
        "--split", type=Path, required=True, help="JSON with the image names under 'val'"
    )
    parser.add_argument("--preset", default="compact", help="name or directory")
    parser.add_argument("--limit", type=int, default=60, help="number of objects (default 60)")
    arguments = parser.parse_args()
    # Keras takes seconds to load: not before the arguments are known to be right.
    from fctsfn_tf.predict.predictor import Predictor

    dataset = open_dataset(arguments.directory)
    names = validation_names(arguments.split, [dataset])
    objects = dataset.only(names).samples(MIN_OBJECT_SHARE)
    ious, seconds = measure(
        islice(objects, arguments.limit),
        PredictorSegment(Predictor.from_preset(arguments.preset, graph_cut=False)),
        replace(PROTOCOLS["ritm"], max_clicks=NUM_CLICKS),
    )
    print(table(ious, seconds))


if __name__ == "__main__":
    main()
