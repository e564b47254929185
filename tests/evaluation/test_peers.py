import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.peers import PEERS, made_up_clicks, made_up_photograph


# SAM takes minutes at any size.
@pytest.mark.parametrize("name", [name for name in PEERS if "SAM" not in name])
def test_a_peer_answers_or_says_what_is_missing(name):
    image = made_up_photograph(24, 40, np.random.default_rng(0))
    try:
        answer = PEERS[name](image, made_up_clicks(24, 40, 3)).click()
    except InputError as error:
        pytest.skip(str(error))
    assert np.shape(answer)[-2:] == (24, 40)
