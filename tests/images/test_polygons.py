"""Outlines against areas, pycocotools and shapely; the pixels inside of polygons against
scikit-image."""

import cv2
import numpy as np
import pytest
from example_masks import disk, random_masks
from pycocotools import mask as coco_mask
from skimage.measure import points_in_poly

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.polygons import (
    POLYGON_TOLERANCE,
    joined,
    mask_outlines,
    mask_polygons,
    polygon_mask,
)


def area(polygon):
    x, y = polygon.T.astype(float)
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def blobs(number):
    """Masks with holes, and holes with islands, of other shapes than random pixels."""
    random = np.random.default_rng(5)
    for _ in range(number):
        shape = random.integers(20, 90, 2)
        field = cv2.GaussianBlur(random.random(shape), (0, 0), random.uniform(0.7, 4))
        yield field > np.quantile(field, random.uniform(0.2, 0.9))


def filled(polygons, shape):
    """What pycocotools makes of polygons."""
    runs = coco_mask.frPyObjects([polygon.ravel().tolist() for polygon in polygons], *shape)
    return coco_mask.decode(coco_mask.merge(runs)).astype(bool)


def test_polygons_are_simple_and_exact():
    """Under pycocotools, under `polygon_mask`, and for shapely where it is there."""
    for mask in [*random_masks(200), *blobs(60)]:
        polygons = mask_polygons(mask)
        assert sum(area(polygon) for polygon in polygons) == mask.sum()
        own = [polygon_mask(polygon, *mask.shape) for polygon in polygons]
        np.testing.assert_array_equal(np.sum([np.zeros(mask.shape, int), *own], axis=0), mask)
        if polygons:
            np.testing.assert_array_equal(filled(polygons, mask.shape), mask)


@pytest.mark.parametrize("tolerance", [0, POLYGON_TOLERANCE, 3])
def test_polygons_are_valid_for_shapely(tolerance):
    geometry = pytest.importorskip("shapely.geometry")
    for mask in [*random_masks(100), *blobs(60)]:
        for polygon in mask_polygons(mask, tolerance):
            assert geometry.Polygon(polygon).is_valid


def test_polygons_that_would_meet_themselves_stay_exact():
    geometry = pytest.importorskip("shapely.geometry")
    num_exact = 0
    for mask in blobs(60):
        for polygon, exact in zip(mask_polygons(mask, 3), mask_polygons(mask), strict=True):
            short = cv2.approxPolyDP(exact.astype(np.int32)[:, None], 3, closed=True)[:, 0]
            is_simple = len(short) > 2 and geometry.Polygon(short).is_valid
            assert is_simple == (len(polygon) < len(exact)) or len(exact) == len(short)
            num_exact += not is_simple
    assert num_exact > 10


def test_polygons_to_edit_stay_near_the_pixels_edges():
    for mask in blobs(40):
        polygons = mask_polygons(mask, POLYGON_TOLERANCE)
        own = np.any([polygon_mask(polygon, *mask.shape) for polygon in polygons], axis=0)
        near = np.zeros(mask.shape, np.uint8)
        cv2.polylines(near, [one.astype(np.int32) for one in mask_polygons(mask)], True, 1)
        near = cv2.dilate(near, np.ones((3, 3), np.uint8)) > 0
        assert not ((own != mask) & ~near).any()


def test_outlines_are_the_mask_by_the_even_odd_rule():
    for mask in [*random_masks(100), *blobs(20)]:
        inside = np.zeros(mask.shape, bool)
        for ring in mask_outlines(mask):
            inside ^= polygon_mask(ring, *mask.shape)
        np.testing.assert_array_equal(inside, mask)


def test_joined_polygons_fill_the_same_pixels():
    for mask in blobs(40):
        one = joined(mask_polygons(mask))
        np.testing.assert_array_equal(polygon_mask(one, *mask.shape), mask)
        np.testing.assert_array_equal(filled([one], mask.shape), mask)


def test_polygons_run_along_the_edges_of_pixels():
    mask = np.zeros((9, 11), bool)
    mask[2:7, 3:5] = True
    (polygon,) = mask_polygons(mask)
    assert {tuple(corner) for corner in polygon.tolist()} == {(3, 2), (5, 2), (5, 7), (3, 7)}


def test_polygons_of_the_smallest_and_of_no_mask():
    pixel = np.zeros((4, 6), bool)
    assert mask_polygons(pixel) == []
    pixel[2, 5] = True
    (polygon,) = mask_polygons(pixel)
    assert area(polygon) == 1


def test_slanted_edges_take_few_corners_where_a_person_edits_them():
    (polygon,) = mask_polygons(disk(30, 45, 25), POLYGON_TOLERANCE)
    (exact,) = mask_polygons(disk(30, 45, 25))
    assert len(polygon) < 0.5 * len(exact)


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
    left, right = mask_polygons(mask)
    pieces = [polygon_mask(polygon, 20, 30) for polygon in (left, right)]
    np.testing.assert_array_equal(pieces[0] ^ pieces[1], mask)


@pytest.mark.parametrize(
    "points", [[], [1, 2, 3, 4], [1, 2, 3], [0, 0, 1, 0, 1, np.nan], [0, 0, 1, 0, 1, 1e300], ["a"]]
)
def test_broken_polygons_are_refused(points):
    with pytest.raises(InputError, match="A polygon must be"):
        polygon_mask(points, 3, 5)
