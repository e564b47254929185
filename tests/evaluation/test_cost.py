"""Operations of networks against numbers by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark.cost import built_without_weights, cost, multiply_accumulates
from fctsfn_tf.evaluation.benchmark.ritm import ritm_hrnet18s
from fctsfn_tf.networks.encode_once import named_inputs, split
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus

ALPHA = 1 / 64


def macs_of(layer, height=6, width=10, channels=3):
    image = keras.Input((None, None, channels), name="image")
    counts = multiply_accumulates(keras.Model(image, layer(image)), height, width)
    assert set(counts) <= {layer.name}
    return counts.get(layer.name, 0)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(4, (3, 5), padding="same"), 6 * 10 * 4 * 3 * 5 * 3),
        (layers.Conv2D(4, 3), 4 * 8 * 4 * 3 * 3 * 3),
        (layers.Conv2D(4, 3, strides=2, padding="same"), 3 * 5 * 4 * 9 * 3),
        (layers.Conv2D(4, 3, dilation_rate=2), 2 * 6 * 4 * 9 * 3),
        (layers.Conv2D(6, 1, groups=3), 6 * 10 * 6 * 1),
        (layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2), 6 * 10 * 25 * 3 * 2),
        (layers.SeparableConv2D(7, 3, padding="same"), 6 * 10 * (9 * 3 + 3 * 7)),
        (layers.Conv2DTranspose(4, 4, strides=2, padding="same"), 6 * 10 * 16 * 3 * 4),
        (layers.Dense(8), 6 * 10 * 3 * 8),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(2), 0),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_layers_by_hand(layer, expected):
    assert macs_of(layer) == expected


def test_an_unknown_layer_with_weights_is_refused():
    with pytest.raises(InputError, match="EinsumDense"):
        macs_of(layers.EinsumDense("abcd,de->abce", output_shape=(None, None, 4)))


def per_pixel(counts, *prefixes, size=(256, 320)):
    return sum(count for name, count in counts.items() if name.startswith(prefixes)) / np.prod(size)


def test_fctsfn_costs_what_the_design_says():
    """Thousands of multiply–accumulates per pixel, as counted by hand from Fig. 2."""
    counts = multiply_accumulates(built_without_weights(FCTSFN), 256, 320)
    streams = [
        [f"block{block}_conv{i}_{stream}" for block in (1, 2, 3, 4) for i in (1, 2, 3)]
        for stream in ("image", "interaction")
    ]
    for names in streams:
        assert per_pixel(counts, *names) == pytest.approx(278e3, rel=2e-3)
    assert per_pixel(counts, "block5") == pytest.approx(37e3, rel=5e-3)
    assert per_pixel(counts, "fc") == pytest.approx(117e3, rel=5e-3)
    assert per_pixel(counts, "bottleneck") == 14_520
    assert per_pixel(counts, *(f"refine{i}" for i in range(1, 6))) == 407_424
    assert per_pixel(counts, "") == pytest.approx(1.13e6, rel=2e-3)
    assert per_pixel(counts, "") * 240 * 320 == pytest.approx(87e9, rel=2e-3)


def test_images_count_with_their_padding():
    model = FCTSFN(alpha=ALPHA)
    assert multiply_accumulates(model, 33, 64) == multiply_accumulates(model, 64, 64)


def test_parts_add_up():
    model = built_without_weights(lambda: TSLFN(32))
    parameters, image, click = cost(model, 32, 64)
    assert parameters == 144_265_798 - 2_050 - 1_026
    assert image + click == sum(multiply_accumulates(model, 32, 64).values())
    stream = 277_632 + 576  # per pixel, of the image; conv1_1 reads one channel more
    assert image == 32 * 64 * (stream + 9 * 512 * 512 / 256)
    # SSFCN: all but conv1_1's image half runs per click.
    ssfcn = cost(built_without_weights(SSFCN), 32, 64)
    assert ssfcn.image_macs == 32 * 64 * 9 * 3 * 64
    # TSLFN⁻: nothing but the fusion net runs per click.
    minus = cost(built_without_weights(TSLFNMinus), 32, 64)
    assert minus.image_macs == image
    assert minus.click_macs == click - 32 * 64 * (277_632 + 9 * 512 * 512 / 256) + 2 * 4 * (
        9 * 2 * 512
    )


def test_click_attention_of_the_compact_network():
    model = built_without_weights(lambda: FCTSFN(backbone="mobilenet_v2"))
    counts = multiply_accumulates(model, 64, 96)
    places = 4 * 6
    # 64 channels of queries and keys; 128 of values and 2 signs.
    assert counts["click_attention"] == places * places * (64 + 128 + 2)


def test_counting_leaves_the_network_as_it_was(tmp_path):
    model = FCTSFN(alpha=ALPHA)
    cost(model, 32, 64)
    cost(model, 64, 32)
    split(model)
    model.save(tmp_path / "network.keras")
    assert multiply_accumulates(model, 32, 64)
    assert named_inputs(model)["image"].shape == (None, None, None, 3)


def test_ritms_smallest_network_has_the_weights_that_its_authors_state():
    """4.22 million, and nearly all of its work comes after the clicks."""
    network = built_without_weights(ritm_hrnet18s)
    learnt = sum(np.prod(variable.shape) for variable in network.trainable_variables)
    assert round(learnt / 1e6, 2) == 4.22
    assert network.output_shape == (None, None, None, 1)
    _, image_macs, click_macs = cost(network, 288, 384)
    assert 8e9 * 288 * 384 / 384**2 < image_macs + click_macs < 8.3e9 * 288 * 384 / 384**2
    assert image_macs < click_macs / 100
