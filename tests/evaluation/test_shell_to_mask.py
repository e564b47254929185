"""Whole programs timed; the libraries of other tools are stand-ins that write down their calls."""

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.evaluation.benchmark import one_shot, shell_to_mask
from fctsfn_tf.evaluation.benchmark.shell_to_mask import Run, shell_table, what_is_missing

REMBG = """
import PIL.Image
def new_session(model):
    return {"model": model}
def remove(image, session, only_mask):
    assert session == {"model": "u2net"} and only_mask
    return PIL.Image.new("L", image.size, 255)
"""
SAM = """
import numpy as np
class SAMImageSegmenter:
    @classmethod
    def from_preset(cls, name):
        assert name == "sam_base_sa1b"
        return cls()
    def predict(self, inputs, verbose):
        assert inputs["images"].shape == (1, 1024, 1024, 3)
        assert inputs["images"][0, 600, 1023].any() and not inputs["images"][0, 700, 0].any()
        assert inputs["points"].shape[1:] == (inputs["labels"].shape[1], 2)
        masks = np.full((1, 3, 256, 256), -1.0)
        masks[0, 1, :128, :128] = 1
        return {"masks": masks, "iou_pred": np.array([[0.1, 0.9, 0.2]])}
"""


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    """Modules named rembg and keras_hub, and files in place of their weights."""
    libraries = tmp_path / "libraries"
    (libraries / "keras_hub").mkdir(parents=True)
    (libraries / "rembg.py").write_text(REMBG)
    (libraries / "keras_hub" / "__init__.py").write_text("")
    (libraries / "keras_hub" / "models.py").write_text(SAM)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    (tmp_path / "u2net.onnx").write_bytes(b"weights")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    one_shot.sam_weights().mkdir(parents=True)
    monkeypatch.syspath_prepend(libraries)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(libraries), *sys.path]))
    yield
    for name in ("rembg", "keras_hub", "keras_hub.models"):
        sys.modules.pop(name, None)


def row_of(table, tool):
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {tool} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_tool_is_timed_in_a_program_of_its_own(stand_ins):
    table = shell_table(40, 64, 1, ["OpenCV GrabCut", "rembg"])
    for tool, remark in (("OpenCV GrabCut", ""), ("rembg", "takes no clicks")):
        name, mask, click, peak, said = row_of(table, tool)
        assert (name, said) == (tool, remark)
        assert 0 <= float(click) < float(mask)
        assert int(peak) > 20 or os.name == "nt"


def test_sam_is_given_points_and_padding_and_its_best_mask_is_taken(
    stand_ins, tmp_path, monkeypatch, capsys
):
    photograph, clicks = tmp_path / "photo.png", tmp_path / "clicks.json"
    Image.fromarray(np.full((60, 96, 3), 90, np.uint8)).save(photograph)
    clicks.write_text(json.dumps([[30, 40, True], [5, 5, False]]))
    one_shot.main("SAM ViT-B, KerasHub", photograph, clicks, tmp_path / "mask.png")
    told = json.loads(capsys.readouterr().out)
    assert len(told["seconds"]) == 1
    mask = np.asarray(Image.open(tmp_path / "mask.png")) > 0
    # The upper left quarter of 1024 × 1024, of which the photograph fills 640 rows.
    assert mask[:46, :46].all()
    assert not mask[:, 50:].any()
    assert not mask[50:].any()


def test_what_is_missing_is_said_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(shell_to_mask, "find_spec", lambda name: None)
    assert what_is_missing("rembg") == "rembg is not installed"
    assert what_is_missing("SAM ViT-B, KerasHub") == "keras-hub is not installed"
    assert what_is_missing("OpenCV GrabCut") is None
    assert row_of(shell_table(40, 64, 1, ["rembg"]), "rembg") == [
        "rembg",
        *"–––",
        "rembg is not installed",
    ]
    monkeypatch.setattr(shell_to_mask, "find_spec", lambda name: name)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    assert "its weights are not here" in what_is_missing("rembg")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setattr(shell_to_mask, "_run", lambda *_: Run(2.0, 0.5, 10**9))
    row = row_of(shell_table(40, 64, 2, ["SAM ViT-B, KerasHub"]), "SAM ViT-B, KerasHub")
    assert row[1:4] == ["2.00", "0.500", "1000"]
    assert "random weights" in row[4]


def test_a_tool_that_fails_says_why_and_the_others_go_on(monkeypatch):
    runs = iter([Run(1.0, 0.1, 0), "failed: no luck", Run(3.0, 0.3, 0)])
    monkeypatch.setattr(shell_to_mask, "_run", lambda *_: next(runs))
    table = shell_table(40, 64, 2, ["fctsfn", "OpenCV GrabCut"])
    assert row_of(table, "fctsfn")[1:3] == ["2.00", "0.200"]
    assert row_of(table, "OpenCV GrabCut")[1:] == [*"–––", "failed: no luck"]


def test_a_program_that_ends_badly(monkeypatch):
    monkeypatch.setattr(shell_to_mask, "what_is_missing", lambda tool: None)
    assert row_of(shell_table(40, 64, 1, ["who"]), "who")[4] == "failed: KeyError: 'who'"
