"""The paper's tables from made-up results."""

from dataclasses import replace

from made_up_paper import CURVE, results

from fctsfn_tf.evaluation.paper.paper_tables import table
from fctsfn_tf.evaluation.result_files import write_results


def rows_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


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
