"""Results from files, or evaluated on tiny data."""

from dataclasses import replace

import pytest
from made_up_paper import CURVE, results

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper import workshop as workshop_module
from fctsfn_tf.evaluation.paper.paper_tables import table
from fctsfn_tf.evaluation.paper.workshop import results_of
from fctsfn_tf.evaluation.result_files import read_results, write_results
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.shards import Shard
from fctsfn_tf.images.graph_cut import GraphCutParameters
from fctsfn_tf.predict.preset_files import weights_digest


def test_what_is_missing_is_evaluated_once_where_the_data_is(workshop, data, monkeypatch):
    shop = replace(workshop, data=data, until=0.9, limit=2)
    found = results_of(shop, "grabcut", "OpenCV GrabCut")
    assert len(found.objects) == 2
    assert found.run["protocol"]["until"] == 0.9
    path = workshop.results / "grabcut_grabcut_paper.json"
    assert [result.ious for result in read_results(path).objects] == [
        result.ious for result in found.objects
    ]
    monkeypatch.setattr(workshop_module, "evaluate_dataset", lambda *_, **__: pytest.fail("again"))
    assert results_of(shop, "grabcut", "OpenCV GrabCut") == read_results(path)
    for name, method in (("berkeley", "GC"), ("grabcut", "FCTSFN")):
        with pytest.raises(InputError, match=r"no data in --data|no trained weights"):
            results_of(shop, name, method)


def test_a_network_is_cut_as_its_preset_says_and_a_classical_method_is_not(
    workshop, data, monkeypatch
):
    cut = GraphCutParameters(smoothness=3.0)
    monkeypatch.setattr(Segmenter, "graph_cut", cut)
    protocols = []
    monkeypatch.setattr(
        workshop_module,
        "evaluate_dataset",
        lambda dataset, segmenter, protocol, **_: protocols.append(protocol),
    )
    shop = replace(workshop, data=data, presets={"FCTSFN": "x"})
    for method in ("FCTSFN", "GC"):
        results_of(shop, "grabcut", method)
    results_of(replace(shop, protocol="ritm"), "grabcut", "FCTSFN")
    assert [protocol.graph_cut for protocol in protocols] == [cut, None, None]


def test_shards_are_joined_when_all_are_there(workshop, data):
    first, second = (replace(workshop, data=data, shard=Shard(index, 2)) for index in (1, 2))
    for _ in range(2):  # the second time it has nothing to do
        with pytest.raises(InputError, match="1 of 2 shards are there"):
            results_of(first, "grabcut", "OpenCV GrabCut")
    part = results_of(workshop, "grabcut", "OpenCV GrabCut")  # without data, what there is
    assert [result.name for result in part.objects] == ["0", "2"]
    assert "only 2 objects, from a part of 3 photographs" in table(workshop, 7)
    for shop in (second, workshop):
        whole = results_of(shop, "grabcut", "OpenCV GrabCut")
        assert [result.name for result in whole.objects] == ["0", "1", "2"]


def test_results_that_are_there_need_no_weights(workshop, data):
    results_of(replace(workshop, data=data, limit=2), "grabcut", "OpenCV GrabCut")
    path = workshop.results / "grabcut_FCTSFN_paper.json"
    (workshop.results / "grabcut_grabcut_paper.json").rename(path)
    assert results_of(workshop, "grabcut", "FCTSFN") == read_results(path)
    assert "FCTSFN on Pascal" in table(workshop, 2)
    assert "FCTSFN on GrabCut" not in table(workshop, 2)


def test_results_of_other_weights_are_not_shown_for_a_preset(workshop):
    shop = replace(workshop, presets={"FCTSFN": "compact"})
    path = workshop.results / "grabcut_FCTSFN_paper.json"
    write_results(results("FCTSFN@0123456789ab, no zoom-in", CURVE), path)
    reason = "holds results of FCTSFN@0123456789ab, not of the preset compact@"
    with pytest.raises(InputError, match=reason):
        results_of(shop, "grabcut", "FCTSFN")
    assert reason in table(shop, 2)
    assert results_of(workshop, "grabcut", "FCTSFN").objects
    path.unlink()
    write_results(results(f"moved@{weights_digest('compact')[:12]}, zoom-in", CURVE), path)
    assert results_of(shop, "grabcut", "FCTSFN").objects
