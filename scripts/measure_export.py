"""What an export for TF.js costs in IoU: float32, float16 and uint8 side by side, as Markdown.

    python scripts/measure_export.py VOC2012_DIR --split splits.json --limit 60 float16/ web/model/

VOC2012_DIR holds images/ and labels/ of Pascal VOC 2012 train; only the images under "val" in
splits.json are used, of whose objects --limit are taken at equal distances. Each directory is an
export of the same preset. Its weights, as they are stored, are computed with in Keras (that the
browser does the same is tested), and the `ritm` robot user clicks every object five times, once for
each export and once for the preset itself. Every network gets its own clicks.

Time: 1 second per object and network on two CPU cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from fctsfn_tf.commands.arguments import validation_names
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.segmenters import PredictorSegment

NUM_CLICKS = 5
SHOWN_CLICKS = (1, 3, 5)


def measure(samples: list[Sample], predictor) -> np.ndarray:  # noqa: ANN001 (Keras is not loaded)
    """IoUs, (objects, NUM_CLICKS)."""
    segment = PredictorSegment(predictor)
    protocol = replace(PROTOCOLS["ritm"], max_clicks=NUM_CLICKS)
    rows = []
    for sample in samples:
        rows.append(evaluate_object(segment, sample, protocol).ious)
        print(f"\r{len(rows)}/{len(samples)} objects", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return np.array(rows)


def row(name: str, size: str, ious: np.ndarray, reference: np.ndarray) -> str:
    """One line of the table: mean IoUs, and how they differ from the reference in points."""
    cells = [f"{ious[:, clicks - 1].mean():.2%}" for clicks in SHOWN_CLICKS]
    for clicks in SHOWN_CLICKS:
        cells.append(f"{100 * (ious - reference)[:, clicks - 1].mean():+.2f}")
    return f"| {name} | {size} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", help="images/ and labels/ of VOC 2012 train")
    parser.add_argument("exports", nargs="+", type=Path, help="directories of exports for TF.js")
    parser.add_argument(
        "--split", type=Path, required=True, help="JSON with the image names under 'val'"
    )
    parser.add_argument("--preset", default="compact", help="name or directory")
    parser.add_argument("--limit", type=int, default=60, help="number of objects (default 60)")
    arguments = parser.parse_args()
    # Keras takes seconds to load: not before the arguments are known to be right.
    from fctsfn_tf.export.manifest import MANIFEST_FILE
    from fctsfn_tf.export.parts import with_stored_weights
    from fctsfn_tf.predict.predictor import Predictor
    from fctsfn_tf.predict.presets import load_preset

    dataset = open_dataset(arguments.directory)
    names = validation_names(arguments.split, [dataset])
    samples = list(dataset.only(names).samples(MIN_OBJECT_SHARE))
    samples = samples[:: max(1, len(samples) // arguments.limit)][: arguments.limit]
    model, config = load_preset(arguments.preset)
    reference = measure(samples, Predictor(model, config))
    heads = [f"IoU@{clicks}" for clicks in SHOWN_CLICKS] + [f"Δ@{c}" for c in SHOWN_CLICKS]
    print(f"{len(samples)} objects; Δ in points of IoU against the preset.\n")
    print(f"| weights | MB | {' | '.join(heads)} |")
    print("|---|---|" + "---:|" * len(heads))
    print(row(arguments.preset, "", reference, reference))
    for directory in arguments.exports:
        manifest = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
        megabytes = sum(file["bytes"] for file in manifest["files"]) / 1e6
        network = with_stored_weights(model, directory)
        ious = measure(samples, Predictor(network, config))
        print(row(manifest["dtype"], f"{megabytes:.1f}", ious, reference), flush=True)


if __name__ == "__main__":
    main()
