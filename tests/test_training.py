"""Training: it learns, the seed decides, and an interrupted run ends like an uninterrupted one."""

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from fctsfn_tf.compact import compact_network, is_backbone
from fctsfn_tf.errors import InputError
from fctsfn_tf.recipes import CompactRecipe
from fctsfn_tf.training import CompactTrainer, TrainingViews, read_training_sets, train_compact

RECIPE = replace(
    CompactRecipe(), steps=6, views=((64, 2),), warmup=2, set_weights=(("shapes", 1.0),)
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Bright ellipses on a dark ground."""
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (data / "shapes" / folder).mkdir(parents=True)
    for index in range(4):
        labels = np.zeros((60, 90), np.uint8)
        for label in (1, 2):
            centre = (int(rng.integers(20, 70)), int(rng.integers(15, 45)))
            cv2.ellipse(labels, centre, (16, 9), 0, 0, 360, label, -1)
        image = np.full((60, 90, 3), 40, np.uint8)
        image[labels == 1] = (200, 180, 40)
        image[labels == 2] = (30, 120, 220)
        cv2.imwrite(str(data / "shapes" / "images" / f"{index}.png"), image)
        cv2.imwrite(str(data / "shapes" / "labels" / f"{index}.png"), labels)
    return read_training_sets(data, RECIPE, held_out={"3"})


def trainer(seed=0):
    keras.utils.set_random_seed(1)
    return CompactTrainer(compact_network(alpha=0.35), RECIPE, seed)


def test_held_out_images_are_not_read(sets):
    assert [pair.name for pair in sets["shapes"]] == ["0", "1", "2"]
    with pytest.raises(InputError, match="none of the recipe's data sets"):
        read_training_sets(sets["shapes"][0].image_path.parent, RECIPE, set())


def test_a_step_s_batch_is_a_function_of_seed_and_step(sets):
    views = TrainingViews(sets, RECIPE, seed=5)
    first, again, other = views.batch(3), TrainingViews(sets, RECIPE, 5).batch(3), views.batch(4)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.gt_masks, again.gt_masks)
    assert (first.images != other.images).any()
    assert first.gt_masks.shape == (4, 64, 64)
    assert first.gt_masks.any(axis=(1, 2)).all()


@pytest.fixture(scope="module")
def runs(sets, tmp_path_factory):
    """A run with a checkpoint half-way, and one that goes on from there with a new trainer."""
    views = TrainingViews(sets, RECIPE, seed=0)
    parts = tmp_path_factory.mktemp("parts")
    whole = trainer()
    before = {v.path: np.asarray(v) for v in whole.network.variables}
    for step in range(3):
        whole.train_step(views.batch(step))
    whole.save(parts)
    train_compact(whole, views, tmp_path_factory.mktemp("whole"))
    resumed = trainer()
    train_compact(resumed, views, parts)
    return before, whole, resumed


def test_interrupted_and_resumed_equals_uninterrupted(runs):
    before, whole, resumed = runs
    assert resumed.step == whole.step == RECIPE.steps
    changed = 0
    for variable, other in zip(whole.network.variables, resumed.network.variables, strict=True):
        np.testing.assert_allclose(np.asarray(variable), np.asarray(other), rtol=1e-4, atol=1e-5)
        changed += not np.array_equal(before[variable.path], np.asarray(variable))
    assert changed > 100


def test_the_backbone_stays_as_it_is(runs):
    before, whole, _ = runs
    for layer in whole.network.layers:
        if is_backbone(layer):
            for variable in layer.variables:
                np.testing.assert_array_equal(before[variable.path], np.asarray(variable))


def test_averaged_weights_lie_between(runs, sets):
    before, whole, _ = runs
    kernel = whole.network.get_layer("coarse_score").kernel
    start, last = before[kernel.path], np.asarray(kernel)
    norm = whole.network.get_layer("fusion_16_norm")
    statistics = np.asarray(norm.moving_mean)
    whole.use_averaged_weights(TrainingViews(sets, RECIPE, seed=0), num_batches=2)
    assert (np.asarray(norm.moving_mean) != statistics).any()
    averaged = np.asarray(kernel)
    assert 0 < np.abs(averaged - start).mean() < np.abs(last - start).mean()
