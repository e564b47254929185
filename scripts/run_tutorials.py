"""Execute the tutorials and keep what they show: python scripts/run_tutorials.py [NAME ...]

Runs each notebook of docs/tutorials/ as it stands, from its first cell to its last, in its own
folder and a new process, and writes it back with its outputs. Needs requirements/test.txt; the one
that trains takes minutes. Run it again after another preset; a test says when that is due.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from fctsfn_tf.files import atomic_write
from fctsfn_tf.predict.preset_files import preset_facts

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "docs" / "tutorials"
# What a kernel says of itself, and which machine it ran on, is of no use to a reader.
KEPT_METADATA = ("kernelspec",)
TIMEOUT_SECONDS = 1800


def execute(notebook: nbformat.NotebookNode, directory: Path) -> None:
    """Run a notebook's cells in `directory`; outputs are left in the notebook.

    Programs of this environment, such as `fctsfn`, are found by lines that begin with "!".

    Raises:
        CellExecutionError: a cell failed; the message has its traceback.
    """
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
    )
    client.execute(env={**os.environ, **quiet, "PATH": programs})


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run: times, and what libraries say on the side."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "text" in output:
                lines = output.text.splitlines(keepends=True)
                output.text = "".join(line for line in lines if not line.startswith("INFO"))
        cell.outputs = [
            one for one in cell.outputs if one.get("name") != "stderr" and one.get("text") != ""
        ]


def main(names: list[str]) -> None:
    for path in sorted(TUTORIALS.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, as_version=4)
        execute(notebook, TUTORIALS)
        tidy(notebook)
        kept = {key: notebook.metadata[key] for key in KEPT_METADATA}
        notebook.metadata = {**kept, "weights_sha256": preset_facts().weights_sha256}
        text = nbformat.writes(notebook) + "\n"
        atomic_write(path, lambda file, text=text: file.write(text.encode()), overwrite=True)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
