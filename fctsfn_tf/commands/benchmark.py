"""`fctsfn benchmark`: what the networks cost, as a table."""

from __future__ import annotations

import argparse

from fctsfn_tf.commands import arguments as shared


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn benchmark`."""
    parser = subparsers.add_parser(
        "benchmark",
        help="parameters, multiply-accumulates and seconds of the networks",
        description="Print what each network costs per image and per click.",
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="which ones (default: all)")
    parser.add_argument("--size", type=shared.size, metavar="HEIGHTxWIDTH", help="default: 240x320")
    parser.add_argument(
        "--runs",
        type=shared.count,
        metavar="N",
        help="timed runs; 0 computes without running (default: 3)",
    )
    parser.set_defaults(run=_run_benchmark)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    shared.import_quietly()
    from fctsfn_tf.benchmark import benchmark_table

    given: dict[str, object] = {"names": arguments.networks or None}
    if arguments.size is not None:
        given["height"], given["width"] = arguments.size
    if arguments.runs is not None:
        given["runs"] = arguments.runs
    print(benchmark_table(**given))
    return shared.OK
