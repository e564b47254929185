import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN
from fctsfn_tf.networks.stage_transfer import transfer_stage

ALPHA = 1 / 32


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def randomise(model, rng):
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))


def test_stages_transfer_and_the_new_score_adds_nothing_yet(rng):
    stages = [TSLFN(32, alpha=ALPHA), TSLFN(16, alpha=ALPHA), TSLFN(8, alpha=ALPHA)]
    stages.append(FCTSFN(alpha=ALPHA))
    randomise(stages[0], rng)
    new = [
        ["score_pool4_image", "score_pool4_interaction"],
        ["score_pool3_image", "score_pool3_interaction"],
    ]
    for source, target, names in zip(stages[:2], stages[1:3], new, strict=True):
        result = transfer_stage(source, target)
        assert sorted(result.new) == names
        assert result.unused == []
        assert "fc6" in result.transferred
        for name in names:
            assert not any(array.any() for array in target.get_layer(name).get_weights())
    result = transfer_stage(stages[2], stages[3])
    assert {name.rstrip("12345") for name in result.transferred}.isdisjoint({"refine"})
    assert "score_bn" in result.new
    source = {layer.name: layer.get_weights() for layer in stages[0].layers}
    for stage in stages[1:]:
        for name, arrays in source.items():
            for old, now in zip(arrays, stage.get_layer(name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, now)


def test_transfer_reports_what_the_target_lacks():
    result = transfer_stage(TSLFN(16, alpha=ALPHA), TSLFN(32, alpha=ALPHA))
    assert sorted(result.unused) == ["score_pool4_image", "score_pool4_interaction"]
    assert result.new == []


def test_transfer_refuses_other_networks():
    with pytest.raises(InputError, match="same depth and alpha"):
        transfer_stage(TSLFN(32, alpha=ALPHA), TSLFN(32, alpha=1 / 64))
    inputs = keras.Input((3,))
    other = keras.Model(inputs, layers.Dense(1, name="other")(inputs))
    with pytest.raises(InputError, match="share none"):
        transfer_stage(other, TSLFN(32, alpha=ALPHA))
