"""Run lengths against pycocotools, both ways."""

import numpy as np
import pytest
from example_masks import random_masks
from pycocotools import mask as coco_mask

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.run_lengths import decode_rle, encode_rle


def test_run_lengths_are_those_of_pycocotools():
    tall = np.zeros((2100, 1700), bool)  # runs of more than 2^20 pixels, positive and negative
    tall[5, 3] = tall[1000:, 1690:] = True
    for mask in [*random_masks(300), tall, ~tall]:
        ours = encode_rle(mask)
        theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (23, 41), (200, 37)])
def test_run_lengths_as_pycocotools_writes_them(shape, share):
    mask = np.random.default_rng(2).random(shape) < share
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(decode_rle(theirs, *shape), mask)
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), *shape), mask)


@pytest.mark.parametrize(
    "rle",
    [
        {},
        {"size": [3, 5], "counts": "é"},
        {"size": [3, 5], "counts": "o"},  # says that more follows
        {"size": [3, 5], "counts": [20, -5]},
        {"size": [3, 5], "counts": [14]},
        {"size": [5, 3], "counts": [15]},
        {"size": [3, 5], "counts": [10**30]},
        {"size": 3, "counts": [15]},
        {"size": [3, 5], "counts": None},
    ],
)
def test_broken_run_lengths_are_refused(rle):
    with pytest.raises(InputError, match="Run lengths must"):
        decode_rle(rle, 3, 5)
