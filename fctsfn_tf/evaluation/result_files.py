"""Results ⇄ files, whole or of an evaluation that has not ended.

A results file is JSON:

    {
      "format": 2,
      "run": {"data": ..., "model": ..., "seed": ..., "protocol": {...}, "versions": {...}, ...},
      "summary": {"clicks_to_90": ..., "failures_at_90": ..., "mean_iou": [...], ...},
      "objects": [{"name": ..., "ious": [...], "clicks": [[x, y, label], ...], ...}, ...]
    }

While an evaluation runs, the same objects lie as JSON lines beside it in `<file>.partial`, from
which a run that was killed goes on.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.files import atomic_write, printable

FORMAT = 2
# Digits after the point of seconds. IoUs are kept whole: one that is rounded up to a target would
# reach it.
SECONDS_DIGITS = 6


def write_results(results: Results, path: str | Path, overwrite: bool = False) -> None:
    """Write a results file (see the head of this module), whole or not at all.

    Raises:
        InputError: the file exists and `overwrite` is False, or it cannot be written.
    """
    head = {"format": FORMAT, "run": results.run, "summary": summarise(results)}
    # One object a line: half the size of indented JSON, and a change is a change of few lines.
    lines = ",\n".join(json.dumps(object_to_json(result)) for result in results.objects)
    text = f'{json.dumps(head, indent=1)[:-2]},\n "objects": [\n{lines}\n]}}\n'
    atomic_write(path, lambda file: file.write(text.encode()), overwrite)


def read_results(path: str | Path) -> Results:
    """The results that `write_results` wrote.

    Raises:
        InputError: there is no such file, or it is none of these.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise InputError(
                f"{printable(path)} must be of format {FORMAT}. Evaluate again with this version. "
                f"Received format {document['format']!r:.20}."
            )
        objects = tuple(object_from_json(values) for values in document["objects"])
        # What every reader of it needs.
        run = document["run"]
        _ = run["protocol"]["until"], run["protocol"]["max_clicks"], run["data"], run["shard"]
        return Results(run, objects)
    except OSError as error:
        raise InputError(
            f"There is no results file {printable(path)} ({error.strerror}). Name one that "
            "`fctsfn evaluate --output` wrote."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{printable(path)} must be a results file of `fctsfn evaluate`. Evaluate again. "
            f"Received something else ({error!r:.60})."
        ) from None


def read_folder(folder: str | Path) -> Results:
    """The results files of a folder, one of each data set, as one evaluation of all of them.

    Its objects are called "set/name", its data "set, set, …".

    Raises:
        InputError: no results files; a file that is none; several of one data set; or they were
            not evaluated alike.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(
            f"A folder of results must have results files (*.json) of `fctsfn evaluate`. Received "
            f"{printable(folder)}, which has none."
        )
    evaluations = [read_results(path) for path in paths]
    sets = [results.run["data"] for results in evaluations]
    for name in ("model", "seed", "protocol"):
        values = [results.run[name] for results in evaluations]
        different = [path for path, value in zip(paths, values, strict=True) if value != values[0]]
        if different:
            raise InputError(
                "The results files of a folder must come from one model, one seed and one "
                f"protocol. Keep others in folders of their own. Received another {name} in "
                f"{printable(different[0])} than in {printable(paths[0])}."
            )
    if len({*sets}) < len(sets):
        raise InputError(
            "A folder of results must have one results file of each data set. Move the others "
            f"elsewhere. Received {', '.join(sets)} in {printable(folder)}."
        )
    objects = [
        replace(result, name=f"{results.run['data']}/{result.name}")
        for results in evaluations
        for result in results.objects
    ]
    return Results({**evaluations[0].run, "data": ", ".join(sets)}, tuple(objects))


def object_to_json(result: ObjectResult) -> dict[str, Any]:
    """JSON values of one object; infinite indices become None."""
    points = [[click.col, click.row, int(click.is_positive)] for click in result.clicks]
    return {
        "name": result.name,
        "position": result.position,
        "clicks": points,
        "ious": list(result.ious),
        "boundary_ious": list(result.boundary_ious),
        "decidability": [value if math.isfinite(value) else None for value in result.decidability],
        "seconds": [round(value, SECONDS_DIGITS) for value in result.seconds],
        "encode_seconds": [round(value, SECONDS_DIGITS) for value in result.encode_seconds],
        "robot_seconds": round(result.robot_seconds, SECONDS_DIGITS),
        "failure": result.failure,
    }


def object_from_json(values: dict[str, Any]) -> ObjectResult:
    """The object that `object_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    given = {field.name: values[field.name] for field in fields(ObjectResult)}
    for name in ("ious", "boundary_ious", "seconds", "encode_seconds"):
        given[name] = tuple(float(value) for value in given[name])
    given["clicks"] = tuple(Click(y, x, bool(label)) for x, y, label in given["clicks"])
    given["decidability"] = tuple(
        math.inf if value is None else float(value) for value in given["decidability"]
    )
    return ObjectResult(**given)


class PartialResults:
    """The finished objects of an evaluation that has not ended, as JSON lines after a first line
    that says of which run.

    Attributes:
        finished: {name: result} of what was there already.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        """
        Raises:
            InputError: the file belongs to another run, or is none of these files.
        """
        self._path = path
        self.finished: dict[str, ObjectResult] = {}
        # A run that was killed may have left half a line: what follows the last line end.
        text = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        lines = text.splitlines()
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run) + "\n", encoding="utf-8")
            return
        try:
            found = dict(json.loads(lines[0]))
            finished = [object_from_json(json.loads(line)) for line in lines[1:]]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{printable(path)} must hold the objects of an evaluation that was broken off. "
                "Remove it to start afresh. Received something else."
            ) from None
        if found != run:
            keys = sorted(run.keys() | found.keys())
            different = [key for key in keys if found.get(key) != run.get(key)]
            raise InputError(
                f"{printable(path)} must come from the same evaluation to be continued. Remove it "
                "to start afresh, or name another output. "
                f"Received another {', '.join(different)}."
            )
        self.finished = {result.name: result for result in finished}
        with open(path, "r+b") as file:
            file.truncate(len(text) + 1)

    def append(self, result: ObjectResult) -> None:
        """Keep one more object."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(object_to_json(result)) + "\n")

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink()
