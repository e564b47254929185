import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.config import PredictorConfig


@pytest.mark.parametrize(
    "setting",
    [
        {"click_encoding": "gaussians"},
        {"working_size": 31},
        {"working_size": 384.0},
        {"threshold": 1.0},
        {"threshold": float("nan")},
        {"zoom_expansion": 0.9},
        {"zoom_min_size": True},
        {"zoom_in": 1},
        {"graph_cut": "no"},
        {"graph_cut_smoothness": -0.1},
    ],
)
def test_settings_out_of_range(setting):
    (name,) = setting
    with pytest.raises(InputError, match=name):
        PredictorConfig(**setting)
