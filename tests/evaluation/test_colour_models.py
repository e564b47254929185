import numpy as np
import pytest
from scenes import GREEN, RED

from fctsfn_tf.evaluation.baselines.colour_models import ColourParameters, object_probability


def test_colour_probability_of_one_gaussian_each():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (5, 8, 3), dtype=np.uint8)
    seeds = np.zeros((5, 8), np.int8)
    seeds[:2], seeds[3:] = 1, -1
    parameters = ColourParameters(num_components=1, uniform_share=0.2, min_deviation=0.1)
    likelihoods = []
    for label in (1, -1):
        samples = image[seeds == label] / 255
        covariance = np.cov(samples.T, bias=True) + 0.01 * np.eye(3)
        gaussian = stats.multivariate_normal(samples.mean(axis=0), covariance)
        likelihoods.append(0.8 * gaussian.pdf(image / 255) + 0.2)
    expected = likelihoods[0] / (likelihoods[0] + likelihoods[1])
    np.testing.assert_allclose(object_probability(image, seeds, parameters), expected, rtol=1e-6)


def test_colour_probability_of_unseen_colours_and_of_one_side_alone():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    image = np.zeros((2, 3, 3), np.uint8)
    image[:, 0], image[:, 1], image[:, 2] = RED, GREEN, (0, 0, 255)
    seeds = np.zeros((2, 3), np.int8)
    seeds[0, 0] = 1
    alone = object_probability(image, seeds)
    np.testing.assert_allclose(alone[:, 1:], 0.05 / 1.05)  # nothing but the uniform density
    assert (alone[:, 0] > 0.99).all()
    seeds[0, 1] = -1
    both = object_probability(image, seeds)
    np.testing.assert_allclose(both[:, 2], 0.5)
    assert (both[:, 0] > 0.99).all()
    assert (both[:, 1] < 0.01).all()
