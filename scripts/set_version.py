"""Give the next release its number: python scripts/set_version.py 0.2.0

The number stands in fctsfn_tf/__init__.py, from where setup.cfg, the program and what it writes
have it. This writes it there and wherever else a file needs it. Without an argument the number that
is there is written to the others. The heading of CHANGELOG.md is yours.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "fctsfn_tf/__init__.py"
# File → the text around the number, with (NUMBER) in its place; every occurrence counts.
PLACES = {
    SOURCE: r'(?m)^__version__ = "(NUMBER)"$',
    "CITATION.cff": r"(?m)^version: (NUMBER)$",
    "web/package.json": r'(?m)^  "version": "(NUMBER)",$',
    # The package's own entries, at the head of the file and among the packages.
    "web/package-lock.json": r'"name": "fctsfn-web",\s+"version": "(NUMBER)"',
}
NUMBER = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?"


def numbers(root: Path = ROOT) -> dict[str, set[str]]:
    """The version numbers that each file of `PLACES` has; a file without one has none."""
    return {
        place: set(re.findall(pattern.replace("NUMBER", NUMBER), (root / place).read_text("utf-8")))
        for place, pattern in PLACES.items()
    }


def set_version(number: str, root: Path = ROOT) -> None:
    """Write a number to every file of `PLACES`."""
    for place, pattern in PLACES.items():
        path = root / place
        text = path.read_text(encoding="utf-8")
        found = list(re.finditer(pattern.replace("NUMBER", NUMBER), text))
        if not found:
            sys.exit(f"{place} has no version number where one is expected.")
        for match in reversed(found):
            text = text[: match.start(1)] + number + text[match.end(1) :]
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> None:
    (number,) = arguments or numbers()[SOURCE]
    if not re.fullmatch(NUMBER, number):
        sys.exit(f"A version is three numbers, such as 0.2.0 or 0.2.0rc1. Received {number}.")
    set_version(number)
    print(f"{number} in {', '.join(PLACES)}")


if __name__ == "__main__":
    main(sys.argv[1:])
