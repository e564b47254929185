"""The tutorials run from their first cell to their last, on small data."""

from pathlib import Path

import pytest
from load_script import load_script

from fctsfn_tf.predict.preset_files import preset_facts

nbformat = pytest.importorskip("nbformat", reason="nbclient runs the notebooks")
ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
# Instead of the cell tagged "parameters".
SMALL = {
    "cut_out": None,
    "table_of_the_paper": 'NUM_OBJECTS = 1\nMETHODS = ["compact", "rw"]\nMAX_CLICKS = 2',
    "train_your_own": """
import tensorflow as tf
from fctsfn_tf.predict import presets

PHOTOGRAPHS = "output/photographs"
NUM_PHOTOGRAPHS, NUM_HELD_OUT = 4, 1
VIEWS = ((64, 96, 1),)
STEPS_PER_EPOCH = EPOCHS = 1
# A step is quicker than its compilation; a preset without parts for LiteRT is quicker written.
tf.config.run_functions_eagerly(True)
presets.MAX_LITERT_BYTES = 0
""",
}


@pytest.fixture(scope="module")
def run_tutorials():
    return load_script("run_tutorials")


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(path, run_tutorials, tmp_path):
    if path.stem == "table_of_the_paper":
        pytest.importorskip("sklearn", reason="scikit-learn is part of the classical methods")
    folder = tmp_path / "docs" / "tutorials"
    folder.mkdir(parents=True)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "docs" / "results").symlink_to(ROOT / "docs" / "results")
    notebook = nbformat.read(path, as_version=4)
    parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == (SMALL[path.stem] is not None)
    for cell in parameters:
        cell.source = SMALL[path.stem]
    run_tutorials.execute(notebook, folder)
    assert list((folder / "output").iterdir())


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_shows_the_shipped_preset_and_ends_with_what_to_read_next(path):
    notebook = nbformat.read(path, as_version=4)
    again = f"the preset has changed: run python scripts/run_tutorials.py {path.stem}"
    assert notebook.metadata.get("weights_sha256") == preset_facts().weights_sha256, again
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), again
    assert "## What to read next" in notebook.cells[-1].source
