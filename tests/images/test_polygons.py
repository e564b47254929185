"""Outlines against areas, and the pixels inside of polygons against scikit-image."""

import numpy as np
import pytest
from example_masks import disk, random_masks
from skimage.measure import points_in_poly

from fctsfn_tf.errors import InputError
from fctsfn_tf.images import polygons
from fctsfn_tf.images.polygons import mask_polygons, polygon_mask


def area(polygon):
    x, y = polygon.T.astype(float)
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_without_tolerance_polygons_enclose_exactly_the_mask(monkeypatch):
    monkeypatch.setattr(polygons, "POLYGON_TOLERANCE", 0)
    for mask in random_masks(200):
        assert sum(area(polygon) for polygon in mask_polygons(mask)) == mask.sum()


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


def test_slanted_edges_take_few_corners(monkeypatch):
    (polygon,) = mask_polygons(disk(30, 45, 25))
    monkeypatch.setattr(polygons, "POLYGON_TOLERANCE", 0)
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
    (polygon,) = mask_polygons(mask)
    np.testing.assert_array_equal(polygon_mask(polygon, 20, 30), mask)


@pytest.mark.parametrize("points", [[], [1, 2, 3, 4], [1, 2, 3], [0, 0, 1, 0, 1, np.nan], ["a"]])
def test_broken_polygons_are_refused(points):
    with pytest.raises(InputError, match="A polygon must be"):
        polygon_mask(points, 3, 5)
