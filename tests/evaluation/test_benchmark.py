import sys

import keras
import numpy as np
import pytest
from keras import layers

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import benchmark, benchmark_peers
from fctsfn_tf.evaluation.benchmark import (
    benchmark_table,
    built_without_weights,
    cost,
    cost_by_size_and_clicks,
    multiply_accumulates,
    seconds_per_part,
)
from fctsfn_tf.evaluation.benchmark_peers import PEERS, Work, made_up_clicks, made_up_photograph
from fctsfn_tf.networks.encode_once import split
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
        [f"conv{block}_{i}_{stream}" for block in (1, 2, 3, 4) for i in (1, 2, 3)]
        for stream in ("image", "interaction")
    ]
    for names in streams:
        assert per_pixel(counts, *names) == pytest.approx(278e3, rel=2e-3)
    assert per_pixel(counts, "conv5") == pytest.approx(37e3, rel=5e-3)
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
    assert model.input["image"].shape == (None, None, None, 3)


def test_seconds_grow_with_the_work():
    model = TSLFN(32, alpha=1 / 8)
    small = seconds_per_part(model, 32, 32, 2, np.random.default_rng(0))
    large = seconds_per_part(model, 320, 480, 2, np.random.default_rng(0))
    for before, after in zip(small, large, strict=True):
        assert 0 < before.median < after.median
        assert before.median <= before.p95


@pytest.fixture
def small_networks(monkeypatch):
    networks = {"FCTSFN": lambda: FCTSFN(alpha=ALPHA), "SSFCN": lambda: SSFCN(alpha=ALPHA)}
    monkeypatch.setattr(benchmark, "NETWORKS", networks)


@pytest.mark.parametrize(("runs", "columns"), [(0, 5), (1, 11)])
def test_table(small_networks, runs, columns):
    lines = benchmark_table(height=33, width=64, runs=runs).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {columns + 1}
    name, parameters, *numbers, ratio = (cell.strip() for cell in lines[2].strip("|").split("|"))
    assert name == "FCTSFN"
    if runs:
        assert numbers[-1] == "1.00×"
        assert "×" in lines[3].split("|")[-3]
    assert float(parameters) == round(FCTSFN(alpha=ALPHA).count_params() / 1e6, 3)
    assert len(numbers) == columns - 3
    assert float(ratio.removesuffix("×")) >= 1
    assert len(benchmark_table(["SSFCN"], runs=0).splitlines()) == 3


def test_peers_stand_beside_the_networks(small_networks, monkeypatch):
    def missing(image, clicks):
        raise InputError("it is not installed")

    seen = []

    def peer(image, clicks):
        seen.append((image.shape, len(clicks), {click.is_positive for click in clicks}))
        return Work(lambda: sum(range(2000)), lambda: sum(range(1000)), 3_000_000)

    monkeypatch.setattr(benchmark, "PEERS", {"peer": peer, "absent": missing})
    table = benchmark_table(["SSFCN"], 33, 64, runs=1, peers=["peer", "absent"])
    *_, there, absent = ([cell.strip() for cell in row.split("|")] for row in table.splitlines())
    assert there[1:3] == ["peer", "3.000"]
    assert there[-3].endswith("×")
    assert absent[1] == "absent"
    assert "it is not installed" in absent
    assert seen == [((33, 64, 3), 3, {True, False})]
    with pytest.raises(InputError, match="Received who"):
        benchmark_table(["SSFCN"], peers=["who"])


def test_a_peer_that_keeps_work_is_timed_on_a_click_new_to_it(small_networks, monkeypatch):
    image = made_up_photograph(40, 60, np.random.default_rng(0))
    asked = []
    monkeypatch.setitem(
        benchmark_peers.BASELINES, "rw", lambda _, clicks, __: asked.append(len(clicks))
    )
    work = PEERS["random walker, dissection"](image, made_up_clicks(40, 60, 3))
    monkeypatch.setattr(benchmark, "PEERS", {"peer": lambda *_: work})
    asked.clear()
    benchmark_table(["SSFCN"], 40, 60, runs=2, peers=["peer"])
    assert asked == [2, 3] * (benchmark.WARM_UP_RUNS + 2)


# SAM takes minutes at any size.
@pytest.mark.parametrize("name", [name for name in PEERS if "SAM" not in name])
def test_a_peer_answers_or_says_what_is_missing(name):
    image = made_up_photograph(24, 40, np.random.default_rng(0))
    try:
        answer = PEERS[name](image, made_up_clicks(24, 40, 3)).click()
    except InputError as error:
        pytest.skip(str(error))
    assert np.shape(answer)[-2:] == (24, 40)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is Linux' account")
def test_peak_memory_is_what_was_held_in_between():
    memory = benchmark._PeakMemory()
    held = np.ones(40_000_000, np.uint8)
    del held
    assert 35e6 < memory.peak_bytes() < 120e6


def test_cost_by_size_and_by_clicks(monkeypatch):
    """By a clock that the segmenter alone moves: 1 s a click, a tenth of the height to encode."""
    clock = [0.0]
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: clock[0])

    def segment(image, clicks, previous):
        segment.encode_seconds = image.shape[0] / 10
        clock[0] += len(clicks) + segment.encode_seconds
        return np.zeros(image.shape[:2], np.float32)

    by_size, by_clicks = cost_by_size_and_clicks({"it": segment}, [(8, 12), (90, 12)], 4)
    assert by_size["it"] == pytest.approx([3, 3])
    assert by_clicks["it"] == pytest.approx([1, 2, 3, 4])


def test_methods_take_turns_on_each_image():
    calls = []

    def segment_as(name):
        def segment(image, clicks, previous):
            calls.append((name, len(clicks), image.tobytes()))
            return np.zeros(image.shape[:2], np.float32)

        return segment

    cost_by_size_and_clicks({name: segment_as(name) for name in "ab"}, [(8, 12)], 3)
    for first in range(0, len(calls), 6):
        turn = calls[first : first + 6]
        assert [call[:2] for call in turn] == [(name, n) for name in "ab" for n in (1, 2, 3)]
        assert len({image for *_, image in turn}) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["UNet"]}, "UNet"),
        ({"height": 0}, "0 × 320"),
        ({"runs": -1}, "-1 runs"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        benchmark_table(**arguments)


def test_every_network_of_the_table_is_the_papers():
    assert [name for name in benchmark.NETWORKS if name.startswith("TSLFN_")] == [
        f"TSLFN_{depth} 32s" for depth in (1, 2, 3, 4, 5)
    ]
    for name in ("TSLFN 8s", "TSLFN 16s", "TSLFN_3 32s"):  # a late-bound lambda would build others
        model = built_without_weights(benchmark.NETWORKS[name])
        skips = {layer.name for layer in model.layers} & {"score_16s", "score_8s"}
        assert len(skips) == {"TSLFN 8s": 2, "TSLFN 16s": 1, "TSLFN_3 32s": 0}[name]
        assert ("conv4_1_image" in {layer.name for layer in model.layers}) == ("_3" in name) or (
            model.get_layer("conv4_1_image").use_bias
        )
