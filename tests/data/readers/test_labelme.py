import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.readers.labelme import labelme_objects
from fctsfn_tf.errors import InputError


def shape_of(kind, points, **more):
    return {"label": "cat", "shape_type": kind, "points": points, "group_id": None, **more}


def test_labelme_shapes():
    png = BytesIO()
    Image.fromarray(np.array([[0, 1, 1], [1, 0, 1]], bool)).save(png, "PNG")
    shapes = [
        shape_of("rectangle", [[9, 8], [4, 2]]),
        shape_of("circle", [[20.5, 10.5], [23.5, 10.5]]),
        shape_of("point", [[3, 3]]),
        shape_of("polygon", [[0, 0], [2, 0], [2, 2], [0, 2]], group_id=1),
        shape_of("polygon", [[0, 4], [2, 4], [2, 6], [0, 6]], group_id=1),
        shape_of("mask", [[5, 12], [7, 13]], mask=base64.b64encode(png.getvalue()).decode()),
    ]
    masks = labelme_objects({"shapes": shapes}, 20, 30).masks
    assert sorted(masks) == [1, 2, 3, 4]
    expected = np.zeros((20, 30), bool)
    expected[2:8, 4:9] = True
    np.testing.assert_array_equal(masks[1], expected)
    rows, cols = np.mgrid[:20, :30]
    np.testing.assert_array_equal(masks[2], np.hypot(rows - 10, cols - 20) <= 3)
    assert masks[3].sum() == 8
    assert np.argwhere(masks[4]).tolist() == [[12, 6], [12, 7], [13, 5], [13, 7]]


@pytest.mark.parametrize(
    "shape",
    [
        None,
        {"shape_type": "polygon"},
        shape_of("polygon", [[0, 0], [1, 1]]),
        shape_of("rectangle", [[0, 0]]),
        shape_of("cuboid", [[0, 0], [1, 1]]),
        shape_of("mask", [[0, 0], [1, 1]], mask="bm8="),
        shape_of("mask", [[0, 0], [1, 1]], mask=None),
    ],
)
def test_broken_labelme_shapes_are_refused(shape):
    with pytest.raises(InputError, match="A labelme shape must be"):
        labelme_objects({"shapes": [shape]}, 20, 30)
