import numpy as np
import pytest

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import (
    DISKS_AND_PREVIOUS,
    DISTANCES,
    disk_maps,
    distance_maps,
)
from fctsfn_tf.predict.view_click_maps import ViewClickMaps
from fctsfn_tf.predict.views import Box, View

WHOLE = View(Box(0, 0, 120, 180), 64, 96)
ZOOM = View(Box(20, 30, 60, 90), 64, 96)
CLICKS = (Click(30, 40, True), Click(10, 170, False), Click(50, 60, True), Click(31, 41, False))


@pytest.mark.parametrize(
    ("encoding", "fresh"), [(DISTANCES, distance_maps), (DISKS_AND_PREVIOUS, disk_maps)]
)
def test_the_maps_are_those_of_all_clicks_whatever_came_before(encoding, fresh):
    maps = ViewClickMaps(encoding)
    steps = [
        (WHOLE, CLICKS[:1]),
        (WHOLE, CLICKS[:2]),  # one more in the same view
        (ZOOM, CLICKS[:3]),  # another view
        (ZOOM, CLICKS[:2]),  # undone
        (ZOOM, (*CLICKS[:2], CLICKS[3])),  # another one in its place
        (ZOOM, (*CLICKS[:2], CLICKS[3])),  # looked at again
        (WHOLE, CLICKS),
    ]
    for view, clicks in steps:
        found = maps.of(view, clicks)
        expected = fresh([view.click_in(click) for click in clicks], view.height, view.width)
        np.testing.assert_allclose(found[..., :2], expected, atol=1e-4)


def test_one_more_click_in_the_same_view_is_added_in_place():
    maps = ViewClickMaps(DISKS_AND_PREVIOUS)
    first = maps.of(WHOLE, CLICKS[:1])
    first[..., 2] = 0.5
    second = maps.of(WHOLE, CLICKS[:2])
    assert second is first
    assert (second[..., 2] == 0.5).all()
    assert maps.of(ZOOM, CLICKS[:2]) is not first
