"""The cut against all masks there are."""

from itertools import product

import numpy as np
import pytest

from fctsfn_tf.evaluation.baselines import seeded_cut as cut_module
from fctsfn_tf.evaluation.baselines.pixel_graph import NO_PARENT
from fctsfn_tf.evaluation.baselines.seeded_cut import CutParameters, seeded_cut


def energy(mask, image, probability, parameters):
    """By loops, with colours in [0, 1]."""
    colours = image / 255.0
    squared = {}
    for row, col in product(range(mask.shape[0]), range(mask.shape[1])):
        for rows, cols in ((0, 1), (1, -1), (1, 0), (1, 1)):
            other = (row + rows, col + cols)
            if other[0] < mask.shape[0] and 0 <= other[1] < mask.shape[1]:
                squared[(row, col), other] = ((colours[row, col] - colours[other]) ** 2).sum()
    beta = 1 / (2 * np.mean(list(squared.values())))
    smoothness = sum(
        np.exp(-beta * value) for (p, q), value in squared.items() if mask[p] != mask[q]
    )
    colour = -np.log(np.where(mask, probability, 1 - probability))
    return np.minimum(colour, parameters.max_cost).sum() + parameters.smoothness * smoothness


@pytest.mark.parametrize("is_star", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_least_energy_of_all_masks_that_agree(seed, is_star):
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    probability = rng.uniform(1e-4, 1 - 1e-4, (3, 4))
    seeds = np.zeros((3, 4), np.int8)
    seeds[0, 3], seeds[2, 1] = 1, -1
    parents = np.full((3, 4), NO_PARENT)
    parents[:, :3] = np.arange(12).reshape(3, 4)[:, 1:]  # towards the right
    parents[1:, 3] = 3, 7  # and up
    parameters = CutParameters(smoothness=0.5 + 0.5 * seed, max_cost=3.0)
    candidates = [np.array(bits).reshape(3, 4) for bits in product([False, True], repeat=12)]
    candidates = [mask for mask in candidates if mask[0, 3] and not mask[2, 1]]
    if is_star:
        held = parents != NO_PARENT
        candidates = [mask for mask in candidates if mask.ravel()[parents[held & mask]].all()]
    best = min(candidates, key=lambda mask: energy(mask, image, probability, parameters))
    found = seeded_cut(image, seeds, probability, parameters, parents if is_star else None)
    np.testing.assert_array_equal(found, best)


def test_a_cut_that_starts_from_another_clicks_flow_is_the_same(monkeypatch):
    """In any order of clicks and images, with and without a star."""
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    rng = np.random.default_rng(10)
    images = rng.integers(0, 256, (2, 9, 13, 3), dtype=np.uint8)
    rightwards = np.arange(117).reshape(9, 13) + 1
    rightwards[:, 12] = NO_PARENT
    cuts = []
    for trial in range(12):
        seeds = np.zeros((9, 13), np.int8)
        seeds[4, 12], seeds[rng.integers(4), rng.integers(12)] = 1, -1
        probability = rng.uniform(0, 1, (9, 13))
        parents = rightwards if trial % 2 else None
        cuts.append((images[trial % 5 // 4], seeds, probability, CutParameters(0.5), parents))
    kept = [seeded_cut(*cut) for cut in cuts]
    monkeypatch.setattr(cut_module, "_kept_cut", cut_module._Cut)
    assert all((seeded_cut(*cut) == mask).all() for cut, mask in zip(cuts, kept, strict=True))
    assert len({mask.tobytes() for mask in kept}) > 6
