import numpy as np
import pytest
from made_up_paper import CURVE, is_png

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.plots import Panel, Picture, curves, sheet


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
