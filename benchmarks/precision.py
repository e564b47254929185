"""What a training step takes in bfloat16 beside float32: python benchmarks/precision.py

On all cores and in turn, with random weights and grey noise: a step of the TSLFN by the practical
recipe (its stage views_224) and one of the compact network on EfficientNet-Lite2. A ratio below 1
says that `fctsfn train --precision bfloat16` is faster on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
from timing import in_turn

from fctsfn_tf import FCTSFN, TSLFN, recipes
from fctsfn_tf.training.compact_training import compact_training_model
from fctsfn_tf.training.iterative_clicks import IterativeClicks
from fctsfn_tf.training.paper_stages import practical_training_model

PRECISIONS = ("float32", "bfloat16")


def training_models() -> Iterator[tuple[str, IterativeClicks, tuple[int, int, int], int]]:
    """Of each network its name, what is trained, (height, width, photographs), and objects of a
    photograph."""
    stage = recipes.PRACTICAL_STAGES["views_224"]
    tslfn = practical_training_model(TSLFN(fc_filters=512), stage)
    yield "TSLFN", tslfn, stage.input.views[-1], stage.input.objects_per_image
    recipe = recipes.CompactLiteRecipe()
    network = FCTSFN(backbone="efficientnet_lite2")
    compact = compact_training_model(network, recipe)
    yield "compact", compact, recipe.input.views[0], recipe.input.objects_per_image


def step_of(
    model: IterativeClicks, view: tuple[int, int, int], objects: int
) -> Callable[[], object]:
    """A training step on the same batch each time: one click in the middle of a square."""
    height, width, photographs = view
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (photographs, height, width, 3)).astype("float32")
    maps = model.network.inputs[1].shape[-1]
    clicks = np.zeros((photographs * objects, height, width, maps), "float32")
    clicks[:, height // 2 - 5 : height // 2 + 5, width // 2 - 5 : width // 2 + 5, 0] = 1
    target = np.zeros((photographs * objects, height, width, 1), "float32")
    target[:, height // 4 : -height // 4, width // 4 : -width // 4] = 1
    hidden = np.zeros(photographs * objects, "float32")
    inputs = {"image": image, "click_maps": clicks, "hidden_area": hidden}
    return lambda: model.train_on_batch(inputs, target)


def main() -> None:
    steps: dict[tuple[str, str], Callable[[], object]] = {}
    for precision in PRECISIONS:
        keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
        for name, *what in training_models():
            steps[name, precision] = step_of(*what)
    seconds = in_turn(steps)
    print("| network | float32, s | bfloat16 ÷ float32 |\n|---|---:|---:|")
    for name in dict.fromkeys(name for name, _ in steps):
        whole, half = (seconds[name, precision] for precision in PRECISIONS)
        print(f"| {name} | {whole:.2f} | {half / whole:.2f} |")


if __name__ == "__main__":
    main()
