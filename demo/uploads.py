"""What visitors send and take along lies in one folder for a few minutes; nothing stays there.

A photograph that the page opens is deleted as soon as it is read. Everything else goes when it is
`FILE_SECONDS` old, whoever made it: also what programs sent, what a server left that was ended, and
what nobody fetched.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import file_kind

# A folder of its own, since all that is old in it is deleted. Gradio puts there what is sent: its
# variable is set before it is imported.
FOLDER = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve() / "fctsfn-demo"
os.environ["GRADIO_TEMP_DIR"] = str(FOLDER)
# Time enough to wait for a turn, and to fetch a result over a slow line.
FILE_SECONDS = 5 * 60
# All together; who comes then is asked to come later.
MAX_BYTES = 2_000_000_000


def uploaded(path: str) -> Path:
    """A file that was uploaded; nothing else on this machine.

    Raises:
        InputError: another path.
    """
    real = Path(os.path.realpath(path)) if "\0" not in path else FOLDER
    if not real.is_relative_to(FOLDER) or file_kind(real) != "file":
        raise InputError("This file was not uploaded, or is gone. Please open it again.")
    return real


def delete(path: Path) -> None:
    """A file in `FOLDER`, and its own folder if nothing else is in it."""
    path.unlink(missing_ok=True)
    _delete_if_empty(path.parent)


def saved(content: bytes, name: str) -> Path:
    """A file that a visitor may fetch who knows its path; the folder's name is random."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=FOLDER)) / name
    path.write_bytes(content)
    return path


def num_bytes() -> int:
    """Of all files."""
    return sum(path.lstat().st_size for path in _files())


def sweep() -> None:
    """Delete what is older than `FILE_SECONDS`."""
    oldest = time.time() - FILE_SECONDS
    for path in _files():
        if _modified(path) < oldest:
            path.unlink(missing_ok=True)
    for folder in [path for path in FOLDER.glob("*") if path.is_dir()]:
        if _modified(folder) < oldest:
            _delete_if_empty(folder)


def _files() -> list[Path]:
    # Somebody may delete one meanwhile.
    return [path for path in FOLDER.rglob("*") if path.is_symlink() or path.is_file()]


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _delete_if_empty(folder: Path) -> None:
    if folder != FOLDER:
        with contextlib.suppress(OSError):  # it is not empty, or gone
            folder.rmdir()
