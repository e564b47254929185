from itertools import product

import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.baselines import gm
from fctsfn_tf.evaluation.baselines.seeds import seeds_from_clicks, with_background


def test_geodesic_matting_compares_all_paths(monkeypatch):
    pytest.importorskip("scipy", reason="SciPy is not installed")
    rng = np.random.default_rng(6)
    field, image = rng.random((5, 8)), np.zeros((5, 8, 3), np.uint8)
    monkeypatch.setattr(gm, "object_probability", lambda *_: field)
    parameters = gm.Parameters(seed_radius=0.0, length_weight=0.01)
    clicks = (Click(1, 1, True), Click(4, 6, False), Click(0, 7, True))
    # Floyd and Warshall's all pairs.
    cost = np.full((40, 40), np.inf)
    for p, q in product(range(40), range(40)):
        rows, cols = abs(p // 8 - q // 8), abs(p % 8 - q % 8)
        if max(rows, cols) <= 1:
            cost[p, q] = abs(field.flat[p] - field.flat[q]) + 0.01 * np.hypot(rows, cols)
    for middle in range(40):
        cost = np.minimum(cost, cost[:, [middle]] + cost[[middle], :])
    background = np.flatnonzero(with_background(seeds_from_clicks(image, clicks, 0.0)) < 0)
    to_object, to_background = np.minimum(cost[9], cost[7]), cost[background].min(axis=0)
    expected = (to_background / (to_object + to_background)).reshape(5, 8)
    found = gm.segment(image, clicks, None, parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
