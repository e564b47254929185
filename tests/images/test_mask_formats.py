import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images import mask_formats
from fctsfn_tf.images.mask_formats import (
    coco_json,
    cutout_png,
    encode_rle,
    index_map,
    index_png,
    labelme_json,
    mask_png,
    mask_polygons,
    object_masks,
    overlay_png,
    probability_png,
    read_mask,
    save,
    voc_palette,
)

HEIGHT, WIDTH = 60, 90


def _disk(row, col, radius, height=HEIGHT, width=WIDTH):
    rows, cols = np.mgrid[:height, :width]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


@pytest.fixture
def mask():
    """Two parts, one of them with two holes."""
    ring = _disk(30, 30, 24) & ~_disk(28, 24, 8) & ~_disk(40, 38, 5)
    return ring | _disk(20, 75, 7)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def _random_masks(number):
    random = np.random.default_rng(3)
    for _ in range(number):
        yield random.random(random.integers(1, 25, 2)) < random.choice([0, 0.1, 0.5, 0.9, 1])


def _open(content):
    return Image.open(io.BytesIO(content))


def _iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


# ---- PNG -------------------------------------------------------------------------------------


def test_mask_png(mask):
    image = _open(mask_png(mask))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), np.where(mask, 255, 0))


def test_index_png_holds_numbers_and_voc_colours(mask):
    first, third = mask, _disk(50, 80, 9)
    image = _open(index_png([first, np.zeros_like(mask), third]))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), np.where(third, 3, np.where(first, 1, 0)))
    colours = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(colours[50, 80], (128, 128, 0))


def test_where_objects_overlap_the_later_one_counts():
    first, second = _disk(30, 40, 10), _disk(30, 48, 10)
    expected = np.where(second, 2, np.where(first, 1, 0))
    np.testing.assert_array_equal(index_map([first, second]), expected)


def test_voc_palette():
    """Colours as the VOC development kit lists them."""
    palette = voc_palette()
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 4: (0, 0, 128), 15: (192, 128, 128)}
    expected |= {20: (0, 64, 128), 255: (224, 224, 192)}
    for index, colour in expected.items():
        np.testing.assert_array_equal(palette[index], colour)


def test_probability_png():
    probability = np.array([[0, 0.5, 1], [0.25, 1 / 255, 0.999]], np.float32)
    np.testing.assert_array_equal(
        np.asarray(_open(probability_png(probability))), [[0, 128, 255], [64, 1, 255]]
    )


def test_cutout_keeps_the_object_in_place_and_nothing_else(image, mask):
    cutout = np.asarray(_open(cutout_png(image, mask)))
    assert cutout.shape == (HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(cutout[mask][:, :3], image[mask])
    np.testing.assert_array_equal(cutout[..., 3], np.where(mask, 255, 0))
    assert not cutout[~mask].any()


def test_overlay_tints_the_object_only(image, mask):
    overlay = np.asarray(_open(overlay_png(image, mask))).astype(int)
    inside, outside = _disk(20, 75, 4), ~_disk(30, 30, 27) & ~_disk(20, 75, 10)
    np.testing.assert_array_equal(overlay[outside], image[outside])
    np.testing.assert_allclose(overlay[inside], image[inside] // 2 + [64, 0, 0], atol=1)


def test_overlay_marks_differ_without_colour():
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    none = np.zeros((HEIGHT, WIDTH), bool)
    marks = [
        np.asarray(_open(overlay_png(grey, none, [Click(30, 40, sign)])).convert("L")).astype(int)
        for sign in (True, False)
    ]
    changed = [np.argwhere(mark != 90) for mark in marks]
    for positions in changed:
        np.testing.assert_allclose(positions.mean(axis=0), (30, 40), atol=0.5)
    plus, bar = (mark[28:33, 40] > 200 for mark in marks)
    assert plus.all()
    assert not bar.all()
    assert marks[1][26, 36] != 90  # a square has corners
    assert marks[0][26, 36] == 90  # a disk has none


def test_overlay_of_one_pixel_and_clicks_at_the_border():
    pixel = np.zeros((1, 1, 3), np.uint8)
    clicks = [Click(0, 0, True), Click(0, 0, False)]
    assert _open(overlay_png(pixel, np.ones((1, 1), bool), clicks)).size == (1, 1)


def test_the_image_itself_is_not_changed(image, mask):
    before = image.copy()
    overlay_png(image, mask, [Click(3, 4, True)])
    cutout_png(image, mask)
    np.testing.assert_array_equal(image, before)


# ---- COCO ------------------------------------------------------------------------------------


def test_run_lengths_are_those_of_pycocotools():
    tall = np.zeros((2100, 1700), bool)  # runs of more than 2^20 pixels, positive and negative
    tall[5, 3] = tall[1000:, 1690:] = True
    for mask in [*_random_masks(300), tall, ~tall]:
        ours = encode_rle(mask)
        theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}


def test_coco_file_is_read_back_exactly_by_pycocotools(tmp_path, mask):
    masks = [mask, np.zeros_like(mask), _disk(30, 32, 9)]
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
    assert _iou(filled, mask) > 0.96
    assert not filled[28, 24]
    assert not filled[40, 38]


# ---- polygons --------------------------------------------------------------------------------


def _area(polygon):
    x, y = polygon.T.astype(float)
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_without_tolerance_polygons_enclose_exactly_the_mask(monkeypatch):
    monkeypatch.setattr(mask_formats, "POLYGON_TOLERANCE", 0)
    for mask in _random_masks(200):
        assert sum(_area(polygon) for polygon in mask_polygons(mask)) == mask.sum()


def test_polygons_run_along_the_edges_of_pixels():
    mask = np.zeros((9, 11), bool)
    mask[2:7, 3:5] = True
    (polygon,) = mask_polygons(mask)
    assert {tuple(corner) for corner in polygon.tolist()} == {(3, 2), (5, 2), (5, 7), (3, 7)}


def test_polygons_of_the_smallest_and_of_no_mask():
    pixel = np.zeros((4, 6), bool)
    assert mask_polygons(pixel) == []
    pixel[2, 5] = True
    (polygon,) = mask_polygons(pixel)
    assert _area(polygon) == 1


def test_slanted_edges_take_few_corners(monkeypatch):
    (polygon,) = mask_polygons(_disk(30, 45, 25))
    monkeypatch.setattr(mask_formats, "POLYGON_TOLERANCE", 0)
    (exact,) = mask_polygons(_disk(30, 45, 25))
    assert len(polygon) < 0.5 * len(exact)


def test_labelme_file(tmp_path, mask):
    content = json.loads(labelme_json([mask, _disk(50, 80, 5)], "../a.jpg", ["dog", "cat"]))
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


# ---- several objects -------------------------------------------------------------------------


def test_masks_and_index_map_are_two_views_of_one(mask):
    masks = [mask & ~_disk(30, 32, 9), _disk(30, 32, 9)]
    index = index_map(masks)
    np.testing.assert_array_equal(object_masks(index), masks)
    with_void = np.where(_disk(55, 5, 3), 255, index)
    np.testing.assert_array_equal(object_masks(with_void), masks)
    np.testing.assert_array_equal(object_masks(mask), [mask])


@pytest.mark.parametrize(
    "masks",
    [
        [],
        None,
        "mask",
        np.zeros((4, 5)),
        np.zeros((4, 5), np.int64) - 1,
        np.full((4, 5), 256),
        np.zeros((0, 5), bool),
        [np.zeros((4, 5), bool), np.zeros((5, 4), bool)],
        [np.zeros((4, 5), np.uint8)],
        [np.zeros((1, 1), bool)] * 255,
    ],
)
def test_other_masks_are_refused(masks):
    with pytest.raises(InputError):
        object_masks(masks)


def test_sizes_names_and_ranges_are_checked(image, mask):
    with pytest.raises(InputError, match="one size"):
        cutout_png(image[1:], mask)
    with pytest.raises(InputError, match="uint8"):
        overlay_png(image.astype(float), mask)
    with pytest.raises(InputError, match="one name per object"):
        coco_json([mask, mask], "a.jpg", ["dog"])
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(InputError, match=r"\[0, 1\]|lie in"):
            probability_png(np.full((4, 5), wrong))
    with pytest.raises(InputError):
        probability_png(np.zeros((4, 5, 3)))


# ---- files -----------------------------------------------------------------------------------


def test_save_checks_the_suffix_and_never_overwrites_unasked(tmp_path, mask):
    path = tmp_path / "Hündchen 狗.PNG"
    save(path, mask_png(mask))
    with pytest.raises(InputError, match="exists already"):
        save(path, mask_png(~mask))
    np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), mask)
    save(path, mask_png(~mask), overwrite=True)
    np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), ~mask)
    for name, content in (("a.jpg", mask_png(mask)), ("a.png", coco_json(mask, "a"))):
        with pytest.raises(InputError, match="give it a name that ends so"):
            save(tmp_path / name, content)
        assert not (tmp_path / name).exists()


def test_read_mask_of_what_we_and_others_write(tmp_path, image, mask):
    save(tmp_path / "mask.png", mask_png(mask))
    save(tmp_path / "index.png", index_png([mask & ~_disk(20, 75, 9), _disk(20, 75, 7)]))
    save(tmp_path / "cutout.png", cutout_png(image, mask))
    Image.fromarray(mask).save(tmp_path / "bit.png")
    Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "zero_one.png")
    Image.fromarray(mask.astype(np.uint16) * 65535).save(tmp_path / "deep.png")
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    grey.convert("RGB").save(tmp_path / "rgb.png")
    grey.convert("RGBA").save(tmp_path / "opaque.png")
    grey.convert("P").save(tmp_path / "grey_palette.png")
    grey.save(tmp_path / "lossy.jpg", quality=90)
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), mask, err_msg=path.name)


def test_read_mask_leaves_void_out(tmp_path, mask):
    index = np.where(_disk(55, 5, 3), 255, mask).astype(np.uint8)
    void = Image.fromarray(index).convert("P")
    void.putpalette(voc_palette().tobytes())
    void.save(tmp_path / "void.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "void.png", HEIGHT, WIDTH), mask)


def test_read_mask_refuses_what_is_none(tmp_path, image, mask):
    save(tmp_path / "mask.png", mask_png(mask))
    with pytest.raises(InputError, match="90 × 60"):
        read_mask(tmp_path / "mask.png", WIDTH, HEIGHT)
    Image.fromarray(image).save(tmp_path / "photo.png")
    Image.fromarray(image[..., 0].astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.jpg")
    for name in ("photo.png", "float.tif", "cmyk.jpg"):
        with pytest.raises(InputError, match="black and white"):
            read_mask(tmp_path / name, HEIGHT, WIDTH)
