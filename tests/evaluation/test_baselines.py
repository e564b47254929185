"""The classical baselines against brute force, SciPy, scikit-image and scenes of known answer."""

import sys
import tracemalloc
from itertools import product

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import BASELINES, esc, gc, gm, gsc, rw
from fctsfn_tf.evaluation.baselines import seeded_cut as cut_module
from fctsfn_tf.evaluation.baselines.colour_models import ColourParameters, object_probability
from fctsfn_tf.evaluation.baselines.esc import straight_parents
from fctsfn_tf.evaluation.baselines.gsc import geodesic_parents
from fctsfn_tf.evaluation.baselines.nested_dissection import PixelNetwork
from fctsfn_tf.evaluation.baselines.pixel_graph import (
    NO_PARENT,
    neighbour_pairs,
    per_image,
    shortest_paths,
)
from fctsfn_tf.evaluation.baselines.seeded_cut import CutParameters, seeded_cut
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background
from fctsfn_tf.evaluation.evaluation import PROTOCOLS, evaluate_object
from fctsfn_tf.evaluation.metrics import iou

HEIGHT, WIDTH = 60, 84
RED, GREEN, GREY = (190, 70, 60), (70, 150, 80), (120, 120, 125)
LIBRARIES = {
    "gc": ("maxflow", "sklearn"),
    "gm": ("scipy", "sklearn"),
    "rw": (),
    "esc": ("maxflow", "sklearn", "scipy"),
    "gsc": ("maxflow", "sklearn", "scipy"),
    "grabcut": (),
}


def baseline(name):
    """The function, where its libraries are installed."""
    for library in LIBRARIES[name]:
        pytest.importorskip(library, reason=f"{library} is not installed")
    return BASELINES[name]


def smooth_cut(name, image, clicks):
    """The mask where contours are dear, so that no thin bridge satisfies the star constraint."""
    parameters = {"gc": gc, "esc": esc, "gsc": gsc}[name].Parameters(cut=CutParameters(150.0))
    return baseline(name)(image, clicks, None, parameters) > 0.5


def painted(*regions, noise=4.0):
    """A grey image with these (mask, colour) on it, and a little noise."""
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.float64)
    for mask, colour in regions:
        image[mask] = colour
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def disc(row, col, radius):
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(rows - row, cols - col) <= radius


# ---- seeds and colours -----------------------------------------------------------------------


def test_seeds_are_discs_of_the_stated_radius():
    image = np.zeros((20, 33, 3), np.uint8)
    seeds = seeds_from_clicks(image, [Click(9, 12, True), Click(9, 30, False)], SEED_RADIUS)
    rows, cols = np.mgrid[:20, :33]
    expected = (np.hypot(rows - 9, cols - 12) <= SEED_RADIUS).astype(np.int8)
    expected[np.hypot(rows - 9, cols - 30) <= SEED_RADIUS] = -1
    np.testing.assert_array_equal(seeds, expected)


def test_the_border_is_background_where_no_click_says_otherwise():
    seeds = np.zeros((3, 4), np.int8)
    seeds[0, 1], seeds[1, 2] = 1, -1
    expected = [[-1, 1, -1, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]]
    np.testing.assert_array_equal(with_background(seeds), expected)


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


# ---- the pixel graph -------------------------------------------------------------------------


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


# ---- the cut ---------------------------------------------------------------------------------


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


# ---- stars -----------------------------------------------------------------------------------


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


# ---- scenes with a known answer --------------------------------------------------------------


@pytest.mark.parametrize("name", BASELINES)
def test_a_disc_that_touches_another_region(name):
    """A red disc that leans on a green block, all on grey."""
    gt_mask = disc(30, 34, 17)
    block = np.zeros_like(gt_mask)
    block[:, 48:70] = True
    image = painted((block, GREEN), (gt_mask, RED))
    clicks = (Click(30, 34, True), Click(30, 60, False), Click(6, 6, False), Click(30, 77, False))
    assert iou(baseline(name)(image, clicks, None) > 0.5, gt_mask) > 0.96


@pytest.mark.parametrize("name", BASELINES)
def test_one_click_on_a_disc(name):
    gt_mask = disc(30, 34, 17)
    mask = baseline(name)(painted((gt_mask, RED)), (Click(30, 34, True),), None) > 0.5
    assert iou(mask, gt_mask) > 0.96


@pytest.mark.parametrize("name", ["gc", "esc", "gsc"])
def test_the_border_teaches_colours_but_does_not_bind(name):
    """One click on an object that reaches the border, which otherwise shows the background."""
    gt_mask = disc(30, 0, 24)
    image = painted((gt_mask, RED), noise=8.0)
    answer = baseline(name)(image, (Click(30, 8, True),), None)
    assert iou(answer > 0.5, gt_mask) > 0.9
    assert (answer[20:40, 0] > 0.5).all()


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


def test_random_walker_refuses_an_image_that_memory_may_not_hold():
    with pytest.raises(InputError, match=r"at most 4,000,000 pixels.*Received 2001 × 2000"):
        rw.segment(np.zeros((2001, 2000, 3), np.uint8), (Click(3, 4, True),))


def test_random_walker_on_one_colour_goes_by_distance():
    image = np.full((31, 41, 3), 90, np.uint8)
    probability = baseline("rw")(image, (Click(15, 20, True),), None)
    assert (np.diff(probability[15, 28:]) < 0).all()
    np.testing.assert_allclose(probability, probability[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(probability, probability[::-1], atol=1e-4)


def test_geodesic_matting_compares_all_paths(monkeypatch):
    pytest.importorskip("scipy", reason="SciPy is not installed")
    rng = np.random.default_rng(6)
    field, image = rng.random((5, 8)), np.zeros((5, 8, 3), np.uint8)
    monkeypatch.setattr(gm, "object_probability", lambda *_: field)
    parameters = gm.Parameters(seed_radius=0.0, length_weight=0.01)
    clicks = (Click(1, 1, True), Click(4, 6, False), Click(0, 7, True))
    # Floyd and Warshall's all pairs.
    cost = np.full((40, 40), np.inf)
    for p, q in product(range(40), range(40)):
        rows, cols = abs(p // 8 - q // 8), abs(p % 8 - q % 8)
        if max(rows, cols) <= 1:
            cost[p, q] = abs(field.flat[p] - field.flat[q]) + 0.01 * np.hypot(rows, cols)
    for middle in range(40):
        cost = np.minimum(cost, cost[:, [middle]] + cost[[middle], :])
    background = np.flatnonzero(with_background(seeds_from_clicks(image, clicks, 0.0)) < 0)
    to_object, to_background = np.minimum(cost[9], cost[7]), cost[background].min(axis=0)
    expected = (to_background / (to_object + to_background)).reshape(5, 8)
    found = gm.segment(image, clicks, None, parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_grabcut_goes_on_from_the_previous_answer():
    """What was object before counts as evidence of the object's colours."""
    red, green = disc(30, 25, 12), disc(30, 46, 10)
    image = painted((red, RED), (green, GREEN))
    clicks = (Click(30, 25, True), Click(6, 6, False))
    segment = BASELINES["grabcut"]
    assert iou(segment(image, clicks, None) > 0.5, red) > 0.96
    both = (red | green).astype(np.float32)
    assert iou(segment(image, clicks, both) > 0.5, red | green) > 0.96


# ---- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", BASELINES)
def test_answers_are_probabilities_and_the_same_every_time(name):
    segment = baseline(name)
    image = np.random.default_rng(7).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    clicks = (Click(10, 9, True), Click(4, 30, False), Click(12, 22, True))
    for count in (1, 3):
        first = segment(image, clicks[:count], None)
        assert first.dtype == np.float32
        assert first.shape == (21, 34)
        assert first.min() >= 0
        assert first.max() <= 1
        for click in clicks[:count]:
            assert (first[click.pixel] > 0.5) == click.is_positive
        np.testing.assert_array_equal(segment(image, clicks[:count], None), first)


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_object_without_a_positive_click(name):
    segment = baseline(name)
    image = np.random.default_rng(8).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    for clicks in ((), (Click(3, 3, False),)):
        answer = segment(image, clicks, None)
        assert answer.dtype == np.float32
        assert not answer.any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 4), (7, 2)])
@pytest.mark.parametrize("name", BASELINES)
def test_tiny_images_and_one_colour(name, size):
    segment = baseline(name)
    for colour in (0, 255):
        image = np.full((*size, 3), colour, np.uint8)
        for clicks in (
            (Click(0, 0, True),),
            (Click(0, 0, True), Click(size[0] - 1, size[1] - 1, False)),
        ):
            answer = segment(image, clicks, None)
            assert answer.shape == size
            assert np.isfinite(answer).all()


@pytest.mark.parametrize("name", BASELINES)
def test_bad_input_is_named(name):
    segment = baseline(name)
    image, clicks = np.zeros((9, 14, 3), np.uint8), (Click(3, 3, True),)
    for broken in (image[..., 0], image / 255.0, image[..., :2], image[:0]):
        with pytest.raises(InputError, match="`image` must be uint8 RGB"):
            segment(broken, clicks, None)
    with pytest.raises(InputError, match="inside the image"):
        segment(image, (Click(3, 14, True),), None)


@pytest.mark.parametrize(
    ("name", "library"), [(name, library) for name in LIBRARIES for library in LIBRARIES[name]]
)
def test_a_missing_library_is_named(name, library, monkeypatch):
    segment = baseline(name)
    imported = [name for name in sys.modules if name.partition(".")[0] == library]
    for blocked in [*imported, library]:
        monkeypatch.setitem(sys.modules, blocked, None)
    package = {"maxflow": "PyMaxflow", "sklearn": "scikit-learn"}
    # Of another size than all before, whose graphs are kept.
    size = (20 + LIBRARIES[name].index(library), 40 + list(LIBRARIES).index(name), 3)
    image = np.random.default_rng(9).integers(0, 256, size, dtype=np.uint8)
    with pytest.raises(InputError, match=f"{package.get(library, 'SciPy')}.* not installed"):
        segment(image, (Click(10, 9, True), Click(4, 30, False)), None)


@pytest.mark.parametrize("name", BASELINES)
def test_the_evaluation_runs_over_it(name):
    gt_mask = disc(30, 34, 17)
    sample = Sample("disc", painted((gt_mask, RED)), gt_mask, np.zeros_like(gt_mask))
    result = evaluate_object(baseline(name), sample, PROTOCOLS["ritm"])
    assert result.failure is None
    assert result.ious[0] > 0.96
