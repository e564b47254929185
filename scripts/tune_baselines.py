"""The parameters of the classical methods on training photographs, as Markdown.

    python scripts/tune_baselines.py ECSSD

ECSSD holds images/ and labels/ of photographs that nothing is tested on; of its objects --limit are
taken at equal distances. The `ritm` robot user clicks each of them ten times; an object that never
gets there counts ten. A row is a method with a value of its parameter; the methods' files have the
defaults.

Time: 1 to 15 minutes a row on one CPU core.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.baselines.seeded_cut import CutParameters
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS
from fctsfn_tf.evaluation.metrics import number_of_clicks
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.progress import progress_bar

SMOOTHNESS = {f"γ = {value}": {"cut": CutParameters(value)} for value in (15, 50, 150)}
# Method → title of a row → what differs from the method's own parameters.
GRID = {
    "gc": SMOOTHNESS,
    "gm": {"": {}},
    "rw": {f"β = {value}": {"beta": value} for value in (130, 400, 1000, 2500, 6000)},
    "esc": SMOOTHNESS,
    "gsc": SMOOTHNESS,
}
PROTOCOL = replace(PROTOCOLS["ritm"], max_clicks=10)
SHOWN_CLICKS = (1, 2, 3, 5, 10)


def some_samples(directory: Path, limit: int) -> Iterator[Sample]:
    """`limit` objects at equal distances in the order of the photographs."""
    images = open_dataset(directory).images
    for image in images[:: max(1, len(images) // limit)][:limit]:
        yield next(image.samples(MIN_OBJECT_SHARE))


def row(method: str, name: str, seed_radius: float, samples: list[Sample]) -> str:
    """A line of the table."""
    module = importlib.import_module(f"fctsfn_tf.evaluation.baselines.{method}")
    parameters = module.Parameters(seed_radius=seed_radius, **GRID[method][name])
    segment = partial(module.segment, parameters=parameters)
    ious = []
    with progress_bar(len(samples), unit="objects") as bar:
        bar.set_description_str(f"{method} {name}")
        for sample in samples:
            ious.append(evaluate_object(segment, sample, PROTOCOL).ious)
            bar.update()
    clicks = np.mean([number_of_clicks(one, 0.9, PROTOCOL.max_clicks) for one in ious])
    means = [f"{np.mean([one[k - 1] for one in ious]):.1%}" for k in SHOWN_CLICKS]
    cells = (method, name, f"{clicks:.2f}", *means, f"{np.mean(ious):.1%}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path, help="images/ and labels/")
    parser.add_argument("--limit", type=int, default=20, help="number of objects (default 20)")
    parser.add_argument("--methods", nargs="+", choices=GRID, default=list(GRID))
    parser.add_argument("--seed-radius", type=float, default=SEED_RADIUS, metavar="PX")
    arguments = parser.parse_args()
    samples = list(some_samples(arguments.directory, arguments.limit))
    heads = " | ".join(f"IoU@{clicks}" for clicks in SHOWN_CLICKS)
    print(f"{len(samples)} objects, seeds of {arguments.seed_radius:g} px\n")
    print(f"| method | | NoC@90 | {heads} | mean of 10 |\n|---|---|" + "---:|" * 7)
    for method in arguments.methods:
        for name in GRID[method]:
            print(row(method, name, arguments.seed_radius, samples), flush=True)


if __name__ == "__main__":
    main()
