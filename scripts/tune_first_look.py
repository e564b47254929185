"""What a network with candidates would reach after one click by several rules, as a Markdown table.

    python scripts/tune_first_look.py SET… --splits VAL.json… --preset PRESET

Each SET is a folder of `docs/data.md`, and its VAL.json holds the photographs for validation under
"val", in the same order. Never give it a test set: `fctsfn_tf/predict/first_look.py` takes its
constants from here.

Every object is clicked once, in the middle, as the `ritm` robot user does; the network answers in
the whole photograph and in three crops around the click, each time with its answer, its candidates
and what IoU it expects of them. The rules then choose among the same masks.

Time: about 0.3 s an object on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fctsfn_tf.commands.arguments import validation_names
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, AnnotatedImage, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.robot_user import next_click_ritm
from fctsfn_tf.predict.answer_layers import Layer, probability_of, rendered
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.first_look import CLOSER_GAIN, SMALL_SHARE, answers_in, covering
from fctsfn_tf.predict.photograph import Photograph
from fctsfn_tf.predict.views import closer_views
from fctsfn_tf.progress import progress_bar

NUM_CLOSER = 3
# Objects below this share of their photograph stand apart in the table.
SMALL_OBJECT = 0.05


class FirstClick(NamedTuple):
    """All masks after the first click on an object, in the whole photograph and closer views.

    Attributes:
        ious: (views, masks), the answer's mask first.
        predicted: (views, masks), what the network expects; -1 in views that there are not.
        answer_share: of the view of the whole photograph.
        object_share: of the photograph.
    """

    ious: np.ndarray
    predicted: np.ndarray
    answer_share: float
    object_share: float


def first_click(engine: Engine, sample: Sample, config: PredictorConfig) -> FirstClick:
    """All masks of one object, in the whole photograph and `config.look_closer` crops at most."""
    size = sample.gt_mask.shape
    click = next_click_ritm(np.zeros(size, bool), sample.gt_mask, sample.ignore)
    photograph = Photograph(sample.image, engine, config)
    views = [photograph.whole, *closer_views(click, *size, config)]
    shape = 1 + config.look_closer, 1 + engine.num_candidates
    ious, predicted = np.zeros(shape), np.full(shape, -1.0)
    answer_share = 0.0
    for number, view in enumerate(views):
        logits, predicted[number], _ = answers_in(view, photograph, engine, click, config)
        if number == 0:
            answer_share = float(np.mean(logits[0] > 0))
        for k, one in enumerate(logits):
            layers = covering(Layer(view, probability_of(one)), photograph.whole)
            mask = rendered(layers, (click,), *size, None) > config.threshold
            ious[number, k] = iou(mask, sample.gt_mask, sample.ignore)
    return FirstClick(ious, predicted, answer_share, float(np.mean(sample.gt_mask)))


def rules(found: list[FirstClick]) -> Iterator[tuple[str, np.ndarray, float]]:
    """Name, IoU of each object (objects,), and share of the objects that are looked at closer."""
    ious = np.stack([one.ious for one in found])
    predicted = np.stack([one.predicted for one in found])
    shares = np.array([one.answer_share for one in found])
    each, flat = np.arange(len(found)), (len(found), -1)
    whole = ious[:, 0]
    yield "the answer", whole[:, 0], 0.0
    yield "the mask that is thought best", whole[each, predicted[:, 0].argmax(1)], 0.0
    yield "(the best mask)", whole.max(1), 0.0
    answers, thought = ious[..., 0], predicted[..., 0]
    yield "the answer of the view that is thought best", answers[each, thought.argmax(1)], 1.0
    best = predicted.reshape(flat).argmax(1)
    yield "the mask of any view that is thought best", ious.reshape(flat)[each, best], 1.0
    yield "(the best view's answer)", answers.max(1), 1.0
    for gain in (0.0, CLOSER_GAIN, 2 * CLOSER_GAIN):
        for most in (SMALL_SHARE / 2, SMALL_SHARE, 1.0):
            is_small = shares < most
            to_beat = thought.copy()
            to_beat[:, 0] += np.where(is_small, gain, 2.0)
            name = f"answers below {most:.0%} are looked at closer, where that gains {gain:g}"
            yield name, answers[each, to_beat.argmax(1)], float(is_small.mean())


def table(found: list[FirstClick]) -> str:
    is_small = np.array([one.object_share < SMALL_OBJECT for one in found])
    lines = [
        f"{len(found)} objects, {is_small.sum()} of them small (below {SMALL_OBJECT:.0%}).",
        "",
        "| what is shown | looks closer at | IoU@1 | small objects | others |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, ious, share in rules(found):
        means = [
            part.mean() if len(part) else np.nan for part in (ious, ious[is_small], ious[~is_small])
        ]
        lines.append(f"| {name} | {share:.0%} | " + " | ".join(f"{x:.1%}" for x in means) + " |")
    return "\n".join(lines)


def photographs_of(
    directories: list[Path], splits: list[Path], limit: int | None
) -> list[AnnotatedImage]:
    """The validation photographs of all sets; with a limit, so many of each set."""
    found = []
    for directory, split in zip(directories, splits, strict=True):
        dataset = open_dataset(directory)
        found += dataset.only(validation_names(split, [dataset])).images[:limit]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="folders of data")
    parser.add_argument(
        "--splits", type=Path, nargs="+", required=True, help="a JSON file with 'val' for each"
    )
    parser.add_argument("--preset", default="compact", help="name or directory")
    parser.add_argument("--limit", type=int, help="photographs of each set (default: all)")
    arguments = parser.parse_args()
    from fctsfn_tf.predict.preset_engine import load_engine

    try:
        if len(arguments.sets) != len(arguments.splits):
            raise InputError("Give one file of --splits for each set, in the same order.")
        engine, config = load_engine(arguments.preset)
        if not engine.num_candidates:
            raise InputError(f"A preset with candidates is needed. Received {arguments.preset}.")
        config = replace(config, look_closer=NUM_CLOSER)
        photographs = photographs_of(arguments.sets, arguments.splits, arguments.limit)
        found = []
        with progress_bar(len(photographs), unit="photographs") as bar:
            for photograph in photographs:
                for sample in photograph.samples(MIN_OBJECT_SHARE):
                    found.append(first_click(engine, sample, config))
                bar.update()
    except InputError as error:
        print(f"tune_first_look: error: {error}", file=sys.stderr)
        return 2
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
