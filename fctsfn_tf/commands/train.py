"""`fctsfn train`: photographs and masks → a trained network, as a preset."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

if TYPE_CHECKING:
    import keras

    from fctsfn_tf.data.annotated_images import Dataset
    from fctsfn_tf.training.stages import TrainingData

EPILOG = """\
What is trained:
  compact  the compact network on MobileNetV2: previous mask, clicks on its own errors
  tslfn    the paper's TSLFN, 32s, 16s, 8s, one after the other
  msrn     the paper's MSRN on a TSLFN that is there already (--tslfn)
  fctsfn   the paper's network: tslfn, then msrn

DATA is a directory of photographs and masks as `fctsfn evaluate` takes them, or Pascal VOC, SBD,
COCO, DAVIS or labelme as they come. Every tenth photograph is held out for validation, unless
--splits or --validation-split names others.

The same command goes on with a run that was interrupted (Ctrl-C writes a checkpoint first). Each
stage leaves checkpoint.npz, log.jsonl and, at its end, preset/ in its directory.

Examples:
  fctsfn train compact photographs/ --output runs/mine
  fctsfn train compact photographs/ --start compact --steps 1000 --output runs/mine
  fctsfn train fctsfn VOCdevkit/ --split train --validation-split val --weights imagenet \\
      --output runs/paper
  fctsfn segment photo.jpg --positive 120,80 --preset runs/mine/preset
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on photographs and masks",
        description="Train a network on photographs and masks; clicks are simulated.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("compact", "tslfn", "msrn", "fctsfn"), help="see below")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="see below")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the run")
    network = parser.add_argument_group("network")
    network.add_argument(
        "--weights",
        metavar="imagenet|FILE",
        help="to start from: MobileNetV2's for compact (default: imagenet), VGG16's for the "
        "paper's networks (default: random)",
    )
    network.add_argument(
        "--start", metavar="PRESET", help="compact: a trained network to go on from, with new masks"
    )
    network.add_argument("--tslfn", metavar="PRESET", help="msrn: the TSLFN to refine")
    network.add_argument(
        "--alpha", type=float, default=1.0, metavar="A", help="width of the network (default: 1)"
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data-weights",
        type=_numbers,
        metavar="A,B",
        help="how often a photograph of each DATA is drawn, relative to the others",
    )
    data.add_argument("--split", metavar="NAME", help="train on this list of the data sets' own")
    data.add_argument(
        "--validation-split", metavar="NAME", help="validate on this list of the first data set"
    )
    data.add_argument(
        "--splits",
        type=Path,
        metavar="FILE",
        help='JSON with a list "val" of photographs, <stem> or <set>/<stem>, the set being the '
        "name of its DATA: held out, and validated on",
    )
    shared.add_masks_argument(data)
    data.add_argument(
        "--validation-objects",
        type=shared.count,
        default=50,
        metavar="N",
        help="objects to validate on; 0 for no validation, and nothing held out (default: 50)",
    )
    data.add_argument(
        "--unusable",
        choices=("stop", "skip"),
        default="stop",
        help="at a damaged photograph or mask: stop (default), or skip it and count it at the end",
    )
    data.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keep decoded photographs there, for this run and later ones",
    )
    data.add_argument(
        "--workers", type=shared.count, default=2, metavar="N", help="threads (default: 2)"
    )
    recipe = parser.add_argument_group("recipe", "without these, the recipe's own numbers")
    recipe.add_argument("--steps", type=shared.count, metavar="N", help="of each stage, at most")
    recipe.add_argument(
        "--learning-rate", type=_numbers, metavar="A[,B]", help="one, or one for each stage"
    )
    recipe.add_argument(
        "--view",
        type=_view,
        metavar="HxWxB",
        help="height and width of the views, and photographs per step",
    )
    recipe.add_argument("--validate-every", type=shared.count, metavar="N", help="steps")
    recipe.add_argument(
        "--patience", type=shared.count, metavar="N", help="validations without a gain, then stop"
    )
    recipe.add_argument("--checkpoint-every", type=shared.count, metavar="N", help="steps")
    recipe.add_argument("--seed", type=shared.count, default=0, metavar="N", help="default: 0")
    parser.set_defaults(run=_run_train)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"numbers with commas between them are expected: {text!r:.60} came"
        ) from None


def _view(text: str) -> tuple[int, int, int]:
    parts = [shared.count(part) for part in text.split("x")]
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"HEIGHTxWIDTHxPHOTOGRAPHS is expected: {text!r:.60} came")
    return parts[0], parts[1], parts[2]


def _run_train(arguments: argparse.Namespace) -> int:
    if (arguments.what == "msrn") != (arguments.tslfn is not None):
        raise InputError(
            "Give the TSLFN to refine as --tslfn PRESET with msrn, and only there. "
            f"Received {arguments.what} with --tslfn {arguments.tslfn}."
        )
    if arguments.start is not None and (arguments.what != "compact" or arguments.weights):
        raise InputError(
            "Give --start PRESET with compact, and without --weights: a preset brings its own. "
            f"Received {arguments.what} with --weights {arguments.weights}."
        )
    shared.import_quietly()
    compute_alike()
    from fctsfn_tf.predict.presets import load_preset
    from fctsfn_tf.training.stop_signals import stop_signals

    data = _training_data(arguments)
    preset = arguments.start or arguments.tslfn
    before = None if preset is None else load_preset(preset)[0]
    train = _train_compact if arguments.what == "compact" else _train_paper
    with stop_signals() as should_stop:
        train(arguments, data, before, should_stop)
    return shared.OK


def _train_compact(
    arguments: argparse.Namespace,
    data: TrainingData,
    start: keras.Model | None,
    should_stop: Callable[[], bool],
) -> None:
    from fctsfn_tf.training.recipes import CompactRecipe
    from fctsfn_tf.training.stages import train_compact

    (recipe,) = _changed([CompactRecipe()], arguments)
    train_compact(
        data,
        arguments.output,
        recipe=recipe,
        weights=arguments.weights or "imagenet",
        start=start,
        alpha=arguments.alpha,
        seed=arguments.seed,
        should_stop=should_stop,
    )
    _tell_preset(arguments.output)


def _train_paper(
    arguments: argparse.Namespace,
    data: TrainingData,
    tslfn: keras.Model | None,
    should_stop: Callable[[], bool],
) -> None:
    from fctsfn_tf.training.recipes import MSRN_STAGE, TSLFN_STAGES
    from fctsfn_tf.training.stages import train_msrn, train_tslfn

    output = arguments.output
    common = {"alpha": arguments.alpha, "seed": arguments.seed, "should_stop": should_stop}
    recipes = [] if arguments.what == "msrn" else list(TSLFN_STAGES.values())
    recipes += [] if arguments.what == "tslfn" else [MSRN_STAGE]
    recipes = _changed(recipes, arguments)
    if arguments.what != "msrn":
        stages = dict(zip(TSLFN_STAGES, recipes, strict=False))
        tslfn = train_tslfn(data, output, stages=stages, weights=arguments.weights, **common)
        _tell_preset(output / "tslfn_8s")
    if arguments.what != "tslfn":
        train_msrn(data, output / "msrn", tslfn, recipe=recipes[-1], **common)
        _tell_preset(output / "msrn")


def _tell_preset(run: Path) -> None:
    from fctsfn_tf.training.trained_preset import PRESET_NAME

    print(f"wrote {printable(run / PRESET_NAME)}")


def compute_alike() -> None:
    """Let the same command compute the same numbers, bit for bit, where the backend can.

    TensorFlow's sums depend on the order in which threads end, unless it is told otherwise.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _training_data(arguments: argparse.Namespace) -> TrainingData:
    """The data sets with what is held out of them, and the objects to validate on."""
    from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, hold_out, samples_in_turn
    from fctsfn_tf.data.image_cache import DiskCache
    from fctsfn_tf.data.layouts import open_dataset
    from fctsfn_tf.training.stages import TrainingData

    def opened(path: Path, split: str | None) -> Dataset:
        return open_dataset(path, split=split, masks=arguments.masks)

    datasets = [opened(path, arguments.split) for path in arguments.data]
    validation: list[Dataset] = []
    if arguments.validation_objects == 0:
        pass
    elif arguments.validation_split is not None:
        validation = [opened(arguments.data[0], arguments.validation_split)]
    else:
        datasets, validation = hold_out(datasets, _held_out(datasets, arguments.splits))
    left_out: list[str] | None = [] if arguments.unusable == "skip" else None
    samples = samples_in_turn(validation, MIN_OBJECT_SHARE, left_out)
    return TrainingData(
        datasets,
        validation=list(islice(samples, arguments.validation_objects)),
        weights=arguments.data_weights,
        unusable=arguments.unusable,
        cache=None if arguments.cache is None else DiskCache(arguments.cache),
        workers=arguments.workers,
    )


def _held_out(datasets: Sequence[Dataset], splits: Path | None) -> set[str]:
    """The photographs that are not trained on, by name: the list "val", or every tenth one.

    Raises:
        InputError: the file is not JSON, has no such list, or names no photograph that is there.
    """
    if splits is None:
        names = sorted({one.path_of(image) for one in datasets for image in one.images})
        if len(names) < 2:
            raise InputError(
                "One photograph is too few to hold one out. Add more, or train without validation "
                "(--validation-objects 0)."
            )
        return set(names[9::10] or names[-1:])
    return shared.validation_names(splits, datasets)


def _changed(recipes: Sequence[Any], arguments: argparse.Namespace) -> list[Any]:
    """The recipes with what the arguments say otherwise.

    Raises:
        InputError: another number of learning rates than one, or one for each stage.
    """
    rates = arguments.learning_rate or [recipe.learning_rate for recipe in recipes]
    if len(rates) == 1:
        rates = [*rates] * len(recipes)
    if len(rates) != len(recipes):
        raise InputError(
            f"Give one learning rate, or one for each of the {len(recipes)} stages. "
            f"Received {len(rates)}."
        )
    names = ("steps", "validate_every", "patience", "checkpoint_every")
    times = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    return [
        replace(
            recipe,
            learning_rate=rate,
            schedule=replace(recipe.schedule, **times),
            input=recipe.input if arguments.view is None else recipe.input.seen_in(arguments.view),
        )
        for recipe, rate in zip(recipes, rates, strict=True)
    ]
