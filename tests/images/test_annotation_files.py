import json

import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.annotation_files import coco_json, labelme_json
from fctsfn_tf.images.mask_files import save


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


def test_coco_polygons_are_near_the_mask_and_leave_holes_free(mask):
    (annotation,) = json.loads(coco_json(mask, "a.jpg"))["annotations"]
    runs = coco_mask.frPyObjects(annotation["polygons"], HEIGHT, WIDTH)
    filled = coco_mask.decode(coco_mask.merge(runs)).astype(bool)
    assert iou(filled, mask) > 0.96
    assert not filled[28, 24]
    assert not filled[40, 38]


def test_labelme_file(tmp_path, mask):
    content = json.loads(labelme_json([mask, disk(50, 80, 5)], "../a.jpg", ["dog", "cat"]))
    assert content["imagePath"] == "../a.jpg"
    assert content["imageData"] is None
    assert (content["imageHeight"], content["imageWidth"]) == (HEIGHT, WIDTH)
    assert content["version"].startswith("5.")
    labels = [(shape["label"], shape["group_id"]) for shape in content["shapes"]]
    assert sorted(labels) == [("cat", 2), ("dog", 1), ("dog", 1)]
    for shape in content["shapes"]:
        assert shape["shape_type"] == "polygon"
        points = np.array(shape["points"])
        assert points.min() >= 0
        assert (points <= (WIDTH, HEIGHT)).all()


def test_names_are_one_per_object(mask):
    with pytest.raises(InputError, match="one name per object"):
        coco_json([mask, mask], "a.jpg", ["dog"])
