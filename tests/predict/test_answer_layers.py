import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.answer_layers import Layer, on_top, previous_in, probability_of, rendered
from fctsfn_tf.predict.views import Box, View

SIZE = 64, 96


def layer(top, left, bottom, right, value):
    """An answer of one number in a view of the network's own resolution."""
    view = View(Box(top, left, bottom, right), bottom - top, right - left)
    return Layer(view, np.full((view.height, view.width), value, np.float32))


WHOLE = layer(0, 0, *SIZE, 0.25)


def test_later_layers_lie_on_earlier_ones_and_clicks_on_all():
    layers = (WHOLE, layer(0, 0, 32, 32, 0.5), layer(16, 16, 48, 48, 0.75))
    clicks = [Click(20, 20, False), Click(60, 90, True), Click(20, 20, True)]
    probability = rendered(layers, clicks, *SIZE, None)
    expected = np.full(SIZE, 0.25, np.float32)
    expected[:32, :32], expected[16:48, 16:48] = 0.5, 0.75
    expected[20, 20] = expected[60, 90] = 1
    np.testing.assert_array_equal(probability, expected)
    with pytest.raises(ValueError, match="read-only"):
        probability[0, 0] = 0


def test_layers_lie_on_the_start_mask():
    start = np.zeros(SIZE, bool)
    start[:, 60:] = True
    probability = rendered((layer(0, 32, 32, 64, 0.5),), [], *SIZE, start)
    np.testing.assert_array_equal(probability[32:], start[32:])
    assert (probability[:32, 32:64] == 0.5).all()
    assert start.sum() == 64 * 36


def test_a_layer_that_is_hidden_is_dropped():
    inner, other = layer(16, 16, 48, 48, 0.5), layer(0, 64, 32, 96, 0.5)
    latest = layer(0, 0, 64, 64, 0.75)
    assert on_top((WHOLE, inner, other), latest) == (WHOLE, other, latest)
    assert on_top((inner,), WHOLE) == (WHOLE,)


def test_the_previous_answer_is_taken_as_it_is_in_its_own_view():
    known = np.full(SIZE, 0.875, np.float32)
    inner = layer(16, 16, 48, 48, 0.5)
    assert previous_in(inner.view, (WHOLE, inner), known) is inner.probability
    np.testing.assert_array_equal(previous_in(inner.view, (inner, WHOLE), known), 0.875)
    assert previous_in(inner.view, (), known).shape == (32, 32)


def test_logits_become_probabilities():
    logits = np.array([[-1000, -2, 0], [0.5, 3, 1000]], np.float32)
    expected = 1 / (1 + np.exp(-logits.astype(np.longdouble)))
    found = probability_of(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.astype(float), atol=1e-7)
    logits[0, 0] = np.nan
    with pytest.raises(InputError, match="finite logits"):
        probability_of(logits)
