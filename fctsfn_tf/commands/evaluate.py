"""`fctsfn evaluate`: a robot clicks every object of a folder → how many clicks it takes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.files import check_writable

if TYPE_CHECKING:
    from fctsfn_tf.evaluation import Protocol

# The keys of `baselines.BASELINES`, which takes a while to import.
BASELINE_NAMES = ("gc", "gm", "rw", "esc", "gsc", "grabcut")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="count the clicks that a network or a classical method needs on a folder of "
        "photographs and masks",
        description="Let a robot click every object of a folder, and report the clicks it takes to "
        "85 % and 90 % IoU and the mean IoU after each click. A run that was interrupted goes on "
        "where --output names the same file.",
    )
    parser.add_argument("data", type=Path, metavar="FOLDER", help="with images/ and masks/")
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--preset", metavar="NAME|DIR", help="the network (default: the shipped one)"
    )
    model.add_argument(
        "--model",
        choices=BASELINE_NAMES,
        help="instead of a network a classical method, with clicks as discs of radius 5 pixels: "
        "graph cut, geodesic matting, random walker, Euclidean or geodesic star convexity, or "
        "OpenCV's GrabCut (pip install 'fctsfn-tf[baselines]')",
    )
    parser.add_argument(
        "--protocol",
        default="ritm",
        choices=("paper", "ritm"),
        help="how the robot clicks and what makes the mask: ritm = probability > 0.49, as the "
        "literature reports since 2021 (default); paper = as FCTSFN, with graph cut",
    )
    parser.add_argument(
        "--graph-cut",
        action=argparse.BooleanOptionalAction,
        help="cut the mask, or not, whatever the protocol says (--model: not, unless asked for)",
    )
    parser.add_argument(
        "--max-clicks", type=int, metavar="N", help="clicks per object (default: 20)"
    )
    parser.add_argument("--until", type=float, metavar="IOU", help="leave an object at this IoU")
    parser.add_argument("--jitter", action="store_true", help="click as unsteadily as a person")
    parser.add_argument("--seed", type=shared.count, default=0, metavar="N", help="of the jitter")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N objects only")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON with every click and IoU")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=_run_evaluate)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.evaluation import evaluate_baseline, evaluate_preset, markdown, summarise

    protocol = _protocol(arguments)
    if arguments.output is not None:
        check_writable(arguments.output, arguments.force)
    if arguments.model is not None:
        evaluate_model, model = evaluate_baseline, arguments.model
    else:
        shared.import_quietly()
        from fctsfn_tf.presets import DEFAULT_PRESET

        evaluate_model, model = evaluate_preset, arguments.preset or DEFAULT_PRESET
    results = evaluate_model(
        arguments.data,
        model,
        protocol,
        limit=arguments.limit,
        seed=arguments.seed,
        output=arguments.output,
        overwrite=arguments.force,
    )
    print(markdown(results))
    return shared.SOME_FAILED if summarise(results)["failed"] else shared.OK


def _protocol(arguments: argparse.Namespace) -> Protocol:
    """The named protocol with what the arguments say otherwise."""
    from fctsfn_tf.evaluation import PROTOCOLS
    from fctsfn_tf.graph_cut import DEFAULT_PARAMETERS

    changes: dict[str, object] = {"is_jittered": arguments.jitter, "until": arguments.until}
    if arguments.max_clicks is not None:
        changes["max_clicks"] = arguments.max_clicks
    if arguments.graph_cut is not None or arguments.model is not None:
        # The classical methods cut by themselves, or were published without a cut.
        changes["graph_cut"] = DEFAULT_PARAMETERS if arguments.graph_cut else None
    return replace(PROTOCOLS[arguments.protocol], **changes)
