"""scripts/tune_first_look.py judges by what the predictor shows."""

from dataclasses import replace

import numpy as np
import pytest
from example_engine import RingEngine, bright_middle
from load_script import load_script

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.first_look import CLOSER_GAIN, SMALL_SHARE
from fctsfn_tf.predict.predictor import Predictor

tune = load_script("tune_first_look")
CONFIG = PredictorConfig(working_size=96, zoom_in=False, look_closer=3)


def sample(radius):
    """A disk in the middle of `bright_middle`."""
    image = bright_middle()
    rows, cols = np.mgrid[: image.shape[0], : image.shape[1]]
    gt_mask = np.hypot(rows - 100, cols - 150) <= radius
    return Sample("disk", image, gt_mask, np.zeros_like(gt_mask))


@pytest.mark.parametrize("best_brightness", [0, 160, 222])
def test_a_rule_s_iou_is_that_of_what_the_predictor_shows(best_brightness):
    engine = RingEngine(best_brightness)
    found = [tune.first_click(engine, sample(radius), CONFIG) for radius in (15, 40)]
    by_name = {name: ious for name, ious, _ in tune.rules(found)}
    rule = f"answers below {SMALL_SHARE:.0%} are looked at closer, where that gains {CLOSER_GAIN}"
    for closer, name in ((0, "the answer"), (3, rule)):
        predictor = Predictor(engine, replace(CONFIG, look_closer=closer))
        for number, radius in enumerate((15, 40)):
            one = sample(radius)
            predictor.set_image(one.image)
            shown = predictor.add_click(150, 100, 1)
            assert by_name[name][number] == pytest.approx(iou(shown.mask, one.gt_mask))


def test_rules_choose_by_what_is_thought():
    ious = np.array([[0.5, 0.9], [0.7, 0.2], [0.6, 0.1]])
    predicted = np.array([[0.60, 0.61], [0.68, 0.1], [0.63, 0.7]])
    small, large = (tune.FirstClick(ious, predicted, share, 0.01) for share in (0.07, 0.5))
    expected = {
        "the answer": (0.5, 0.5),
        "the mask that is thought best": (0.9, 0.9),
        "(the best mask)": (0.9, 0.9),
        "the answer of the view that is thought best": (0.7, 0.7),
        "the mask of any view that is thought best": (0.1, 0.1),
        "(the best view's answer)": (0.7, 0.7),
        "answers below 5% are looked at closer, where that gains 0.05": (0.5, 0.5),
        "answers below 10% are looked at closer, where that gains 0.05": (0.7, 0.5),
        "answers below 100% are looked at closer, where that gains 0.05": (0.7, 0.7),
        "answers below 10% are looked at closer, where that gains 0.1": (0.5, 0.5),
    }
    found = {name: tuple(ious) for name, ious, _ in tune.rules([small, large])}
    assert {name: found[name] for name in expected} == expected
    assert "| the answer | 0% | 50.0% | 50.0% | nan% |" in tune.table([small, large])
