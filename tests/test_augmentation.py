"""Image and labels move together, and no mask grows."""

import numpy as np

from fctsfn_tf.augmentation import random_view
from fctsfn_tf.mask_formats import VOID
from fctsfn_tf.recipes import AugmentationConfig

UNTINTED = AugmentationConfig(contrast=0.0, brightness=0.0)


def scene():
    """A white object, id 3, on black: the image itself says where the object is."""
    labels = np.zeros((120, 200), np.uint8)
    labels[30:90, 60:140] = 3
    image = np.repeat((labels == 3)[..., None] * np.uint8(255), 3, axis=2)
    return image, labels


def test_labels_stay_on_the_image_and_take_no_new_values():
    image, labels = scene()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        view, view_labels = random_view(image, labels, labels == 3, 96, UNTINTED, rng)
        assert view.shape == (96, 96, 3)
        assert set(np.unique(view_labels)) <= {0, 3, VOID}
        assert (view_labels == 3).any()
        bright = view[..., 0] > 127
        inside = view_labels != VOID
        # Nearest and bilinear resampling may differ by half a pixel along the outline, no more.
        disagree = (bright != (view_labels == 3)) & inside
        assert disagree.sum() <= 0.03 * (view_labels == 3).sum() + 40


def test_no_mask_grows():
    image, labels = scene()
    ratios = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        view, view_labels = random_view(image, labels, labels == 3, 96, UNTINTED, rng)
        inside = view_labels != VOID
        ratios.append(
            (view_labels == 3).sum() / ((view[..., 0].astype(float) / 255) * inside).sum()
        )
    # The bilinear image keeps the area on average; a mask resized bilinearly and then compared
    # with zero would gain about a pixel on every side (here 4 % and more).
    assert abs(np.mean(ratios) - 1) < 0.01


def test_the_seed_decides_the_view():
    image, labels = scene()
    views = [
        random_view(
            image, labels, labels == 3, 64, AugmentationConfig(), np.random.default_rng(seed)
        )[0]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()
