"""Clicks of one or many photographs from a JSON or CSV file.

A file holds one click per entry, in the order in which they were made, with these fields:

    x, y     position in pixels of the upright photograph, x to the right, y down
    label    1 = on the object, 0 = not on it (in JSON also true, false)
    object   number of the object, 1 to 254; without it 1
    name     what the object is, for COCO and labelme; without it "object"
    image    file name of the photograph, seen from the folder; needed for folders only

JSON is a list of such entries; CSV has a first line with the names of the fields, then one line per
click, separated by commas. Both are UTF-8:

    [{"image": "dogs/rex.jpg", "object": 1, "name": "dog", "x": 120, "y": 80, "label": 1},
     {"image": "dogs/rex.jpg", "object": 1, "x": 10, "y": 10, "label": 0}]

    image,object,name,x,y,label
    dogs/rex.jpg,1,dog,120,80,1
    dogs/rex.jpg,1,,10,10,0
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

REQUIRED_FIELDS = ("x", "y", "label")
OPTIONAL_FIELDS = ("object", "name", "image")
# The index PNG's numbers: 0 is the background and 255 is void.
MAX_OBJECT = 254


@dataclass
class ObjectClicks:
    """The clicks on one object of one photograph.

    Attributes:
        number: 1 to `MAX_OBJECT`.
        name: what it is; empty where the file does not say.
        points: (x, y) in pixels of the photograph, in the order of the clicks.
        labels: 1 (on the object) or 0 (not on it), one per point.
    """

    number: int = 1
    name: str = ""
    points: list[tuple[float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def read_clicks_file(path: str | Path) -> dict[str, list[ObjectClicks]]:
    """The clicks in a JSON or CSV file (see the module), per photograph.

    Args:
        path: a file whose name ends in .json or .csv.

    Returns:
        Per photograph, in the order of the file, its objects in the order of their numbers. The
        one key is "" where the file names no photograph.

    Raises:
        InputError: no such file, another format, a missing, unknown or wrong field, photographs
            named in part of the entries only, or no click at all. Whether a click lies inside its
            photograph is not known here.
    """
    path = Path(path)
    entries = _entries(path)
    objects: dict[str, dict[int, ObjectClicks]] = {}
    for index, entry in enumerate(entries, start=1):
        try:
            _add_click(objects, entry)
        except InputError as error:
            raise InputError(f"{printable(path)}, click {index}: {error}") from None
    if not objects:
        raise InputError(f"{printable(path)} holds no click. Add at least one.")
    if "" in objects and len(objects) > 1:
        raise InputError(
            f"{printable(path)} names the photograph of some clicks only. Give every click its "
            "`image`, or none."
        )
    return {
        image: [numbered[number] for number in sorted(numbered)]
        for image, numbered in objects.items()
    }


def _entries(path: Path) -> list:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".csv"):
        raise InputError(
            f"A clicks file must be .json or .csv. Received {printable(path):.200}; see "
            "`fctsfn segment --help` for the two formats."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets begin a CSV with a mark
    except UnicodeDecodeError:
        raise InputError(f"{printable(path)} is not UTF-8 text. Save it as UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(path):.200} cannot be read ({reason}).") from None
    return _json_entries(text, path) if suffix == ".json" else _csv_entries(text, path)


def _json_entries(text: str, path: Path) -> list:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path)} is not JSON ({error!s:.100}).") from None
    if not isinstance(entries, list):
        raise InputError(
            f"{printable(path)} must hold a list of clicks, "
            f'[{{"x": 120, "y": 80, "label": 1}}, ...]. Received {type(entries).__name__}.'
        )
    return entries


def _csv_entries(text: str, path: Path) -> list:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{printable(path)} is not CSV ({error!s:.100}).") from None
    for index, row in enumerate(rows, start=1):
        if None in row or None in row.values():  # more or fewer cells than the first line has
            raise InputError(
                f"{printable(path)}, click {index}: there must be one cell per field of the first "
                "line. Check the commas."
            )
    return [{name: cell.strip() for name, cell in row.items() if cell.strip()} for row in rows]


def _add_click(objects: dict[str, dict[int, ObjectClicks]], entry: object) -> None:
    """Check one entry and append it to its object.

    Raises:
        InputError: a missing, unknown or wrong field.
    """
    if not isinstance(entry, dict):
        raise InputError(
            'A click must be an object {"x": 120, "y": 80, "label": 1}. '
            f"Received {type(entry).__name__}."
        )
    missing = [name for name in REQUIRED_FIELDS if name not in entry]
    unknown = [name for name in entry if name not in REQUIRED_FIELDS + OPTIONAL_FIELDS]
    if missing or unknown:
        raise InputError(
            f"A click has the fields {', '.join(REQUIRED_FIELDS)} and perhaps "
            f"{', '.join(OPTIONAL_FIELDS)}. Missing: {', '.join(missing) or 'none'}. "
            f"Unknown: {printable(', '.join(unknown) or 'none'):.80}."
        )
    number = _number(entry.get("object", 1), "object")
    label = _number(entry["label"], "label")
    if number not in range(1, MAX_OBJECT + 1):
        raise InputError(
            f"`object` must be a whole number from 1 to {MAX_OBJECT}. Received {number:g}."
        )
    if label not in (0, 1):
        raise InputError(f"`label` must be 1 (on the object) or 0 (not on it). Received {label:g}.")
    numbered = objects.setdefault(_image(entry.get("image", "")), {})
    clicks = numbered.setdefault(int(number), ObjectClicks(int(number)))
    clicks.name = _name(entry.get("name", ""), clicks)
    clicks.points.append((_number(entry["x"], "x"), _number(entry["y"], "y")))
    clicks.labels.append(int(label))


def _number(value: object, name: str) -> float:
    is_text = isinstance(value, str)  # a cell of a CSV
    is_truth = isinstance(value, bool) and name == "label"
    if is_text or is_truth or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise InputError(f"`{name}` must be a finite number. Received {value!r:.60}.")


def _image(value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"`image` must be a file name. Received {value!r:.60}.")
    path = PurePath(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value or (value and not path.name):
        raise InputError(
            "`image` must be a file name as seen from the photographs' folder, and in it. "
            f"Received {value!r:.80}."
        )
    return "" if value == "" else path.as_posix()


def _name(value: object, clicks: ObjectClicks) -> str:
    if not isinstance(value, str):
        raise InputError(f"`name` must be text. Received {value!r:.60}.")
    if value and clicks.name and value != clicks.name:
        raise InputError(
            f"Object {clicks.number} has two names, {clicks.name!r:.60} and {value!r:.60}. Number "
            "the objects of a photograph differently, or name them alike."
        )
    return value or clicks.name
