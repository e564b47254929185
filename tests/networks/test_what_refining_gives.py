"""scripts/what_refining_gives.py: a compact network and its score at 1/8."""

import keras
import numpy as np
import pytest
from load_script import load_script

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.predict.config import PredictorConfig

refining = load_script("what_refining_gives")


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return compact_network(alpha=0.35)


def test_without_refining_the_answer_is_the_score_at_an_eighth(network):
    rng = np.random.default_rng(0)
    data = {
        "image": rng.uniform(0, 255, (1, 64, 96, 3)).astype(np.float32),
        "click_maps": rng.integers(0, 2, (1, 64, 96, 3)).astype(np.float32),
    }
    answer = refining.without_refining(network).predict_on_batch(data)
    score = keras.Model(network.input, network.get_layer("coarse_score").output)
    (cells,) = score.predict_on_batch(data)[..., 0]  # (8, 12)
    assert answer.shape == (1, 64, 96, 1)
    blocks = answer[0, ..., 0].reshape(8, 8, 12, 8).mean(axis=(1, 3))
    inner = np.s_[1:-1, 1:-1]
    assert np.corrcoef(blocks[inner].ravel(), cells[inner].ravel())[0, 1] > 0.9
    assert np.abs(network.predict_on_batch(data) - answer).max() > 0


def test_an_object_that_cannot_be_evaluated_is_named(network):
    empty = np.zeros((40, 60), bool)
    sample = Sample("nothing", np.zeros((40, 60, 3), np.uint8), empty, empty)
    with pytest.raises(InputError, match="Leave out 'nothing'"):
        refining.measure(network, PredictorConfig(working_size=64), [sample])
