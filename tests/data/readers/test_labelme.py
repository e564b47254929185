import base64
import json
import pickle
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.layouts import open_dataset
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
        shape_of(["polygon"], [[0, 0], [9, 0], [9, 9]]),
        shape_of("polygon", [[0, 0], [1e300, 0], [9, 9]]),
        shape_of("mask", [[0, 0], [1, 1]], mask="bm8="),
        shape_of("mask", [[0, 0], [1, 1]], mask=None),
    ],
)
def test_broken_labelme_shapes_are_refused(shape):
    with pytest.raises(InputError, match="A labelme shape must be"):
        labelme_objects({"shapes": [shape]}, 20, 30)


# ---- whole directories -------------------------------------------------------------------------

SQUARE = [[10, 4], [25, 4], [25, 18], [10, 18]]
OBJECT = np.zeros((20, 30), bool)
OBJECT[4:18, 10:25] = True


def jpeg(**options):
    content = BytesIO()
    Image.new("RGB", (30, 20), (200, 100, 50)).save(content, "JPEG", **options)
    return content.getvalue()


def write(root, shapes, image_path="a.jpg", photograph="a.jpg", json_name="a.json", **more):
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": 20,
        "imageWidth": 30,
        **more,
    }
    if photograph:
        (root / photograph).parent.mkdir(parents=True, exist_ok=True)
        (root / photograph).write_bytes(jpeg())
    (root / json_name).parent.mkdir(parents=True, exist_ok=True)
    (root / json_name).write_text(json.dumps(content), encoding="utf-8")
    return root


def masks_of(root):
    (image,) = open_dataset(root).images
    return image.read_masks()[1].masks


@pytest.mark.parametrize(
    "shape",
    [
        shape_of("polygon", SQUARE),
        shape_of(None, SQUARE),
        shape_of("rectangle", SQUARE),  # X-AnyLabeling
        shape_of("rectangle", [SQUARE[2], SQUARE[0]]),
        shape_of("rotation", SQUARE, direction=0.3, score=None, difficult=False),
    ],
)
def test_shapes_of_every_tool(tmp_path, shape):
    np.testing.assert_array_equal(masks_of(write(tmp_path, [shape]))[1], OBJECT)


def test_a_box_at_an_angle(tmp_path):
    corners = [[15, 2], [22, 9], [15, 16], [8, 9]]
    mask = masks_of(write(tmp_path, [shape_of("rotation", corners)]))[1]
    rows, cols = np.mgrid[:20, :30] + 0.5
    distance = abs(cols - 15) + abs(rows - 9)
    np.testing.assert_array_equal(mask[distance != 7], distance[distance != 7] < 7)


def test_shapes_without_an_area_are_left_out_and_counted(tmp_path, caplog):
    shapes = [
        shape_of("polygon", SQUARE[:2]),
        shape_of("polygon", SQUARE),
        shape_of("polygon", []),
        shape_of("rectangle", SQUARE[:1]),
        shape_of("circle", SQUARE[:1]),
        shape_of("point", SQUARE[:1]),
        shape_of("line", SQUARE[:2]),
    ]
    found = masks_of(write(tmp_path, shapes))
    assert list(found) == [1]
    np.testing.assert_array_equal(found[1], OBJECT)
    assert "4 shapes of 1 photographs have too few points" in caplog.text


def test_labels_that_are_no_object(tmp_path):
    ignored = shape_of("rectangle", [[0, 0], [12, 20]]) | {"label": "__ignore__"}
    background = shape_of("rectangle", [[0, 0], [3, 3]]) | {"label": "_background_"}
    (image,) = open_dataset(
        write(tmp_path, [ignored, background, shape_of("polygon", SQUARE)])
    ).images
    _, objects = image.read_masks()
    assert list(objects.masks) == [1]
    expected = ~OBJECT & (np.arange(30) < 12)
    np.testing.assert_array_equal(objects.ignore, expected)


def test_pixels_inside_the_file_only(tmp_path):
    data = base64.b64encode(jpeg()).decode()
    write(tmp_path, [shape_of("polygon", SQUARE)], photograph=None, imageData=data)
    (image,) = pickle.loads(pickle.dumps(open_dataset(tmp_path))).images
    pixels, objects = image.read_masks()
    assert pixels.shape == (20, 30, 3)
    assert pixels[0, 0, 0] > 150 > 70 > pixels[0, 0, 2]
    np.testing.assert_array_equal(objects.masks[1], OBJECT)
    for broken in ("no picture", base64.b64encode(b"no picture").decode()):
        write(tmp_path, [shape_of("polygon", SQUARE)], photograph=None, imageData=broken)
        with pytest.raises(InputError, match=r"a\.json.*imageData|imageData.*a\.json") as caught:
            masks_of(tmp_path)
        assert "/photograph" not in str(caught.value)


@pytest.mark.parametrize(
    ("image_path", "photograph", "json_name"),
    [
        ("..\\images\\a.jpg", "images/a.jpg", "labels/b.json"),
        ("D:\\2026\\Hu\u0308ndchen.jpg", "images/H\u00fcndchen.jpg", "labels/b.json"),
        ("a.jpg", "images/2026/a.jpg", "labels/b.json"),
        ("other.jpg", "images/b.png", "labels/b.json"),
        (None, "b.jpg", "b.json"),
    ],
)
def test_photographs_by_the_names_that_tools_write(tmp_path, image_path, photograph, json_name):
    write(tmp_path, [shape_of("polygon", SQUARE)], image_path, photograph, json_name)
    np.testing.assert_array_equal(masks_of(tmp_path)[1], OBJECT)


def test_masks_that_reach_beyond_the_photograph_are_cut_off():
    png = BytesIO()
    Image.fromarray(np.ones((6, 8), bool)).save(png, "PNG")
    for left, top, count in ((-3, -2, 5 * 4), (26, 17, 4 * 3), (40, 40, 0), (5, 5, 48)):
        shape = shape_of("mask", [[left, top], [left + 7, top + 5]])
        shape["mask"] = base64.b64encode(png.getvalue()).decode()
        masks = labelme_objects({"shapes": [shape]}, 20, 30).masks
        assert masks[1].sum() == count
