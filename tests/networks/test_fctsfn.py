import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.cost import built_without_weights
from fctsfn_tf.networks import fctsfn as fctsfn_model
from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus, freeze_tslfn
from fctsfn_tf.networks.layers import BilinearUpsampling, FreezableDropout

ALPHA = 1 / 32  # 2, 4, 8, 16, 16 filters and 128 in fc6, fc7

NETWORKS = {
    "fctsfn": lambda: FCTSFN(alpha=ALPHA),
    **{f"tslfn_{stride}s": lambda s=stride: TSLFN(s, alpha=ALPHA) for stride in (32, 16, 8)},
    **{f"tslfn_{depth}": lambda d=depth: TSLFN(8, d, alpha=ALPHA) for depth in (1, 3, 5)},
    "ssfcn": lambda: SSFCN(alpha=ALPHA),
    "tslfn_minus": lambda: TSLFNMinus(alpha=ALPHA),
    "tslfn_minus_8s": lambda: TSLFNMinus(8, alpha=ALPHA),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def randomised(network, rng):
    """The network with weights that let everything matter: scores are zero before training.

    Weights lean to the positive, so that no layer of so few filters is cut off by its ReLU.
    """
    for variable in network.weights:
        scale = 1 / np.sqrt(max(np.prod(variable.shape[:-1]), 1))
        values = rng.normal(scale**2, scale, variable.shape)
        is_scale = variable.name in ("gamma", "moving_variance")
        variable.assign(np.abs(values) + 0.5 if is_scale else values)
    return network


def inputs(rng, height, width, batch=1):
    return {
        "image": ops.convert_to_tensor(
            rng.uniform(0, 255, (batch, height, width, 3)).astype("float32")
        ),
        "click_maps": ops.convert_to_tensor(
            rng.uniform(0, 255, (batch, height, width, 2)).astype("float32")
        ),
    }


def count(network, pattern, variables=("kernel", "bias")):
    return sum(
        int(np.prod(variable.shape))
        for layer in network.layers
        if re.fullmatch(pattern, layer.name)
        for variable in layer.weights
        if variable.name in variables
    )


MSRN = "(bottleneck|refine|score_bn).*"


def test_golden_parameter_counts():
    network = built_without_weights(FCTSFN)
    assert count(network, r"block[1-4]_conv\d_image") == 7_635_264
    assert count(network, r"block[1-4]_conv\d_interaction") == 7_634_688
    assert count(network, rf"(?!{MSRN}).*") == 144_265_798
    assert count(network, MSRN) == 553_474
    assert count(network, MSRN, ("gamma", "beta")) == 1_244
    assert count(network, ".*", ("moving_mean", "moving_variance")) == 1_244
    assert built_without_weights(TSLFN).count_params() == 144_265_798


def test_parameter_counts_of_the_variants():
    """By hand: VGG16's convolutions hold 14,714,688, fc6 102,764,544, fc7 16,781,312."""
    vgg16 = 14_714_688 + 102_764_544 + 16_781_312
    score = 4096 * 2 + 2
    ssfcn = vgg16 + 2 * 9 * 64 + score
    assert built_without_weights(lambda: SSFCN(32)).count_params() == ssfcn
    assert built_without_weights(lambda: SSFCN(16)).count_params() == ssfcn + 512 * 2 + 2
    assert built_without_weights(TSLFNMinus).count_params() == vgg16 + 2 * 9 * 512 + score
    interaction_block = 2 * 9 * 64 + 64 + 9 * 64 * 64 + 64
    fused_conv2_1 = 9 * 64 * 128  # the second half of its input
    tslfn_1 = vgg16 + interaction_block + fused_conv2_1 + score
    assert built_without_weights(lambda: TSLFN(32, 1)).count_params() == tslfn_1
    streams = 2 * 14_714_688 - 9 * 64
    assert built_without_weights(lambda: TSLFN(32, 5)).count_params() == (
        streams + 2 * 102_764_544 - 4096 + 16_781_312 + score
    )


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_split_equals_the_whole(build, rng):
    network = randomised(build(), rng)
    image_part, click_part = split(network)
    example = inputs(rng, 40, 70)
    whole = ops.convert_to_numpy(network(example))
    parts = click_part([*image_part(example["image"]), example["click_maps"]])
    assert whole.std() > 1e-2
    np.testing.assert_allclose(ops.convert_to_numpy(parts), whole, atol=1e-4, rtol=1e-5)
    assert [tensor.name for tensor in image_part.inputs] == ["image"]
    assert "image" not in {tensor.name for tensor in click_part.inputs}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_image_is_the_first_input(build):
    network = build()
    assert [tensor.name for tensor in network.inputs] == ["image", "click_maps"]
    assert [tensor.shape[-1] for tensor in network.inputs] == [3, 2]


def test_names_of_what_crosses():
    """They are part of every file that Keras saves, and of exports."""
    _, click_part = split(FCTSFN(alpha=ALPHA))
    assert [tensor.name for tensor in click_part.inputs] == [
        "features_block5_conv1",
        *(f"features_bottleneck{i}" for i in (1, 2, 3, 4)),
        "features_score_pool3",
        "features_score_pool4",
        "click_maps",
    ]


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_image_and_clicks_both_reach_the_output(build, rng):
    network = randomised(build(), rng)
    example = inputs(rng, 32, 64)
    logits = ops.convert_to_numpy(network(example))
    for name in ("image", "click_maps"):
        changed = ops.convert_to_numpy(network({**example, name: 255 - example[name]}))
        assert np.abs(changed - logits).max() > 1e-4


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_scores_start_at_zero_without_msrn(build, rng):
    network = build()
    logits = ops.convert_to_numpy(network(inputs(rng, 32, 64)))
    assert logits.any() == (network.name == "fctsfn")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 64), (33, 31)])
def test_any_size(height, width, rng):
    network = FCTSFN(alpha=ALPHA)
    logits = network(inputs(rng, height, width, batch=2))
    assert tuple(logits.shape) == (2, height, width, 1)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_padding_does_not_reach_an_aligned_image(rng):
    """A network sees an image of 32 × 64 the same alone and in the corner of a mean-grey one."""
    network = randomised(TSLFN(alpha=ALPHA), rng)
    example = inputs(rng, 30, 50)
    bgr = np.array(fctsfn_model.BGR_MEAN, np.float32)
    padded = {
        "image": np.tile(bgr[::-1], (1, 32, 64, 1)),
        "click_maps": np.tile(np.float32(fctsfn_model.CLICK_MAPS_MEAN), (1, 32, 64, 1)),
    }
    for name, array in padded.items():
        array[:, :30, :50] = ops.convert_to_numpy(example[name])
    padded = {name: ops.convert_to_tensor(array) for name, array in padded.items()}
    np.testing.assert_allclose(
        ops.convert_to_numpy(network(example)),
        ops.convert_to_numpy(network(padded))[:, :30, :50],
        atol=1e-5,
    )


def test_equals_the_paper_written_with_concatenations(rng):
    """FCTSFN once more from Fig. 2, with ⊗ as concatenation and kernels stacked to match."""
    network = randomised(FCTSFN(alpha=ALPHA), rng)
    example = inputs(rng, 64, 32)

    def weights(name):
        """Kernel and bias over the concatenated input."""
        names = [layer.name for layer in network.layers]
        if f"{name}_image" not in names:
            return network.get_layer(name).get_weights()
        image = network.get_layer(f"{name}_image").get_weights()
        interaction = network.get_layer(f"{name}_interaction").get_weights()
        return [np.concatenate([image[0], interaction[0]], axis=2), *interaction[1:]]

    def conv(x, name):
        kernel, *bias = weights(name)
        y = ops.conv(x, ops.convert_to_tensor(kernel), padding="same")
        return y + ops.convert_to_tensor(bias[0]) if bias else y

    def batch_norm(x, name):
        gamma, beta, mean, variance = network.get_layer(name).get_weights()
        slope = gamma / np.sqrt(variance + 1e-5)
        return x * slope + (beta - mean * slope)

    def stream(x, suffix):
        seen = {}
        for block, count_of_layers in ((1, 2), (2, 2), (3, 3), (4, 3)):
            for i in range(1, count_of_layers + 1):
                kernel, bias = network.get_layer(f"block{block}_conv{i}{suffix}").get_weights()
                x = ops.relu(ops.conv(x, ops.convert_to_tensor(kernel), padding="same") + bias)
            seen[block] = x
            x = seen[f"pool{block}"] = ops.max_pool(x, 2, 2)
        return seen

    image = ops.flip(example["image"], -1) - np.float32([104.00699, 116.66877, 122.67892])
    image = stream(image, "_image")
    clicks = stream(example["click_maps"] - np.float32([166.90557, 147.47697]), "_interaction")
    fused = {key: ops.concatenate([image[key], clicks[key]], axis=-1) for key in image}
    x = fused["pool4"]
    for i in (1, 2, 3):
        x = ops.relu(conv(x, f"block5_conv{i}"))
    fused[5] = x
    x = ops.relu(conv(ops.max_pool(x, 2, 2), "fc6"))
    x = ops.relu(conv(x, "fc7"))
    score = BilinearUpsampling(2)(conv(x, "score")) + conv(fused["pool4"], "score_pool4")
    score = BilinearUpsampling(2)(score) + conv(fused["pool3"], "score_pool3")
    score = BilinearUpsampling(8)(score)
    total = 0
    for i in (1, 2, 3, 4, 5):
        scale = ops.relu(batch_norm(conv(fused[i], f"bottleneck{i}"), f"bottleneck{i}_bn"))
        total = total + BilinearUpsampling(2 ** (i - 1))(scale)
    x = ops.concatenate([total, batch_norm(score, "score_bn")], axis=-1)
    for i in (1, 2, 3, 4, 5):
        x = ops.relu(batch_norm(conv(x, f"refine{i}"), f"refine{i}_bn"))
    background, foreground = np.moveaxis(ops.convert_to_numpy(conv(x, "refined_score")), -1, 0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(network(example))[..., 0],
        foreground - background,
        rtol=1e-5,
        atol=1e-3,
    )


def test_kernels_of_the_refining_network():
    network = FCTSFN(alpha=ALPHA)
    sizes = [network.get_layer(f"refine{i}").kernel_size for i in (1, 2, 3, 4, 5)]
    assert sizes == [(7, 7), (5, 5), (3, 3), (3, 3), (3, 3)]
    dropouts = {
        layer.name: layer.rate for layer in network.layers if isinstance(layer, layers.Dropout)
    }
    assert dropouts == {
        "dropout6": 0.5,
        "dropout7": 0.5,
        **{f"refine{i}_dropout": 0.5 for i in (1, 2, 3, 4, 5)},
    }


def unfreeze(network):
    for layer in network.layers:
        layer.trainable = True


def dropout_changes(network, example):
    """Whether the TSLFN of a network computes in training something else than in use."""
    score = keras.Model(network.input, network.get_layer("score_up").output)
    one, other = (ops.convert_to_numpy(score(example, training=t)) for t in (True, False))
    return bool((one != other).any())


def test_frozen_saved_and_unfrozen_network_drops_out_again(rng, tmp_path):
    network, example = randomised(FCTSFN(alpha=ALPHA), rng), inputs(rng, 32, 64)
    freeze_tslfn(network)
    network.save(tmp_path / "frozen.keras")
    loaded = keras.saving.load_model(tmp_path / "frozen.keras")
    for one in (network, loaded):
        assert not dropout_changes(one, example)
        unfreeze(one)
        assert dropout_changes(one, example)
        assert {one.get_layer(name).rate for name in ("dropout6", "dropout7")} == {0.5}


def test_a_network_of_an_earlier_version_freezes_too(rng):
    """Its file holds Keras' own dropout."""

    def as_saved_before(layer):
        kind = layers.Dropout if isinstance(layer, FreezableDropout) else type(layer)
        return kind.from_config(layer.get_config())

    network = keras.models.clone_model(FCTSFN(alpha=ALPHA), clone_function=as_saved_before)
    assert type(network.get_layer("dropout6")) is layers.Dropout
    randomised(network, rng)
    freeze_tslfn(network)
    example = inputs(rng, 32, 64)
    assert not dropout_changes(network, example)
    unfreeze(network)
    assert dropout_changes(network, example)


def test_resized_maps_of_tslfn_minus(rng):
    network = TSLFNMinus(alpha=ALPHA)
    maps = ops.convert_to_tensor(np.arange(32 * 64 * 2, dtype="float32").reshape(1, 32, 64, 2))
    resized = ops.convert_to_numpy(network.get_layer("resized_16")(maps))
    expected = ops.convert_to_numpy(maps).reshape(1, 2, 16, 4, 16, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(resized, expected, rtol=1e-6)


@pytest.mark.parametrize("build", [NETWORKS["fctsfn"], NETWORKS["ssfcn"]], ids=["fctsfn", "ssfcn"])
def test_networks_and_parts_survive_saving(build, rng, tmp_path):
    network = randomised(build(), rng)
    example = inputs(rng, 33, 40)
    expected = ops.convert_to_numpy(network(example))
    network.save(tmp_path / "network.keras")
    network.save_weights(tmp_path / "network.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    fresh = build()
    fresh.load_weights(tmp_path / "network.weights.h5")
    for again in (loaded, fresh):
        np.testing.assert_allclose(ops.convert_to_numpy(again(example)), expected, atol=1e-6)
    image_part, click_part = split(loaded)
    parts = click_part([*image_part(example["image"]), example["click_maps"]])
    np.testing.assert_allclose(ops.convert_to_numpy(parts), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FCTSFN(backbone="resnet"), "'resnet'"),
        (lambda: TSLFN(stride=4), "stride=4"),
        (lambda: TSLFNMinus(stride="8"), "stride='8'"),
        (lambda: TSLFN(depth=0), "depth=0"),
        (lambda: TSLFN(depth=6), "depth=6"),
        (lambda: SSFCN(alpha=0), "alpha"),
        (lambda: FCTSFN(alpha=-1), "alpha"),
        (lambda: SSFCN(weights="no_such_file.h5", alpha=ALPHA), "no_such_file.h5"),
    ],
)
def test_unknown_arguments(build, message):
    with pytest.raises(InputError, match=message):
        build()
