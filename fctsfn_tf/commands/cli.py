"""The command `fctsfn`; `fctsfn segment --help` shows every option of a command.

Exit codes: 0 all went well; 1 some photographs of a folder failed; 2 the input cannot be used (one
line on standard error says how to mend it, and nothing was written); 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from fctsfn_tf import __version__
from fctsfn_tf.commands import (
    benchmark,
    compare,
    evaluate,
    export,
    install_tfjs,
    merge,
    reproduce,
    segment,
    train,
)
from fctsfn_tf.commands.arguments import BAD_INPUT, INTERRUPTED
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

# In the order of the help.
COMMANDS = (
    segment,
    train,
    evaluate,
    compare,
    merge,
    reproduce,
    benchmark,
    export,
    install_tfjs,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see `{self.prog} --help`)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see the module).

    Args:
        argv: the arguments; those of the process if None.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # file names that the terminal cannot show
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except InputError as error:
        print(f"fctsfn: error: {printable(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("fctsfn: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fctsfn",
        description="Click an object in a photograph, get its mask.",
        epilog="Exit codes: 0 done, 1 some photographs failed, 2 bad input, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser
