"""The paper's figures from made-up results and tiny data."""

from dataclasses import replace

import pytest
from made_up_paper import CURVE, is_png, results

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper.paper_figures import figure
from fctsfn_tf.evaluation.result_files import write_results


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
