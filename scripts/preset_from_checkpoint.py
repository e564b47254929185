"""Turn a training run into a preset: the moving average of its weights, in float16.

    python scripts/preset_from_checkpoint.py runs/compact fctsfn_tf/presets/compact

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
from fctsfn_tf.training import CompactTrainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the --output of train_compact.py")
    parser.add_argument("preset", type=Path, help="directory to write; must not exist")
    arguments = parser.parse_args()

    network = compact_network()
    trainer = CompactTrainer(network, CompactRecipe(), seed=0)
    if not trainer.resume(arguments.run):
        parser.error(f"{arguments.run} holds no checkpoint")
    trainer.use_averaged_weights()
    card = f"# compact\n\nThe compact network after {trainer.step} steps; not measured yet.\n"
    save_preset(arguments.preset, network, "compact_network", {}, PredictorConfig(), card)
    print(f"{arguments.preset}: step {trainer.step}")


if __name__ == "__main__":
    main()
