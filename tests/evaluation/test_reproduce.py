"""The paper's tables and figures from made-up results and tiny data."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.commands import arguments, cli
from fctsfn_tf.commands.reproduce import FIGURE_NUMBERS, TABLE_NUMBERS
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import reproduce
from fctsfn_tf.evaluation.evaluation import Shard
from fctsfn_tf.evaluation.paper_results import FIGURES, SETS, TABLES
from fctsfn_tf.evaluation.plots import Panel, Picture, curves, sheet
from fctsfn_tf.evaluation.reproduce import NETWORKS, Workshop, figure, results_of, table
from fctsfn_tf.evaluation.results import ObjectResult, Results, read_results, write_results


def results(model, ious, until=None, failed=0, **values):
    protocol = {
        "rule": "paper",
        "threshold": 0.49,
        "graph_cut": None,
        "max_clicks": 20,
        "until": until,
        "is_jittered": False,
        "choice": "free-choice",
    }
    run = {"data": "grabcut", "model": model, "seed": 0, "shard": [1, 1], "num_cpus": 2}
    objects = [ObjectResult("good", ious=tuple(ious), **values)]
    objects += [ObjectResult(f"bad {index}", failure="NaN") for index in range(failed)]
    return Results({**run, "protocol": protocol}, tuple(objects))


CURVE = [0.5, 0.6, 0.7, 0.92] + [0.95] * 16


@pytest.fixture
def workshop(tmp_path):
    return Workshop(None, tmp_path / "results", shipped=("compact",))


def rows_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_every_number_of_the_paper_has_its_place():
    for number, paper in TABLES.items():
        rows = {"clicks": 4, "iou": 12, "decidability": 32}[paper.measure]
        assert len(paper.values) == rows, number
        assert {len(values) for values in paper.values.values()} == {len(paper.methods)}
        names = {key if isinstance(key, str) else key[0] for key in paper.values}
        assert names == set(SETS)
    # The columns that two tables share hold the same numbers.
    for one, other in ((2, 7), (2, 4), (3, 6), (3, 5)):
        for key, values in TABLES[one].values.items():
            by_method = dict(zip(TABLES[one].methods, values, strict=True))
            for method, value in zip(TABLES[other].methods, TABLES[other].values[key], strict=True):
                same = "TSLFN" if method == "TSLFN_4" else method
                assert by_method.get(same, value) == value
    assert TABLES[1].values["berkeley", 5, "single-positive"] == (1.33, 2.23)
    assert ("grabcut", 1, "single-positive") not in TABLES[1].values
    assert set(TABLES) == set(TABLE_NUMBERS)
    assert {*FIGURES, 7, 8} == set(FIGURE_NUMBERS)


def test_a_table_shows_ours_under_the_papers_and_says_what_is_missing(workshop):
    folder = workshop.results
    write_results(results("gsc", CURVE, failed=2), folder / "grabcut_gsc_paper.json")
    write_results(results("c", CURVE[:4], until=0.9), folder / "grabcut_compact_paper.json")
    write_results(results("c", CURVE), folder / "grabcut_compact_ritm.json")
    text = table(workshop, 7)
    rows = rows_of(text)
    header = next(row for row in rows if "GSC" in row)
    (place,) = [index for index, row in enumerate(rows) if row[0] == "GrabCut, clicks to 90%"]
    theirs, ours = (dict(zip(header, rows[place + step], strict=True)) for step in (0, 1))
    assert (theirs["GSC"], theirs["FCTSFN"], theirs["compact"]) == ("5.02", "3.76", "")
    assert (ours["GSC"], ours["FCTSFN"], ours["compact"]) == ("4.00 (1)", "–", "4.00 (1)")
    assert "- SSFCN, FCTSFN on Pascal VOC 2012, Microsoft COCO, GrabCut, Berkeley: no tr" in text
    assert "- GC, GM, RW, ESC, OpenCV GrabCut on GrabCut: no results, and no data" in text
    assert "- GrabCut, GSC: 2 objects failed" in text
    text = table(workshop, 6)
    rows = rows_of(text)
    (place,) = [index for index, row in enumerate(rows) if row[0] == "GrabCut, 10 clicks"]
    assert rows[place][-2:] == ["", ""]
    assert rows[place + 1][6] == "95.0 (1)"
    assert rows[place + 1][-1] == "–"
    assert "compact: objects were left at 90%, so mean IoUs end early" in text
    assert "4.00 (1)" in table(replace(workshop, protocol="ritm"), 7)


def test_table_1_takes_its_three_settings(workshop):
    for index, choice in enumerate(("free-choice", "all-positive", "single-positive"), 2):
        made = results("c", CURVE, decidability=(float(index),) * 20)
        write_results(made, workshop.results / f"grabcut_compact_paper_{choice}.json")
    rows = rows_of(table(workshop, 1))
    for title, cell in (
        ("GrabCut, free-choice, 1", "2.00 (1)"),
        ("GrabCut, all-positive, 10", "3.00 (1)"),
        ("GrabCut, single-positive, 5", "4.00 (1)"),
    ):
        (place,) = [index for index, row in enumerate(rows) if row[0] == title]
        assert rows[place + 1][-1] == cell
    assert not any(row[0] == "GrabCut, single-positive, 1" for row in rows)


@pytest.fixture
def data(tmp_path):
    """GrabCut in miniature: three photographs of one red square each."""
    for index in range(3):
        image = np.full((40, 60, 3), 90, np.uint8)
        image[8:30, 10 + index : 40] = (40, 50, 200)
        mask = np.zeros((40, 60), np.uint8)
        mask[8:30, 10 + index : 40] = 255
        for folder, array in (("data_GT", image), ("boundary_GT", mask)):
            path = tmp_path / "data" / "grabcut" / folder / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), array)
    return tmp_path / "data"


def test_what_is_missing_is_evaluated_once_where_the_data_is(workshop, data, monkeypatch):
    shop = replace(workshop, data=data, until=0.9, limit=2)
    found = results_of(shop, "grabcut", "OpenCV GrabCut")
    assert len(found.objects) == 2
    assert found.run["protocol"]["until"] == 0.9
    path = workshop.results / "grabcut_grabcut_paper.json"
    assert [result.ious for result in read_results(path).objects] == [
        result.ious for result in found.objects
    ]
    monkeypatch.setattr(reproduce, "evaluate_dataset", lambda *_, **__: pytest.fail("again"))
    assert results_of(shop, "grabcut", "OpenCV GrabCut") == read_results(path)
    for name, method in (("berkeley", "GC"), ("grabcut", "FCTSFN")):
        with pytest.raises(InputError, match=r"no data in --data|no trained weights"):
            results_of(shop, name, method)


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


def is_png(content):
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return image is not None and image.shape[0] > 100 and image.std() > 5


def test_figures_are_pictures(workshop, data):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    write_results(results("gsc", CURVE), workshop.results / "grabcut_gsc_paper.json")
    picture, said = figure(workshop, 6)
    assert is_png(picture)
    assert "- SSFCN, FCTSFN on" in said
    with pytest.raises(InputError, match="needs a network"):
        figure(replace(workshop, shipped=(), data=data), 8)
    with pytest.raises(InputError, match="one of 3"):
        figure(workshop, 9)


def test_curves_and_sheets_of_anything():
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    panels = [Panel("one", {"a": CURVE}, {"a": {1: 0.4}}), Panel("empty", {}, {"b": {3: 0.5}})]
    assert is_png(curves("title", panels))
    image = np.full((30, 50, 3), 120, np.uint8)
    clicks = (Click(3, 4, True), Click(20, 30, False))
    mask = np.zeros((30, 50), bool)
    mask[5:20, 10:30] = True
    row = [Picture("clicks", image, clicks), Picture("mask", image, (), mask)]
    assert is_png(sheet([row, row[:1]]))


def test_the_command_writes_tables_and_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "figure", lambda workshop, number: (b"png", "said"))
    # Keras stays out: nothing is evaluated.
    monkeypatch.setattr(arguments, "import_quietly", lambda: None)
    out = tmp_path / "out"
    shared = ["reproduce", "--results", str(tmp_path / "r"), "--output", str(out)]
    assert cli.main([*shared, "--table", "7", "--figure", "3"]) == 0
    assert (out / "table_7_paper.md").read_text() in capsys.readouterr().out
    assert (out / "figure_3_paper.png").read_bytes() == b"png"
    twice = ["--protocol", "ritm", "--protocol", "paper", "--protocol", "ritm"]
    assert cli.main([*shared, "--table", "2", *twice]) == 0
    printed = capsys.readouterr().out
    assert (
        printed
        == (out / "table_2_ritm.md").read_text()
        + "\n"
        + (out / "table_2_paper.md").read_text()
        + "\n"
    )
    assert "Protocol `ritm`" in (out / "table_2_ritm.md").read_text()
    assert "Protocol `paper`" in (out / "table_2_paper.md").read_text()
    for given in (
        ["--table", "7"],  # is there already
        ["--table", "7", "--protocol", "ritm", "--protocol", "paper"],  # one of them is
        ["--table", "8"],
        ["--figure", "2"],
        ["--table", "2", "--preset", "ABC=x"],
        ["--table", "2", "--preset", "FCTSFN"],
        ["--table", "2", "--data", str(tmp_path / "none")],
    ):
        assert cli.main([*shared, *given]) == 2
    assert not (out / "table_7_ritm.md").exists()  # all or nothing
    assert cli.main(["reproduce", "--figure", "3"]) == 2
    assert "TSLFN⁻ 32s" in NETWORKS
