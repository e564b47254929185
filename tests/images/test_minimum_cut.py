import numpy as np
import pytest

from fctsfn_tf.images.minimum_cut import contrast_scale, minimum_cut


def test_contrast_scale_by_hand():
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = (3, 4, 0)  # differs by 25 (squared) from its 3 neighbours, of 11 pairs
    assert contrast_scale(image) == pytest.approx(1 / (2 * 75 / 11))
    assert contrast_scale(np.full((4, 5, 3), 7, np.uint8)) == 0.0


@pytest.mark.parametrize(
    ("smoothness", "surround", "expected"), [(0.06, 1, False), (0.08, 1, True), (0.08, 0, False)]
)
def test_pixels_that_are_not_open_pull_at_their_neighbours(smoothness, surround, expected):
    """Two open pixels with the probability 0.4: background costs each 0.405 nats less, and cuts
    three straight edges and four slanted ones, 3 + 4 / √2 = 5.83, from a surround of object."""
    pytest.importorskip("maxflow", reason="PyMaxflow is not installed")
    decided = minimum_cut(
        np.full((3, 4), 0.4, np.float32),
        np.full((3, 4, 3), 90, np.uint8),
        np.full((3, 4), surround, bool),
        np.array([5, 6]),  # the two in the middle of the second row
        beta=0.0,
        smoothness=smoothness,
        probability_floor=0.01,
    )
    assert decided.tolist() == [expected, expected]
