"""Writing files so that nothing a person made is lost."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fctsfn_tf.errors import InputError


def printable(path: str | Path) -> str:
    """A file name on one line: what cannot be printed (line ends, broken bytes) as an escape."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(path))


def check_writable(path: str | Path, overwrite: bool) -> None:
    """Refuse an output path that cannot or must not be written, before any work is done.

    Raises:
        InputError: the file exists and `overwrite` is False, it is no ordinary file, its directory
            does not exist or takes no files, or the name is none.
    """
    path, name = Path(path), printable(path)
    try:
        is_there, is_file, is_directory = path.exists(), path.is_file(), path.is_dir()
        has_parent, may_write = path.parent.is_dir(), os.access(path.parent, os.W_OK | os.X_OK)
    except (OSError, ValueError) as error:  # too long, a null character, no permission
        raise InputError(f"{name:.200} cannot be a file's name ({_reason(error)}).") from None
    if is_directory:
        raise InputError(f"An output must be a file, but {name} is a directory. Name a file in it.")
    if is_there and not is_file:
        raise InputError(f"An output must be an ordinary file, but {name} is none. Name a file.")
    if is_there and not overwrite:
        raise InputError(
            f"{name} exists already. Choose another name or overwrite it (--force, overwrite=True)."
        )
    if not has_parent:
        parent = printable(path.parent)
        raise InputError(f"The directory of {name} does not exist. Create {parent} first.")
    if not may_write:
        raise InputError(f"No file may be written beside {name}. Choose a directory of your own.")


def atomic_write(
    path: str | Path, write: Callable[[BinaryIO], object], overwrite: bool = False
) -> None:
    """Write a file whole or not at all: to a temporary file beside it, then rename.

    A symbolic link is followed: the file it points to is written and the link stays.

    Args:
        path: where the file shall be.
        write: called with the open binary file.
        overwrite: True to replace an existing file.

    Raises:
        InputError: see `check_writable`; or the writing failed, for want of space for example.
    """
    check_writable(path, overwrite)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(
                f"{printable(path)} could not be written ({_reason(error)}). Make room there, or "
                "choose another place."
            ) from error
        raise


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
