"""Losses against their formulas in plain numpy."""

import keras
import numpy as np
import pytest

from fctsfn_tf.networks.layers import ForegroundLogit
from fctsfn_tf.training.losses import (
    IGNORED,
    AuxiliaryLoss,
    NormalizedFocalAndIoULoss,
    NormalizedFocalLoss,
    SoftIoULoss,
    SummedCrossEntropy,
)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (2, 6, 9, 1)).astype(np.float32)
    target[0, :2] = IGNORED
    return target, rng.normal(0, 3, target.shape).astype(np.float32)


def numpy_focal(target, logits, gamma):
    losses = []
    for t, z in zip(target, logits, strict=True):
        keep = t != IGNORED
        probability = 1 / (1 + np.exp(-z[keep].astype(np.float64)))
        right = np.where(t[keep] > 0.5, probability, 1 - probability)
        weights = (1 - right) ** gamma
        weights *= keep.sum() / weights.sum()
        losses.append((-np.log(right) * weights).sum() / keep.sum())
    return np.mean(losses)


def test_summed_cross_entropy_is_softmax_cross_entropy_on_two_scores(batch):
    """Caffe without `normalize`: summed over the pixels, divided by the number of objects."""
    target, _ = batch
    scores = np.random.default_rng(1).normal(0, 3, (*target.shape[:3], 2)).astype(np.float32)
    log_softmax = scores - np.log(np.exp(scores.astype(np.float64)).sum(-1, keepdims=True))
    right = np.where(target[..., 0] > 0.5, log_softmax[..., 1], log_softmax[..., 0])
    expected = -np.where(target[..., 0] == IGNORED, 0, right).sum() / len(target)
    value = float(SummedCrossEntropy()(target, ForegroundLogit()(scores)))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_focal_and_iou_loss_is_their_weighted_sum(batch):
    parts = float(NormalizedFocalLoss()(*batch)) + 0.3 * float(SoftIoULoss()(*batch))
    np.testing.assert_allclose(float(NormalizedFocalAndIoULoss(0.3)(*batch)), parts, rtol=1e-6)


def test_auxiliary_loss_takes_the_channels_apart(batch):
    target, logits = batch
    loss = AuxiliaryLoss(SoftIoULoss(), NormalizedFocalLoss(), weight=0.3)
    loss = keras.losses.deserialize(keras.losses.serialize(loss))
    both = np.concatenate([logits, -logits], axis=-1)
    expected = float(SoftIoULoss()(target, logits))
    np.testing.assert_allclose(float(loss(target, logits)), expected, rtol=1e-6)
    expected += 0.3 * float(NormalizedFocalLoss()(target, -logits))
    np.testing.assert_allclose(float(loss(target, both)), expected, rtol=1e-6)


def test_normalised_focal_loss(batch):
    target, logits = batch
    value = float(NormalizedFocalLoss()(target, logits))
    np.testing.assert_allclose(value, numpy_focal(target, logits, 2.0), rtol=1e-4)
    cross_entropy = float(NormalizedFocalLoss(gamma=0.0)(target, logits))
    np.testing.assert_allclose(cross_entropy, numpy_focal(target, logits, 0.0), rtol=1e-4)


def test_soft_iou_loss(batch):
    target, logits = batch
    keep = target != IGNORED
    probability = np.where(keep, 1 / (1 + np.exp(-logits.astype(np.float64))), 0)
    truth = np.where(keep, target, 0)
    intersection = (probability * truth).sum((1, 2, 3))
    union = (probability + truth).sum((1, 2, 3)) - intersection
    expected = np.mean(1 - (intersection + 1) / (union + 1))
    np.testing.assert_allclose(float(SoftIoULoss()(target, logits)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [NormalizedFocalLoss(), SoftIoULoss(), SummedCrossEntropy(), NormalizedFocalAndIoULoss()],
)
def test_ignored_pixels_count_for_nothing(loss, batch):
    target, logits = batch
    changed = np.where(target == IGNORED, -logits + 9, logits)
    np.testing.assert_allclose(float(loss(target, logits)), float(loss(target, changed)), rtol=1e-6)
    assert np.isfinite(float(loss(np.full_like(target, IGNORED), logits)))


def test_extreme_logits_stay_finite(batch):
    target, logits = batch
    assert np.isfinite(float(NormalizedFocalLoss()(target, logits * 1e4)))
    assert np.isfinite(float(SummedCrossEntropy()(target, logits * 1e4)))
