"""The graph cut against exhaustive search, SciPy's max-flow, and scenes made by hand."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images import graph_cut as graph_cut_module
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters, graph_cut

pytest.importorskip("maxflow", reason="PyMaxflow is not installed")

from plain_graph_cut import plain_graph_cut

# A cut over all pixels, in one go.
FULL = GraphCutParameters(confident=1.0, max_nodes=10**9)


def random_scene(rng, height, width):
    """A noisy probability and an image whose colours follow it in part."""
    field = gaussian_filter(rng.normal(size=(height, width)), 1.5)
    field /= field.std()
    probability = 1 / (1 + np.exp(-2 * field - rng.normal(size=field.shape)))
    image = 128 + 40 * (field > 0)[..., None] + rng.normal(0, 15, (height, width, 3))
    return probability.astype(np.float32), image.clip(0, 255).astype(np.uint8)


def terms(probability, image, parameters):
    """The energy's terms by loops: cost of object, cost of background, {(p, q): weight}."""
    height, width = probability.shape
    floor = parameters.probability_floor
    odds = probability.astype(np.float64).clip(floor, 1 - floor)
    colours = image.astype(np.float64)
    squared = {}
    for row, col in product(range(height), range(width)):
        for rows, cols in ((0, 1), (1, -1), (1, 0), (1, 1)):
            other = (row + rows, col + cols)
            if other[0] < height and 0 <= other[1] < width:
                difference = colours[row, col] - colours[other]
                squared[(row, col), other] = (difference**2).sum()
    mean = np.mean(list(squared.values()))
    beta = 1 / (2 * mean) if mean else 0.0
    weights = {
        (p, q): parameters.smoothness * np.exp(-beta * value) / np.hypot(p[0] - q[0], p[1] - q[1])
        for (p, q), value in squared.items()
    }
    return -np.log(odds), -np.log(1 - odds), weights


def energy(mask, object_cost, background_cost, weights):
    smoothness = sum(weight for (p, q), weight in weights.items() if mask[p] != mask[q])
    return np.where(mask, object_cost, background_cost).sum() + smoothness


def agrees_with_clicks(mask, clicks):
    newest = {click.pixel: click.is_positive for click in clicks}
    return all(mask[pixel] == is_positive for pixel, is_positive in newest.items())


@pytest.mark.parametrize("seed", range(4))
def test_least_energy_of_all_masks(seed):
    rng = np.random.default_rng(seed)
    probability, image = random_scene(rng, 3, 4)
    clicks = [Click(0, 3, True), Click(2, 1, False)]
    parameters = replace(FULL, smoothness=0.5 + seed, click_radius=0.0)
    costs = terms(probability, image, parameters)
    candidates = (np.array(bits).reshape(3, 4) for bits in product([False, True], repeat=12))
    best = min(
        (mask for mask in candidates if agrees_with_clicks(mask, clicks)),
        key=lambda mask: energy(mask, *costs),
    )
    np.testing.assert_array_equal(graph_cut(probability, image, clicks, parameters), best)


def scipy_cut_value(costs, forced_object, forced_background, scale):
    """The least energy by SciPy's max-flow on capacities rounded to 1 / scale."""
    object_cost, background_cost, weights = costs
    forbidden = 10**6 / scale
    background_cost = np.where(forced_object, forbidden, background_cost)
    object_cost = np.where(forced_background, forbidden, object_cost)
    width, size = object_cost.shape[1], object_cost.size
    source, sink = size, size + 1
    edges = [(source, p, cost) for p, cost in enumerate(background_cost.ravel())]
    edges += [(p, sink, cost) for p, cost in enumerate(object_cost.ravel())]
    for (p, q), weight in weights.items():
        first, second = p[0] * width + p[1], q[0] * width + q[1]
        edges += [(first, second, weight), (second, first, weight)]
    tails, heads, capacities = (np.array(column) for column in zip(*edges, strict=True))
    graph = coo_array(
        (np.round(capacities * scale).astype(np.int32), (tails, heads)), shape=(size + 2, size + 2)
    )
    return maximum_flow(graph.tocsr(), source, sink).flow_value / scale


@pytest.mark.parametrize("confident", [1.0, 0.6])
@pytest.mark.parametrize("smoothness", [0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_same_energy_as_scipys_maximum_flow(seed, smoothness, confident):
    """Over all pixels, and with the confident ones far from the contour held fast."""
    rng = np.random.default_rng(seed)
    probability, image = random_scene(rng, 9, 13)
    probability[:, :2], probability[:, -2:] = 0.62, 0.38  # just confident: pulled easily
    clicks = [Click(2, 9, True), Click(6, 4, False), Click(2, 10, False), Click(8, 0, True)]
    parameters = replace(FULL, smoothness=smoothness, click_radius=0.0, confident=confident)
    forced_object, forced_background = np.zeros((2, 9, 13), bool)
    for click in clicks:
        (forced_object if click.is_positive else forced_background)[click.pixel] = True
    if confident < 1:
        start = ((probability > 0.5) | forced_object) & ~forced_background
        far = maximum_filter(start, 3, mode="nearest") == minimum_filter(start, 3, mode="nearest")
        held = far & (abs(probability - 0.5) > confident - 0.5)
        assert held.any()
        forced_object |= held & start
        forced_background |= held & ~start
    costs = terms(probability, image, parameters)
    mask = graph_cut(probability, image, clicks, parameters)
    assert mask[forced_object].all()
    assert not mask[forced_background].any()
    expected = scipy_cut_value(costs, forced_object, forced_background, scale=10_000)
    assert energy(mask, *costs) == pytest.approx(expected, abs=0.05)


def blob_scene(height=60, width=90):
    """An ellipse in the image; its probability blurred, noisy and shifted by two pixels."""
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[:height, :width]

    def inside(shift):
        return np.hypot((rows - 0.5 * height) / 0.33, (cols - 0.45 * width - shift) / 0.36) < height

    gt_mask = inside(0)
    soft = gaussian_filter(inside(2).astype(float), 3) + rng.normal(0, 0.04, gt_mask.shape)
    image = np.where(gt_mask[..., None], (200, 120, 60), (70, 110, 150))
    image = image + rng.normal(0, 6, (height, width, 3))
    return (
        soft.clip(0, 1).astype(np.float32),
        image.clip(0, 255).astype(np.uint8),
        gt_mask,
    )


def test_the_contour_moves_onto_the_images_edge():
    probability, image, gt_mask = blob_scene()
    # Strong enough to overrule a probability that is sure of the wrong place.
    parameters = replace(DEFAULT_PARAMETERS, smoothness=2.0)
    mask = graph_cut(probability, image, [Click(30, 40, True)], parameters)
    num_wrong_before = np.count_nonzero((probability > 0.5) != gt_mask)
    assert num_wrong_before > 100
    assert np.count_nonzero(mask != gt_mask) <= 5


def test_deciding_only_the_uncertain_pixels_is_exact_here():
    probability, image, _ = blob_scene()
    # A negative click in the confident middle, a positive one far outside.
    clicks = [Click(30, 40, True), Click(28, 45, False), Click(5, 80, True)]
    full = graph_cut(probability, image, clicks, FULL)
    narrow = graph_cut(probability, image, clicks, replace(FULL, confident=0.9, reach=0.03))
    np.testing.assert_array_equal(narrow, full)


def test_confident_pixels_far_from_the_contour_stay():
    """The documented difference: the full cut gives up a lone confident pixel pair."""
    probability = np.full((30, 50), 0.01, np.float32)
    probability[8:22, 5:25] = 0.99
    image = np.full((30, 50, 3), 90, np.uint8)
    probability[10:13, 40:43] = 0.99
    strong = replace(FULL, smoothness=6.0)
    assert not graph_cut(probability, image, [], strong)[11, 41]
    assert graph_cut(probability, image, [], replace(strong, confident=0.9, reach=0.001))[11, 41]


def test_cutting_at_half_size_first_is_close_to_the_full_cut():
    probability, image, gt_mask = blob_scene(121, 180)  # odd height: sizes do not divide
    clicks = [Click(60, 80, True), Click(60, 84, False), Click(120, 179, False)]
    full = graph_cut(probability, image, clicks, FULL)
    for max_nodes in (3000, 300):  # one and several halvings
        mask = graph_cut(probability, image, clicks, replace(FULL, max_nodes=max_nodes))
        assert np.count_nonzero(mask != full) <= 0.005 * np.count_nonzero(gt_mask)
        assert agrees_with_clicks(mask, clicks)


@pytest.mark.parametrize("seed", range(60))
def test_same_mask_as_over_arrays_of_the_images_size(seed, monkeypatch):
    """Sizes that halve unevenly, clicks on each other and at borders, tiles that cut the contour,
    probabilities on the very limits of confidence."""
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(graph_cut_module, "TILE_SIDE", int(rng.choice([5, 16, 256])))
    height, width = rng.integers(1, 50, 2)
    probability, image = random_scene(rng, height, width)
    if seed % 3 == 0:
        probability = np.float32([0.01, 0.05, 0.5, 0.95, 0.99])[(4.99 * probability).astype(int)]
    if seed % 4 == 0:
        probability = np.asfortranarray(probability)
    clicks = [
        Click(int(rng.integers(height)), int(rng.integers(width)), bool(rng.integers(2)))
        for _ in range(seed % 5)
    ]
    parameters = GraphCutParameters(
        smoothness=rng.choice([0.5, 3.0]),
        reach=rng.choice([0.01, 0.1]),
        click_radius=rng.choice([0.0, 2.0, 4.5]),
        confident=rng.choice([0.95, 0.8]),
        max_nodes=int(rng.choice([0, 30, 200, 80_000])),
    )
    mask = graph_cut(probability, image, clicks, parameters)
    expected = plain_graph_cut(probability, image, clicks, parameters)
    np.testing.assert_array_equal(mask, expected)


CLICKS = st.lists(
    st.builds(Click, st.integers(0, 10), st.integers(0, 16), st.booleans()), max_size=8
)


@settings(max_examples=40, deadline=None)
@given(
    clicks=CLICKS,
    level=st.sampled_from([0.0, 0.5, 1.0]),
    radius=st.sampled_from([0.0, 2.5, 6.0]),
    max_nodes=st.sampled_from([20, 10**9]),
)
def test_clicks_hold_however_close_they_are(clicks, level, radius, max_nodes):
    probability = np.full((11, 17), level, np.float32)
    image = np.full((11, 17, 3), 128, np.uint8)
    parameters = GraphCutParameters(smoothness=8.0, click_radius=radius, max_nodes=max_nodes)
    assert agrees_with_clicks(graph_cut(probability, image, clicks, parameters), clicks)


def test_without_smoothness_the_probability_decides():
    probability, image, _ = blob_scene()
    mask = graph_cut(probability, image, [], replace(FULL, smoothness=0.0))
    np.testing.assert_array_equal(mask, probability > 0.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_tiny_images(shape):
    probability = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    image = np.zeros((*shape, 3), np.uint8)
    for max_nodes in (0, 100):
        mask = graph_cut(
            probability, image, [Click(0, 0, True)], GraphCutParameters(max_nodes=max_nodes)
        )
        assert mask.shape == shape
        assert mask.dtype == bool
        assert mask[0, 0]


def test_arguments_stay_as_they_were():
    probability, image, _ = blob_scene()
    copies = probability.copy(), image.copy()
    graph_cut(probability, image, [Click(3, 4, True)])
    np.testing.assert_array_equal(probability, copies[0])
    np.testing.assert_array_equal(image, copies[1])


@pytest.mark.parametrize(
    ("probability", "image", "message"),
    [
        (np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.uint8), "float array"),
        (np.zeros((4, 6, 1), np.float32), np.zeros((4, 6, 3), np.uint8), "float array"),
        (np.zeros((4, 6), np.float32), np.zeros((6, 4, 3), np.uint8), "uint8 RGB of shape"),
        (np.zeros((4, 6), np.float32), np.zeros((4, 6, 3), np.float32), "uint8 RGB of shape"),
        (np.full((4, 6), np.nan, np.float32), np.zeros((4, 6, 3), np.uint8), "finite"),
        (np.full((4, 6), 1.5, np.float32), np.zeros((4, 6, 3), np.uint8), "finite"),
    ],
)
def test_unusable_input_is_refused(probability, image, message):
    with pytest.raises(InputError, match=message):
        graph_cut(probability, image, [])


@pytest.mark.parametrize("click", [Click(-1, 2, True), Click(4, 2, True), Click(1, 6, False)])
def test_clicks_outside_are_refused(click):
    with pytest.raises(InputError, match="inside the image"):
        graph_cut(np.zeros((4, 6), np.float32), np.zeros((4, 6, 3), np.uint8), [click])


def test_missing_pymaxflow_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    probability, image, _ = blob_scene()
    with pytest.raises(InputError, match="pip install PyMaxflow"):
        graph_cut(probability, image, [])


def test_the_gpl_library_is_loaded_only_for_a_cut():
    program = "import sys, fctsfn_tf.images.graph_cut; sys.exit('maxflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
