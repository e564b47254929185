"""Clicks on the network's own errors inside the training step."""

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import disk_maps, distance_maps
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import TSLFN
from fctsfn_tf.training.iterative_clicks import IterativeClicks, with_error_click
from fctsfn_tf.training.losses import IGNORED, AuxiliaryLoss, SummedCrossEntropy
from fctsfn_tf.training.streaming_metrics import MaskIoU

HEIGHT, WIDTH = 70, 90


def disk(row, col, radius):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (col, row), radius, 1, -1)
    return mask > 0


def click_once(mask, gt_mask, ignore=None, maps=None, draw=0.5):
    """The maps after one error click on one object."""
    target = gt_mask.astype("float32")
    if ignore is not None:
        target[ignore] = IGNORED
    logits = np.where(mask, 2.0, -2.0).astype("float32")
    maps = np.zeros((HEIGHT, WIDTH, 3), "float32") if maps is None else maps
    clicked = with_error_click(
        ops.convert_to_tensor(maps[None]),
        ops.convert_to_tensor(logits[None, ..., None]),
        ops.convert_to_tensor(target[None, ..., None]),
        ops.convert_to_tensor([draw], "float32"),
    )
    return ops.convert_to_numpy(clicked)[0]


def centre(channel):
    return tuple(np.argwhere(channel).mean(axis=0).round().astype(int))


NOTHING = np.zeros((HEIGHT, WIDTH), bool)


@pytest.mark.parametrize("draw", [0.0, 0.3, 0.7, 0.999])
def test_a_missed_object_is_clicked_in_its_deeper_half(draw):
    gt_mask = disk(30, 40, 18)
    maps = click_once(NOTHING, gt_mask, draw=draw)
    row, col = centre(maps[..., 0])
    depth = cv2.distanceTransform(gt_mask.astype(np.uint8), cv2.DIST_C, 3)
    assert depth[row, col] > depth.max() / 2
    np.testing.assert_array_equal(maps[..., :2], disk_maps([Click(row, col, True)], HEIGHT, WIDTH))


def test_draws_reach_every_pixel_of_the_deeper_half_alike():
    gt_mask = disk(30, 40, 4)
    draws = np.arange(0.05, 1, 0.1)
    centres = [centre(click_once(NOTHING, gt_mask, draw=draw)[..., 0]) for draw in draws]
    assert len(set(centres)) >= 8


def test_a_false_region_is_clicked_negatively():
    maps = click_once(disk(30, 20, 9) | disk(40, 60, 15), disk(30, 20, 9))
    assert not maps[..., 0].any()
    assert disk(40, 60, 15)[centre(maps[..., 1])]


def test_the_deeper_error_wins_and_of_equally_deep_ones_the_larger():
    shallow_but_large = NOTHING.copy()
    shallow_but_large[2:6] = True  # 4 rows over the whole width: more pixels, less deep
    maps = click_once(NOTHING, disk(40, 60, 10) | shallow_but_large)
    assert disk(40, 60, 10)[centre(maps[..., 0])]
    maps = click_once(disk(20, 20, 8), disk(40, 60, 11))
    assert maps[..., 0].any()
    assert not maps[..., 1].any()


def test_no_click_where_nothing_is_wrong_or_all_is_ignored():
    gt_mask = disk(30, 40, 10)
    assert not click_once(gt_mask, gt_mask)[..., :2].any()
    assert not click_once(NOTHING, gt_mask, ignore=gt_mask)[..., :2].any()


def test_the_border_of_the_image_counts_as_boundary():
    gt_mask = NOTHING.copy()
    gt_mask[:, :20] = True
    for draw in (0.0, 0.5, 0.999):
        row, col = centre(click_once(NOTHING, gt_mask, draw=draw)[..., 0])
        assert 4 <= col < 16
        assert 4 <= row < HEIGHT - 4


def test_disks_join_those_before_and_the_previous_mask_is_the_probability():
    before = np.zeros((HEIGHT, WIDTH, 3), "float32")
    before[..., :2] = disk_maps([Click(5, 80, False)], HEIGHT, WIDTH)
    maps = click_once(NOTHING, disk(30, 40, 10), maps=before)
    np.testing.assert_array_equal(maps[..., 1], before[..., 1])
    np.testing.assert_allclose(maps[..., 2], 1 / (1 + np.exp(2.0)), rtol=1e-5)


def test_distances_become_those_to_the_nearest_click():
    first = Click(5, 80, True)
    before = distance_maps([first], HEIGHT, WIDTH)
    maps = click_once(NOTHING, disk(40, 30, 12), maps=before)
    row, col = np.unravel_index(
        np.argmin(maps[..., 0] + 99 * (before[..., 0] == 0)), before.shape[:2]
    )
    expected = distance_maps([first, Click(row, col, True)], HEIGHT, WIDTH)
    np.testing.assert_allclose(maps, expected, atol=1e-4)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.uniform(0, 255, (2, 32, 64, 3)).astype("float32"),
        "click_maps": np.full((4, 32, 64, 2), 255, "float32"),
    }
    target = np.zeros((4, 32, 64, 1), "float32")
    target[:, 8:24, 10:30] = 1
    return inputs, target


def training_model(rollouts=(0.0, 0.0, 1.0), seed=0):
    keras.utils.set_random_seed(1)
    model = IterativeClicks(TSLFN(32, alpha=1 / 64), rollouts, objects_per_image=2, seed=seed)
    model.compile("sgd", loss=SummedCrossEntropy(), jit_compile=False)
    return model


def test_in_training_as_many_clicks_are_made_as_asked_for(batch):
    inputs, target = batch
    model = training_model()
    maps = model._rolled_out(*(ops.convert_to_tensor(x) for x in (*inputs.values(), target)))
    # The untrained network says 0 everywhere, so both clicks fall on the missed object.
    clicks = (ops.convert_to_numpy(maps)[..., 0] == 0).sum((1, 2))
    assert (clicks >= 1).all()
    assert clicks.max() == 2
    assert (ops.convert_to_numpy(maps)[..., 1] == 255).all()


def test_a_training_step_sees_the_clicks_and_inference_is_the_network_s(batch):
    inputs, target = batch
    model = training_model()
    loss = model.train_on_batch(inputs, target, return_dict=True)["loss"]
    assert np.isfinite(loss)
    assert {id(v) for v in model.trainable_variables} == {
        id(v) for v in model.network.trainable_variables
    }
    whole = {**inputs, "image": np.repeat(inputs["image"], 2, axis=0)}
    expected = ops.convert_to_numpy(model.network(whole))
    np.testing.assert_allclose(ops.convert_to_numpy(model(inputs)), expected, atol=1e-6)


def test_rollouts_must_be_probabilities():
    with pytest.raises(InputError, match="with sum 1"):
        IterativeClicks(TSLFN(32, alpha=1 / 64), rollouts=(0.5, 0.2))


@pytest.mark.parametrize("has_auxiliary", [False, True])
def test_a_file_of_keras_holds_it_whole(batch, tmp_path, has_auxiliary):
    """Weights, optimiser and loss; the training step goes on from them."""
    inputs, target = batch
    network = TSLFN(32, alpha=1 / 64)
    auxiliary = network.get_layer("cropped_score").output[..., :1] if has_auxiliary else None
    model = IterativeClicks(network, (1.0,), objects_per_image=2, auxiliary=auxiliary, seed=3)
    loss = SummedCrossEntropy()
    if has_auxiliary:
        loss = AuxiliaryLoss(loss, SummedCrossEntropy(), 0.5)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=[MaskIoU()])
    for layer in network.layers:  # whose dropout goes on elsewhere
        layer.trainable = layer.name == "score"
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=[MaskIoU()])
    for _ in range(2):
        model.train_on_batch(inputs, target)
    model.save(tmp_path / "last.keras")
    again = keras.models.load_model(tmp_path / "last.keras")
    found, expected = again.get_config(), model.get_config()
    for name in ("name", "rollouts", "objects_per_image", "seed"):
        assert found[name] == expected[name]
    assert again.network.built_by == network.built_by
    assert int(again.optimizer.iterations) == 2
    pairs = [(again.optimizer.variables, model.optimizer.variables)]
    pairs.append((again.network.weights, network.weights))
    for found, expected in pairs:
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    expected = [model.train_on_batch(inputs, target) for _ in range(2)]
    found = [again.train_on_batch(inputs, target) for _ in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    kernels = [
        ops.convert_to_numpy(one.get_layer("score").kernel) for one in (again.network, network)
    ]
    np.testing.assert_allclose(*kernels, rtol=1e-4, atol=1e-6)
