"""The robot user against brute force and error masks made by hand."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from fctsfn_tf.clicks import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.robot_user import jittered, next_click_paper, next_click_ritm

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


class PublishedClicker:
    """RITM's clicker as its published evaluation works: one state per object, whole images."""

    def __init__(self, gt_mask, ignore):
        self.gt_mask, self.is_counted = gt_mask, ~ignore
        self.is_free = np.ones(gt_mask.shape, bool)

    def depth(self, error):
        padded = np.pad((error & self.is_counted).astype(np.uint8), 1)
        return cv2.distanceTransform(padded, cv2.DIST_L2, 0)[1:-1, 1:-1] * self.is_free

    def click_on(self, mask):
        missed, false = self.depth(self.gt_mask & ~mask), self.depth(mask & ~self.gt_mask)
        is_positive = missed.max() > false.max()
        depth = missed if is_positive else false
        rows, cols = np.where(depth == depth.max())
        self.is_free[rows[0], cols[0]] = False
        return Click(int(rows[0]), int(cols[0]), bool(is_positive))


def test_sequences_are_those_of_the_published_clicker():
    """Twenty clicks on masks that change, as blobs and as noise; pixel by pixel, in order."""
    rng, num_compared = np.random.default_rng(8), 0
    for sigma in (0, 0.7, 2, 5, 9):
        for _ in range(8):
            size = rng.integers(40, 90, 2)
            gt_mask, ignore = (
                ndimage.gaussian_filter(rng.normal(size=size), sigma) > limit * 0.3 / (1 + sigma)
                for limit in (0, 3)
            )
            published, clicks = PublishedClicker(gt_mask, ignore), []
            mask = np.zeros(size, bool)
            for _ in range(20):
                expected = published.click_on(mask)
                click = next_click_ritm(mask, gt_mask, ignore, clicks)
                if not ((mask ^ gt_mask) & ~ignore).any():  # the published one clicks all the same
                    assert click is None
                    break
                assert click == expected
                clicks.append(click)
                num_compared += 1
                wrong = ndimage.gaussian_filter(rng.normal(size=size), sigma) > 0.1 / (1 + sigma)
                mask = gt_mask ^ wrong
    assert num_compared > 500


def test_distances_are_exact_on_large_errors():
    """Approximate (chamfer) distances put the click elsewhere, as SciPy's exact ones show."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        gt_mask = ndimage.gaussian_filter(rng.normal(size=(90, 130)), 12) > 0
        exact = ndimage.distance_transform_edt(np.pad(gt_mask, 1))[1:-1, 1:-1]
        row, col = np.argwhere(exact > exact.max() - 1e-6)[0].tolist()
        assert next_click_ritm(np.zeros_like(gt_mask), gt_mask) == Click(row, col, True)


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
