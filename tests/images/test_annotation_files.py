import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.annotation_files import coco_json, labelme_json, svg, yolo_txt
from fctsfn_tf.images.mask_files import save
from fctsfn_tf.images.polygons import polygon_mask


def iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def test_coco_file_is_read_back_exactly_by_pycocotools(tmp_path, mask):
    masks = [mask, np.zeros_like(mask), disk(30, 32, 9)]
    content = coco_json(masks, "Hündchen 狗.jpg", ["dog", "cat", "dog"])
    save(tmp_path / "a.json", content)
    coco = COCO(str(tmp_path / "a.json"))
    assert coco.loadImgs(1)[0] == {
        "id": 1,
        "file_name": "Hündchen 狗.jpg",
        "height": HEIGHT,
        "width": WIDTH,
    }
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert [annotation["id"] for annotation in annotations] == [1, 3]
    for annotation in annotations:
        expected = masks[annotation["id"] - 1]
        np.testing.assert_array_equal(coco.annToMask(annotation).astype(bool), expected)
        assert annotation["area"] == expected.sum()
        assert annotation["bbox"] == list(coco_mask.toBbox(coco.annToRLE(annotation)))
        assert annotation["iscrowd"] == 0
        assert coco.loadCats(annotation["category_id"])[0]["name"] == "dog"


def test_coco_polygons_are_the_mask(mask):
    (annotation,) = json.loads(coco_json(mask, "a.jpg"))["annotations"]
    runs = coco_mask.frPyObjects(annotation["polygons"], HEIGHT, WIDTH)
    filled = coco_mask.decode(coco_mask.merge(runs)).astype(bool)
    np.testing.assert_array_equal(filled, mask)


def test_labelme_file(tmp_path, mask):
    content = json.loads(labelme_json([mask, disk(50, 80, 5)], "../a.jpg", ["dog", "cat"]))
    assert content["imagePath"] == "../a.jpg"
    assert content["imageData"] is None
    assert (content["imageHeight"], content["imageWidth"]) == (HEIGHT, WIDTH)
    assert content["version"].startswith("5.")
    labels = [(shape["label"], shape["group_id"]) for shape in content["shapes"]]
    # The ring with two holes is two pieces at least, beside the disk.
    assert set(labels) == {("cat", 2), ("dog", 1)}
    assert labels.count(("cat", 2)) == 1
    assert labels.count(("dog", 1)) >= 3
    for shape in content["shapes"]:
        assert shape["shape_type"] == "polygon"
        points = np.array(shape["points"])
        assert points.min() >= 0
        assert (points <= (WIDTH, HEIGHT)).all()


def test_names_are_one_per_object(mask):
    with pytest.raises(InputError, match="one name per object"):
        coco_json([mask, mask], "a.jpg", ["dog"])


def test_what_labelme_itself_makes_of_its_file():
    """Its converters draw with Pillow, which fills what an outline touches: it loses next to
    nothing and adds less than two pixels around the object."""
    for radius in (5, 13, 25):
        mask = disk(30, 45, radius)
        drawn = Image.new("L", (WIDTH, HEIGHT))
        for shape in json.loads(labelme_json(mask, "a.jpg"))["shapes"]:
            points = [tuple(point) for point in shape["points"]]
            ImageDraw.Draw(drawn).polygon(points, outline=1, fill=1)
        drawn = np.asarray(drawn) > 0
        assert (mask & ~drawn).sum() <= 0.05 * mask.sum()
        assert not (drawn & ~disk(30, 45, radius + 2)).any()
        assert iou(drawn, mask) > 1 - 1.3 / radius


def labels_of(content):
    """{line number: (class, mask)} of a YOLO label file, filled by the even-odd rule."""
    found = []
    for line in content.decode().splitlines():
        number, *values = line.split()
        points = np.array(values, float).reshape(-1, 2)
        assert (points >= 0).all()
        assert (points <= 1).all()
        found.append((int(number), polygon_mask(points * (WIDTH, HEIGHT), HEIGHT, WIDTH)))
    return found


def test_yolo_labels_are_a_line_for_each_object(mask):
    masks = [mask, np.zeros_like(mask), disk(30, 32, 9), disk(50, 80, 5)]
    names = ["dog", "bird", "", "dog"]
    found = labels_of(yolo_txt(masks, names))
    assert [number for number, _ in found] == [0, 2, 0]
    for (_, drawn), expected in zip(found, (masks[0], masks[2], masks[3]), strict=True):
        np.testing.assert_array_equal(drawn, expected)
    found = labels_of(yolo_txt(masks, names, ["object", "cat", "bird", "dog"]))
    assert [number for number, _ in found] == [3, 0, 3]
    with pytest.raises(InputError, match=r"every object's name.*bird"):
        yolo_txt(masks, names, ["dog", "object"])
    assert yolo_txt(masks[1]) == b""


def test_svg_has_a_path_for_each_object_with_its_holes(tmp_path, mask):
    content = svg([mask, disk(50, 80, 5)], ["a <dog> & 狗", "cat"])
    save(tmp_path / "a.svg", content)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    space = "{http://www.w3.org/2000/svg}"
    first, second = root.findall(f"{space}path")
    assert [path.get("id") for path in (first, second)] == ["object-1", "object-2"]
    assert first.find(f"{space}title").text == "a <dog> & 狗"
    assert first.get("fill-rule") == "evenodd"
    inside = np.zeros_like(mask)
    for ring in re.findall(r"M([\d ]+)Z", first.get("d")):
        inside ^= polygon_mask([float(value) for value in ring.split()], HEIGHT, WIDTH)
    np.testing.assert_array_equal(inside, mask)


def test_text_files_are_saved_by_their_suffix(tmp_path, mask):
    save(tmp_path / "a.txt", yolo_txt(mask))
    save(tmp_path / "empty.txt", yolo_txt(np.zeros_like(mask)))
    for name, content in (("a.json", yolo_txt(mask)), ("b.txt", svg(mask))):
        with pytest.raises(InputError, match="give it a name that ends so"):
            save(tmp_path / name, content)
