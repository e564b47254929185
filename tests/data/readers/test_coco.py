"""COCO files as COCO, CVAT, Label Studio, Roboflow and ISAT write them."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fctsfn_tf.data.layouts import list_splits, open_dataset
from fctsfn_tf.data.readers.coco import coco_objects
from fctsfn_tf.errors import InputError

HEIGHT, WIDTH = 30, 44
SQUARE = [5, 4, 15, 4, 15, 20, 5, 20]
OBJECT = np.zeros((HEIGHT, WIDTH), bool)
OBJECT[4:20, 5:15] = True
# In COCO's order, down the columns: 5 whole columns and 4 rows, then 16 rows of each of 10 columns.
RUNS = [5 * 30 + 4, *[16, 14] * 9, 16, 30 * 44 - (14 * 30 + 20)]


def write(root, annotations, file_name="a.png", path="images/a.png", json_name="result.json"):
    image = {"id": 1, "file_name": file_name, "width": WIDTH, "height": HEIGHT}
    content = {
        "images": [image],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, **annotation}
            for number, annotation in enumerate(annotations, start=1)
        ],
    }
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / path)
    (root / json_name).parent.mkdir(parents=True, exist_ok=True)
    (root / json_name).write_text(json.dumps(content), encoding="utf-8")
    return root


def masks_of(root, **options):
    (image,) = open_dataset(root, **options).images
    return image.read_masks()[1].masks


def test_a_segmentation_must_be_one():
    for segmentation in (None, [], "x"):
        with pytest.raises(InputError, match="for annotation 7"):
            coco_objects([{"id": 7, "segmentation": segmentation}], 3, 5)


@pytest.mark.parametrize(
    ("file_name", "path"),
    [
        ("images/a.png", "images/a.png"),  # Label Studio
        ("images\\a.png", "images/a.png"),  # on Windows
        ("C:\\data\\2026\\images\\a.png", "images/a.png"),
        ("../../label-studio/data/media/upload/1/3fa92bc1-a.png", "images/a.png"),
        ("images/my%20cat.png", "images/my cat.png"),
        ("images/Hu\u0308ndchen.png", "images/H\u00fcndchen.png"),
        ("a.png", "images/default/a.png"),  # CVAT
        ("default/a.png", "images/default/a.png"),
        ("a.png", "a.png"),
        ("2026/a.png", "images/2026/a.png"),
    ],
)
def test_photographs_by_the_names_that_tools_write(tmp_path, file_name, path):
    write(tmp_path, [{"segmentation": [SQUARE]}], file_name, path)
    np.testing.assert_array_equal(masks_of(tmp_path)[1], OBJECT)


def test_two_names_must_not_mean_one_file(tmp_path):
    write(tmp_path, [{"segmentation": [SQUARE]}])
    content = json.loads((tmp_path / "result.json").read_text())
    content["images"] = [
        {"id": number, "file_name": f"{folder}/a.png"} for number, folder in ((1, "x"), (2, "y"))
    ]
    content["annotations"].append({"image_id": 2, "segmentation": [SQUARE]})
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"one file here.*x/a\.png and y/a\.png"):
        open_dataset(tmp_path)
    content["images"][1]["file_name"] = "b.png"
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"1 photographs are missing.*b\.png"):
        open_dataset(tmp_path)


def test_parts_without_an_area_are_left_out_and_counted(tmp_path, caplog):
    write(
        tmp_path,
        [
            {"segmentation": [SQUARE, [5, 5, 9, 9], []]},
            {"segmentation": [], "bbox": [1, 1, 9, 9]},
            {"segmentation": [[3, 3, 8, 8]]},
            {"segmentation": {"size": [HEIGHT, WIDTH], "counts": []}},
            {"bbox": [1, 1, 9, 9]},
        ],
    )
    found = masks_of(tmp_path)
    assert list(found) == [1]
    np.testing.assert_array_equal(found[1], OBJECT)
    (record,) = caplog.records
    line = record.getMessage()
    assert "2 parts of objects and 4 whole objects have no area" in line
    assert "0 photographs are left without an object" in line


def test_boxes_alone_are_said_so(tmp_path, caplog):
    write(tmp_path, [{"segmentation": [], "bbox": [1, 1, 9, 9]}])
    with pytest.raises(InputError, match="at least one photograph with its masks"):
        open_dataset(tmp_path)
    assert "1 photographs are left without an object" in caplog.text


@pytest.mark.parametrize("form", ["list", "string", "string in a list", "flat", "pairs", "parts"])
def test_every_form_of_a_segmentation(tmp_path, form):
    runs = {"size": [HEIGHT, WIDTH], "counts": RUNS}
    compressed = coco_mask.encode(np.asfortranarray(OBJECT.astype(np.uint8)))
    compressed = {**compressed, "counts": compressed["counts"].decode()}
    segmentation = {
        "list": runs,
        "string": compressed,
        "string in a list": [compressed],
        "flat": SQUARE,
        "pairs": [np.reshape(SQUARE, (4, 2)).tolist()],
        "parts": [[5, 4, 15, 4, 15, 9, 5, 9], [5, 9, 15, 9, 15, 20, 5, 20]],
    }[form]
    write(tmp_path, [{"segmentation": segmentation}])
    np.testing.assert_array_equal(masks_of(tmp_path)[1], OBJECT)


@pytest.mark.parametrize("crowds", ["alone", "with attributes"])
def test_cvats_masks_are_no_crowds(tmp_path, caplog, crowds):
    runs = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": RUNS}, "iscrowd": 1}
    polygon = {"segmentation": [[20, 4, 30, 4, 30, 20, 20, 20]]}
    attributes = {"attributes": {"occluded": False}}
    annotations = [runs] if crowds == "alone" else [polygon | attributes, runs | attributes]
    found = masks_of(write(tmp_path, annotations))
    np.testing.assert_array_equal(found[len(annotations)], OBJECT)
    assert "`iscrowd` is taken as the mark of a mask" in caplog.text


def test_crowds_among_polygons_are_crowds(tmp_path, caplog):
    runs = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": RUNS}, "iscrowd": 1}
    write(tmp_path, [{"segmentation": [[20, 4, 30, 4, 30, 20, 20, 20]]}, runs])
    _, objects = open_dataset(tmp_path).images[0].read_masks()
    assert list(objects.masks) == [1]
    np.testing.assert_array_equal(objects.ignore, OBJECT)
    assert caplog.records == []


def test_roboflow_has_a_folder_for_each_split(tmp_path):
    for split in ("train", "valid"):
        name = f"{split}_jpg.rf.0a1b.png"
        write(
            tmp_path,
            [{"segmentation": [SQUARE]}],
            file_name=name,
            path=f"{split}/{name}",
            json_name=f"{split}/_annotations.coco.json",
        )
    assert list_splits(tmp_path) == ["train", "valid"]
    np.testing.assert_array_equal(masks_of(tmp_path, split="valid")[1], OBJECT)
    (image,) = open_dataset(tmp_path, split="train").images
    assert image.image_path.parent.name == "train"
    with pytest.raises(InputError, match="Name one as `split`"):
        open_dataset(tmp_path)
    with pytest.raises(InputError, match=r"no list 'test'.*train, valid"):
        open_dataset(tmp_path, split="test")
    np.testing.assert_array_equal(masks_of(tmp_path / "train")[1], OBJECT)


def test_lists_beside_the_images(tmp_path):
    for name in ("train", "val"):
        write(tmp_path, [{"segmentation": [SQUARE]}], json_name=f"annotations/{name}.json")
    (tmp_path / "annotations" / "notes.json").write_text("[]")
    assert list_splits(tmp_path) == ["train", "val"]
    np.testing.assert_array_equal(masks_of(tmp_path, split="val")[1], OBJECT)


# ---- photographs that EXIF turns -----------------------------------------------------------------


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("form", ["polygon", "runs", "no size", "mask file"])
def test_masks_drawn_on_the_stored_pixels_are_turned_with_them(tmp_path, orientation, form):
    turned = {
        5: OBJECT.T,
        6: np.rot90(OBJECT, -1),
        7: OBJECT[::-1, ::-1].T,
        8: np.rot90(OBJECT),
    }[orientation]
    if form == "mask file":
        (tmp_path / "masks").mkdir()
        (tmp_path / "images").mkdir()
        Image.fromarray(OBJECT).save(tmp_path / "masks" / "a.png")
    else:
        runs = {"size": [HEIGHT, WIDTH], "counts": RUNS}
        write(tmp_path, [{"segmentation": [SQUARE] if form == "polygon" else runs}])
    if form == "no size":
        content = json.loads((tmp_path / "result.json").read_text())
        del content["images"][0]["width"], content["images"][0]["height"]
        (tmp_path / "result.json").write_text(json.dumps(content))
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / "a.png", exif=exif.tobytes())
    np.testing.assert_array_equal(masks_of(tmp_path)[1], turned)
    # Drawn on the upright photograph, they stay.
    exif[274] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(tmp_path / "images" / "a.png", exif=exif.tobytes())
    np.testing.assert_array_equal(masks_of(tmp_path)[1], OBJECT)


def test_masks_of_neither_size_are_refused_in_the_right_words(tmp_path):
    write(tmp_path, [{"segmentation": [SQUARE]}])
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (WIDTH + 2, HEIGHT)).save(tmp_path / "images" / "a.png", exif=exif.tobytes())
    with pytest.raises(InputError, match=r"annotated at.*Nor was it drawn .* before EXIF"):
        masks_of(tmp_path)
