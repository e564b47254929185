"""Virtual environments of this checkout, made from the locked versions in requirements/.

`prepare` makes an environment once and afterwards only compares hashes. It needs nothing but
Python's standard library, so it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# TensorFlow 2.21 has wheels for Python up to 3.13; the package itself asks for 3.11 (setup.cfg).
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
# Builds the editable package; locked, too, so that the build does not fetch one of its own.
BUILD = "setuptools>=77"
# Its presence says that `prepare` made the directory, its content what is installed there: one
# hash per requirements file. It is written last, so an interrupted installation has none.
STAMP = "fctsfn-environment.json"


def prepare(name: str, locks: list[str]) -> Path:
    """Make the environment ROOT/<name>, or bring it up to date, and return its directory.

    Args:
        name: directory below the root of the checkout, such as ".venv".
        locks: files of requirements/ that shall be installed, such as ["run.txt", "test.txt"].

    A lock that is missing is added to what is there. An environment that was interrupted, or
    whose locks or setup.cfg have changed since, is made anew.
    """
    _check_python()
    directory = ROOT / name
    wanted = {lock: _fingerprint(lock) for lock in locks}
    installed = _installed(directory)
    if wanted.items() <= installed.items():
        return directory

    start = time.monotonic()
    if not installed or not _is_current(installed):
        _make_empty(directory)
        installed = {}
    (directory / STAMP).write_text("{}")
    _say(f"installing {' and '.join(locks)} of requirements/ into {name} (takes a while, once) …")
    requirements = [part for lock in locks for part in ("-r", ROOT / "requirements" / lock)]
    # Python compiles what is imported, when it is; most of these packages' files never are.
    _pip(directory, "install", *requirements, BUILD, "--no-compile")
    _pip(directory, "install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    (directory / STAMP).write_text(json.dumps(installed | wanted, indent=2))
    _say(f"{name} is ready after {time.monotonic() - start:.0f} s")
    return directory


def program(directory: Path, name: str) -> Path:
    """The path of an installed program, such as "python" or "fctsfn", in an environment."""
    if os.name == "nt":
        return directory / "Scripts" / f"{name}.exe"
    return directory / "bin" / name


def clean_variables(**extra: str) -> dict[str, str]:
    """The environment variables for a program: the present ones, less what would change it.

    PYTHONPATH and PYTHONHOME would let other packages in; Keras' backend is named by `extra`. With
    PYTHONDONTWRITEBYTECODE every program would compile its packages anew: of TensorFlow that takes
    as long as to import it.
    """
    places = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    unwanted = (*places, "KERAS_BACKEND", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, **extra}


def _check_python() -> None:
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return
    oldest, newest = (".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
    sys.exit(
        f"This needs Python {oldest} to {newest}; run it as `python{oldest} {sys.argv[0]}`. "
        f"Received Python {sys.version.split()[0]}."
    )


def _fingerprint(lock: str) -> str:
    """Changes when the environment must be made anew: with the lock, setup.cfg, Python, place."""
    digest = hashlib.sha256()
    for file in (ROOT / "requirements" / lock, ROOT / "setup.cfg"):
        digest.update(file.read_bytes())
    digest.update(f"{sys.version_info[:2]} {sys.base_prefix} {ROOT}".encode())
    return digest.hexdigest()


def _installed(directory: Path) -> dict[str, str]:
    """What the stamp says is installed: {lock: fingerprint}, empty if the work was cut short."""
    try:
        return json.loads((directory / STAMP).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _is_current(installed: dict[str, str]) -> bool:
    return all(
        (ROOT / "requirements" / lock).is_file() and _fingerprint(lock) == fingerprint
        for lock, fingerprint in installed.items()
    )


def _make_empty(directory: Path) -> None:
    """An empty virtual environment in place of whatever `prepare` had left there."""
    stamp = directory / STAMP
    if directory.exists() and not stamp.exists() and any(directory.iterdir()):
        sys.exit(
            f"{directory.name} exists and was not made by this script, so it stays as it is. "
            "Rename or remove it, then run the same command again."
        )
    _say(f"making a virtual environment in {directory.name} …")
    directory.mkdir(exist_ok=True)
    stamp.write_text("{}")
    # The stamp stays throughout, so that the next run knows this directory whenever this one ends.
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != stamp:
            entry.unlink()
    if _succeeds(sys.executable, "-m", "venv", directory):
        return
    sys.exit(
        "Python could not make a virtual environment (the reason stands above). On Debian and "
        "Ubuntu its module is a package of its own: `apt install python3-venv`; then run the "
        "same command again."
    )


def _pip(directory: Path, *arguments: str | Path) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    if not _succeeds(program(directory, "python"), "-m", "pip", *arguments, *quiet):
        sys.exit(
            "pip could not install the packages (the reason stands above). They come over the "
            "network: check the connection, then run the same command again."
        )


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, cwd=ROOT, env=clean_variables()).returncode == 0


def _say(message: str) -> None:
    print(message, flush=True)
