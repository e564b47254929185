"""`fctsfn merge`: the shards of an evaluation → one results file."""

from __future__ import annotations

import argparse
from pathlib import Path

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.files import check_writable


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn merge`."""
    parser = subparsers.add_parser(
        "merge",
        help="join the shards of an evaluation",
        description="Join the results files of `fctsfn evaluate --shard 1/N` to N/N.",
    )
    parser.add_argument("shards", type=Path, nargs="+", metavar="SHARD.json")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the whole")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=_run_merge)


def _run_merge(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.evaluation.result_files import read_results, write_results
    from fctsfn_tf.evaluation.shards import merge
    from fctsfn_tf.evaluation.tables import markdown

    check_writable(arguments.output, arguments.force)
    results = merge([read_results(path) for path in arguments.shards])
    write_results(results, arguments.output, arguments.force)
    print(markdown(results))
    return shared.OK
