"""`fctsfn install-tfjs`: TensorFlow.js' converter in a Python environment of its own."""

from __future__ import annotations

import argparse

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.files import printable

# `tfjs_converter`'s, which takes a while to import.
DIRECTORY_VARIABLE = "FCTSFN_TFJS_CONVERTER"
DEFAULT_DIRECTORY = "~/.cache/fctsfn_tf/tensorflowjs"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn install-tfjs`."""
    parser = subparsers.add_parser(
        "install-tfjs",
        help="install TensorFlow.js' converter, which `fctsfn export` needs for the browser",
        description="Install TensorFlow.js' converter in a Python environment of its own (2.9 GB), "
        "because its TensorFlow is an older one than this package's. The environment lies in "
        f"{DEFAULT_DIRECTORY}, or in the directory that the environment variable "
        f"{DIRECTORY_VARIABLE} names. An interrupted one is taken up again.",
    )
    parser.set_defaults(run=_run_install)


def _run_install(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.export import tfjs_converter

    tfjs_converter.install()
    print(f"TensorFlow.js' converter is in {printable(tfjs_converter.directory())}")
    return shared.OK
