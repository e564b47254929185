"""The folder of a Hugging Face Space: python3 scripts/make_space.py output/space --name OWNER/NAME

Puts together what a Space needs beside each other: the demo, its canvas, the package with its
weights, the example photographs and the licence. Files of these names in the folder are replaced,
everything else in it stays, so it may be a clone of the Space. demo/README.md says how to upload
it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders that are copied as they are, and their names in the Space.
FOLDERS = {"fctsfn_tf": "fctsfn_tf", "examples": "examples", "web/src/canvas": "canvas"}
THUMBNAIL = "thumbnail.jpg"
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc")


def make_space(directory: Path, name: str | None) -> None:
    """Write the Space's files to a directory, which is made if need be.

    Args:
        directory: for the files; not one that holds this checkout.
        name: "OWNER/NAME" on Hugging Face, which the address of the thumbnail needs; or None.
    """
    if ROOT.is_relative_to(directory.resolve()):
        sys.exit(f"The Space needs a folder of its own. Received {directory}, which holds this.")
    for folder, name_there in FOLDERS.items():
        shutil.rmtree(directory / name_there, ignore_errors=True)
        shutil.copytree(ROOT / folder, directory / name_there, ignore=NOT_COPIED)
    shutil.copytree(ROOT / "demo", directory, ignore=NOT_COPIED, dirs_exist_ok=True)
    shutil.copy(ROOT / "LICENSE", directory)
    if name:
        address = f"https://huggingface.co/spaces/{name}/resolve/main/{THUMBNAIL}"
        page = directory / "README.md"
        text = page.read_text(encoding="utf-8")
        text = text.replace(f"thumbnail: {THUMBNAIL}", f"thumbnail: {address}", 1)
        page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="where the files shall be")
    parser.add_argument("--name", metavar="OWNER/NAME", help="of the Space on Hugging Face")
    arguments = parser.parse_args()
    make_space(arguments.directory, arguments.name)
    print(f"wrote the Space to {arguments.directory}")


if __name__ == "__main__":
    main()
