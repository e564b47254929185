"""Potentials against one dense matrix."""

import tracemalloc

import numpy as np
import pytest

from fctsfn_tf.evaluation.baselines.nested_dissection import PixelNetwork


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (97, 1), (3, 5), (23, 57), (64, 31), (50, 50)])
def test_potentials_solve_the_equations_of_the_network(size):
    """Sizes of one tile and of many, whose halves are and are not of one shape."""
    rng = np.random.default_rng(11)
    right, down = rng.random(size) + 1e-9, rng.random(size) + 1e-9
    network = PixelNetwork(right, down)
    seeds = np.zeros(size, np.int8)
    for label in (1, -1, 1):
        seeds[rng.integers(size[0]), rng.integers(size[1])] = label
        expected = balanced_potentials(right, down, seeds)
        np.testing.assert_allclose(network.potentials(seeds), expected, atol=1e-9)


def balanced_potentials(right, down, seeds):
    """By one dense matrix."""
    matrix = np.zeros((seeds.size, seeds.size))
    number = np.arange(seeds.size).reshape(seeds.shape)
    for first, second, conductance in (
        (number[:, :-1], number[:, 1:], right[:, :-1]),
        (number[:-1], number[1:], down[:-1]),
    ):
        matrix[first, second] = matrix[second, first] = -conductance
    matrix -= np.diag(matrix.sum(axis=1))
    is_seed = seeds.ravel() != 0
    matrix[is_seed] = np.eye(seeds.size)[is_seed]
    return np.linalg.solve(matrix, seeds.ravel() > 0).reshape(seeds.shape)


def test_potentials_are_the_same_whatever_seeds_came_before():
    """Added, of the other sign, and taken away."""
    rng = np.random.default_rng(12)
    right, down = rng.random((60, 81)), rng.random((60, 81))
    network = PixelNetwork(right, down)
    seeds = np.zeros((60, 81), np.int8)
    for rows, cols, label in (
        (slice(5, 9), slice(4, 9), 1),
        (slice(30, 35), slice(70, 81), -1),
        (slice(29, 32), slice(38, 43), 1),
        (slice(30, 35), slice(70, 81), 1),
        (slice(5, 9), slice(4, 9), 0),
    ):
        seeds[rows, cols] = label
        np.testing.assert_array_equal(
            network.potentials(seeds), PixelNetwork(right, down).potentials(seeds)
        )


def test_potentials_survive_an_interruption(monkeypatch):
    """Of the old seeds and the new, some of each are eliminated then."""
    rng = np.random.default_rng(13)
    right, down = rng.random((60, 81)), rng.random((60, 81))
    network = PixelNetwork(right, down)
    seeds = np.zeros((60, 81), np.int8)
    seeds[20:24, 30:33] = 1
    seeds[50, 70] = -1
    network.potentials(seeds)
    solve = np.linalg.solve
    few = iter(range(3))

    def interrupted(*args):
        if next(few, None) is None:
            raise KeyboardInterrupt
        return solve(*args)

    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "solve", interrupted)
        with pytest.raises(KeyboardInterrupt):
            network.potentials(-seeds)
    expected = PixelNetwork(right, down).potentials(seeds)
    np.testing.assert_array_equal(network.potentials(seeds), expected)


def test_a_click_changes_only_the_parts_that_hold_it():
    network = PixelNetwork(np.ones((200, 300)), np.ones((200, 300)))
    seeds = np.zeros((200, 300), np.int8)
    seeds[0] = -1
    network.potentials(seeds)
    solved = []
    with pytest.MonkeyPatch.context() as patch:
        solve = np.linalg.solve
        patch.setattr(np.linalg, "solve", lambda a, b: solved.append(len(a)) or solve(a, b))
        seeds[57, 41] = 1
        network.potentials(seeds)
    assert sum(solved) < 30  # of 4095


def test_a_network_keeps_less_than_2_kilobytes_a_pixel():
    seeds = np.zeros((334, 500), np.int8)
    seeds[0, 0] = 1
    tracemalloc.start()
    try:
        network = PixelNetwork(np.ones((334, 500)), np.ones((334, 500)))
        network.potentials(seeds)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 1000 < kept / seeds.size < 2000
