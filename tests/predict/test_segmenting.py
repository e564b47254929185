"""What `segment` asks of a Predictor; tests/commands/test_segment.py looks at the files."""

import numpy as np
import pytest
from example_engine import BrightEngine
from PIL import Image

from fctsfn_tf.clicks.clicks_file import ObjectClicks
from fctsfn_tf.predict import predictor as predictor_module
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.segmenting import Job, load, segment


def test_one_graph_cut_for_an_object_of_many_clicks(tmp_path, monkeypatch):
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    cuts, cut = [], predictor_module.graph_cut

    def counted(probability, image, clicks):
        cuts.append(len(clicks))
        return cut(probability, image, clicks)

    monkeypatch.setattr(predictor_module, "graph_cut", counted)
    image = np.full((64, 96, 3), 40, np.uint8)
    image[20:40, 30:70] = 220
    Image.fromarray(image).save(tmp_path / "photo.png")
    objects = [
        ObjectClicks(points=[(40, 30), (50, 30), (5, 5)], labels=[1, 1, 0]),
        ObjectClicks(number=2, points=[(60, 35), (65, 35)], labels=[1, 1]),
    ]
    outputs = {"mask": tmp_path / "mask.png", "index": tmp_path / "index.png"}
    predictor = Predictor(BrightEngine(), PredictorConfig(working_size=96, graph_cut=True))
    result = segment(predictor, load(Job(tmp_path / "photo.png", objects, outputs)))
    assert cuts == [3, 2]
    assert len(result.click_seconds) == 5
    assert result.num_object_pixels[0] == 20 * 40
