"""`fctsfn compare`: two results files → the differences, with intervals."""

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
        "with paired 95 % bootstrap intervals.",
    )
    parser.add_argument("first", type=Path, metavar="A.json")
    parser.add_argument("second", type=Path, metavar="B.json")
    parser.set_defaults(run=_run_compare)


def _run_compare(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.evaluation.comparison import comparison_table
    from fctsfn_tf.evaluation.result_files import read_results

    print(comparison_table(read_results(arguments.first), read_results(arguments.second)))
    return shared.OK
