"""ISAT's own files: groups, layers, holes, crowds."""

import json

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.data.readers.isat import isat_objects
from fctsfn_tf.errors import InputError

HEIGHT, WIDTH = 30, 44


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def polygon(group, points, layer=1.0, category="cat", iscrowd=False):
    return {
        "category": category,
        "group": group,
        "segmentation": points,
        "area": 1.0,
        "layer": layer,
        "bbox": [0, 0, 1, 1],
        "iscrowd": iscrowd,
        "note": "",
    }


@pytest.mark.parametrize("folder", [".", "labels"])
def test_isat(tmp_path, caplog, folder):
    objects = [
        polygon(2, box(20, 2, 30, 12)),
        polygon(1, box(2, 2, 12, 12)),
        polygon(1, box(2, 20, 12, 24)),  # a second part
        polygon(0, box(4, 4, 6, 6), 2.0, "__background__"),  # a hole
        polygon(3, box(35, 0, 44, 30), 1.0, "cat", True),
        polygon(4, [[1, 1], [5, 5]]),
    ]
    info = {"description": "ISAT", "folder": "D:\\photos", "name": "a.png"}
    content = {"info": {**info, "width": WIDTH, "height": HEIGHT, "depth": 3}, "objects": objects}
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "a.json").write_text(json.dumps(content))
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "isat"
    (image,) = dataset.images
    found = image.read_masks()[1]
    first, second = np.zeros((2, HEIGHT, WIDTH), bool)
    first[2:12, 2:12] = first[20:24, 2:12] = True
    first[4:6, 4:6] = False
    second[2:12, 20:30] = True
    assert sorted(found.masks) == [1, 2]
    np.testing.assert_array_equal(found.masks[1], first)
    np.testing.assert_array_equal(found.masks[2], second)
    assert found.ignore.sum() == 9 * 30
    assert "1 polygons have fewer than three points" in caplog.text


def test_broken_objects_are_refused():
    for broken in ([], {"segmentation": box(0, 0, 2, 2)}, {"group": 1}):
        with pytest.raises(InputError, match="An object of ISAT"):
            isat_objects([broken], HEIGHT, WIDTH)
