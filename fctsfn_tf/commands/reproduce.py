"""`fctsfn reproduce`: the tables and figures of the paper's Section 4, ours beside the paper's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands.evaluate import shard
from fctsfn_tf.files import atomic_write, check_writable

if TYPE_CHECKING:
    from fctsfn_tf.evaluation.paper.workshop import Workshop

TABLE_NUMBERS, FIGURE_NUMBERS = range(1, 9), range(3, 9)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn reproduce`."""
    parser = subparsers.add_parser(
        "reproduce",
        help="build the paper's tables and figures, ours beside the paper's",
        description="Build Tables 1 to 8 and Figures 3 to 8 of the paper from the results files of "
        "one directory. What is missing there is evaluated where --data has the data, and named "
        "where not. Interrupted, the same command goes on where it was.",
    )
    parser.add_argument(
        "--table", type=int, choices=TABLE_NUMBERS, action="append", metavar="N", help="1 to 8"
    )
    parser.add_argument(
        "--figure", type=int, choices=FIGURE_NUMBERS, action="append", metavar="N", help="3 to 8"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="holds the data sets in folders named voc2012, coco, grabcut, berkeley, … (default: "
        "evaluate nothing)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where results files are read and written (default: results)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write tables (.md) and figures (.png) here"
    )
    parser.add_argument(
        "--preset",
        type=_named_preset,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="the trained weights of one of the paper's networks, such as FCTSFN=weights/fctsfn",
    )
    parser.add_argument(
        "--protocol",
        choices=("paper", "ritm"),
        action="append",
        help="default: paper; given twice, all is built under both",
    )
    parser.add_argument("--until", type=float, metavar="IOU", help="leave an object at this IoU")
    parser.add_argument(
        "--limit", type=shared.count, metavar="N", help="the first N photographs of each set only"
    )
    parser.add_argument("--workers", type=shared.count, default=1, metavar="N", help="processes")
    parser.add_argument("--shard", type=shard, default=(1, 1), metavar="I/N", help="one of N parts")
    parser.add_argument("--force", action="store_true", help="replace tables and figures")
    parser.set_defaults(run=_run_reproduce)


def _run_reproduce(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.errors import InputError
    from fctsfn_tf.evaluation.paper.paper_figures import figure
    from fctsfn_tf.evaluation.paper.paper_tables import table

    # In the order given, each once.
    protocols = dict.fromkeys(arguments.protocol or ("paper",))
    workshops = [_workshop(arguments, protocol) for protocol in protocols]
    nothing_named = not arguments.table and not arguments.figure
    tables = TABLE_NUMBERS if nothing_named else arguments.table or ()
    figures = FIGURE_NUMBERS if nothing_named else arguments.figure or ()
    if figures and arguments.output is None:
        raise InputError("Figures are files. Name a directory with --output. Received none.")
    if arguments.output is not None:
        names = [f"table_{number}_{protocol}.md" for number in tables for protocol in protocols]
        names += [f"figure_{number}_{protocol}.png" for number in figures for protocol in protocols]
        for name in names:
            check_writable(arguments.output / name, arguments.force)
    for preset in (*workshops[0].presets.values(), *workshops[0].shipped):
        shared.start_quietly(preset, None)
    for workshop in workshops:
        for number in tables:
            text = table(workshop, number)
            print(text)
            _write(arguments, f"table_{number}_{workshop.protocol}.md", text.encode())
        for number in figures:
            picture, said = figure(workshop, number)
            _write(arguments, f"figure_{number}_{workshop.protocol}.png", picture)
            print(f"Figure {number}\n\n{said}\n")
    return shared.OK


def _workshop(arguments: argparse.Namespace, protocol: str) -> Workshop:
    from fctsfn_tf.errors import InputError
    from fctsfn_tf.evaluation.paper.workshop import NETWORKS, Workshop
    from fctsfn_tf.evaluation.shards import Shard
    from fctsfn_tf.predict.preset_files import DEFAULT_PRESET

    presets = dict(arguments.preset)
    unknown = sorted(set(presets) - set(NETWORKS))
    if unknown:
        raise InputError(
            f"--preset must name one of {', '.join(NETWORKS)}. Received {unknown[0]!r:.40}."
        )
    if arguments.data is not None and not arguments.data.is_dir():
        raise InputError(f"--data must be a directory. Received {arguments.data}.")
    return Workshop(
        arguments.data,
        arguments.results,
        protocol,
        presets,
        (DEFAULT_PRESET,),
        arguments.until,
        arguments.limit,
        arguments.workers,
        Shard(*arguments.shard),
    )


def _write(arguments: argparse.Namespace, name: str, content: bytes) -> None:
    if arguments.output is not None:
        path = arguments.output / name
        atomic_write(path, lambda file: file.write(content), arguments.force)


def _named_preset(text: str) -> tuple[str, str]:
    """NAME=DIR; a `type` of argparse."""
    name, sign, preset = text.partition("=")
    if not sign or not preset:
        raise argparse.ArgumentTypeError(f"NAME=DIR is expected: {text!r:.60} came")
    return name, preset
