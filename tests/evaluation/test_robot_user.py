"""The robot user against brute force and error masks made by hand."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.robot_user import error_depth, jittered, next_click_paper, next_click_ritm

RULES = [next_click_ritm, next_click_paper]


def mask_of(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def scene(*rows):
    """(mask, gt_mask, ignore) from a drawing: n missed, p false, o both, i ignored, else right."""
    drawing = np.array([list(row) for row in rows])
    return np.isin(drawing, ["p", "o"]), np.isin(drawing, ["n", "o"]), drawing == "i"


def brute_force_depth(error):
    """Distance of every error pixel to the nearest pixel that is not one, border outside."""
    height, width = error.shape
    depth = np.zeros(error.shape)
    others = [
        (row, col)
        for row in range(-1, height + 1)
        for col in range(-1, width + 1)
        if not (0 <= row < height and 0 <= col < width and error[row, col])
    ]
    for row, col in zip(*np.nonzero(error), strict=True):
        depth[row, col] = min(np.hypot(row - r, col - c) for r, c in others)
    return depth


def brute_force_ritm(mask, gt_mask, ignore, clicked):
    """The table's rule, pixel by pixel."""
    best = None
    depths = {
        is_positive: brute_force_depth(error & ~ignore)
        for is_positive, error in ((False, mask & ~gt_mask), (True, gt_mask & ~mask))
    }
    for is_positive, depth in depths.items():
        for row in range(mask.shape[0]):
            for col in range(mask.shape[1]):
                if any(click.pixel == (row, col) for click in clicked) or depth[row, col] == 0:
                    continue
                if best is None or depth[row, col] > best[0] + 1e-9:
                    best = depth[row, col], Click(row, col, is_positive)
    return best and best[1]


def brute_force_components(error):
    """8-connected components as sets of pixels, by flood fill."""
    remaining = set(zip(*(axis.tolist() for axis in np.nonzero(error)), strict=True))
    components = []
    for seed in sorted(remaining):
        if seed not in remaining:
            continue
        component, front = set(), [seed]
        while front:
            row, col = front.pop()
            if (row, col) not in remaining:
                continue
            remaining.discard((row, col))
            component.add((row, col))
            front += [(row + dr, col + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1)]
        components.append(component)
    return components


def brute_force_paper(mask, gt_mask, ignore, clicked):
    best = None
    pixels = {click.pixel for click in clicked}
    for is_positive, error in ((False, mask & ~gt_mask), (True, gt_mask & ~mask)):
        for component in brute_force_components(error & ~ignore):
            if component - pixels and (best is None or len(component) > len(best[0])):
                best = component, is_positive
    if best is None:
        return None
    component, is_positive = best
    region = np.zeros(mask.shape, bool)
    region[tuple(np.array(sorted(component)).T)] = True
    depth = brute_force_depth(region)
    for click in clicked:
        depth[click.pixel] = 0
    row, col = np.argwhere(depth > depth.max() - 1e-9)[0].tolist()
    return Click(row, col, is_positive)


@pytest.mark.parametrize(
    ("rule", "oracle"),
    [(next_click_ritm, brute_force_ritm), (next_click_paper, brute_force_paper)],
)
def test_rules_agree_with_brute_force_on_random_errors(rule, oracle):
    rng = np.random.default_rng(3)
    for trial in range(60):
        height, width = rng.integers(1, 14), rng.integers(1, 18)
        # Thresholded coarse noise: blobs, holes, touching regions and single pixels.
        coarse = rng.random((2, 5, 6)).repeat(3, axis=1).repeat(3, axis=2)[:, :height, :width]
        mask, gt_mask = coarse + rng.normal(0, 0.15, coarse.shape) > 0.5
        ignore = rng.random((height, width)) < 0.1
        clicked = [
            Click(int(rng.integers(height)), int(rng.integers(width)), True)
            for _ in range(trial % 4)
        ]
        assert rule(mask, gt_mask, ignore, clicked) == oracle(mask, gt_mask, ignore, clicked)


def published_ritm(mask, gt_mask, ignore, not_clicked):
    """The rule as the evaluations since RITM state it, array by array, on the whole image.

    `not_clicked` (H, W) bool is changed as they change it. None where nothing is wrong any more:
    there they would click what is right.
    """
    depths = []
    for error in (gt_mask & ~mask & ~ignore, mask & ~gt_mask & ~ignore):
        padded = np.pad(error, ((1, 1), (1, 1)), "constant").astype(np.uint8)
        depths.append(cv2.distanceTransform(padded, cv2.DIST_L2, 0)[1:-1, 1:-1] * not_clicked)
    missed, false = depths
    is_positive = missed.max() > false.max()
    depth = missed if is_positive else false
    if depth.max() == 0:
        return None
    rows, cols = np.where(depth == depth.max())
    not_clicked[rows[0], cols[0]] = False
    return Click(int(rows[0]), int(cols[0]), bool(is_positive))


@pytest.fixture
def exact_opencv():
    """With several threads OpenCV measures images from 128 × 128 pixels on exactly; else Intel's
    library may take either of two equally deep pixels."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


def drawn(height, width, *shapes):
    """bool (H, W) of discs (row, col, radius) and boxes (row, col, height, width)."""
    rows, cols = np.mgrid[:height, :width]
    array = np.zeros((height, width), bool)
    for row, col, *size in shapes:
        if len(size) == 1:
            array |= np.hypot(rows - row, cols - col) <= size[0]
        else:
            array[row : row + size[0], col : col + size[1]] = True
    return array


def hand_made_scenes():
    """(mask, gt_mask) with equal depths, borders, holes, touching regions and single pixels."""
    height, width = 150, 201
    nothing = drawn(height, width)
    box, disc = drawn(height, width, (30, 40, 60, 90)), drawn(height, width, (70, 100, 41))
    yield nothing, box  # a ridge of equally deep pixels
    yield box, nothing
    yield nothing, drawn(height, width, (0, 0, 60, 90), (90, 111, 60, 90))  # two corners, alike
    yield drawn(height, width, (0, 0, 60, 90)), drawn(height, width, (90, 111, 60, 90))  # FP = FN
    yield drawn(height, width, (30, 0, 60, 90)), drawn(height, width, (30, 90, 60, 90))  # touching
    yield nothing, disc & ~drawn(height, width, (70, 100, 12))
    yield disc, box
    yield nothing, drawn(height, width, (9, 9, 0), (9, 60, 0), (100, 9, 0))
    yield ~nothing, drawn(height, width, (75, 100, 3))
    yield nothing, ~nothing


def random_scenes(count, rng):
    """(mask, gt_mask) of blobs and noise, from 128 pixels on."""
    for _ in range(count):
        height, width = rng.integers(128, 260, size=2)
        sigma = rng.uniform(1, 16)
        first, second = ndimage.gaussian_filter(
            rng.normal(size=(2, height, width)), (0, sigma, sigma)
        )
        gt_mask, mask = first > 0, first + 0.4 * second > 0
        first_click = rng.random() < 0.3
        # Errors that leave a margin: as objects in photographs do.
        inside = drawn(height, width, (height // 5, width // 6, height // 2, width // 2))
        yield mask & inside & (not first_click), gt_mask & inside


def clicks_in_turn(scene, ignore, count):
    """By both implementations: each click mends a disc around it, so that errors change."""
    mask, gt_mask = scene
    not_clicked, ours, theirs = np.ones_like(mask), [], []
    for _ in range(count):
        theirs.append(published_ritm(mask, gt_mask, ignore, not_clicked))
        ours.append(next_click_ritm(mask, gt_mask, ignore, [c for c in ours if c]))
        if theirs[-1] is None or theirs[-1] != ours[-1]:
            break
        near = drawn(*mask.shape, (*theirs[-1].pixel, 2 + len(ours)))
        # Mended but for stripes: the next errors are thin and many.
        mask = np.where(near, gt_mask & (np.arange(mask.shape[1]) % 7 > 0), mask)
    return ours, theirs


def test_ritm_clicks_the_pixels_of_a_published_implementation_in_their_order(exact_opencv):
    rng = np.random.default_rng(8)
    scenes = [*hand_made_scenes(), *random_scenes(200, rng)]
    lengths = []
    for scene in scenes:
        ignore = rng.random(scene[0].shape) < rng.choice([0, 0.0005, 0.01])
        ours, theirs = clicks_in_turn(scene, ignore, 20)
        assert ours == theirs
        lengths.append(len(ours))
    assert len(scenes) == 210
    assert np.mean(lengths) > 15


def test_distances_are_exact_to_the_last_digit_whatever_opencv_rounds():
    """With one thread, Intel's library rounds; approximate (chamfer) distances are far off."""
    rng = np.random.default_rng(4)
    before = cv2.getNumThreads()
    try:
        for trial in range(30):
            cv2.setNumThreads(1 + trial % 2)
            error = ndimage.gaussian_filter(rng.normal(size=(190, 230)), 12) > 0
            exact = ndimage.distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
            np.testing.assert_array_equal(error_depth(error), exact.astype(np.float32))
            row, col = np.argwhere(exact == exact.max())[0].tolist()
            assert next_click_ritm(np.zeros_like(error), error) == Click(row, col, True)
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_wrong_gives_no_click(rule):
    gt_mask = mask_of("....", ".##.", "....")
    assert rule(gt_mask, gt_mask) is None
    assert rule(~gt_mask, gt_mask, ignore=np.ones_like(gt_mask)) is None


@pytest.mark.parametrize("rule", RULES)
def test_first_click_is_in_the_middle_of_the_object(rule):
    gt_mask = np.zeros((9, 14), bool)
    gt_mask[2:7, 4:9] = True
    assert rule(np.zeros_like(gt_mask), gt_mask) == Click(4, 6, True)


@pytest.mark.parametrize("rule", RULES)
def test_image_border_counts_as_boundary(rule):
    gt_mask = np.zeros((7, 12), bool)
    gt_mask[:, :5] = True  # with an open border the deepest pixel would lie in column 0
    assert rule(np.zeros_like(gt_mask), gt_mask) == Click(2, 2, True)


@pytest.mark.parametrize("rule", RULES)
def test_equal_errors_give_a_negative_click(rule):
    mask, gt_mask, _ = scene(
        "nnn....",
        "nnn.ppp",
        "nnn.ppp",
        "....ppp",
    )
    assert rule(mask, gt_mask) == Click(2, 5, False)


@pytest.mark.parametrize("rule", RULES)
def test_touching_errors_of_opposite_kind_are_two_regions(rule):
    mask, gt_mask, _ = scene(
        "nnnnnppp",
        "nnnnnppp",
        "nnnnnppp",
        "nnnnnppp",
        "nnnnnppp",
    )
    assert rule(mask, gt_mask) == Click(2, 2, True)


@pytest.mark.parametrize("rule", RULES)
def test_ignored_pixels_cut_an_error(rule):
    mask, gt_mask, ignore = scene(
        "nnnnninnn",
        "nnnnninnn",
        "nnnnninnn",
    )
    assert rule(mask, gt_mask | ignore) == Click(1, 1, True)
    assert rule(mask, gt_mask | ignore, ignore) == Click(1, 1, True)
    ignore[:, 1] = True
    assert rule(mask, gt_mask | ignore, ignore) == Click(1, 3, True)


@pytest.mark.parametrize("rule", RULES)
def test_a_hole_is_boundary(rule):
    mask, gt_mask, _ = scene(
        "nnnnnnn..",
        "nnnnnnn..",
        "nnnnnnn..",
        "nnn.nnn..",
        "nnnnnnn..",
        "nnnnnnn..",
        "nnnnnnn..",
    )
    assert rule(mask, gt_mask) == Click(1, 1, True)


@pytest.mark.parametrize("rule", RULES)
def test_clicked_pixels_are_passed_over(rule):
    mask, gt_mask, _ = scene("n..p.", ".....", "....n")
    clicked = []
    for _ in range(3):
        clicked.append(rule(mask, gt_mask, None, clicked))
    assert clicked == [Click(0, 3, False), Click(0, 0, True), Click(2, 4, True)]
    assert rule(mask, gt_mask, None, clicked) is None


def test_the_rules_differ_on_a_long_thin_error():
    """By area the thin stripe is clicked, by depth the compact square."""
    mask, gt_mask, _ = scene(
        "nnn........",
        "nnn........",
        "nnn........",
        "...........",
        "ppppppppppp",
    )
    assert next_click_ritm(mask, gt_mask) == Click(1, 1, True)
    assert next_click_paper(mask, gt_mask) == Click(4, 0, False)


@pytest.mark.parametrize("rule", RULES)
def test_masks_of_another_size_are_refused(rule):
    with pytest.raises(InputError, match="size of `gt_mask`"):
        rule(np.zeros((4, 6), bool), np.zeros((6, 4), bool))


@pytest.mark.parametrize("rule", RULES)
def test_arguments_stay_as_they_were(rule):
    mask, gt_mask, ignore = scene("nn.pp", "nnipp")
    before = [array.copy() for array in (mask, gt_mask, ignore)]
    rule(mask, gt_mask, ignore, [Click(0, 0, True)])
    for array, copy in zip((mask, gt_mask, ignore), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_jittered_clicks_keep_to_their_side():
    rng = np.random.default_rng(5)
    gt_mask = np.zeros((40, 60), bool)
    gt_mask[10:20, 20:50] = True
    ignore = np.zeros_like(gt_mask)
    ignore[10:14] = True
    used = [Click(14, 22, True)]
    for click in (Click(14, 21, True), Click(8, 21, False)):
        landed = {jittered(click, gt_mask, rng, ignore, used).pixel for _ in range(200)}
        assert len(landed) > 5
        assert {gt_mask[pixel] for pixel in landed} == {click.is_positive}
        assert not any(ignore[pixel] for pixel in landed)
        assert (14, 22) not in landed


def test_jitter_is_a_twentieth_of_the_objects_size():
    gt_mask = np.ones((400, 900), bool)  # size = sqrt(area) = 600, so σ = 30 pixels
    rng = np.random.default_rng(6)
    shifts = np.array([jittered(Click(200, 450, True), gt_mask, rng).pixel for _ in range(2000)])
    np.testing.assert_allclose(shifts.std(axis=0), 30, rtol=0.06)
    np.testing.assert_allclose(shifts.mean(axis=0), (200, 450), atol=3)


def test_jitter_falls_back_where_there_is_no_room():
    gt_mask = np.zeros((30, 50), bool)
    gt_mask[10, 20] = True
    click = Click(10, 20, True)
    assert jittered(click, gt_mask, np.random.default_rng(7), clicked=[click]) == click
