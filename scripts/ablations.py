"""The paper's own questions at a size that two CPU cores can train, as Markdown.

    python scripts/ablations.py DATA [DATA ...] --splits splits.json --output runs

Do two streams fused late beat one stream of equal cost? What does the refining network add, beside
training as long without it? Are distances to the clicks (Eq. 1) better than disks of 5 px? Each
variant starts from random weights at an eighth of the paper's width and sees the same views of
128 px in the same order. The robot user (`ritm`) then clicks each validation object ten times at
128 px, without zoom-in or graph cut. Means over the seeds.

The photographs that the file's list "val" names are validated on, those of each set in turn, and
not trained on.

A variant's run and result lie in --output, apart from those on other data; the same command goes
on where it was interrupted.

A second table asks what refining gives the trained preset: its answer, and the score at 1/8 within
it, which learnt the same masks, clicked as `Predictor` does it.

Time: half an hour per seed at the defaults on one CPU core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fctsfn_tf.clicks.click_maps import DISK_RADIUS, DISTANCES
from fctsfn_tf.commands.arguments import validation_names
from fctsfn_tf.data.annotated_images import (
    MIN_OBJECT_SHARE,
    Dataset,
    Sample,
    hold_out,
    samples_in_turn,
)
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.cost import cost
from fctsfn_tf.files import atomic_write
from fctsfn_tf.networks.encode_once import named_inputs
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, freeze_tslfn
from fctsfn_tf.networks.layers import BilinearUpsampling, CropLike
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.networks.weight_files import load_variables, save_variables
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import load_preset
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.loop import run_training
from fctsfn_tf.training.losses import NormalizedFocalLoss
from fctsfn_tf.training.optimizers import cosine_after_warmup
from fctsfn_tf.training.recipes import AugmentationConfig, ClickInput, Schedule, SimulationConfig
from fctsfn_tf.training.streaming_metrics import MaskIoU

SIZE = 128
BATCH = 4
ALPHA = 1 / 8
# One stream as wide as this costs as many multiply–accumulates as two of `ALPHA`; the table says.
SINGLE_STREAM_ALPHA = 1.29 * ALPHA
LEARNING_RATE = 1e-3
MAX_CLICKS = 10
SHOWN_CLICKS = (1, 3, 5, 10)
WEIGHTS_NAME, RESULT_NAME = "final.npz", "result.json"


class Disks(keras.layers.Layer):
    """Distance maps (B, H, W, 2) → disks of the compact network's radius, 255 in and 0 outside."""

    def call(self, distances):  # noqa: ANN001, ANN201 (Keras' signature)
        return 255.0 * ops.cast(distances <= DISK_RADIUS, distances.dtype)


def tslfn_on_disks() -> keras.Model:
    """The TSLFN whose interaction stream reads disks where its own reads distances."""

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name == "mean_interaction":
            return Disks(name=layer.name)
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(TSLFN(8, alpha=ALPHA), clone_function=clone)


@dataclass(frozen=True)
class Variant:
    """A row of the table.

    Attributes:
        title: what it is.
        build: the network, with random weights.
        start: key of the variant whose weights it goes on from.
        is_refining: whether only the MSRN learns (paper §3.3).
    """

    title: str
    build: Callable[[], keras.Model]
    start: str | None = None
    is_refining: bool = False


tslfn = partial(TSLFN, 8, alpha=ALPHA)
# In an order in which each comes after its start.
VARIANTS = {
    "early": Variant("one stream (SSFCN 8s)", partial(SSFCN, 8, alpha=SINGLE_STREAM_ALPHA)),
    "late": Variant("two streams (TSLFN 8s)", tslfn),
    "disks": Variant("two streams, disks", tslfn_on_disks),
    "longer": Variant("two streams, trained twice as long", tslfn, "late"),
    "refined": Variant("two streams, then MSRN", partial(FCTSFN, alpha=ALPHA), "late", True),
}


def trained(
    variant: Variant, before: Path | None, data: ClickDataset, steps: int, seed: int, run: Path
) -> keras.Model:
    """The variant's network after its training, which goes on if it was interrupted.

    Args:
        before: the directory of the run that it goes on from.
        run: its own directory.
    """
    keras.utils.set_random_seed(seed)
    network = variant.build()
    if (run / WEIGHTS_NAME).exists():
        load_variables(network, run / WEIGHTS_NAME)
        return network
    if before is not None:
        start = VARIANTS[variant.start].build()
        load_variables(start, before / WEIGHTS_NAME)
        transfer_stage(start, network)
    if variant.is_refining:
        freeze_tslfn(network)
    rate = cosine_after_warmup(LEARNING_RATE, steps, steps // 20)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=5.0)
    network.compile(optimizer, NormalizedFocalLoss(), metrics=[MaskIoU()])
    optimizer.build(network.trainable_variables)
    settings = {"variant": variant.title, "steps": steps, "seed": seed}
    run_training(network, data, Schedule(steps, steps, None, 100), run, settings, network)
    save_variables(network, run / WEIGHTS_NAME, overwrite=True)
    return network


def results(
    datasets: Sequence[Dataset], samples: list[Sample], steps: int, seed: int, output: Path
) -> dict[str, dict[str, float]]:
    """{variant: numbers of `ClickEvaluation`, and "gmac"}, computed where they are missing."""
    augmented = ClickInput(
        DISTANCES, ((SIZE, SIZE, BATCH),), AugmentationConfig(), SimulationConfig()
    )
    data = ClickDataset(datasets, augmented, seed=seed, workers=1)
    config = PredictorConfig(DISTANCES, working_size=SIZE, zoom_in=False)
    clicks = ClickEvaluation(samples, config, MAX_CLICKS)
    names = [image.image_path.name for dataset in datasets for image in dataset.images]
    names += [sample.name for sample in samples]
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    suffix = f"{steps}_{seed}_{digest[:16]}"  # other data are other runs
    found = {}
    for key, variant in VARIANTS.items():
        run = output / f"{key}_{suffix}"
        if not (run / RESULT_NAME).exists():
            print(f"{variant.title}, seed {seed}", file=sys.stderr)
            before = output / f"{variant.start}_{suffix}" if variant.start else None
            network = trained(variant, before, data, steps, seed, run)
            macs = cost(network, SIZE, SIZE)
            numbers = clicks.evaluate(network) | {"gmac": (macs.image_macs + macs.click_macs) / 1e9}
            text = json.dumps(numbers, indent=1)
            atomic_write(run / RESULT_NAME, lambda file, text=text: file.write(text.encode()))
        found[key] = json.loads((run / RESULT_NAME).read_text())
    return found


def table(found: list[dict[str, dict[str, float]]]) -> str:
    """The means over the seeds."""
    heads = ["GMAC", *(f"IoU@{clicks}" for clicks in SHOWN_CLICKS), "mean of 10", "NoC@85"]
    lines = [f"| variant | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for key, variant in VARIANTS.items():

        def mean(name: str, key: str = key) -> float:
            return float(np.mean([one[key][name] for one in found]))

        shares = [f"{mean(f'val_iou@{clicks}'):.1%}" for clicks in SHOWN_CLICKS]
        cells = [f"{mean('gmac'):.2f}", *shares, f"{mean('val_click_iou'):.1%}"]
        cells.append(f"{mean('val_noc@85'):.2f}")
        lines.append(f"| {variant.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def without_refining(network: keras.Model) -> keras.Model:
    """A compact network that answers with its score at 1/8."""
    score = network.get_layer("coarse_score").output
    score = BilinearUpsampling(8, dtype="float32", name="coarse_up")(score)
    click_maps = named_inputs(network)["click_maps"]
    logits = CropLike(dtype="float32", name="coarse_crop")([score, click_maps])
    return keras.Model(network.input, logits)


def preset_table(
    preset: str, network: keras.Model, config: PredictorConfig, samples: list[Sample]
) -> str:
    """The preset with and without its refining part."""
    clicks = ClickEvaluation(samples, config, MAX_CLICKS)
    found = {"refined": clicks.evaluate(network)}
    found["score at 1/8"] = clicks.evaluate(without_refining(network))
    heads = [*(f"IoU@{clicks}" for clicks in SHOWN_CLICKS), "NoC@85", "NoC@90"]
    lines = [f"| {preset} | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for title, numbers in found.items():
        cells = [f"{numbers[f'val_iou@{clicks}']:.1%}" for clicks in SHOWN_CLICKS]
        cells += [f"{numbers[f'val_noc@{target}']:.2f}" for target in (85, 90)]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, nargs="+", help="directories as `fctsfn train` takes")
    parser.add_argument("--splits", type=Path, required=True, metavar="FILE")
    parser.add_argument("--validation-objects", type=int, default=90, metavar="N")
    parser.add_argument("--preset", default="compact", help="default: compact")
    parser.add_argument("--steps", type=int, default=1500, metavar="N")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="N")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        network, config = load_preset(arguments.preset)
        datasets = [open_dataset(path) for path in arguments.data]
        names = validation_names(arguments.splits, datasets)
        datasets, validation = hold_out(datasets, names)
        in_turn = samples_in_turn(validation, MIN_OBJECT_SHARE)
        samples = list(islice(in_turn, arguments.validation_objects))
        found = [
            results(datasets, samples, arguments.steps, seed, arguments.output)
            for seed in arguments.seeds
        ]
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(samples)} objects, {arguments.steps} steps, seeds {arguments.seeds}\n")
    print(table(found))
    print(f"\n{preset_table(arguments.preset, network, config, samples)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
