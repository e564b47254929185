"""scripts/ablations.py validates on photographs of every set that the list of --splits names."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fctsfn_tf.predict.config import PredictorConfig

ROOT = Path(__file__).resolve().parents[2]


def test_every_set_is_validated_on(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("ablations", ROOT / "scripts" / "ablations.py")
    ablations = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ablations", ablations)
    spec.loader.exec_module(ablations)
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 10:40] = 1
    for name in ("first", "second"):
        for folder, array in (("images", labels * 200), ("labels", labels)):
            (tmp_path / name / folder).mkdir(parents=True)
            for stem in ("a", "b", "c"):
                Image.fromarray(array).save(tmp_path / name / folder / f"{name}_{stem}.png")
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"val": ["first_a", "first_b", "second_b"]}))
    seen = {}

    def results(datasets, samples, *_):
        seen["trained"] = {image.name for one in datasets for image in one.images}
        seen["validated"] = [sample.name for sample in samples]

    monkeypatch.setattr(ablations, "load_preset", lambda name: (None, PredictorConfig()))
    monkeypatch.setattr(ablations, "results", results)
    monkeypatch.setattr(ablations, "table", lambda found: "")
    monkeypatch.setattr(ablations, "preset_table", lambda *_: "")
    words = [tmp_path / "first", tmp_path / "second", "--splits", splits, "--output", tmp_path]
    monkeypatch.setattr(sys, "argv", ["ablations.py", *map(str, words)])
    assert ablations.main() == 0
    assert seen["validated"] == ["first_a", "second_b", "first_b"]
    assert seen["trained"] == {"first_c", "second_a", "second_c"}
