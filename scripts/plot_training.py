"""The curves of training runs, as a PNG and a CSV.

    python scripts/plot_training.py runs/paper/tslfn_32s runs/paper/tslfn_16s --output curves.png

Each RUN is the directory of a stage with its log.jsonl (`fctsfn train` names them). Stages of one
name go by "run/stage", and where that is one name, too, by more of their directories. The CSV lies
beside the PNG: run, step, and the numbers of the log, one row a line of it. Needs Matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable
from fctsfn_tf.training.reporting import LOG_NAME, read_log

Lines = list[dict[str, float]]
# Numbers of the log to draw, a panel each: (title, the numbers in it).
PANELS = (
    ("loss of training", ("loss",)),
    ("mean IoU", ("iou", "val_click_iou")),
)
STYLES = {"loss": ".-", "iou": ".:", "val_click_iou": "o-"}
LABELS = {"iou": "training", "val_click_iou": "validation, 1 to 5 clicks"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--output", type=Path, required=True, metavar="PNG")
    arguments = parser.parse_args()
    table = arguments.output.with_suffix(".csv")
    try:
        for path in (arguments.output, table):
            check_writable(path, overwrite=True)
        logs = {
            title: read_log(run / LOG_NAME)
            for title, run in zip(titles(arguments.runs), arguments.runs, strict=True)
        }
        for name, lines in logs.items():
            if not lines:
                raise InputError(f"{name} must be the directory of a run with a {LOG_NAME}.")
        content = plot(logs)
        atomic_write(arguments.output, lambda file: file.write(content), overwrite=True)
        atomic_write(table, lambda file: file.write(as_csv(logs)), overwrite=True)
    except InputError as error:
        print(f"plot_training: error: {error}", file=sys.stderr)
        return 2
    return 0


def titles(runs: list[Path]) -> list[str]:
    """The stages' names, with as many directories before them as tell them apart.

    Raises:
        InputError: One run is named twice.
    """
    parts = [run.resolve().parts for run in runs]
    if len(set(parts)) < len(parts):
        raise InputError("Each RUN must be named once; one of them is named twice.")
    count = 1
    while len({part[-count:] for part in parts}) < len(parts):
        count += 1
    return ["/".join(part[-count:]) for part in parts]


def as_csv(logs: dict[str, Lines]) -> bytes:
    """A row per line of the logs; what a line has not is empty."""
    names = list(dict.fromkeys(name for lines in logs.values() for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, ["run", *names], lineterminator="\n")
    writer.writeheader()
    for run, lines in logs.items():
        writer.writerows({"run": run, **line} for line in lines)
    return text.getvalue().encode()


def plot(logs: dict[str, Lines]) -> bytes:
    """A PNG: a column per run, a row per panel.

    Raises:
        InputError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("Plots need Matplotlib. Install it with: pip install matplotlib") from None
    figure = Figure(figsize=(3.2 * len(logs), 4.8), layout="constrained")
    axes = figure.subplots(len(PANELS), len(logs), squeeze=False)
    for column, (run, lines) in zip(axes.T, logs.items(), strict=True):
        column[0].set_title(run)
        column[-1].set_xlabel("step")
        for axis, (title, names) in zip(column, PANELS, strict=True):
            for name in names:
                points = [(line["step"], line[name]) for line in lines if name in line]
                if points:
                    axis.plot(*zip(*points, strict=True), STYLES[name], label=LABELS.get(name))
            axis.grid(alpha=0.3)
            axis.set_ylim(bottom=0)
            if column is axes.T[0]:
                axis.set_ylabel(title)
    axes[1, 0].legend(fontsize="small")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80)
    return image.getvalue()


if __name__ == "__main__":
    sys.exit(main())
