"""The compact network on EfficientNet-Lite2: its outputs, its layers by their formulas."""

import keras
import numpy as np
import pytest

from fctsfn_tf.networks.compact import is_backbone
from fctsfn_tf.networks.compact_lite import (
    DISK_SHARE,
    UNCLICKED,
    ClickPrototypes,
    ClickResemblance,
    MaskStatistics,
    compact_lite_network,
)
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.folding import fold


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    network = compact_lite_network()
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()])
    return network


def inputs(height, width):
    rng = np.random.default_rng(1)
    maps = np.zeros((2, height, width, 3), np.float32)
    maps[:, height // 2 : height // 2 + 9, :9, 0] = 1
    return {
        "image": rng.uniform(0, 255, (2, height, width, 3)).astype(np.float32),
        "click_maps": maps,
    }


def as_arrays(outputs):
    return [keras.ops.convert_to_numpy(output) for output in outputs]


@pytest.mark.parametrize("size", [(64, 96), (33, 70)])
def test_answer_candidates_and_predicted_iou(network, size):
    logits, candidates, predicted_iou = as_arrays(network(inputs(*size), training=False))
    assert logits.shape == (2, *size, 1)
    assert candidates.shape == (2, *size, 3)
    assert predicted_iou.shape == (2, 4)
    assert all(np.isfinite(output).all() for output in (logits, candidates, predicted_iou))


def test_the_parts_together_are_the_network(network):
    data = inputs(64, 96)
    image_part, click_part = split(network)
    maps = keras.ops.convert_to_tensor(data["click_maps"])
    outputs = click_part([*image_part(data["image"]), maps], training=False)
    for part, whole in zip(outputs, network(data, training=False), strict=True):
        np.testing.assert_allclose(part, whole, atol=1e-5)


def test_a_folded_network_gives_the_same_answers(network):
    data = inputs(64, 96)
    folded = as_arrays(fold(network)(data, training=False))
    for ours, expected in zip(folded, as_arrays(network(data, training=False)), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-3 * np.abs(expected).max())


def test_the_image_part_is_the_backbone_and_more(network):
    image_part, click_part = split(network)
    backbone = {layer.name for layer in network.layers if is_backbone(layer)}
    assert len(backbone) > 100
    assert backbone < {layer.name for layer in image_part.layers}
    assert not backbone & {layer.name for layer in click_part.layers}


def test_at_most_eight_megabytes_as_float16(network):
    kernels = sum(int(np.prod(w.shape)) for w in network.weights if len(w.shape) > 1)
    channels = sum(int(np.prod(w.shape)) for w in network.weights if len(w.shape) == 1)
    # Folded, a BatchNorm is one bias.
    assert 2 * kernels + 4 * channels / 4 < 8e6


def test_click_resemblance_equals_its_formula():
    rng = np.random.default_rng(1)
    queries, keys, values = (rng.normal(size=(2, 3, 5, d)).astype("f") for d in (4, 4, 6))
    disks = rng.uniform(size=(2, 3, 5, 2)).astype("f") * (rng.random((2, 3, 5, 1)) < 0.3)
    layer = ClickResemblance(heads=2)
    result = np.asarray(layer([queries, keys, values, disks.astype("f")]))
    assert result.shape == layer.compute_output_shape(
        [x.shape for x in (queries, keys, values)] + [0]
    )
    for b in range(2):
        covered = disks[b].reshape(15, 2).sum(1).astype(np.float64) + UNCLICKED
        signs = disks[b].reshape(15, 2) / covered[:, None]
        for head in range(2):
            q, k = (x[b].reshape(15, 2, 2)[:, head].astype(np.float64) for x in (queries, keys))
            v = values[b].reshape(15, 2, 3)[:, head]
            weights = np.exp(q @ k.T / np.sqrt(2)) * covered / DISK_SHARE
            weights /= 1 + weights.sum(1, keepdims=True)
            expected = weights @ np.concatenate([signs, v], 1)
            ours = result[b].reshape(15, 2, 5)[:, head]
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_one_click_tells_what_resembles_it():
    keys = np.zeros((1, 2, 2, 4), np.float32)
    keys[0, 0] = 3.0  # the upper row resembles itself
    keys[0, 1] = -3.0
    disks = np.zeros((1, 2, 2, 2), np.float32)
    disks[0, 0, 0, 0] = 0.3
    values = np.zeros((1, 2, 2, 4), np.float32)
    share = np.asarray(ClickResemblance(heads=1)([keys, keys, values, disks]))[0, :, :, 0]
    assert share[0, 1] > 0.99
    assert share[1].max() < 0.01


def test_click_prototypes_equal_their_formula():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(2, 3, 4, 5)).astype("f")
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    disks = np.zeros((2, 3, 4, 2), np.float32)
    disks[0, 1, 2, 0], disks[0, 0, 0, 0] = 0.75, 0.25  # positive alone
    disks[1, 2, 3, 1] = 1.0
    result = np.asarray(ClickPrototypes()([features, disks]))
    mean = 0.75 * features[0, 1, 2] + 0.25 * features[0, 0, 0]
    np.testing.assert_allclose(result[0, ..., :5], 5 * features[0] * mean, atol=1e-4)
    assert not result[0, ..., 5:].any()
    np.testing.assert_allclose(result[1, 2, 3, 5:].sum() / 5, 1.0, atol=1e-4)  # cosine with itself


def test_mask_statistics_equal_their_formula():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(1, 4, 5, 3)).astype("f")
    logits = rng.normal(size=(1, 4, 5, 2)).astype("f")
    result = np.asarray(MaskStatistics()([features, logits]))
    for n in range(2):
        mask = 1 / (1 + np.exp(-logits[0, :, :, n].astype(np.float64)))
        area = mask.sum() + 1
        inside = mask[1:-1, 1:-1].sum()
        expected = [
            *((mask[..., None] * features[0]).sum((0, 1)) / area),
            *features[0].mean((0, 1)),
            area / 20,
            (4 * mask * (1 - mask)).sum() / area,
            (mask.sum() - inside) / area,
        ]
        np.testing.assert_allclose(result[0, n], expected, rtol=1e-4, atol=1e-5)
