"""The views: sizes by hand, positions against blobs that travel through the resizing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.views import (
    Box,
    View,
    closer_views,
    is_cut_off,
    network_size,
    next_view,
    whole_view,
)

CONFIG = PredictorConfig(zoom_min_size=40)


def blob(height, width, row, col, radius):
    """A smooth bump (height, width) float32 with its peak at (row, col)."""
    rows, cols = np.mgrid[:height, :width]
    squared = (rows - row) ** 2 + (cols - col) ** 2
    return np.exp(-squared / (2 * radius**2)).astype(np.float32)


def centre_of_mass(weights):
    rows, cols = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return (rows * weights).sum() / weights.sum(), (cols * weights).sum() / weights.sum()


def object_at(box, height=400, width=600):
    """A probability (height, width) that is 0.9 in a box and 0.1 elsewhere."""
    probability = np.full((height, width), 0.1, np.float32)
    probability[box.pixels] = 0.9
    return probability


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (288, 384)),
        ((640, 480), (384, 288)),
        ((500, 375), (384, 288)),
        ((375, 500), (288, 384)),
        ((1, 1), (384, 384)),
        ((1, 500), (32, 384)),
        ((3000, 20), (384, 32)),
        ((333, 500), (256, 384)),
    ],
)
def test_network_sizes(size, expected):
    assert network_size(*size, PredictorConfig(working_size=384)) == expected


def test_photographs_at_their_own_size_where_they_are_not_to_be_enlarged():
    own = PredictorConfig(working_size=640, enlarge=False)
    assert network_size(300, 400, own) == (288, 384)  # twelve and a half times 32 goes to even
    assert network_size(300, 400, PredictorConfig(working_size=640)) == (480, 640)
    assert network_size(1200, 1600, own) == (480, 640)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(32, 1024))
def test_network_size_is_a_multiple_of_32_near_the_aspect_ratio(height, width, working_size):
    sides = network_size(height, width, PredictorConfig(working_size=working_size))
    scale = working_size / max(height, width)
    for side, original in zip(sides, (height, width), strict=True):
        assert side % 32 == 0
        assert side >= 32
        assert abs(side - original * scale) <= 16 or side == 32


def test_iou_and_contains_equal_those_of_masks():
    rng = np.random.default_rng(0)
    for _ in range(200):
        tops, bottoms = rng.integers(0, 6, 2), rng.integers(1, 6, 2)
        lefts, rights = rng.integers(0, 9, 2), rng.integers(1, 9, 2)
        boxes = [
            Box(*(int(n) for n in sides))
            for sides in zip(tops, lefts, tops + bottoms, lefts + rights, strict=True)
        ]
        masks = [np.zeros((12, 18), bool) for _ in boxes]
        for box, mask in zip(boxes, masks, strict=True):
            mask[box.pixels] = True
        first, second = masks
        assert boxes[0].iou(boxes[1]) == (first & second).sum() / (first | second).sum()
        assert boxes[0].contains(boxes[1]) == (not (second & ~first).any())


def test_a_view_of_the_networks_own_size_changes_nothing():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (64, 96, 3), np.uint8)
    probability = rng.random((64, 96), np.float32)
    view = whole_view(64, 96, PredictorConfig(working_size=96))
    assert (view.height, view.width) == (64, 96)
    np.testing.assert_array_equal(view.image_in(image), image)
    assert view.image_in(image).dtype == np.float32
    np.testing.assert_array_equal(view.probability_in(probability), probability)
    back = np.zeros_like(probability)
    view.paste(probability, back)
    np.testing.assert_array_equal(back, probability)
    assert view.click_in(Click(10, 20, True)) == Click(10, 20, True)


def test_the_view_holds_no_memory_of_the_caller():
    probability = np.zeros((64, 96), np.float32)
    view = whole_view(64, 96, PredictorConfig(working_size=96))
    assert not np.may_share_memory(view.probability_in(probability), probability)


@settings(max_examples=60, deadline=None)
@given(
    box=st.tuples(
        st.integers(0, 60), st.integers(0, 90), st.integers(60, 140), st.integers(60, 140)
    ),
    size=st.tuples(st.integers(2, 8), st.integers(2, 8)),
    where=st.tuples(st.floats(0.4, 0.6), st.floats(0.4, 0.6)),
)
def test_clicks_and_pixels_travel_together(box, size, where):
    """A blob around a click arrives at the click's place, and comes back to it, to a pixel."""
    top, left, rows, cols = box
    view = View(Box(top, left, top + rows, left + cols), 32 * size[0], 32 * size[1])
    click = Click(int(top + where[0] * rows), int(left + where[1] * cols), True)
    photograph = blob(200, 230, click.row, click.col, 4)

    seen = centre_of_mass(view.probability_in(photograph))
    inside = view.click_in(click)
    # Half a pixel of whichever grid is coarser, in pixels of the network.
    np.testing.assert_allclose(
        seen,
        (inside.row, inside.col),
        atol=0.1 * max(1, view.height / rows, view.width / cols),
    )
    image = np.repeat((255 * photograph).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_allclose(
        centre_of_mass(view.image_in(image)[..., 1]), (inside.row, inside.col), atol=0.5
    )

    spread = 0.06 * min(view.height, view.width)
    back = np.zeros((200, 230), np.float32)
    view.paste(blob(view.height, view.width, inside.row, inside.col, spread), back)
    np.testing.assert_allclose(
        centre_of_mass(back), (click.row, click.col), atol=0.25 * max(1, rows / view.height)
    )


def test_paste_leaves_everything_outside_the_box():
    before = np.random.default_rng(2).random((120, 200), np.float32)
    view = View(Box(10, 30, 75, 131), 64, 96)
    after = before.copy()
    view.paste(np.full((64, 96), 0.75, np.float32), after)
    np.testing.assert_allclose(after[10:75, 30:131], 0.75, rtol=1e-6)
    after[10:75, 30:131] = before[10:75, 30:131]
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("size", [(3000, 20), (20, 3000), (1, 500), (2000, 1500), (1, 1)])
def test_a_long_thin_image_is_averaged_not_sampled(size):
    """Noise of 0 and 200, deviation 100, is smoothed where it is shrunk."""
    height, width = size
    noise = 200 * np.random.default_rng(3).integers(0, 2, (height, width, 1), np.uint8)
    seen = whole_view(height, width, CONFIG).image_in(np.repeat(noise, 3, axis=2))
    assert abs(seen.mean() - noise.mean()) < 6
    if max(size) >= 4 * 384:
        # The mean of n pixels has deviation 100 / √n, n from 5 to 27; sampling leaves 50 or more.
        assert seen.std() < 45


def test_probability_stays_in_range():
    for size in [(313, 217), (3000, 20), (1, 1), (50, 77)]:
        view = whole_view(*size, CONFIG)
        for value in (0.0, 1.0):
            inside = view.probability_in(np.full(size, value, np.float32))
            back = np.full(size, 0.5, np.float32)
            view.paste(np.full((view.height, view.width), value, np.float32), back)
            for array in (inside, back):
                assert array.min() >= 0
                assert array.max() <= 1
                np.testing.assert_allclose(array, value, atol=1e-6)


def test_zoom_box_is_the_object_enlarged_about_its_middle():
    whole = whole_view(400, 600, CONFIG)
    view = next_view(whole, object_at(Box(100, 200, 150, 300)), [Click(120, 250, True)], CONFIG)
    # 50 × 100 pixels, 1.4 times as large, about (125, 250).
    assert view.box == Box(90, 180, 160, 320)
    assert (view.height, view.width) == (192, 384)


def test_zoom_box_takes_in_positive_clicks_but_not_negative_ones():
    whole = whole_view(400, 600, CONFIG)
    clicks = [Click(199, 250, True), Click(10, 10, False)]
    view = next_view(whole, object_at(Box(100, 200, 150, 300)), clicks, CONFIG)
    # Rows 100 … 199 and columns 200 … 299: a square of 100.
    assert view.box == Box(80, 180, 220, 320)


def test_zoom_box_has_a_least_size_and_stays_inside_the_photograph():
    whole = whole_view(400, 600, CONFIG)
    corner = next_view(whole, object_at(Box(0, 590, 4, 600)), [Click(1, 595, True)], CONFIG)
    assert corner.box == Box(0, 560, 40, 600)
    middle = next_view(whole, object_at(Box(200, 300, 201, 301)), [Click(200, 300, True)], CONFIG)
    assert middle.box == Box(180, 280, 220, 320)


def test_a_photograph_smaller_than_the_least_size_is_seen_whole():
    config = PredictorConfig()
    whole = whole_view(150, 90, config)
    probability = object_at(Box(3, 3, 5, 5), 150, 90)
    assert next_view(whole, probability, [Click(3, 3, True)], config) == whole


def test_no_zoom_without_gain():
    whole = whole_view(400, 600, CONFIG)
    # 600 / (1.4 × 342) = 1.253 and 600 / (1.4 × 344) = 1.246, about the least gain of 1.25.
    small = object_at(Box(100, 100, 110, 442))
    large = object_at(Box(100, 100, 110, 444))
    assert next_view(whole, small, [], CONFIG) != whole
    assert next_view(whole, large, [], CONFIG) == whole


def test_no_zoom_where_it_is_off_or_nothing_is_known():
    whole = whole_view(400, 600, CONFIG)
    clicks = [Click(120, 250, True)]
    off = PredictorConfig(zoom_in=False)
    assert next_view(whole, object_at(Box(100, 200, 150, 300)), clicks, off) == whole
    nothing = np.full((400, 600), 0.5, np.float32)
    assert next_view(whole, nothing, clicks, CONFIG) == whole
    zoomed = View(Box(80, 180, 180, 320), 256, 384)
    assert next_view(zoomed, nothing, clicks, CONFIG) == whole


def test_a_view_is_kept_while_it_fits():
    clicks = [Click(120, 250, True)]
    view = View(Box(90, 180, 160, 320), 192, 384)
    # The new box is rows [90, 160), columns [180 + shift, 320 + shift): IoU (140 − s) / (140 + s).
    kept = next_view(view, object_at(Box(100, 240, 150, 340)), clicks, CONFIG)
    assert kept == view  # s = 40: 0.56
    moved = next_view(view, object_at(Box(100, 250, 150, 350)), clicks, CONFIG)
    assert moved.box == Box(90, 230, 160, 370)  # s = 50: 0.47


def test_a_positive_click_outside_moves_the_view_and_a_negative_one_does_not():
    view = View(Box(90, 180, 160, 320), 192, 384)
    probability = object_at(Box(100, 200, 150, 300))
    just_outside = Click(160, 250, True)
    assert next_view(view, probability, [just_outside], CONFIG) != view
    assert next_view(view, probability, [Click(159, 250, True)], CONFIG) == view
    assert next_view(view, probability, [Click(300, 500, False)], CONFIG) == view


def test_an_object_that_has_grown_is_seen_whole_again():
    view = View(Box(90, 180, 160, 320), 192, 384)
    grown = object_at(Box(20, 20, 380, 580))
    assert next_view(view, grown, [Click(120, 250, True)], CONFIG) == whole_view(400, 600, CONFIG)


def test_an_object_that_runs_out_of_the_box_is_cut_off():
    view = View(Box(10, 0, 50, 60), 64, 96)  # its left side is the photograph's border
    inside = np.zeros((64, 96), np.float32)
    inside[20:40, :50] = 0.9
    assert not is_cut_off(view, inside, 80, 100)
    for side in (np.s_[0, 30:60], np.s_[-1, 30:60], np.s_[20:40, -1]):
        out = inside.copy()
        out[side] = 0.9
        assert is_cut_off(view, out, 80, 100)
    stray = inside.copy()
    stray[0, 30:33] = 0.9
    assert not is_cut_off(view, stray, 80, 100)
    # Where the box is the whole photograph there is nothing beyond it.
    assert not is_cut_off(View(Box(0, 0, 80, 100), 64, 96), np.ones((64, 96), np.float32), 80, 100)


def test_closer_views_shrink_around_the_click_and_stay_inside():
    config = PredictorConfig(look_closer=5)
    views = closer_views(Click(100, 550, True), 400, 600, config)
    widths = [view.box.width for view in views]
    assert widths == [round(600 * 0.59**k) for k in (1, 2, 3)]  # the fourth has 73 px
    for view in views:
        box = view.box
        assert 0 <= box.top <= 100 < box.bottom <= 400
        assert 0 <= box.left <= 550 < box.right <= 600
        assert abs(box.width / box.height - 1.5) < 0.02
        assert (view.height, view.width) == (256, 384)
    # In the middle of a photograph the click is in the middle of its crops.
    box = closer_views(Click(200, 300, True), 400, 600, config)[-1].box
    assert abs((box.top + box.bottom) / 2 - 200) <= 1
    assert abs((box.left + box.right) / 2 - 300) <= 1


def test_closer_views_of_large_photographs_and_panoramas():
    config = PredictorConfig(look_closer=10)
    views = closer_views(Click(1500, 2800, True), 3000, 4000, config)
    assert len(views) == 7
    assert 96 <= views[-1].box.width < 96 / 0.59
    panorama = closer_views(Click(500, 14000, True), 1000, 20000, config)
    assert panorama[0].box.height == 1000
    assert panorama[0].box.width == 11800
    assert all(view.box.width <= 2 * view.box.height for view in panorama[4:])
    upright = closer_views(Click(14000, 500, True), 20000, 1000, config)
    assert [view.box.height for view in upright] == [view.box.width for view in panorama]


def test_no_closer_views_unless_asked_for():
    assert closer_views(Click(100, 100, True), 400, 600, PredictorConfig()) == []
