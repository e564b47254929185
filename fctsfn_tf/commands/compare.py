"""`fctsfn compare`: two results files, or folders of them → the differences, with intervals."""

from __future__ import annotations

import argparse
from pathlib import Path

from fctsfn_tf.commands import arguments as shared


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn compare`."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two evaluations object by object",
        description="Compare two results files of `fctsfn evaluate` on the objects that both have, "
        "with paired 95 % bootstrap intervals. Two folders with a results file of each data set "
        "are compared on all of their objects together.",
    )
    parser.add_argument("first", type=Path, metavar="A", help="a results file, or a folder")
    parser.add_argument("second", type=Path, metavar="B", help="the same of the other evaluation")
    parser.set_defaults(run=_run_compare)


def _run_compare(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.evaluation.comparison import comparison_table
    from fctsfn_tf.evaluation.result_files import read_folder, read_results

    results = [
        read_folder(path) if path.is_dir() else read_results(path)
        for path in (arguments.first, arguments.second)
    ]
    print(comparison_table(*results))
    return shared.OK
