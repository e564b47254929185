"""The paths of ESC and GSC, and what their constraint does."""

import numpy as np
import pytest
from scenes import HEIGHT, RED, WIDTH, baseline, disc, painted, smooth_cut

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines import gsc
from fctsfn_tf.evaluation.baselines.esc import straight_parents
from fctsfn_tf.evaluation.baselines.gsc import geodesic_parents
from fctsfn_tf.evaluation.baselines.pixel_graph import NO_PARENT
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks
from fctsfn_tf.evaluation.metrics import iou


def path_to_seed(parents, pixel):
    path = [pixel]
    while parents.flat[path[-1]] != NO_PARENT:
        path.append(parents.flat[path[-1]])
        assert len(path) <= parents.size, "the parents go in circles"
    return path


def test_straight_paths_are_straight():
    pytest.importorskip("scipy", reason="SciPy is not installed")
    height, width, row, col = 90, 131, 20, 100
    is_seed = np.zeros((height, width), bool)
    is_seed[row, col] = True
    parents = straight_parents(is_seed)
    worst = 0.0
    for pixel in range(0, height * width, 7):
        rows, cols = np.divmod(path_to_seed(parents, pixel), width)
        assert (rows[-1], cols[-1]) == (row, col)
        longer = max(abs(rows[0] - row), abs(cols[0] - col))
        assert len(rows) == longer + 1
        assert np.abs(np.diff(rows)).max(initial=0) <= 1
        assert np.abs(np.diff(cols)).max(initial=0) <= 1
        across = (rows - row) * (cols[0] - col) - (cols - col) * (rows[0] - row)
        worst = max(worst, np.abs(across).max() / max(1.0, np.hypot(rows[0] - row, cols[0] - col)))
    assert worst < 2.0  # rounding each step for itself would bend them by 8


def test_straight_paths_lead_to_the_nearest_of_several_seeds():
    ndimage = pytest.importorskip("scipy.ndimage")
    is_seed = np.random.default_rng(3).random((23, 31)) < 0.01
    assert is_seed.sum() > 3
    parents = straight_parents(is_seed)
    distance = ndimage.distance_transform_edt(~is_seed)
    for pixel in range(is_seed.size):
        path = path_to_seed(parents, pixel)
        assert is_seed.flat[path[-1]]
        assert (np.diff(distance.flat[path]) < 0).all()


def test_geodesics_without_the_image_are_plain_distances():
    pytest.importorskip("scipy", reason="SciPy is not installed")
    image = np.random.default_rng(4).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    is_seed = np.zeros((9, 14), bool)
    is_seed[2, 3] = True
    parents = geodesic_parents(image, is_seed, image_weight=0.0)
    rows, cols = np.abs(np.mgrid[:9, :14] - np.array([2, 3])[:, None, None])
    for pixel in range(is_seed.size):
        steps = np.diff(np.divmod(path_to_seed(parents, pixel), 14))
        length = np.hypot(*steps).sum()
        longer, shorter = (
            max(rows.flat[pixel], cols.flat[pixel]),
            min(rows.flat[pixel], cols.flat[pixel]),
        )
        assert length == pytest.approx(longer - shorter + np.sqrt(2) * shorter)


@pytest.mark.parametrize("name", ["esc", "gsc"])
def test_every_object_pixel_sees_a_seed(name):
    segment = baseline(name)
    blobs = disc(20, 22, 13) | disc(44, 42, 11) | disc(15, 66, 9)
    image = painted((blobs, RED), noise=15.0)
    clicks = (Click(20, 20, True), Click(15, 66, True), Click(50, 70, False))
    mask = segment(image, clicks, None) > 0.5
    is_seed = seeds_from_clicks(image, clicks, SEED_RADIUS) > 0
    parents = (
        straight_parents(is_seed)
        if name == "esc"
        else geodesic_parents(image, is_seed, gsc.DEFAULT_PARAMETERS.image_weight)
    )
    assert np.count_nonzero(mask & ~is_seed) > 100

    def is_star(mask):
        pixels = np.flatnonzero(mask)
        return all(mask.flat[path_to_seed(parents, pixel)].all() for pixel in pixels)

    assert is_star(mask)
    assert not is_star(baseline("gc")(image, clicks, None) > 0.5)


def test_star_convexity_cuts_off_a_second_blob_of_the_same_colour():
    gt_mask, other = disc(30, 22, 14), disc(28, 66, 12)
    image = painted((gt_mask | other, RED))
    clicks = (Click(30, 22, True), Click(6, 44, False))
    for name in ("esc", "gsc"):
        assert iou(smooth_cut(name, image, clicks), gt_mask) > 0.96
    assert iou(smooth_cut("gc", image, clicks), gt_mask | other) > 0.96


def test_a_geodesic_star_may_bend_and_a_straight_one_may_not():
    """A quarter of a ring, clicked at one end: from there the other end is out of sight."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(rows - 56, cols - 12)
    gt_mask = (radius > 30) & (radius < 44) & (cols >= 12) & (rows < 56)
    image = painted((gt_mask, RED), noise=2.0)
    clicks = (Click(20, 18, True), Click(50, 14, False))
    bent = iou(smooth_cut("gsc", image, clicks), gt_mask)
    straight = iou(smooth_cut("esc", image, clicks), gt_mask)
    assert bent > 0.96
    assert straight < 0.9
