"""Writing files so that nothing a person made is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fctsfn_tf.errors import InputError


def check_writable(path: Path, overwrite: bool) -> None:
    """Refuse an output path that cannot or must not be written, before any work is done.

    Raises:
        InputError: the file exists and `overwrite` is False, it is a directory, or its directory
            does not exist.
    """
    if path.is_dir():
        raise InputError(f"An output must be a file, but {path} is a directory. Name a file in it.")
    if path.exists() and not overwrite:
        raise InputError(
            f"{path} exists already. Choose another name or overwrite it with --force."
        )
    if not path.parent.is_dir():
        raise InputError(f"The directory of {path} does not exist. Create {path.parent} first.")


def atomic_write(path: Path, write: Callable[[BinaryIO], None], overwrite: bool = False) -> None:
    """Write a file whole or not at all: to a temporary file beside it, then rename.

    Args:
        path: where the file shall be.
        write: called with the open binary file.
        overwrite: True to replace an existing file.

    Raises:
        InputError: see `check_writable`.
    """
    path = Path(path)
    check_writable(path, overwrite)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
