"""One view of a photograph: what is clicked in it and what its target is."""

from dataclasses import replace

import numpy as np
import pytest

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.training import clicked_views
from fctsfn_tf.training.clicked_views import MIN_VIEW_PIXELS, clicked_view
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.recipes import (
    COMPACT_INPUT,
    TSLFN_INPUT,
    AugmentationConfig,
    WholePhotographConfig,
)

SIZE = (60, 90)
STILL = WholePhotographConfig(mirror_probability=0.0)
ONE = replace(TSLFN_INPUT, augmentation=STILL)
SEVERAL = replace(COMPACT_INPUT, augmentation=STILL, objects_per_image=3, merge_probability=0.0)


def box(top, left, height, width):
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


LARGE, MIDDLE, SMALL = box(5, 5, 30, 40), box(40, 10, 12, 20), box(40, 60, 5, 9)
IGNORE = box(0, 0, 2, 90)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def samples(*masks):
    return [
        Sample(str(k), IMAGE, mask, IGNORE, tuple(m for m in masks if m is not mask))
        for k, mask in enumerate(masks)
    ]


def seen(config, *masks, size=SIZE, count=60):
    """The views of as many seeds."""
    return [
        clicked_view(samples(*masks), *size, config, np.random.default_rng(seed))
        for seed in range(count)
    ]


def targets(views):
    """The objects that were asked for, as sets of pixels."""
    return [(target[..., 0] == 1).tobytes() for view in views for target in view.targets]


def test_the_whole_photograph_and_its_target():
    (view,) = seen(ONE, LARGE, count=1)
    np.testing.assert_array_equal(view.image, IMAGE)
    expected = np.where(LARGE, 1.0, 0.0)
    expected[IGNORE] = IGNORED
    np.testing.assert_array_equal(view.targets[0][..., 0], expected)
    assert view.targets[0].dtype == view.click_maps[0].dtype == np.float32
    assert (view.click_maps[0][LARGE][:, 0] == 0).any()  # clicked on the object
    assert not (view.click_maps[0][~LARGE][:, 0] == 0).any()


def test_one_object_a_view_is_the_one_it_was_made_around():
    found = set(targets(seen(ONE, LARGE, MIDDLE)))
    assert found == {LARGE.tobytes(), MIDDLE.tobytes()}
    for merge_probability in (0.0, 1e-9):
        around_large = replace(ONE, area_exponent=20.0, merge_probability=merge_probability)
        assert set(targets(seen(around_large, LARGE, MIDDLE))) == {LARGE.tobytes()}


def test_several_objects_share_a_view():
    views = seen(SEVERAL, LARGE, MIDDLE)
    assert {len(view.targets) for view in views} == {len(view.click_maps) for view in views} == {3}
    assert any(len({target.tobytes() for target in view.targets}) == 2 for view in views)


def test_what_shows_too_few_pixels_is_not_clicked():
    assert np.count_nonzero(SMALL) < MIN_VIEW_PIXELS
    assert set(targets(seen(SEVERAL, LARGE, SMALL))) == {LARGE.tobytes()}
    assert seen(ONE, SMALL, count=1) == seen(SEVERAL, SMALL, count=1) == [None]
    assert seen(ONE, MIDDLE, size=(15, 20), count=1) == [None]


def test_two_objects_are_asked_for_as_one():
    views = seen(replace(SEVERAL, merge_probability=1.0), LARGE, MIDDLE)
    assert set(targets(views)) == {(LARGE | MIDDLE).tobytes()}


def test_a_merged_object_is_none_of_the_others(monkeypatch):
    """The paper's second strategy clicks the other objects: those that are not asked for."""
    asked = []

    def spy(gt_mask, other_masks, strategy, rng, config):
        asked.append((gt_mask, other_masks))
        return []

    monkeypatch.setattr(clicked_views, "paper_clicks", spy)
    third = box(20, 60, 15, 15)
    seen(replace(ONE, merge_probability=1.0), LARGE, MIDDLE, third)
    for gt_mask, others in asked:
        assert len(others) == 1
        assert not (others[0] & gt_mask).any()
        np.testing.assert_array_equal(others[0] | gt_mask, LARGE | MIDDLE | third)


def test_an_unsteady_hand_moves_clicks():
    still, moved = (
        seen(replace(ONE, jitter_probability=probability), LARGE, count=5)
        for probability in (0.0, 1.0)
    )
    assert all(
        (one.click_maps[0] != other.click_maps[0]).any()
        for one, other in zip(still, moved, strict=True)
    )


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_mask_to_start_from_is_an_input(probability):
    clicks = replace(COMPACT_INPUT.clicks, start_mask_probability=probability)
    config = replace(SEVERAL, augmentation=AugmentationConfig(), clicks=clicks)
    has_mask = [
        maps[..., 2].any() for view in seen(config, LARGE, count=5) for maps in view.click_maps
    ]
    assert all(has_mask) if probability else not any(has_mask)


def test_what_a_view_hides_of_an_object_is_counted():
    half = replace(ONE, hidden_areas=True)
    (whole,) = seen(half, LARGE, count=1)
    assert whole.hidden_areas == [0.0]
    # A view that is smaller than the photograph shrinks it; only a crop hides.
    crop = replace(COMPACT_INPUT.augmentation, zoom_probability=0.0, crop_probability=1.0)
    crop = replace(crop, crop_share=(0.3, 0.3), rotation_probability=0.0, aspect=0.0)
    config = replace(SEVERAL, augmentation=crop)
    for view in seen(config, LARGE, count=20):
        scale = 90 / (0.3 * 90)
        for target, hidden in zip(view.targets, view.hidden_areas, strict=True):
            whole_area = LARGE.sum() * scale**2
            np.testing.assert_allclose((target == 1).sum() + hidden, whole_area, rtol=0.05)
            assert hidden > 0


def test_a_pasted_object_is_the_first_that_is_asked_for():
    mask = np.zeros((120, 120), bool)
    mask[30:90, 20:100] = True
    pasted = Sample("p", np.full((120, 120, 3), 255, np.uint8), mask, np.zeros_like(mask))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view = clicked_view(samples(LARGE, MIDDLE), *SIZE, SEVERAL, rng, pasted)
        first = view.targets[0][..., 0] == 1
        assert view.image[first].mean() > 200
        # Clicks lie on what is seen of an object, not on what covers it.
        for maps, target in zip(view.click_maps, view.targets, strict=True):
            positive = maps[..., 0] > 0
            assert (target[..., 0] == 1)[positive].any() or maps[..., 2].any()


def test_large_objects_are_asked_for_more_often():
    config = replace(SEVERAL, area_exponent=1.0)
    asked = targets(seen(config, LARGE, MIDDLE))
    assert asked.count(LARGE.tobytes()) > 3 * asked.count(MIDDLE.tobytes())
