"""Markdown and CSV of made-up results."""

import csv
import io

from made_up_results import BROKEN, curve, run_of

from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.tables import markdown, table_of_objects


def test_markdown_shows_the_numbers_and_the_failures():
    good = curve("good", (0.25,) + (0.9,) * 19, seconds=(2.0, 0.1), encode_seconds=(0.5, 0.0))
    bad = ObjectResult("bad", failure="click 1: NaN")
    text = markdown(Results(run_of(), (good, bad)))
    assert "| 90 % | 2.00 | 2.00 … 2.00 | 0 |" in text
    assert "| 95 % | 20.00 | 20.00 … 20.00 | 1 |" in text
    assert "| 1 | 25.0% | 25.0% … 25.0% | 25.0% |" in text
    assert "image part 0.500 s, first click 2.000 s, later clicks 0.100 s" in text
    assert "1 objects failed" in text
    assert "- bad: click 1: NaN" in text


def test_a_line_per_object():
    early = curve('early, "quoted"', (0.2, 0.9), seconds=(1.0, 0.25), encode_seconds=(0.5, 0.0))
    table = table_of_objects(Results(run_of(until=0.9), (early, BROKEN)))
    first, second = csv.DictReader(io.StringIO(table))
    assert first["object"] == 'early, "quoted"'
    assert (first["clicks_to_80"], first["clicks_to_90"]) == ("2", "2")
    assert "clicks_to_95" not in first
    assert (first["iou_1"], first["iou_2"], first["iou_3"]) == ("0.200000", "0.900000", "")
    assert (first["seconds"], first["encode_seconds"]) == ("1.250", "0.500")
    assert (second["failure"], second["clicks_to_80"]) == ("click 2: NaN", "")
