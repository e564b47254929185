"""`fctsfn evaluate`: a robot clicks every object of a data set → how many clicks it takes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.files import atomic_write, check_writable

if TYPE_CHECKING:
    from fctsfn_tf.evaluation.protocol import Protocol
    from fctsfn_tf.evaluation.segmenters import Segmenter

# The keys of `baselines.BASELINES`, `benchmark_sets.BENCHMARK_SETS` and `protocol.CHOICES`, which
# take a while to import.
BASELINE_NAMES = ("gc", "gm", "rw", "esc", "gsc", "grabcut")
DATASET_NAMES = (
    "voc2012",
    "coco",
    "grabcut",
    "berkeley",
    "davis",
    "sbd",
    "coco_mval",
    "voc2012_val_animals",
)
CHOICE_NAMES = ("free-choice", "all-positive", "single-positive")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="count the clicks that a network or a classical method needs on a data set",
        description="Let a robot click every object of a data set, and report the clicks it takes "
        "to 80 … 95 % IoU (the area shared with the true mask, of all that either covers) and the "
        "mean IoU after each click. A run that was interrupted goes on where --output names the "
        "same file.",
    )
    _add_data(parser.add_argument_group("the data"))
    _add_model(parser.add_argument_group("what segments"))
    _add_protocol(parser.add_argument_group("how it is clicked"))
    _add_output(parser.add_argument_group("the run and what is written"))
    parser.set_defaults(run=_run_evaluate)


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="the data set in its published layout, or a folder of images/ and masks/",
    )
    group.add_argument(
        "--dataset",
        choices=DATASET_NAMES,
        metavar="NAME",
        help=f"{', '.join(DATASET_NAMES)}: with its own list and objects (default: whatever lies "
        "in DIR, without objects below 0.2 %% of their photograph)",
    )
    group.add_argument("--split", metavar="NAME", help="one of the data set's lists, such as val")
    group.add_argument(
        "--splits",
        type=Path,
        metavar="FILE",
        help='JSON with a list "val" of photographs, <stem> or <set>/<stem>: those only, as in '
        "`fctsfn train`",
    )
    shared.add_masks_argument(group)
    group.add_argument(
        "--limit", type=shared.count, metavar="N", help="the first N photographs only"
    )
    group.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="the I-th of N parts, for several machines; `fctsfn merge` joins them",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--model",
        metavar="PRESET|METHOD",
        help="a preset's name or directory (default: the shipped one), or a classical method with "
        "clicks as discs of radius 8 pixels: gc, gm, rw, esc, gsc (graph cut, geodesic matting, "
        "random walker, Euclidean or geodesic star convexity) or grabcut (OpenCV's); they need "
        "pip install 'fctsfn-tf[baselines]'",
    )
    group.add_argument(
        "--zoom-in",
        action=argparse.BooleanOptionalAction,
        help="let the network look at the object alone, or not, whatever the preset says",
    )
    group.add_argument(
        "--look-again",
        type=shared.count,
        metavar="N",
        help="let the network look N times more after the first click, whatever the preset says",
    )
    group.add_argument(
        "--look-closer",
        type=shared.count,
        metavar="N",
        help="let a network that predicts its IoU look at N crops around the first click, too",
    )
    group.add_argument(
        "--keep-far",
        action=argparse.BooleanOptionalAction,
        help="let a further click keep, away from it, the answer of which the network was surer, "
        "or not, whatever the preset says",
    )
    group.add_argument(
        "--flip", action="store_true", help="average with the answer for the mirrored photograph"
    )
    shared.add_engine_argument(group)


def _add_protocol(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--protocol",
        default="ritm",
        choices=("paper", "ritm"),
        help="how the robot clicks and what makes the mask: ritm = probability > 0.49, as the "
        "literature reports since 2021 (default); paper = as FCTSFN, with graph cut",
    )
    group.add_argument(
        "--graph-cut",
        action=argparse.BooleanOptionalAction,
        help="cut the mask, or not, whatever the protocol says (classical methods: not, unless "
        "asked for)",
    )
    group.add_argument(
        "--max-clicks", type=int, metavar="N", help="clicks per object (default: 20)"
    )
    group.add_argument("--until", type=float, metavar="IOU", help="leave an object at this IoU")
    group.add_argument("--jitter", action="store_true", help="click as unsteadily as a person")
    group.add_argument("--seed", type=shared.count, default=0, metavar="N", help="of the jitter")
    group.add_argument(
        "--decidability",
        choices=CHOICE_NAMES,
        metavar="SETTING",
        help=f"measure the decidability index too (Eq. 2), in the setting "
        f"{', '.join(CHOICE_NAMES)}",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    shared.add_workers_arguments(group)
    group.add_argument("--output", type=Path, metavar="FILE", help="JSON of every click and IoU")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="the tables that are printed")
    group.add_argument("--csv", type=Path, metavar="FILE", help="a line per object")
    group.add_argument("--force", action="store_true", help="replace files that exist")


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS, FOLDER, open_benchmark_set
    from fctsfn_tf.evaluation.runner import evaluate_dataset
    from fctsfn_tf.evaluation.segmenters import Segmenter
    from fctsfn_tf.evaluation.shards import Shard
    from fctsfn_tf.evaluation.summary import summarise
    from fctsfn_tf.evaluation.tables import markdown, table_of_objects

    segmenter = Segmenter(
        _model_name(arguments),
        arguments.zoom_in,
        arguments.flip,
        arguments.look_again,
        arguments.engine,
        arguments.look_closer,
        arguments.keep_far,
    )
    protocol = _protocol(arguments, segmenter)
    part = Shard(*arguments.shard) if arguments.shard else None
    for path in (arguments.output, arguments.markdown, arguments.csv):
        if path is not None:
            check_writable(path, arguments.force)
    dataset = open_benchmark_set(
        arguments.dataset, arguments.data, arguments.split, arguments.masks
    )
    if arguments.splits is not None:
        dataset = dataset.only(shared.validation_names(arguments.splits, [dataset]))
    if arguments.model not in BASELINE_NAMES:
        shared.start_quietly(_model_name(arguments), arguments.engine)
    results = evaluate_dataset(
        dataset,
        segmenter,
        protocol,
        data=arguments.dataset or arguments.data.resolve().name,
        min_share=BENCHMARK_SETS.get(arguments.dataset, FOLDER).min_share,
        limit=arguments.limit,
        shard=part,
        **shared.workers_of(arguments),
        seed=arguments.seed,
        output=arguments.output,
        overwrite=arguments.force,
    )
    tables = markdown(results)
    for path, text in ((arguments.markdown, tables), (arguments.csv, table_of_objects(results))):
        if path is not None:
            atomic_write(path, lambda file, text=text: file.write(text.encode()), arguments.force)
    print(tables)
    return shared.SOME_FAILED if summarise(results)["failed"] else shared.OK


def _model_name(arguments: argparse.Namespace) -> str:
    if arguments.model is not None:
        return arguments.model
    from fctsfn_tf.predict.preset_files import DEFAULT_PRESET

    return DEFAULT_PRESET


def _protocol(arguments: argparse.Namespace, segmenter: Segmenter) -> Protocol:
    """The named protocol with what the arguments say otherwise."""
    from fctsfn_tf.evaluation.protocol import PROTOCOLS

    protocol = PROTOCOLS[arguments.protocol]
    changes: dict[str, object] = {"is_jittered": arguments.jitter, "until": arguments.until}
    if arguments.max_clicks is not None:
        changes["max_clicks"] = arguments.max_clicks
    cuts = arguments.graph_cut
    if cuts is None:
        # The classical methods cut by themselves, or were published without a cut.
        cuts = protocol.graph_cut is not None and not segmenter.is_classical
    changes["graph_cut"] = segmenter.graph_cut if cuts else None
    if arguments.decidability is not None:
        changes |= {"choice": arguments.decidability, "measures_decidability": True}
    return replace(protocol, **changes)


def shard(text: str) -> tuple[int, int]:
    """I/N; a `type` of argparse."""
    index, _, count = text.partition("/")
    return shared.count(index), shared.count(count)
