"""The smoothness of the cut of GC, ESC and GSC on training photographs, as Markdown.

    python scripts/tune_baselines.py ECSSD --limit 12

ECSSD holds images/ and labels/ of photographs that nothing is tested on; of its objects --limit are
taken at equal distances. The `ritm` robot user clicks each of them up to 20 times. A row is a
method with a smoothness; `baselines/seeded_cut.py` has the default.

Time: 10 seconds per object and row on one CPU core.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.baselines.seeded_cut import CutParameters
from fctsfn_tf.dataset_layouts import open_dataset
from fctsfn_tf.evaluation import PROTOCOLS, evaluate_object
from fctsfn_tf.metrics import number_of_clicks
from fctsfn_tf.progress import ProgressBar

METHODS = ("gc", "esc", "gsc")
SMOOTHNESS = (5.0, 15.0, 50.0, 150.0)
SHOWN_CLICKS = (1, 3, 10)


def some_samples(directory: Path, limit: int) -> Iterator[Sample]:
    """`limit` objects at equal distances in the order of the photographs."""
    images = open_dataset(directory).images
    for image in images[:: max(1, len(images) // limit)][:limit]:
        yield next(image.samples(MIN_OBJECT_SHARE))


def row(method: str, smoothness: float, samples: list[Sample]) -> str:
    """A line of the table."""
    module = importlib.import_module(f"fctsfn_tf.baselines.{method}")
    parameters = module.Parameters(cut=CutParameters(smoothness))
    segment = partial(module.segment, parameters=parameters)
    bar, ious = ProgressBar(len(samples)), []
    for sample in samples:
        ious.append(evaluate_object(segment, sample, PROTOCOLS["ritm"]).ious)
        bar.show(len(ious), f"{method}, {smoothness:g}")
    bar.finish()
    clicks = np.mean([number_of_clicks(one, 0.9) for one in ious])
    means = [f"{np.mean([one[k - 1] for one in ious]):.1%}" for k in SHOWN_CLICKS]
    return f"| {method} | {smoothness:g} | {clicks:.2f} | {' | '.join(means)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="images/ and labels/")
    parser.add_argument("--limit", type=int, default=12, help="number of objects (default 12)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    arguments = parser.parse_args()
    samples = list(some_samples(arguments.directory, arguments.limit))
    heads = " | ".join(f"IoU@{clicks}" for clicks in SHOWN_CLICKS)
    print(f"{len(samples)} objects\n\n| method | γ | NoC@90 | {heads} |\n|---|" + "---:|" * 5)
    for method in arguments.methods:
        for smoothness in SMOOTHNESS:
            print(row(method, smoothness, samples), flush=True)


if __name__ == "__main__":
    main()
