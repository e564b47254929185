import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.start_mask import start_mask


@pytest.mark.parametrize("value", [True, np.uint8(255), np.int64(7), 0.5])
def test_one_value_beside_0_is_the_object(value):
    expected = np.array([[0, 0, 1], [0, 1, 1]], bool)
    given = expected * value if value is not True else expected
    found = start_mask(given, 2, 3)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)
    assert not np.shares_memory(found, given)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((3, 2), bool), "as large as the image"),
        (np.zeros((2, 3), bool), "empty"),
        (np.array([[0, 1, 2], [0, 0, 0]]), "one object"),
        (np.full((2, 3), "a"), "bools or numbers"),
    ],
)
def test_what_is_no_mask_of_one_object_is_refused(mask, message):
    with pytest.raises(InputError, match=message):
        start_mask(mask, 2, 3)
