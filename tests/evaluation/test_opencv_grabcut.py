import numpy as np
from scenes import GREEN, RED, disc, painted

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.metrics import iou


def test_grabcut_goes_on_from_the_previous_answer():
    """What was object before counts as evidence of the object's colours."""
    red, green = disc(30, 25, 12), disc(30, 46, 10)
    image = painted((red, RED), (green, GREEN))
    clicks = (Click(30, 25, True), Click(6, 6, False))
    segment = BASELINES["grabcut"]
    assert iou(segment(image, clicks, None) > 0.5, red) > 0.96
    both = (red | green).astype(np.float32)
    assert iou(segment(image, clicks, both) > 0.5, red | green) > 0.96
