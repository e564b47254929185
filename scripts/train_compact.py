"""Train the compact network with a frozen MobileNetV2.

    python scripts/train_compact.py DATA --backbone-weights mobilenet_v2.npz --output runs/compact

DATA holds one folder per data set (images/ + labels/). Interrupt it at any time; the same command
goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import keras

from fctsfn_tf.compact import compact_network
from fctsfn_tf.recipes import CompactRecipe
from fctsfn_tf.training import (
    CompactTrainer,
    TrainingViews,
    held_out_stems,
    read_training_sets,
    train_compact,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with one folder per data set")
    parser.add_argument("--backbone-weights", default="imagenet", help="imagenet or an .npz")
    parser.add_argument("--splits", type=Path, help="JSON with a list 'val' of stems to hold out")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=CompactRecipe.steps)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    recipe = replace(CompactRecipe(), steps=arguments.steps)
    sets = read_training_sets(arguments.data, recipe, held_out_stems(arguments.splits))
    print({name: len(pairs) for name, pairs in sets.items()}, flush=True)
    keras.utils.set_random_seed(arguments.seed)
    trainer = CompactTrainer(
        compact_network(backbone_weights=arguments.backbone_weights), recipe, arguments.seed
    )
    train_compact(trainer, TrainingViews(sets, recipe, arguments.seed), arguments.output)


if __name__ == "__main__":
    main()
