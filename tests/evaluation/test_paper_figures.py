"""The paper's figures from made-up results and tiny data."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_paper import CURVE, is_png, results

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper import paper_figures
from fctsfn_tf.evaluation.paper.paper_figures import figure
from fctsfn_tf.evaluation.result_files import write_results
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.images.graph_cut import GraphCutParameters, graph_cut


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


def test_fctsfn_is_shown_click_by_click_and_its_masks_are_cut(workshop, data, monkeypatch):
    shown = []
    cut = GraphCutParameters(smoothness=3.0)

    def segment(image, clicks, previous):
        return np.where(image[..., 2] > 150, 0.6, 0.45).astype(np.float32)

    monkeypatch.setattr(Segmenter, "graph_cut", cut)
    monkeypatch.setattr(Segmenter, "build", lambda self: (self.name, segment))
    monkeypatch.setattr(paper_figures, "sheet", shown.append)
    shop = replace(workshop, data=data, presets={"SSFCN": "x", "FCTSFN": "y"})
    _, said = figure(shop, 8)
    assert said == "Network: FCTSFN."
    ((first, *_), *_) = shown[0]
    probability = segment(first.image, (), None)
    assert np.array_equal(first.mask, graph_cut(probability, first.image, first.clicks, cut))
    assert not np.array_equal(first.mask, probability > 0.49)
    assert len(shown[0][0]) == 5
