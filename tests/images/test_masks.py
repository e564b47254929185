import numpy as np
import pytest
from example_masks import disk, random_masks

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import (
    bounding_box,
    checked_index_map,
    index_map,
    object_masks,
    voc_palette,
)


def test_masks_and_index_map_are_two_views_of_one(mask):
    masks = [mask & ~disk(30, 32, 9), disk(30, 32, 9)]
    index = index_map(masks)
    np.testing.assert_array_equal(object_masks(index), masks)
    with_void = np.where(disk(55, 5, 3), 255, index)
    np.testing.assert_array_equal(object_masks(with_void), masks)
    np.testing.assert_array_equal(object_masks(mask), [mask])


def test_where_objects_overlap_the_later_one_counts():
    first, second = disk(30, 40, 10), disk(30, 48, 10)
    expected = np.where(second, 2, np.where(first, 1, 0))
    np.testing.assert_array_equal(index_map([first, second]), expected)


def test_voc_palette():
    """Colours as the VOC development kit lists them."""
    palette = voc_palette()
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 4: (0, 0, 128), 15: (192, 128, 128)}
    expected |= {20: (0, 64, 128), 255: (224, 224, 192)}
    for index, colour in expected.items():
        np.testing.assert_array_equal(palette[index], colour)


@pytest.mark.parametrize(
    "masks",
    [
        [],
        None,
        "mask",
        np.zeros((4, 5)),
        np.zeros((4, 5), np.int64) - 1,
        np.full((4, 5), 256),
        np.zeros((0, 5), bool),
        [np.zeros((4, 5), bool), np.zeros((5, 4), bool)],
        [np.zeros((4, 5), np.uint8)],
        [np.zeros((1, 1), bool)] * 255,
    ],
)
def test_other_masks_are_refused(masks):
    with pytest.raises(InputError):
        object_masks(masks)


@pytest.mark.parametrize(
    "index",
    [np.zeros(5, np.uint8), np.zeros((0, 4), np.uint8), np.zeros((3, 4)), np.full((3, 4), 256)],
)
def test_what_is_no_index_map_is_refused(index):
    with pytest.raises(InputError, match="An index map must hold"):
        checked_index_map(index)


def test_the_bounding_box_is_that_of_the_pixels():
    for mask in random_masks(100):
        for view in (mask, mask.T, mask[::-1, ::2]):  # strided ones, too
            rows, cols = np.nonzero(view)
            expected = (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1) if len(rows) else ()
            assert bounding_box(view) == (expected or (0, 0, 0, 0))
