"""Turn a training run into a preset: the moving average of its weights, in float16.

    python scripts/preset_from_checkpoint.py DATA runs/compact fctsfn_tf/presets/compact

The run may still be going on; then the preset holds its latest checkpoint. Write the model card
(README.md of the preset) once the results are measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fctsfn_tf.compact import compact_network
from fctsfn_tf.config import PredictorConfig
from fctsfn_tf.presets import save_preset
from fctsfn_tf.recipes import CompactRecipe
from fctsfn_tf.training import (
    CompactTrainer,
    TrainingViews,
    held_out_stems,
    read_training_sets,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the training data, for BatchNorm's statistics")
    parser.add_argument("run", type=Path, help="the --output of train_compact.py")
    parser.add_argument("preset", type=Path, help="directory to write; must not exist")
    parser.add_argument("--splits", type=Path, help="JSON with a list 'val' of stems to hold out")
    arguments = parser.parse_args()

    network = compact_network()
    recipe = CompactRecipe()
    trainer = CompactTrainer(network, recipe, seed=0)
    if not trainer.resume(arguments.run):
        parser.error(f"{arguments.run} holds no checkpoint")
    sets = read_training_sets(arguments.data, recipe, held_out_stems(arguments.splits))
    trainer.use_averaged_weights(TrainingViews(sets, recipe, seed=0))
    card = f"# compact\n\nThe compact network after {trainer.step} steps; not measured yet.\n"
    save_preset(arguments.preset, network, "compact_network", {}, PredictorConfig(), card)
    print(f"{arguments.preset}: step {trainer.step}")


if __name__ == "__main__":
    main()
