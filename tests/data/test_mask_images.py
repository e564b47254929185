"""Masks as people have them: smoothed, as JPEG, in colours, of 16 bits, with transparency."""

import logging
import pickle

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from fctsfn_tf.data.image_cache import DiskCache
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.data.mask_images import read_index_map, read_mask_file
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import voc_palette

HEIGHT, WIDTH = 60, 90


def disk(row, col, radius):
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


OBJECT = disk(30, 35, 20) & ~disk(25, 30, 5)
OTHER = disk(20, 75, 10)
WHITE = OBJECT.astype(np.uint8) * 255
LABELS = np.where(OTHER, 2, OBJECT).astype(np.uint8)


def smoothed(values, factor=2):
    """As an editor saves it that draws at another size: grey along the edges."""
    size = values.shape[1] // factor, values.shape[0] // factor
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, values.shape[::-1], interpolation=cv2.INTER_LINEAR)


def write(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def write_palette(path, indices, colours):
    image = Image.fromarray(indices.astype(np.uint8)).convert("P")
    image.putpalette([value for colour in colours for value in colour])
    image.save(path)
    return path


def iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def only_object(objects):
    assert list(objects.masks) == [1]
    return objects.masks[1]


# ---- one object in white -----------------------------------------------------------------------


@pytest.mark.parametrize("quality", [40, 75, 95])
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_masks_are_the_object_that_was_meant(tmp_path, quality, suffix):
    objects = read_mask_file(write(tmp_path / f"a{suffix}", WHITE, quality=quality))
    assert iou(only_object(objects), OBJECT) > 0.98
    assert not objects.ignore.any()
    again = np.asarray(Image.open(tmp_path / f"a{suffix}").convert("L"))
    assert iou(only_object(read_mask_file(write(tmp_path / "b.png", again))), OBJECT) > 0.98


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("highest", [255, 200, 65535])
def test_smoothed_masks_are_cut_at_half(tmp_path, factor, highest):
    values = smoothed(OBJECT.astype(np.float32) * highest, factor).round()
    values = values.astype(np.uint16 if highest > 255 else np.uint8)
    objects = read_mask_file(write(tmp_path / "a.png", values))
    assert iou(only_object(objects), values > highest / 2) > 0.98
    assert not objects.ignore.any()


def test_feathered_masks_are_cut_at_half(tmp_path):
    soft = cv2.GaussianBlur(WHITE, (0, 0), 4)
    np.testing.assert_array_equal(
        only_object(read_mask_file(write(tmp_path / "a.png", soft))), soft > 127
    )


def test_rounded_white_is_white(tmp_path):
    values = WHITE.copy()
    values[30:40][WHITE[30:40] > 0] = 254
    np.testing.assert_array_equal(
        only_object(read_mask_file(write(tmp_path / "a.png", values))), OBJECT
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_masks_of_one_object_in_other_types(tmp_path, dtype):
    for highest in (1, 255) if dtype != np.uint16 else (1, 255, 65535):
        tifffile.imwrite(tmp_path / "a.tif", (OBJECT * highest).astype(dtype))
        np.testing.assert_array_equal(
            only_object(read_mask_file(tmp_path / "a.tif")), OBJECT, err_msg=str(highest)
        )


def test_masks_of_several_equal_channels_and_with_transparency(tmp_path):
    rgb = np.repeat(WHITE[..., None], 3, axis=2)
    opaque = np.full_like(WHITE, 255)
    photo = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for name, pixels in {
        "rgb": rgb,
        "rgba": np.dstack([rgb, opaque]),
        "la": np.dstack([WHITE, opaque]),
        "white, transparent elsewhere": np.dstack([rgb * 0 + 255, WHITE]),
        "black, transparent elsewhere": np.dstack([rgb * 0, WHITE]),
        "cut-out": np.dstack([photo, WHITE]),
        "white and black, transparent far off": np.dstack([rgb, 255 - 255 * OTHER]),
    }.items():
        path = write(tmp_path / "a.png", pixels.astype(np.uint8))
        np.testing.assert_array_equal(only_object(read_mask_file(path)), OBJECT, err_msg=name)


def test_palettes_of_one_colour(tmp_path):
    black, white, red = (0, 0, 0), (255, 255, 255), (255, 0, 0)
    for colours, indices in (
        ([black, white], OBJECT),
        ([white, black], ~OBJECT),
        ([black, red], OBJECT),
        ([red, black], ~OBJECT),  # an editor's order
    ):
        path = write_palette(tmp_path / "a.png", indices, colours)
        np.testing.assert_array_equal(
            only_object(read_mask_file(path)), OBJECT, err_msg=str(colours)
        )
    assert read_mask_file(write_palette(tmp_path / "a.png", 0 * WHITE, [black])).masks == {}
    whole = read_mask_file(write_palette(tmp_path / "a.png", 0 * WHITE, [white]))
    assert only_object(whole).all()


# ---- numbers of objects ------------------------------------------------------------------------


def check_two(objects):
    assert sorted(objects.masks) == [1, 2]
    np.testing.assert_array_equal(objects.masks[1], OBJECT & ~OTHER)
    np.testing.assert_array_equal(objects.masks[2], OTHER)


def test_numbers_stay_numbers(tmp_path):
    """Also where 255 stands beside them, and where three objects meet."""
    check_two(read_mask_file(write(tmp_path / "a.png", LABELS)))
    void = LABELS.copy()
    void[:5] = 255
    objects = read_mask_file(write(tmp_path / "a.png", void))
    check_two(objects)
    np.testing.assert_array_equal(objects.ignore, void == 255)
    grid = (np.add.outer(np.arange(HEIGHT) // 6 * 15, np.arange(WIDTH) // 6)).astype(np.uint8)
    for values in (grid, grid + 90, np.where(grid % 7 == 3, 255, grid).astype(np.uint8)):
        objects = read_mask_file(write(tmp_path / "a.png", values))
        assert set(objects.masks) == set(np.unique(values).tolist()) - {0, 255}


def test_numbers_of_16_bits_and_more(tmp_path):
    """Cityscapes has 26001 and up; microscopists have more than 254 cells."""
    values = np.where(OTHER, 26001, np.where(OBJECT, 255, 0))
    values[:3] = 65535
    for name, dtype in (("a.png", np.uint16), ("a.tif", np.int32)):
        path = write(tmp_path / name, values.astype(dtype))
        for objects in (read_mask_file(path), read_index_map(path)):
            assert sorted(objects.masks) == [255, 26001]
            np.testing.assert_array_equal(objects.masks[26001], values == 26001)
            np.testing.assert_array_equal(objects.ignore, values == 65535)
    check_two(read_mask_file(write(tmp_path / "b.png", LABELS.astype(np.uint16))))


def test_numbers_in_grey_palettes_and_in_colours(tmp_path):
    greys = [(value, value, value) for value in (0, 100, 255)]
    check_two(read_mask_file(write_palette(tmp_path / "a.png", LABELS, greys)))
    colours = np.array([(0, 0, 0), (0, 90, 200), (250, 5, 5)], np.uint8)
    check_two(read_mask_file(write(tmp_path / "b.png", colours[LABELS])))
    check_two(read_index_map(write(tmp_path / "c.png", voc_palette()[LABELS])))  # CVAT's VOC
    numbers = np.where(LABELS == 2, 255, LABELS * 7)
    objects = read_index_map(write(tmp_path / "d.png", voc_palette()[numbers]))
    np.testing.assert_array_equal(objects.masks[7], LABELS == 1)
    np.testing.assert_array_equal(objects.ignore, LABELS == 2)


def test_what_is_neither_is_refused_in_the_right_words(tmp_path):
    photo = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 3
    )
    spread = LABELS * np.uint8(60) + np.uint8(90) * disk(40, 60, 9)
    for name, pixels, message in (
        ("a.jpg", LABELS * np.uint8(100), "no exact numbers"),
        ("b.jpg", LABELS, "no exact numbers"),
        ("c.png", smoothed(spread), "must not be smoothed"),
        ("d.png", photo, "one channel or with a palette"),
        ("e.jpg", photo, "one channel or with a palette"),
        ("f.png", photo[..., 0], "must not be smoothed"),
        ("g.tif", WHITE.astype(np.float32) / 500, "whole numbers"),
        ("h.tif", -WHITE.astype(np.int32), "one channel"),
    ):
        with pytest.raises(InputError, match=f"{name}: .*{message}") as caught:
            read_mask_file(write(tmp_path / name, pixels))
        assert "\n" not in str(caught.value)
    for name in ("i.jpg", "j.png"):
        with pytest.raises(InputError, match=f"{name}: .*masks='object'"):
            read_index_map(write(tmp_path / name, smoothed(WHITE)))


# ---- a folder is judged as a whole -------------------------------------------------------------


def make_folder(root, masks, folder="masks"):
    for index, (suffix, values) in enumerate(masks):
        write(root / "images" / f"{index}.png", np.zeros((*values.shape, 3), np.uint8))
        write(root / folder / f"{index}{suffix}", values)
    return root


def test_a_folder_of_soft_masks_has_one_line(tmp_path, caplog):
    tiny = np.where(disk(30, 35, 2), np.uint8(140), np.uint8(0))
    masks = [(".png", smoothed(WHITE)), (".jpg", WHITE), (".png", WHITE), (".png", tiny)]
    dataset = pickle.loads(pickle.dumps(open_dataset(make_folder(tmp_path, masks))))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    line = record.getMessage()
    assert "of 4 masks looked at, 2 have smoothed or JPEG edges" in line
    assert "--masks labels" in line
    assert "\n" not in line
    found = [only_object(image.read_masks()[1]) for image in dataset.images]
    assert all(iou(mask, OBJECT) > 0.97 for mask in found[:3])
    np.testing.assert_array_equal(found[3], tiny > 0)


def test_sharp_masks_and_maps_say_nothing(tmp_path, caplog):
    open_dataset(make_folder(tmp_path / "a", [(".png", WHITE), (".png", WHITE // 255)]))
    open_dataset(make_folder(tmp_path / "b", [(".png", LABELS)]))
    open_dataset(make_folder(tmp_path / "c", [(".png", LABELS)], "labels"))
    assert caplog.records == []


def test_among_maps_with_void_255_alone_is_void(tmp_path, caplog):
    void = LABELS.copy()
    void[:5] = 255
    masks = [(".png", void), (".png", WHITE)]
    dataset = open_dataset(make_folder(tmp_path, masks))
    assert "255 is taken as pixels to be ignored" in caplog.text
    objects = dataset.images[1].read_masks()[1]
    assert objects.masks == {}
    np.testing.assert_array_equal(objects.ignore, OBJECT)
    told = open_dataset(tmp_path, masks="labels")
    np.testing.assert_array_equal(told.images[1].read_masks()[1].ignore, OBJECT)


def test_among_maps_without_void_a_black_and_white_mask_is_one(tmp_path, caplog):
    dataset = open_dataset(make_folder(tmp_path, [(".png", LABELS), (".png", WHITE)]))
    assert "1 are black and white and 1 number their objects" in caplog.text
    check_two(dataset.images[0].read_masks()[1])
    np.testing.assert_array_equal(only_object(dataset.images[1].read_masks()[1]), OBJECT)


def test_saying_what_masks_are(tmp_path, caplog):
    make_folder(tmp_path, [(".png", WHITE)], "labels")
    dataset = open_dataset(tmp_path)
    assert "if white is the object" in caplog.text
    assert dataset.images[0].read_masks()[1].masks == {}
    caplog.clear()
    (image,) = open_dataset(tmp_path, masks="object").images
    np.testing.assert_array_equal(only_object(image.read_masks()[1]), OBJECT)
    assert caplog.records == []
    with pytest.raises(InputError, match=r"`masks` must be one of object, labels.*'numbers'"):
        open_dataset(tmp_path, masks="numbers")
    write(tmp_path / "labels" / "0.png", LABELS)
    (image,) = open_dataset(tmp_path, masks="object").images
    with pytest.raises(InputError, match="must be black and white"):
        image.read_masks()


def test_broken_masks_do_not_judge(tmp_path, caplog):
    make_folder(tmp_path, [(".png", smoothed(WHITE)), (".png", WHITE)])
    (tmp_path / "masks" / "1.png").write_bytes(b"no image")
    dataset = open_dataset(tmp_path)
    assert "of 1 masks looked at" in caplog.text
    with pytest.raises(InputError, match=r"1\.png"):
        dataset.images[1].read_masks()


def test_names_that_masks_have(tmp_path):
    """As EISeg and `fctsfn segment` call them, and composed differently."""
    for image, mask in (
        ("a", "a_mask"),
        ("b", "b.mask"),
        ("c", "c-Mask"),
        ("d", "d.index"),
        ("Hu\u0308ndchen", "H\u00fcndchen"),
    ):
        write(tmp_path / "images" / f"{image}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        write(tmp_path / "masks" / f"{mask}.png", WHITE)
    assert len(list(open_dataset(tmp_path).samples())) == 5


def test_a_cache_knows_what_masks_are_taken_for(tmp_path):
    make_folder(tmp_path, [(".png", WHITE)], "labels")
    cache = DiskCache(tmp_path / "cache")
    for masks, number in (("labels", 0), ("object", 1), ("labels", 0)):
        (image,) = open_dataset(tmp_path, masks=masks).images
        assert len(cache.read(image)[1].masks) == number
