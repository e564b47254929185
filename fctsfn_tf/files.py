"""Writing files so that nothing a person made is lost."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from fctsfn_tf.errors import InputError


def printable(path: str | Path) -> str:
    """A file name on one line: what cannot be printed (line ends, broken bytes) as an escape."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(path))


def file_kind(path: str | Path) -> Literal["file", "directory", "device", "missing"]:
    """What lies at `path`, links followed; "device" stands for all that is neither of the others.

    Raises:
        InputError: the name is too long, holds a null character, or may not be looked up.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (OSError, ValueError) as error:
        raise InputError(
            f"{printable(path):.200} cannot be a file's name ({_reason(error)}). Choose another."
        ) from None
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "device"


def check_writable(path: str | Path, overwrite: bool) -> None:
    """Refuse an output path that cannot or must not be written, before any work is done.

    Raises:
        InputError: the file exists and `overwrite` is False, it is no ordinary file, its directory
            takes no files and cannot be created, or the name is none.
    """
    path, name = Path(path), printable(path)
    kind = file_kind(path)
    if kind == "directory":
        raise InputError(f"An output must be a file, but {name} is a directory. Name a file in it.")
    if kind == "device":
        raise InputError(f"An output must be an ordinary file, but {name} is none. Name a file.")
    if kind == "file" and not overwrite:
        raise InputError(
            f"{name} exists already. Choose another name or overwrite it (--force, overwrite=True)."
        )
    ancestor = next(parent for parent in path.absolute().parents if parent.exists())
    if not (ancestor.is_dir() and os.access(ancestor, os.W_OK | os.X_OK)):
        raise InputError(
            f"{name} cannot be written: {printable(ancestor)} is no directory, or not one that you "
            "may write to. Choose another place."
        )


def atomic_write(
    path: str | Path, write: Callable[[BinaryIO], object], overwrite: bool = False
) -> None:
    """Write a file whole or not at all: to a temporary file beside it, then rename.

    Directories that are missing are created. A symbolic link is followed: the file it points to is
    written and the link stays.

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
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(
            f"{printable(path)} could not be written ({_reason(error)}). Make room there, or "
            "choose another place."
        ) from error
    finally:
        if os.path.lexists(temporary):  # only where something went wrong
            temporary.unlink()


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
