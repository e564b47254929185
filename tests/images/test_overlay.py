import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk, opened

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.overlay import overlay_png


def test_overlay_tints_the_object_only(image, mask):
    overlay = np.asarray(opened(overlay_png(image, mask))).astype(int)
    inside, outside = disk(20, 75, 4), ~disk(30, 30, 27) & ~disk(20, 75, 10)
    np.testing.assert_array_equal(overlay[outside], image[outside])
    np.testing.assert_allclose(overlay[inside], image[inside] // 2 + [64, 0, 0], atol=1)


def test_overlay_marks_differ_without_colour():
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    none = np.zeros((HEIGHT, WIDTH), bool)
    marks = [
        np.asarray(opened(overlay_png(grey, none, [Click(30, 40, sign)])).convert("L")).astype(int)
        for sign in (True, False)
    ]
    changed = [np.argwhere(mark != 90) for mark in marks]
    for positions in changed:
        np.testing.assert_allclose(positions.mean(axis=0), (30, 40), atol=0.5)
    plus, bar = (mark[28:33, 40] > 200 for mark in marks)
    assert plus.all()
    assert not bar.all()
    assert marks[1][26, 36] != 90  # a square has corners
    assert marks[0][26, 36] == 90  # a disk has none


def test_overlay_of_one_pixel_and_clicks_at_the_border():
    pixel = np.zeros((1, 1, 3), np.uint8)
    clicks = [Click(0, 0, True), Click(0, 0, False)]
    assert opened(overlay_png(pixel, np.ones((1, 1), bool), clicks)).size == (1, 1)


def test_an_overlay_leaves_the_image_as_it_was(image, mask):
    before = image.copy()
    overlay_png(image, mask, [Click(3, 4, True)])
    np.testing.assert_array_equal(image, before)


def test_an_overlay_needs_a_photograph(image, mask):
    with pytest.raises(InputError, match="uint8"):
        overlay_png(image.astype(float), mask)
