"""The table over tiny networks."""

import numpy as np
import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.benchmark import benchmark_table as table_module
from fctsfn_tf.evaluation.benchmark import peers as peers_module
from fctsfn_tf.evaluation.benchmark.benchmark_table import NETWORKS, benchmark_table
from fctsfn_tf.evaluation.benchmark.cost import built_without_weights
from fctsfn_tf.evaluation.benchmark.peers import PEERS, Work, made_up_clicks, made_up_photograph
from fctsfn_tf.evaluation.benchmark.timing import WARM_UP_RUNS
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN

ALPHA = 1 / 64


@pytest.fixture
def small_networks(monkeypatch):
    networks = {"FCTSFN": lambda: FCTSFN(alpha=ALPHA), "SSFCN": lambda: SSFCN(alpha=ALPHA)}
    monkeypatch.setattr(table_module, "NETWORKS", networks)


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

    monkeypatch.setattr(table_module, "PEERS", {"peer": peer, "absent": missing})
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
        peers_module.BASELINES, "rw", lambda _, clicks, __: asked.append(len(clicks))
    )
    work = PEERS["random walker, dissection"](image, made_up_clicks(40, 60, 3))
    monkeypatch.setattr(table_module, "PEERS", {"peer": lambda *_: work})
    asked.clear()
    benchmark_table(["SSFCN"], 40, 60, runs=2, peers=["peer"])
    assert asked == [2, 3] * (WARM_UP_RUNS + 2)


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
    assert [name for name in NETWORKS if name.startswith("TSLFN_")] == [
        f"TSLFN_{depth} 32s" for depth in (1, 2, 3, 4, 5)
    ]
    for name in ("TSLFN 8s", "TSLFN 16s", "TSLFN_3 32s"):  # a late-bound lambda would build others
        model = built_without_weights(NETWORKS[name])
        skips = {layer.name for layer in model.layers} & {"score_16s", "score_8s"}
        assert len(skips) == {"TSLFN 8s": 2, "TSLFN 16s": 1, "TSLFN_3 32s": 0}[name]
        assert ("block4_conv1_image" in {layer.name for layer in model.layers}) == (
            "_3" in name
        ) or (model.get_layer("block4_conv1_image").use_bias)
