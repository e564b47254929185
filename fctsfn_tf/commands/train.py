"""`fctsfn train`: photographs and masks → a trained network, as a preset."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
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

# The paper's networks as the command names them → their builders.
PAPER_NETWORKS = {
    "tslfn": "TSLFN",
    "msrn": "FCTSFN",
    "fctsfn": "FCTSFN",
    "ssfcn": "SSFCN",
    "tslfn_minus": "TSLFNMinus",
}
EPILOG = """\
What is trained:
  compact      the compact network on MobileNetV2, or EfficientNet-Lite2 with --backbone; it
               reads the mask before, too, and learns from clicks on its own errors
  fctsfn       the paper's network: tslfn, then msrn
  tslfn        the paper's TSLFN with scores 32, 16 and 8 times coarser than the photograph, one
               after the other
  msrn         the paper's MSRN on a TSLFN that is there already (--tslfn)
  ssfcn        the paper's single-stream network, trained like tslfn
  tslfn_minus  the paper's TSLFN without its interaction stream, trained like tslfn

The paper's networks take --recipe paper, 1.5 million steps as §3.3 has them, or --recipe practical,
AdamW on a mean focal loss from small views to large ones, hours on a CPU.

DATA is a directory of photographs and masks as `fctsfn evaluate` takes them, or Pascal VOC, SBD,
COCO, DAVIS or labelme as they come. Every tenth photograph is held out for validation, unless
--splits or --validation-split names others.

The same command goes on with a run that was interrupted (Ctrl-C writes a checkpoint first). Each
stage leaves checkpoint.npz, log.jsonl and, at its end, preset/ in its directory.

Examples:
  fctsfn train compact photographs/ --output runs/mine
  fctsfn train compact photographs/ --start compact --steps 1000 --output runs/mine
  fctsfn train fctsfn VOCdevkit/ --split train --hold-out 200 --weights imagenet \\
      --recipe practical --fc-filters 512 --output runs/paper
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
    parser.add_argument("what", choices=("compact", *PAPER_NETWORKS), help="see below")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="see below")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the run")
    network = parser.add_argument_group("network")
    network.add_argument(
        "--weights",
        metavar="imagenet|FILE",
        help="to start from: the backbone's for compact (default: imagenet, but for "
        "EfficientNet-Lite2 a file), VGG16's for the paper's networks (default: random)",
    )
    network.add_argument(
        "--backbone",
        choices=("mobilenet_v2", "efficientnet_lite2"),
        help="compact: default mobilenet_v2",
    )
    network.add_argument(
        "--start",
        metavar="PRESET",
        help="a trained network to go on from, with new masks (compact, --recipe practical)",
    )
    network.add_argument("--tslfn", metavar="PRESET", help="msrn: the TSLFN to refine")
    network.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        metavar="A",
        help="width of the network: the share of the filters that each layer has (default: 1)",
    )
    network.add_argument(
        "--stride",
        type=int,
        choices=(32, 16, 8),
        help="tslfn, ssfcn, tslfn_minus: of the finest score (default: 8)",
    )
    network.add_argument(
        "--depth",
        type=int,
        choices=(1, 2, 3, 4, 5),
        help="tslfn: blocks in each stream (default: 4)",
    )
    network.add_argument(
        "--fc-filters",
        type=shared.count,
        metavar="N",
        help="filters of fc6 and fc7 in the paper's networks (default: 4096, as in the paper)",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data-weights",
        type=shared.numbers,
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
    data.add_argument(
        "--hold-out",
        type=shared.count,
        metavar="N",
        help="hold out so many photographs, drawn at random, and validate on them (the paper: 200 "
        "of the training photographs)",
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
    recipe.add_argument(
        "--recipe",
        choices=("paper", "practical"),
        help="of the paper's networks, see below (default: paper)",
    )
    recipe.add_argument(
        "--stages",
        metavar="A[,B]",
        help="of the practical recipe, those to go through: "
        "views_128, views_224, views_320, msrn_224 (default: all)",
    )
    recipe.add_argument("--steps", type=shared.count, metavar="N", help="of each stage, at most")
    recipe.add_argument(
        "--learning-rate", type=shared.numbers, metavar="A[,B]", help="one, or one for each stage"
    )
    recipe.add_argument(
        "--backbone-factor",
        type=float,
        metavar="F",
        help="compact: learning rate of the backbone over that of the rest; 0 to leave it as it is",
    )
    recipe.add_argument(
        "--view",
        type=_view,
        metavar="HxWxB",
        help="height and width of what the network sees of a photograph, and photographs per step",
    )
    recipe.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of what is computed; weights and losses stay float32. bfloat16 takes about half of "
        "the time where the processor or GPU has it, and far longer elsewhere (default: float32)",
    )
    recipe.add_argument("--validate-every", type=shared.count, metavar="N", help="steps")
    recipe.add_argument(
        "--patience", type=shared.count, metavar="N", help="validations without a gain, then stop"
    )
    recipe.add_argument("--checkpoint-every", type=shared.count, metavar="N", help="steps")
    recipe.add_argument("--seed", type=shared.count, default=0, metavar="N", help="default: 0")
    parser.set_defaults(run=_run_train)


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
    _check_options(arguments)
    is_practical = arguments.recipe == "practical"
    goes_on = arguments.what == "compact" or (is_practical and arguments.what != "msrn")
    if arguments.start is not None and (not goes_on or arguments.weights):
        raise InputError(
            "Give --start PRESET with compact or --recipe practical (msrn: --tslfn), and without "
            "--weights: a preset brings its own. "
            f"Received {arguments.what} with --weights {arguments.weights}."
        )
    if arguments.stages is not None and not is_practical:
        raise InputError(
            f"Give --stages with --recipe practical. Received {arguments.what} without it."
        )
    if arguments.backbone and arguments.start:
        raise InputError(
            "Give --start PRESET without --backbone: a preset has one. "
            f"Received --backbone {arguments.backbone}."
        )
    shared.import_quietly()
    compute_alike()
    _compute_in(arguments.precision)
    from fctsfn_tf.predict.presets import load_preset
    from fctsfn_tf.training.stop_signals import stop_signals

    data = _training_data(arguments)
    preset = arguments.start or arguments.tslfn
    before = None if preset is None else load_preset(preset)[0]
    train = _train_compact if arguments.what == "compact" else _train_paper
    with stop_signals() as should_stop:
        train(arguments, data, before, should_stop)
    return shared.OK


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that the network has no use for.

    Raises:
        InputError: there is one.
    """
    strided = ("tslfn", "ssfcn", "tslfn_minus")
    uses = {
        "stride": strided,
        "depth": ("tslfn",),
        "fc_filters": (*strided, "fctsfn"),
        "recipe": tuple(PAPER_NETWORKS),
        "backbone": ("compact",),
        "backbone_factor": ("compact",),
    }
    for name, networks in uses.items():
        value = getattr(arguments, name)
        if value is not None and arguments.what not in networks:
            raise InputError(
                f"--{name.replace('_', '-')} is for {', '.join(networks)}. Leave it out. "
                f"Received {value} with {arguments.what}."
            )


def _train_compact(
    arguments: argparse.Namespace,
    data: TrainingData,
    start: keras.Model | None,
    should_stop: Callable[[], bool],
) -> None:
    from fctsfn_tf.training.recipes import CompactLiteRecipe, CompactRecipe
    from fctsfn_tf.training.stages import BACKBONES, train_compact

    backbone = arguments.backbone or BACKBONES[0]
    if start is not None:
        backbone = BACKBONES[len(start.outputs) > 1]
    recipe = CompactLiteRecipe() if backbone == BACKBONES[1] else CompactRecipe()
    if arguments.backbone_factor is not None:
        recipe = replace(recipe, backbone_factor=arguments.backbone_factor)
    (recipe,) = _changed([recipe], arguments)
    train_compact(
        data,
        arguments.output,
        recipe=recipe,
        backbone=backbone,
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
    start: keras.Model | None,
    should_stop: Callable[[], bool],
) -> None:
    train = _by_practical_recipe if arguments.recipe == "practical" else _by_paper_recipe
    common = {
        "weights": arguments.weights,
        "alpha": arguments.alpha,
        "seed": arguments.seed,
        "should_stop": should_stop,
    }
    names = {"stride": arguments.stride, "depth": arguments.depth}
    if arguments.what != "msrn":  # it has its TSLFN's
        names["fc_filters"] = arguments.fc_filters
    given = {name: value for name, value in names.items() if value is not None}
    for run in train(arguments, data, start, common, given):
        _tell_preset(run)


def _by_paper_recipe(
    arguments: argparse.Namespace,
    data: TrainingData,
    tslfn: keras.Model | None,
    common: dict[str, Any],
    given: dict[str, Any],
) -> Iterator[Path]:
    """Train stage by stage; the directories of what came out."""
    from fctsfn_tf.training.paper_stages import train_msrn, train_tslfn
    from fctsfn_tf.training.recipes import MSRN_STAGE, TSLFN_STAGES

    what, output = arguments.what, arguments.output
    last = given.pop("stride", 8)
    strides = [] if what == "msrn" else [stride for stride in TSLFN_STAGES if stride >= last]
    recipes = [TSLFN_STAGES[stride] for stride in strides]
    recipes += [MSRN_STAGE] if what in ("msrn", "fctsfn") else []
    recipes = _changed(recipes, arguments)
    if strides:
        stages = dict(zip(strides, recipes, strict=False))
        network = "TSLFN" if what == "fctsfn" else PAPER_NETWORKS[what]
        tslfn = train_tslfn(data, output, stages=stages, network=network, **common, **given)
        yield output / f"{network.lower()}_{last}s"
    if what in ("msrn", "fctsfn"):
        del common["weights"]
        train_msrn(data, output / "msrn", tslfn, recipe=recipes[-1], **common)
        yield output / "msrn"


def _by_practical_recipe(
    arguments: argparse.Namespace,
    data: TrainingData,
    start: keras.Model | None,
    common: dict[str, Any],
    given: dict[str, Any],
) -> Iterator[Path]:
    """Train stage by stage; the directory of what came out last."""
    from fctsfn_tf.training.paper_stages import practical_stages, train_practical

    network = PAPER_NETWORKS[arguments.what]
    stages = practical_stages(network)
    if arguments.what == "msrn":
        stages = {name: one for name, one in stages.items() if one.learns == "msrn"}
    if arguments.stages is not None:
        names = arguments.stages.split(",")
        if unknown := [name for name in names if name not in stages]:
            raise InputError(
                f"--stages for {arguments.what} are {', '.join(stages)}. Give some of these with "
                f"commas between them. Received {', '.join(unknown):.60}."
            )
        stages = {name: one for name, one in stages.items() if name in names}
    recipes = _changed(list(stages.values()), arguments)
    stages = dict(zip(stages, recipes, strict=True))
    train_practical(
        data, arguments.output, network=network, stages=stages, start=start, **common, **given
    )
    yield arguments.output / list(stages)[-1]


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


def _compute_in(precision: str) -> None:
    """Let the networks that are built from now on compute so."""
    import keras

    if precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{precision}")


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
        datasets, validation = hold_out(datasets, _held_out(datasets, arguments))
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


def _held_out(datasets: Sequence[Dataset], arguments: argparse.Namespace) -> set[str]:
    """The photographs that are not trained on, by name.

    The list "val" of --splits, --hold-out of them at random, or every tenth one.

    Raises:
        InputError: the file is not JSON, has no such list, or names no photograph that is there;
            or too few photographs.
    """
    if arguments.splits is not None:
        return shared.validation_names(arguments.splits, datasets)
    names = sorted({one.path_of(image) for one in datasets for image in one.images})
    number = arguments.hold_out
    if len(names) < 2 or (number or 0) >= len(names):
        raise InputError(
            "There must be a photograph to train on and one to hold out. Add more, hold out fewer, "
            "or train without validation (--validation-objects 0). "
            f"Received {len(names)}, of which {number or 1} would be held out."
        )
    if number:
        return set(random.Random(arguments.seed).sample(names, number))
    return set(names[9::10] or names[-1:])


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
