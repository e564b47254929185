"""The random walker against its equations and scikit-image."""

from itertools import product

import numpy as np
import pytest
from scenes import GREEN, RED, baseline, disc, painted

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import rw
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background


def test_random_walker_solves_its_equations():
    segment = baseline("rw")
    image = np.random.default_rng(5).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    parameters = rw.Parameters(seed_radius=1.0, beta=20.0)
    clicks = (Click(1, 1, True), Click(4, 5, False))
    colours = (image / 255.0).reshape(-1, 3)
    laplacian = np.zeros((42, 42))
    for p, q in product(range(42), range(42)):
        if abs(p // 7 - q // 7) + abs(p % 7 - q % 7) == 1:
            squared = ((colours[p] - colours[q]) ** 2).sum()
            laplacian[p, q] = -np.exp(-20 * squared / (10 * colours.std() * np.sqrt(3)))
    laplacian -= np.diag(laplacian.sum(axis=1))
    seeds = with_background(seeds_from_clicks(image, clicks, 1.0)).ravel()
    open_pixels = seeds == 0
    expected = (seeds > 0).astype(float)
    expected[open_pixels] = np.linalg.solve(
        laplacian[np.ix_(open_pixels, open_pixels)],
        -laplacian[np.ix_(open_pixels, seeds > 0)].sum(axis=1),
    )
    found = segment(image, clicks, None, parameters)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)


def test_random_walker_agrees_with_scikit_images():
    skimage = pytest.importorskip("skimage.segmentation", reason="scikit-image is not installed")
    image = painted((disc(30, 34, 17), RED), (disc(20, 60, 9), GREEN), noise=12.0)
    clicks = (Click(30, 34, True), Click(8, 8, False), Click(20, 62, False))
    seeds = with_background(seeds_from_clicks(image, clicks, SEED_RADIUS))
    labels = np.select([seeds > 0, seeds < 0], [1, 2], 0)
    expected, _ = skimage.random_walker(
        image / 255.0,
        labels,
        beta=rw.DEFAULT_PARAMETERS.beta,
        mode="bf",
        return_full_prob=True,
        channel_axis=-1,
    )
    np.testing.assert_allclose(rw.segment(image, clicks), expected, atol=1e-6)


def test_random_walker_refuses_an_image_that_memory_may_not_hold():
    with pytest.raises(InputError, match=r"at most 4,000,000 pixels.*Received 2001 × 2000"):
        rw.segment(np.zeros((2001, 2000, 3), np.uint8), (Click(3, 4, True),))


def test_random_walker_on_one_colour_goes_by_distance():
    image = np.full((31, 41, 3), 90, np.uint8)
    probability = baseline("rw")(image, (Click(15, 20, True),), None)
    assert (np.diff(probability[15, 28:]) < 0).all()
    np.testing.assert_allclose(probability, probability[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(probability, probability[::-1], atol=1e-4)
