"""Writing files and directories so that nothing a person made is lost, and reading JSON.

No library does the writing as it is wanted here (python-atomicwrites is given up by its author):
through links, with the permissions of any new file, whole on the disk, and every failure one line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from fctsfn_tf.errors import InputError


def printable(path: str | Path) -> str:
    """A file name on one line: what cannot be printed (line ends, broken bytes) as an escape."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(path))


def composed(name: str) -> str:
    """A name whose signs are composed (Unicode NFC), to compare with others: macOS writes ä as two
    signs, other systems as one."""
    return unicodedata.normalize("NFC", name)


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
    check_place(path)


def check_place(path: Path) -> None:
    """Refuse a path where no new file or directory can be made, before any work is done.

    Raises:
        InputError: what lies above it is no directory, or takes no files.
    """
    ancestor = next(parent for parent in path.absolute().parents if parent.exists())
    if not (ancestor.is_dir() and os.access(ancestor, os.W_OK | os.X_OK)):
        raise InputError(
            f"{printable(path)} cannot be made: {printable(ancestor)} is no directory, or not one "
            "that you may write to. Choose another place."
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
        raise _not_written(path, error) from error
    finally:
        if os.path.lexists(temporary):  # only where something went wrong
            temporary.unlink()


@contextlib.contextmanager
def new_directory(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """A temporary directory that becomes `path` at the end; if anything fails, it vanishes and
    `path` is what it was.

    Directories that are missing above it are created.

    Args:
        path: where the directory shall be.
        overwrite: True to replace what lies there; the caller has seen what that is.

    Raises:
        InputError: something lies there and `overwrite` is False; or the writing failed, for want
            of space for example.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name:.40}.", dir=path.parent))
        try:
            directory, earlier = scratch / "new", scratch / "earlier"
            directory.mkdir()
            yield directory
            if path.exists():
                if not overwrite:
                    raise InputError(f"{printable(path)} exists already. Choose another name.")
                os.rename(path, earlier)
            try:
                os.rename(directory, path)
            except BaseException:
                if earlier.exists():
                    os.rename(earlier, path)
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise _not_written(path, error) from error


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: unreadable, not JSON, or not an object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{printable(path)} must be a JSON file that can be read. Copy or export it again. "
            f"Received {type(error).__name__}."
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{printable(path)} must hold a JSON object, {{…}}. Received {type(content).__name__}."
        )
    return content


def _not_written(path: str | Path, error: OSError) -> InputError:
    return InputError(
        f"{printable(path)} could not be written ({_reason(error)}). Make room there, or choose "
        "another place."
    )


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
