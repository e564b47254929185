"""Masks out of annotation files, against pycocotools, scikit-image and what is drawn by hand."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from skimage.measure import points_in_poly

from fctsfn_tf.data.annotations import coco_objects, decode_rle, labelme_objects, polygon_mask
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.mask_formats import encode_rle, mask_polygons


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


def test_polygons_hold_the_pixels_whose_centres_they_hold():
    rng = np.random.default_rng(4)
    centres = np.argwhere(np.ones((17, 29)))[:, ::-1] + 0.5
    for _ in range(20):
        corners = rng.uniform((-5, -5), (34, 22), (rng.integers(3, 9), 2))
        expected = points_in_poly(centres, corners).reshape(17, 29)
        np.testing.assert_array_equal(polygon_mask(corners, 17, 29), expected)


def test_polygons_of_a_mask_with_a_hole_give_it_back():
    mask = np.zeros((20, 30), bool)
    mask[3:15, 4:22] = True
    mask[6:9, 8:12] = False
    (polygon,) = mask_polygons(mask)
    np.testing.assert_array_equal(polygon_mask(polygon, 20, 30), mask)


@pytest.mark.parametrize("points", [[], [1, 2, 3, 4], [1, 2, 3], [0, 0, 1, 0, 1, np.nan], ["a"]])
def test_broken_polygons_are_refused(points):
    with pytest.raises(InputError, match="A polygon must be"):
        polygon_mask(points, 3, 5)


def test_a_segmentation_must_be_one():
    for segmentation in (None, [], "x"):
        with pytest.raises(InputError, match="for annotation 7"):
            coco_objects([{"id": 7, "segmentation": segmentation}], 3, 5)


def shape_of(kind, points, **more):
    return {"label": "cat", "shape_type": kind, "points": points, "group_id": None, **more}


def test_labelme_shapes():
    png = BytesIO()
    Image.fromarray(np.array([[0, 1, 1], [1, 0, 1]], bool)).save(png, "PNG")
    shapes = [
        shape_of("rectangle", [[9, 8], [4, 2]]),
        shape_of("circle", [[20.5, 10.5], [23.5, 10.5]]),
        shape_of("point", [[3, 3]]),
        shape_of("polygon", [[0, 0], [2, 0], [2, 2], [0, 2]], group_id=1),
        shape_of("polygon", [[0, 4], [2, 4], [2, 6], [0, 6]], group_id=1),
        shape_of("mask", [[5, 12], [7, 13]], mask=base64.b64encode(png.getvalue()).decode()),
    ]
    masks = labelme_objects({"shapes": shapes}, 20, 30).masks
    assert sorted(masks) == [1, 2, 3, 4]
    expected = np.zeros((20, 30), bool)
    expected[2:8, 4:9] = True
    np.testing.assert_array_equal(masks[1], expected)
    rows, cols = np.mgrid[:20, :30]
    np.testing.assert_array_equal(masks[2], np.hypot(rows - 10, cols - 20) <= 3)
    assert masks[3].sum() == 8
    assert np.argwhere(masks[4]).tolist() == [[12, 6], [12, 7], [13, 5], [13, 7]]


@pytest.mark.parametrize(
    "shape",
    [
        None,
        {"shape_type": "polygon"},
        shape_of("polygon", [[0, 0], [1, 1]]),
        shape_of("rectangle", [[0, 0]]),
        shape_of("cuboid", [[0, 0], [1, 1]]),
        shape_of("mask", [[0, 0], [1, 1]], mask="bm8="),
        shape_of("mask", [[0, 0], [1, 1]], mask=None),
    ],
)
def test_broken_labelme_shapes_are_refused(shape):
    with pytest.raises(InputError, match="A labelme shape must be"):
        labelme_objects({"shapes": [shape]}, 20, 30)
