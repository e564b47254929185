import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk, opened

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.png_files import cutout_png, index_png, mask_png, probability_png


def test_mask_png(mask):
    image = opened(mask_png(mask))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), np.where(mask, 255, 0))


def test_index_png_holds_numbers_and_voc_colours(mask):
    first, third = mask, disk(50, 80, 9)
    image = opened(index_png([first, np.zeros_like(mask), third]))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), np.where(third, 3, np.where(first, 1, 0)))
    colours = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(colours[50, 80], (128, 128, 0))


def test_probability_png():
    probability = np.array([[0, 0.5, 1], [0.25, 1 / 255, 0.999]], np.float32)
    np.testing.assert_array_equal(
        np.asarray(opened(probability_png(probability))), [[0, 128, 255], [64, 1, 255]]
    )


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_probabilities_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"\[0, 1\]|lie in"):
        probability_png(np.full((4, 5), wrong))


def test_probabilities_of_another_shape_are_refused():
    with pytest.raises(InputError):
        probability_png(np.zeros((4, 5, 3)))


def test_cutout_keeps_the_object_in_place_and_nothing_else(image, mask):
    cutout = np.asarray(opened(cutout_png(image, mask)))
    assert cutout.shape == (HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(cutout[mask][:, :3], image[mask])
    np.testing.assert_array_equal(cutout[..., 3], np.where(mask, 255, 0))
    assert not cutout[~mask].any()


def test_a_cutout_leaves_the_image_as_it_was(image, mask):
    before = image.copy()
    cutout_png(image, mask)
    np.testing.assert_array_equal(image, before)


def test_a_cutout_needs_an_image_of_the_masks_size(image, mask):
    with pytest.raises(InputError, match="one size"):
        cutout_png(image[1:], mask)
