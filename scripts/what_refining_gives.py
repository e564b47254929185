"""What refining gives a compact network: its answer beside its score at 1/8, as Markdown.

    python scripts/what_refining_gives.py SET… --splits VAL.json

The score at 1/8 lies within the network and learnt the same masks. The `ritm` robot user clicks
each object ten times with the one and with the other, as `Predictor` answers, but without closer
looks. The objects are those of photographs under "val" in the file, one photograph of each set in
turn. Never give it a test set.

Time: about 0.6 s an object on one core.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from fctsfn_tf.commands.arguments import count, validation_names
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample, hold_out, samples_in_turn
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import bootstrap_interval, number_of_clicks
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.segmenters import PredictorSegment
from fctsfn_tf.networks.encode_once import named_inputs
from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.presets import load_preset
from fctsfn_tf.progress import progress_bar

SHOWN_CLICKS, TARGETS = (1, 3, 5, 10), (0.85, 0.90)
PROTOCOL = replace(PROTOCOLS["ritm"], max_clicks=max(SHOWN_CLICKS))


def without_refining(network: keras.Model) -> keras.Model:
    """The same network, with the score at 1/8 as its answer and no candidates."""
    score = network.get_layer("coarse_score").output[..., :1]
    score = BilinearUpsampling(8, dtype="float32", name="coarse_up")(score)
    click_maps = named_inputs(network)["click_maps"]
    logits = CropLike(dtype="float32", name="coarse_crop")([score, click_maps])
    return keras.Model(network.input, logits)


def measure(network: keras.Model, config: PredictorConfig, samples: list[Sample]) -> np.ndarray:
    """(objects, measures): IoU after `SHOWN_CLICKS` in percent, then clicks to `TARGETS`."""
    segment = PredictorSegment(Predictor(network, config))
    rows = []
    with progress_bar(len(samples), unit="objects") as bar:
        for sample in samples:
            result = evaluate_object(segment, sample, PROTOCOL)
            if result.failure is not None:
                raise InputError(
                    f"Every object must be usable. Leave out '{result.name}' (its photograph, in "
                    f"the file of --splits): {result.failure}."
                )
            ious = result.ious
            row = [100 * ious[clicks - 1] for clicks in SHOWN_CLICKS]
            rows.append(row + [number_of_clicks(ious, one, PROTOCOL.max_clicks) for one in TARGETS])
            bar.update()
    return np.array(rows, np.float64)


def table(refined: np.ndarray, coarse: np.ndarray) -> str:
    """Means, and the paired difference with its 95 % interval."""
    rng = np.random.default_rng(0)
    heads = [f"IoU@{clicks}" for clicks in SHOWN_CLICKS]
    heads += [f"NoC@{100 * target:.0f}" for target in TARGETS]
    gains = []
    for change in (refined - coarse).T:
        low, high = bootstrap_interval(change, rng)
        gains.append(f"{change.mean():+.2f} ({low:+.2f} … {high:+.2f})")
    lines = [f"| {len(refined)} objects | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for title, rows in (("refined", refined), ("score at 1/8", coarse)):
        lines.append(f"| {title} | {' | '.join(f'{mean:.2f}' for mean in rows.mean(axis=0))} |")
    return "\n".join([*lines, f"| what it gives | {' | '.join(gains)} |"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="folders of data")
    parser.add_argument("--splits", type=Path, required=True, metavar="FILE")
    parser.add_argument("--objects", type=count, default=200, metavar="N", help="default: 200")
    parser.add_argument("--preset", default="compact", help="name or directory")
    arguments = parser.parse_args()
    try:
        network, config = load_preset(arguments.preset)
        if not any(layer.name == "coarse_score" for layer in network.layers):
            raise InputError(f"A compact preset is needed. Received {arguments.preset}.")
        datasets = [open_dataset(path) for path in arguments.sets]
        _, validation = hold_out(datasets, validation_names(arguments.splits, datasets))
        samples = list(islice(samples_in_turn(validation, MIN_OBJECT_SHARE), arguments.objects))
        config = replace(config, look_closer=0)
        found = [measure(one, config, samples) for one in (network, without_refining(network))]
    except InputError as error:
        print(f"what_refining_gives: error: {error}", file=sys.stderr)
        return 2
    print(table(*found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
