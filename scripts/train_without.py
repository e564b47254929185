"""What one piece of the compact network's recipe gives: train on with it and without it.

    python scripts/train_without.py nothing DATA… --splits VAL.json --output runs/all
    python scripts/train_without.py pasting DATA… --splits VAL.json --output runs/less

Both go on from the same preset with the same seed, so that they differ in this piece alone. Then
the two presets are measured on the same objects, and compared:

    fctsfn evaluate --data SET --splits VAL.json --model runs/all/preset --output a.json
    fctsfn evaluate --data SET --splits VAL.json --model runs/less/preset --output b.json
    fctsfn compare a.json b.json

Parts beside wholes are a data set, so that they are left out by not naming it. The same command
goes on with a run that was interrupted.

Time: that of `fctsfn train`, about 1.3 s a step on two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.data.annotated_images import hold_out
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.training.recipes import COMPACT_INPUT, CompactLiteRecipe

if TYPE_CHECKING:
    from fctsfn_tf.training.stages import TrainingData

# Views of more pixels than this are large ones.
LARGE_VIEW = 256 * 256


def _with_input(recipe: CompactLiteRecipe, **changes: object) -> CompactLiteRecipe:
    return replace(recipe, input=replace(recipe.input, **changes))


def _without_crops(recipe: CompactLiteRecipe) -> CompactLiteRecipe:
    augmentation = replace(recipe.input.augmentation, crop_probability=0.0)
    return _with_input(recipe, augmentation=augmentation)


def _without_large_views(recipe: CompactLiteRecipe) -> CompactLiteRecipe:
    views = [view for view in recipe.input.views if view[0] * view[1] <= LARGE_VIEW]
    return _with_input(recipe, views=(*views,))


def _without_error_clicks(recipe: CompactLiteRecipe) -> CompactLiteRecipe:
    return _with_input(recipe, clicks=replace(recipe.input.clicks, rollouts=(1.0,)))


# Name of a piece → the recipe without it.
WITHOUT: dict[str, Callable[[CompactLiteRecipe], CompactLiteRecipe]] = {
    "nothing": lambda recipe: recipe,
    "pasting": lambda recipe: _with_input(recipe, paste_probability=0.0),
    # Views cut around a click, with whatever of the object that shows.
    "crops": _without_crops,
    # Objects drawn by their area as MobileNetV2's recipe draws them: small ones come less often.
    "small-objects": lambda recipe: _with_input(recipe, area_exponent=COMPACT_INPUT.area_exponent),
    "large-views": _without_large_views,
    "error-clicks": _without_error_clicks,
    "unsteady-clicks": lambda recipe: _with_input(recipe, jitter_probability=0.0),
    "backbone-learning": lambda recipe: replace(recipe, backbone_factor=0.0),
    "average": lambda recipe: replace(recipe, average_decay=0.0),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("piece", choices=tuple(WITHOUT), help="what is left out")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="as of `fctsfn train`")
    parser.add_argument(
        "--splits", type=Path, required=True, metavar="FILE", help="held out: 'val'"
    )
    parser.add_argument(
        "--data-weights", type=shared.numbers, metavar="A,B", help="how often each DATA is drawn"
    )
    shared.add_masks_argument(parser)
    parser.add_argument("--start", default="compact", metavar="PRESET", help="to go on from")
    parser.add_argument("--steps", type=shared.count, default=500, help="default: 500")
    parser.add_argument("--learning-rate", type=float, default=4e-4, help="default: 4e-4")
    parser.add_argument("--seed", type=shared.count, default=0, help="default: 0")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the run")
    arguments = parser.parse_args()
    # Keras takes seconds to load: not before the arguments are known to be right.
    from fctsfn_tf.commands.train import compute_alike
    from fctsfn_tf.predict.presets import load_preset
    from fctsfn_tf.training.stages import train_compact
    from fctsfn_tf.training.stop_signals import stop_signals

    recipe = CompactLiteRecipe(learning_rate=arguments.learning_rate)
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=arguments.steps))
    compute_alike()
    try:
        data = _training_data(arguments)
        start, _ = load_preset(arguments.start)
        with stop_signals() as should_stop:
            train_compact(
                data,
                arguments.output,
                recipe=WITHOUT[arguments.piece](recipe),
                start=start,
                seed=arguments.seed,
                should_stop=should_stop,
            )
    except InputError as error:
        print(f"train_without: error: {error}", file=sys.stderr)
        return shared.BAD_INPUT
    except KeyboardInterrupt:
        print("train_without: interrupted; the same command goes on", file=sys.stderr)
        return shared.INTERRUPTED
    return shared.OK


def _training_data(arguments: argparse.Namespace) -> TrainingData:
    from fctsfn_tf.training.stages import TrainingData

    datasets = [open_dataset(path, masks=arguments.masks) for path in arguments.data]
    datasets, _ = hold_out(datasets, shared.validation_names(arguments.splits, datasets))
    return TrainingData(datasets, weights=arguments.data_weights, unusable="skip")


if __name__ == "__main__":
    sys.exit(main())
