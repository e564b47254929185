"""Image, masks and clicks move together, and no mask grows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.training.augmentation import training_view
from fctsfn_tf.training.recipes import (
    AugmentationConfig,
    PaperAugmentationConfig,
    WholePhotographConfig,
)

UNTINTED = AugmentationConfig(contrast=0.0, brightness=0.0)
CONFIGS = (UNTINTED, PaperAugmentationConfig(), WholePhotographConfig())


def scene(top=30, left=60, height=60, width=80, size=(120, 200)):
    """A white object on black: the image itself says where the object is; a dark one beside it."""
    gt_mask, other = np.zeros(size, bool), np.zeros(size, bool)
    gt_mask[top : top + height, left : left + width] = True
    other[2:12, 3:33] = True
    other &= ~gt_mask
    ignore = np.zeros(size, bool)
    ignore[-5:] = True
    image = np.zeros((*size, 3), np.uint8)
    image[gt_mask], image[other] = 255, 20
    return Sample("x", image, gt_mask, ignore, (other,))


@pytest.mark.parametrize("config", CONFIGS)
def test_masks_stay_on_the_image(config):
    sample = scene()
    for seed in range(40):
        view = training_view(sample, 96, 128, config, np.random.default_rng(seed))
        seen = view.sample
        assert seen.image.shape == (96, 128, 3)
        assert all(
            mask.shape == (96, 128) and mask.dtype == bool
            for mask in (seen.gt_mask, seen.ignore, *seen.other_masks)
        )
        assert seen.gt_mask.any()
        inside = ~seen.ignore
        # Nearest and bilinear resampling may differ by half a pixel along the outline, no more.
        disagree = ((seen.image[..., 0] > 127) != seen.gt_mask) & inside
        assert disagree.sum() <= 0.03 * seen.gt_mask.sum() + 40
        assert not (seen.gt_mask & seen.other_masks[0]).any()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CONFIGS),
    st.integers(0, 2**32 - 1),
    st.integers(0, 90),
    st.integers(0, 150),
    st.integers(4, 70),
    st.integers(4, 120),
)
def test_no_mask_grows(config, seed, top, left, height, width):
    """Each pixel of a view belongs to the mask only where the photograph's pixel there does."""
    sample = scene(top, left, height, width)
    view = training_view(sample, 64, 96, config, np.random.default_rng(seed))
    back = np.linalg.inv(np.vstack([view.matrix, [0, 0, 1]]))[:2]
    rows, cols = np.mgrid[:64, :96]
    xy = back @ np.stack([cols.ravel(), rows.ravel(), np.ones(rows.size)])
    # OpenCV rounds positions to 1/32 pixel or so: at an outline either side will do.
    possible = np.zeros(rows.size, bool)
    image_height, image_width = sample.gt_mask.shape
    for dx in (-0.04, 0.04):
        for dy in (-0.04, 0.04):
            x, y = np.rint(xy[0] + dx).astype(int), np.rint(xy[1] + dy).astype(int)
            inside = (x >= 0) & (y >= 0) & (x < image_width) & (y < image_height)
            possible[inside] |= sample.gt_mask[y[inside], x[inside]]
    assert not (view.sample.gt_mask & ~possible.reshape(64, 96)).any()


@pytest.mark.parametrize("config", CONFIGS)
def test_no_mask_grows_on_average(config):
    sample = scene()
    ratios = []
    for seed in range(60):
        view = training_view(sample, 96, 128, config, np.random.default_rng(seed))
        scale = abs(np.linalg.det(view.matrix[:, :2]))
        if view.sample.gt_mask[[0, -1]].any() or view.sample.gt_mask[:, [0, -1]].any():
            continue  # part of it may be out of sight
        ratios.append(view.sample.gt_mask.sum() / (scale * sample.gt_mask.sum()))
    # Resized bilinearly and then compared with zero, it would gain a pixel on every side: 4 %.
    assert len(ratios) > 10
    assert abs(np.mean(ratios) - 1) < 0.01


@pytest.mark.parametrize("config", CONFIGS)
def test_clicks_move_with_the_image(config):
    """A click on a lone bright dot stays on it."""
    image = np.zeros((120, 200, 3), np.uint8)
    image[44:47, 79:82] = 255
    gt_mask = np.zeros((120, 200), bool)
    gt_mask[30:70, 60:100] = True
    sample = Sample("x", image, gt_mask, np.zeros_like(gt_mask))
    for seed in range(30):
        view = training_view(sample, 96, 128, config, np.random.default_rng(seed))
        (click,) = view.moved([Click(45, 80, True)])
        # What comes in from outside is 127 and less.
        weights = np.maximum(view.sample.image[..., 0].astype(float) - 127.5, 0)
        if weights.sum() == 0:
            continue
        rows, cols = np.nonzero(weights)
        if {0, 95} & set(rows) or {0, 127} & set(cols):
            continue
        centre = np.average(np.stack([rows, cols]), axis=1, weights=weights[rows, cols])
        assert np.abs(centre - [click.row, click.col]).max() < 0.6
        assert click.is_positive


def test_the_paper_s_crop_holds_the_object_and_half_of_what_is_around_it():
    still = PaperAugmentationConfig(
        rotation_probability=0, translation_probability=0, mirror_probability=0
    )
    view = training_view(scene(30, 60, 20, 40), 96, 128, still, np.random.default_rng(0))
    corners = view.moved([Click(30, 60, True), Click(49, 99, True)])
    # By hand: rows 30 to 50 of 120, so 15 more on either side; columns 60 to 100 of 200: 30 more.
    assert [click.row for click in corners] == pytest.approx([28.8, 65.28], abs=0.5)
    assert [click.col for click in corners] == pytest.approx([38.4, 88.3], abs=0.5)
    # 35 % and more: the whole photograph.
    view = training_view(scene(10, 20, 90, 140), 96, 128, still, np.random.default_rng(0))
    (corner,) = view.moved([Click(119.5, 199.5, True)])
    assert (corner.row, corner.col) == pytest.approx((95.5, 127.5))


def test_the_paper_s_view_turns_up_to_60_degrees_and_moves_within_the_margin():
    angles = []
    for seed in range(200):
        config = PaperAugmentationConfig(mirror_probability=0, crop_share=0)
        view = training_view(scene(), 120, 200, config, np.random.default_rng(seed))
        angles.append(np.rad2deg(np.arctan2(view.matrix[1, 0], view.matrix[0, 0])))
        if angles[-1] == 0:
            moved = view.matrix[:, 2]
            assert np.abs(moved).max() <= max(60, 60) / 3 + 1e-6  # margins: 30, 30; 60, 60
    turned = np.array([angle for angle in angles if angle])
    assert 0.4 < len(turned) / 200 < 0.6
    assert 55 < np.abs(turned).max() <= 60


def test_small_photographs_are_not_enlarged_whole():
    view = training_view(scene(), 256, 320, WholePhotographConfig(0), np.random.default_rng(0))
    np.testing.assert_array_equal(view.sample.image[68:188, 60:260], scene().image)
    np.testing.assert_array_equal(view.sample.gt_mask[68:188, 60:260], scene().gt_mask)
    assert view.sample.ignore[:68].all()


def test_large_photographs_are_averaged_not_sampled():
    """Stripes of one pixel become grey."""
    image = np.zeros((400, 600, 3), np.uint8)
    image[::2] = 255
    gt_mask = np.ones((400, 600), bool)
    sample = Sample("x", image, gt_mask, ~gt_mask)
    view = training_view(sample, 80, 120, WholePhotographConfig(0), np.random.default_rng(0))
    assert np.abs(view.sample.image.astype(int) - 127).max() < 30  # 2 or 3 of 5 rows are white


@pytest.mark.parametrize("config", [AugmentationConfig(), PaperAugmentationConfig()])
def test_the_seed_decides_the_view(config):
    views = [
        training_view(scene(), 64, 96, config, np.random.default_rng(seed)).sample.image
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


def test_crops_show_a_part_of_the_photograph_around_a_pixel_of_the_object():
    config = AugmentationConfig(
        zoom_probability=0.0,
        crop_probability=1.0,
        crop_share=(0.2, 0.4),
        rotation_probability=0.0,
        aspect=0.0,
    )
    sample = scene(size=(300, 400), top=100, left=150, height=80, width=120)
    for seed in range(40):
        view = training_view(sample, 96, 128, config, np.random.default_rng(seed))
        assert view.sample.gt_mask.any()
        side = 128 / abs(view.matrix[0, 0])
        assert 0.2 * 400 <= side <= 0.4 * 400 + 1e-6
        assert not view.sample.ignore[:-20].any()  # it lies over the photograph


def test_a_tint_changes_colours_each_by_its_own():
    config = AugmentationConfig(contrast=0.0, brightness=0.0, tint=0.3, zoom_probability=0.0)
    sample = scene()
    sample.image[...] = 100
    colours = []
    for seed in range(20):
        view = training_view(sample, 96, 128, config, np.random.default_rng(seed)).sample
        colours.append(view.image[48, 64].astype(int))
    colours = np.array(colours)
    assert ((colours >= 100 * np.exp(-0.31)) & (colours <= 100 * np.exp(0.31))).all()
    assert colours.std(axis=0).min() > 5
    assert np.ptp(colours, axis=1).max() > 10
