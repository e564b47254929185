"""Pasting an object of another photograph into a view."""

import numpy as np

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.training.augmentation import TrainingView
from fctsfn_tf.training.pasting import can_paste, with_pasted

SIZE = (80, 120)


def sample(size, box, value, others=()):
    mask = np.zeros(size, bool)
    mask[box] = True
    image = np.full((*size, 3), 30, np.uint8)
    image[mask] = value
    return Sample("x", image, mask, np.zeros(size, bool), tuple(others))


def view():
    other = np.zeros(SIZE, bool)
    other[:, 100:] = True
    base = sample(SIZE, np.s_[10:70, 20:100], 90, [other])
    ignore = np.zeros(SIZE, bool)
    ignore[:5] = True
    base = Sample(base.name, base.image, base.gt_mask, ignore, base.other_masks)
    return TrainingView(base, np.eye(2, 3))


PASTED = sample((200, 200), np.s_[60:140, 50:150], 250)


def test_what_is_pasted_covers_what_was_there():
    before = view()
    for seed in range(30):
        after, seen, _ = with_pasted(before, PASTED, np.random.default_rng(seed))
        pasted = seen[-1]
        assert pasted.any()
        assert not any((mask & pasted).any() for mask in seen[:-1])
        np.testing.assert_array_equal(seen[0], before.sample.gt_mask & ~pasted)
        np.testing.assert_array_equal(after.sample.gt_mask, seen[0])
        assert len(after.sample.other_masks) == 2
        assert not (after.sample.ignore & pasted).any()
        # It shows the object where the mask says so, and nothing of its photograph's ground.
        assert after.sample.image[pasted].mean() > 180
        far = np.abs(after.sample.image.astype(int) - before.sample.image).max(-1) > 0
        grown = np.zeros(SIZE, bool)
        rows, cols = np.nonzero(pasted)
        grown[max(0, rows.min() - 6) : rows.max() + 7, max(0, cols.min() - 6) : cols.max() + 7] = 1
        assert not (far & ~grown).any()


def test_the_edge_is_soft():
    after, _, _ = with_pasted(view(), PASTED, np.random.default_rng(3))
    values = np.unique(after.sample.image[..., 0])
    assert ((values > 100) & (values < 240)).sum() > 3


def test_what_lies_outside_of_the_view_is_counted():
    hidden = []
    for seed in range(60):
        _, seen, outside = with_pasted(view(), PASTED, np.random.default_rng(seed))
        is_cut = any(
            seen[-1][side].any() for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])
        )
        assert (outside > 0) <= is_cut
        # The object is a rectangle of 5 : 4; its longer side is at most 0.9 of the view's 80 px.
        assert seen[-1].sum() + outside < 0.9**2 * 80**2 * 0.8 * 1.1
        hidden.append(outside)
    assert max(hidden) > 0
    assert min(hidden) == 0


def test_what_can_be_pasted():
    assert can_paste(PASTED)
    assert not can_paste(sample((200, 200), np.s_[0:140, 50:150], 250))  # cut off by its photograph
    assert not can_paste(sample((200, 200), np.s_[60:80, 50:75], 250))  # too small
