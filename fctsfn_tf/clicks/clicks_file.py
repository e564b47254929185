"""Clicks of one or many photographs from a JSON or CSV file.

A file holds one click per entry, in the order in which they were made, with these fields:

    x, y     position in pixels of the upright photograph, x to the right, y down
    label    1 = on the object, 0 = not on it (in JSON also true, false)
    object   number of the object, 1 to 254, or its name; without it 1
    name     what the object is, for COCO and labelme; without it "object". Where no number is
             given, every name is an object of its own
    image    file name of the photograph, seen from the folder; needed for folders only

JSON is a list of such entries; CSV has a first line with the names of the fields, then one line per
click, separated by commas, semicolons or tabs; with the latter two, decimals may have a comma. Both
are UTF-8:

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
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import composed, printable

SUFFIXES = (".json", ".csv", ".tsv")
REQUIRED_FIELDS = ("x", "y", "label")
OPTIONAL_FIELDS = ("object", "name", "image")
# What may stand between the cells of a CSV; the one that its first line has most often does.
SEPARATORS = ",;\t"
# A first line with which spreadsheets name the separator.
SEPARATOR_LINE = re.compile(r"^sep=(.)\r?\n")
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


@dataclass(frozen=True)
class _Entry:
    """A click as the file has it, and where: "line 3" and, in a CSV, the columns of its fields."""

    content: object
    place: str
    columns: tuple[str, ...] = ()


class _FieldError(InputError):
    """A field of a click is wrong."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field_name = field_name


def read_clicks_file(path: str | Path) -> dict[str, list[ObjectClicks]]:
    """The clicks in a JSON or CSV file (see the module), per photograph.

    Args:
        path: a file whose name ends as one of `SUFFIXES`.

    Returns:
        Per photograph, in the order of the file, its objects in the order of their numbers. Names
        of photographs are composed (Unicode NFC), with / between folders. The one key is "" where
        the file names no photograph.

    Raises:
        InputError: no such file, another format, a missing, unknown or wrong field, photographs
            named in part of the entries only, or no click at all. Whether a click lies inside its
            photograph is not known here.
    """
    path = Path(path)
    objects: dict[str, list[ObjectClicks]] = {}
    for index, entry in enumerate(_entries(path), start=1):
        try:
            _add_click(objects, entry.content)
        except InputError as error:
            place = entry.place
            if isinstance(error, _FieldError) and error.field_name in entry.columns:
                column = entry.columns.index(error.field_name) + 1
                place += f", column {column} ({error.field_name})"
            raise InputError(f"{printable(path)}, {place}, click {index}: {error}") from None
    if not objects:
        raise InputError(f"{printable(path)} holds no click. Add at least one.")
    if "" in objects and len(objects) > 1:
        raise InputError(
            f"{printable(path)} names the photograph of some clicks only. Give every click its "
            "`image`, or none."
        )
    return {image: _numbered(clicked, path) for image, clicked in objects.items()}


def clicks_of(clicks: dict[str, list[ObjectClicks]], photograph: Path) -> list[ObjectClicks] | None:
    """The objects that were clicked in one photograph, whose name a file has or leaves out; None
    where it names others only."""
    path = "/" + composed(photograph.absolute().as_posix())
    return next((found for name, found in clicks.items() if path.endswith(f"/{name}")), None) or (
        clicks.get("")
    )


def _entries(path: Path) -> Iterable[_Entry]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
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


def _json_entries(text: str, path: Path) -> Iterator[_Entry]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path)} is not JSON ({error!s:.100}).") from None
    if not isinstance(entries, list):
        raise InputError(
            f"{printable(path)} must hold a list of clicks, "
            f'[{{"x": 120, "y": 80, "label": 1}}, ...]. Received {type(entries).__name__}.'
        )
    position, decoder = text.find("[") + 1, json.JSONDecoder()
    for entry in entries:
        while text[position] in " \t\r\n,":
            position += 1
        line_start = text.rfind("\n", 0, position) + 1
        line = text.count("\n", 0, position) + 1
        yield _Entry(entry, f"line {line}, column {position - line_start + 1}")
        _, position = decoder.raw_decode(text, position)


def _csv_entries(text: str, path: Path) -> Iterator[_Entry]:
    named = SEPARATOR_LINE.match(text)
    first_line = text[named.end() if named else 0 :].partition("\n")[0]
    separator = named.group(1) if named else max(SEPARATORS, key=first_line.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        if named:
            next(rows)
        columns = tuple(cell.strip().lower() for cell in next(rows, []))
        for cells in rows:
            place = f"line {rows.line_num}"
            if not cells:
                continue
            if len(cells) != len(columns):
                raise InputError(
                    f"{printable(path)}, {place}, column {min(len(cells), len(columns)) + 1}: "
                    f"there must be one cell per field of the first line, {len(columns)}. Check "
                    f"the separators. Received {len(cells)}."
                )
            filled = {
                name: cell.strip()
                for name, cell in zip(columns, cells, strict=True)
                if cell.strip()
            }
            if separator != ",":
                for name in ("x", "y"):
                    if name in filled:
                        filled[name] = filled[name].replace(",", ".")
            yield _Entry(filled, place, columns)
    except csv.Error as error:
        raise InputError(
            f"{printable(path)} is not CSV (line {rows.line_num}: {error!s:.100})."
        ) from None


def _add_click(objects: dict[str, list[ObjectClicks]], entry: object) -> None:
    """Check one entry and append it to its object. Objects without a number have 0 for now.

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
    label = _number(entry["label"], "label")
    if label not in (0, 1):
        raise _FieldError(
            "label", f"`label` must be 1 (on the object) or 0 (not on it). Received {label:g}."
        )
    point = _number(entry["x"], "x"), _number(entry["y"], "y")
    number, name = _object(entry)
    clicks = _clicked(objects.setdefault(_image(entry.get("image", "")), []), number, name)
    clicks.points.append(point)
    clicks.labels.append(int(label))


def _object(entry: dict) -> tuple[int, str]:
    """The number of a click's object, 0 where it has none, and its name.

    Raises:
        InputError: neither a number nor a name.
    """
    given, name = entry.get("object", 0), entry.get("name", "")
    if not isinstance(name, str):
        raise _FieldError("name", f"`name` must be text. Received {name!r:.60}.")
    name = composed(name)
    if isinstance(given, str) and not _is_number(given):
        if name and name != composed(given):
            raise _FieldError(
                "object",
                f"An object must have one name. Received {given!r:.60} and {name!r:.60}.",
            )
        return 0, composed(given)
    number = _number(given, "object")
    if "object" in entry and number not in range(1, MAX_OBJECT + 1):
        raise _FieldError(
            "object",
            f"`object` must be a whole number from 1 to {MAX_OBJECT}, or a name. "
            f"Received {number:g}.",
        )
    return int(number), name


def _clicked(clicked: list[ObjectClicks], number: int, name: str) -> ObjectClicks:
    """The object of a photograph that has this number or name; a new one where none has.

    Raises:
        InputError: its number has another name, or there is neither and several objects are.
    """
    unnumbered = [one for one in clicked if not one.number]
    if not number and not name:
        if len(unnumbered) > 1:
            raise _FieldError(
                "name",
                "A click among named objects must say whose it is. Give it `name` or `object`.",
            )
        if unnumbered and len(clicked) == 1:
            return clicked[0]
        number = 1
    found = next((one for one in clicked if number and one.number == number), None)
    if found is None and name:
        candidates = unnumbered if number else clicked
        found = next((one for one in candidates if one.name == name), None)
    if found is None:
        found = ObjectClicks(number, name)
        clicked.append(found)
    if name and found.name and name != found.name:
        raise _FieldError(
            "name",
            f"Object {found.number} has two names, {found.name!r:.60} and {name!r:.60}. Number "
            "the objects of a photograph differently, or name them alike.",
        )
    found.number, found.name = found.number or number, found.name or name
    return found


def _numbered(clicked: list[ObjectClicks], path: Path) -> list[ObjectClicks]:
    """The objects in the order of their numbers; those without get the next free ones."""
    taken = {one.number for one in clicked}
    free = (number for number in range(1, MAX_OBJECT + 1) if number not in taken)
    for one in clicked:
        one.number = one.number or next(free, 0)
        if not one.number:
            raise InputError(
                f"{printable(path)} must name at most {MAX_OBJECT} objects in a photograph. "
                f"Received {len(clicked)}."
            )
    return sorted(clicked, key=lambda one: one.number)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
    raise _FieldError(name, f"`{name}` must be a finite number. Received {value!r:.60}.")


def _image(value: object) -> str:
    """A photograph's name, composed, with / between its folders."""
    if not isinstance(value, str):
        raise _FieldError("image", f"`image` must be a file name. Received {value!r:.60}.")
    windows = PureWindowsPath(value)
    path = PurePosixPath(windows.as_posix())
    is_absolute = path.is_absolute() or windows.drive
    if is_absolute or ".." in path.parts or "\0" in value or (value and not path.name):
        raise _FieldError(
            "image",
            "`image` must be a file name as seen from the photographs' folder, and in it. "
            f"Received {value!r:.80}.",
        )
    return "" if value == "" else composed(path.as_posix())
