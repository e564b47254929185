"""What `segment` asks of a Predictor; tests/commands/test_segment.py looks at the files."""

import numpy as np
import pytest
from example_engine import BrightEngine, RingEngine
from PIL import Image

from fctsfn_tf.clicks.clicks_file import ObjectClicks
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict import predictor as predictor_module
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.segmenting import Job, load, segment


def test_one_graph_cut_for_an_object_of_many_clicks(tmp_path, monkeypatch):
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    cuts, cut = [], predictor_module.graph_cut

    def counted(probability, image, clicks, parameters):
        cuts.append(len(clicks))
        return cut(probability, image, clicks, parameters)

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


@pytest.fixture
def clicked(tmp_path):
    """Writes a photograph; gives the job of some clicks, and what it comes to."""
    Image.fromarray(np.full((64, 96, 3), 40, np.uint8)).save(tmp_path / "photo.png")
    config = PredictorConfig(working_size=96, zoom_in=False, graph_cut=False)
    predictor = Predictor(RingEngine(), config)

    def run(*objects, candidate=0):
        job = Job(tmp_path / "photo.png", objects, {}, candidate=candidate)
        return segment(predictor, load(job))

    return run


def test_the_other_masks_of_a_first_click_are_told_and_taken(clicked):
    once = ObjectClicks(points=[(48, 32)], labels=[1])
    best = clicked(once)
    assert [round(one.predicted_iou, 2) for one in best.candidates] == [0.73, 0.27]
    others = [one.mask.sum() for one in best.candidates]
    for number, pixels in enumerate(others, start=1):
        chosen = clicked(once, candidate=number)
        assert chosen.num_object_pixels == [pixels]
        assert chosen.candidates[number - 1].mask.sum() == best.num_object_pixels[0]
    assert len({best.num_object_pixels[0], *others}) == 3
    twice = ObjectClicks(points=[(48, 32), (50, 32)], labels=[1, 1])
    assert clicked(twice, candidate=2).candidates == ()


def test_a_candidate_that_is_not_there_is_refused(clicked):
    once = ObjectClicks(points=[(48, 32)], labels=[1])
    with pytest.raises(InputError, match=r"has 2 candidates.* Received candidate 3"):
        clicked(once, candidate=3)
    other = ObjectClicks(number=2, points=[(48, 32)], labels=[1])
    with pytest.raises(InputError, match=r"of one object.* Received clicks on 2"):
        clicked(once, other, candidate=1)
