from itertools import product

import numpy as np
import pytest

from fctsfn_tf.evaluation.baselines.pixel_graph import (
    NO_PARENT,
    neighbour_pairs,
    per_image,
    shortest_paths,
)


def test_pairs_are_all_eight_neighbours_once():
    pairs = neighbour_pairs(3, 4)
    found = {frozenset(pair) for pair in zip(pairs.first, pairs.second, strict=True)}
    pixels = list(product(range(3), range(4)))
    expected = {
        frozenset((4 * a + b, 4 * c + d)): np.hypot(a - c, b - d)
        for (a, b), (c, d) in product(pixels, pixels)
        if (a, b) != (c, d) and max(abs(a - c), abs(b - d)) == 1
    }
    assert found == set(expected)
    assert len(pairs.first) == len(expected)
    for first, second, length in zip(*pairs, strict=True):
        assert length == expected[frozenset((first, second))]


def test_shortest_paths_are_scikit_images():
    graph = pytest.importorskip("skimage.graph")
    rng = np.random.default_rng(2)
    field = rng.uniform(0.01, 5, (11, 17))
    sources = np.zeros(field.shape, bool)
    sources[3, 4] = sources[9, 15] = True
    pairs = neighbour_pairs(*field.shape)
    flat = field.ravel()
    costs = (flat[pairs.first] + flat[pairs.second]) / 2 * pairs.length
    distances, parents = shortest_paths(sources, costs)
    expected, _ = graph.MCP_Geometric(field).find_costs(np.argwhere(sources))
    np.testing.assert_allclose(distances, expected)
    step = {
        frozenset(pair): cost for *pair, cost in zip(pairs.first, pairs.second, costs, strict=True)
    }
    for pixel, parent in enumerate(parents.ravel()):
        if sources.flat[pixel]:
            assert parent == NO_PARENT
        else:
            whole = distances.flat[parent] + step[frozenset((pixel, parent))]
            assert whole == pytest.approx(distances.flat[pixel])


def test_what_is_kept_for_an_image_is_not_taken_for_another():
    calls = []
    total = per_image(lambda image, factor: calls.append(1) or image.sum() * factor)
    image = np.ones((3, 4, 3), np.uint8)
    assert (total(image, 2), total(image.copy(), 2), len(calls)) == (72, 72, 1)
    assert total(image, 3) == 108
    image[0, 0, 0] = 2
    assert total(image, 3) == 111
    assert total(image.reshape(4, 3, 3), 3) == 111
    assert len(calls) == 4
