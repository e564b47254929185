import numpy as np
from example_engine import BrightEngine

from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.photograph import Photograph
from fctsfn_tf.predict.views import Box, View

BOXES = [View(Box(0, 0, 40, 40), 64, 64), View(Box(20, 20, 60, 60), 64, 64)]


def test_the_whole_is_encoded_at_once_and_the_latest_box_is_kept_beside_it():
    engine = BrightEngine()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    photograph = Photograph(pixels, engine, PredictorConfig(working_size=96))
    assert engine.encoded == [(64, 96, 3)]
    assert photograph.encode_seconds > 0
    whole, seconds = photograph.features_of(photograph.whole)
    assert seconds == 0
    first, seconds = photograph.features_of(BOXES[0])
    assert seconds > 0
    np.testing.assert_array_equal(first, BOXES[0].image_in(pixels).mean(axis=-1))
    assert photograph.features_of(BOXES[0]) == (first, 0.0)
    photograph.features_of(BOXES[1])
    assert len(engine.encoded) == 3
    assert photograph.features_of(photograph.whole)[0] is whole
    assert photograph.features_of(BOXES[0])[1] > 0  # the other box took its place
    assert len(engine.encoded) == 4
