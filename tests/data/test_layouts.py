"""Stand-ins of every published layout, as they come from the archives, and broken ones."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, hold_out, samples_in_turn
from fctsfn_tf.data.layouts import LAYOUTS, open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.annotation_files import coco_json, labelme_json
from fctsfn_tf.images.masks import voc_palette

HEIGHT, WIDTH = 20, 30


def two_objects():
    """A label map of two objects and some ignored pixels."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[2:8, 3:9] = 1
    labels[10:16, 20:28] = 2
    labels[9, 20:28] = 255
    return labels


@pytest.fixture
def labels():
    return two_objects()


def write_image(path, size=(HEIGHT, WIDTH)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), (200, 0, 0), np.uint8)).save(path)


def write_grey(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def write_palette(path, labels):
    """As Pascal VOC and DAVIS write their masks: indices with VOC's colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels).convert("P")
    image.putpalette(voc_palette().tobytes())
    image.save(path)
    assert Image.open(path).mode == "P"


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_voc(root, labels, names=("2007_000032", "2007_000063")):
    for name in names:
        write_image(root / "JPEGImages" / f"{name}.jpg")
        write_palette(root / "SegmentationObject" / f"{name}.png", labels)
    lists = root / "ImageSets" / "Segmentation"
    write_text(lists / "train.txt", names[0] + "\n")
    write_text(lists / "val.txt", names[1] + "\n")
    write_text(lists / "trainval.txt", "\n".join(names) + "\n")


def check_two_objects(found, labels, names):
    assert [sample.name for sample in found] == names
    for sample, number in zip(found, (1, 2), strict=True):
        np.testing.assert_array_equal(sample.gt_mask, labels == number)
        np.testing.assert_array_equal(sample.ignore, labels == 255)
        (other,) = sample.other_masks
        np.testing.assert_array_equal(other, labels == 3 - number)
        assert sample.image.shape == (HEIGHT, WIDTH, 3)
        assert sample.image[0, 0, 0] > 150 > 50 > sample.image[0, 0, 2]  # red


@pytest.mark.parametrize("inner", [".", "VOCdevkit/VOC2012"])
def test_voc(tmp_path, labels, inner):
    write_voc(tmp_path / inner, labels)
    dataset = open_dataset(tmp_path, split="val")
    assert dataset.kind == "voc"
    check_two_objects(list(dataset.samples()), labels, ["2007_000063_1", "2007_000063_2"])
    assert len(open_dataset(tmp_path, split="trainval").images) == 2
    assert len(open_dataset(tmp_path).images) == 2
    _, read = dataset.images[0].read()
    np.testing.assert_array_equal(read, labels)


def test_sbd(tmp_path, labels):
    root = tmp_path / "benchmark_RELEASE" / "dataset"
    write_image(root / "img" / "2008_000002.jpg")
    (root / "inst").mkdir()
    without_void = np.where(labels == 255, 0, labels)
    instances = {"Segmentation": without_void, "Categories": np.array([[1], [15]], np.uint8)}
    savemat(root / "inst" / "2008_000002.mat", {"GTinst": instances}, do_compression=True)
    write_text(root / "train.txt", "")
    write_text(root / "val.txt", "2008_000002\n")
    dataset = open_dataset(tmp_path, split="val")
    assert dataset.kind == "sbd"
    check_two_objects(list(dataset.samples()), without_void, ["2008_000002_1", "2008_000002_2"])
    with pytest.raises(InputError, match="at least one photograph"):
        open_dataset(tmp_path, split="train")
    (root / "inst" / "2008_000002.mat").write_bytes(b"no matrix")
    with pytest.raises(InputError, match="must be a MATLAB file"):
        list(dataset.samples())


def write_davis(root, labels):
    for sequence in ("bear", "dog"):
        for frame in ("00000", "00001"):
            write_image(root / "JPEGImages" / "480p" / sequence / f"{frame}.jpg")
            write_palette(root / "Annotations" / "480p" / sequence / f"{frame}.png", labels)


def test_davis_2017(tmp_path, labels):
    write_davis(tmp_path / "DAVIS", labels)
    write_text(tmp_path / "DAVIS" / "ImageSets" / "2017" / "val.txt", "dog\n")
    dataset = open_dataset(tmp_path, split="val")
    assert dataset.kind == "davis"
    assert [image.name for image in dataset.images] == ["dog/00000", "dog/00001"]
    first = list(dataset.samples())[:2]
    check_two_objects(first, labels, ["dog/00000_1", "dog/00000_2"])
    assert len(open_dataset(tmp_path).images) == 4


def test_davis_2016(tmp_path, labels):
    write_davis(tmp_path, labels)
    line = "/JPEGImages/480p/bear/00001.jpg /Annotations/480p/bear/00001.png\n"
    write_text(tmp_path / "ImageSets" / "480p" / "val.txt", line)
    binary = np.where(labels == 1, 255, 0).astype(np.uint8)
    write_grey(tmp_path / "Annotations" / "480p" / "bear" / "00001.png", binary)
    (sample,) = open_dataset(tmp_path, split="val").samples()
    assert sample.name == "bear/00001"
    np.testing.assert_array_equal(sample.gt_mask, labels == 1)
    write_grey(tmp_path / "Annotations" / "480p" / "bear" / "00001.png", binary * 0)
    assert list(open_dataset(tmp_path, split="val").samples()) == []  # it left the picture


def coco_content(labels):
    polygon = [3, 2, 9, 2, 9, 8, 3, 8]
    crowd = (labels == 255) | (labels == 2)
    runs = np.diff(np.flatnonzero(np.diff(np.pad(crowd.T.ravel().astype(int), 1))))
    start = int(np.flatnonzero(crowd.T.ravel())[0])
    counts = [start, *runs.tolist()]
    counts.append(labels.size - sum(counts))
    rle = {"size": list(labels.shape), "counts": counts}
    return {
        "images": [
            {"id": 9, "file_name": "000000000009.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 25, "file_name": "000000000025.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 3, "iscrowd": 0, "segmentation": [polygon]},
            {"id": 2, "image_id": 9, "category_id": 3, "iscrowd": 1, "segmentation": rle},
        ],
        "categories": [{"id": 3, "name": "car"}],
    }


@pytest.mark.parametrize("folder", ["val2017", "images/val2017"])
def test_coco(tmp_path, labels, folder):
    write_image(tmp_path / folder / "000000000009.jpg")
    content = json.dumps(coco_content(labels))
    write_text(tmp_path / "annotations" / "instances_val2017.json", content)
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "coco"
    (sample,) = dataset.samples()
    assert sample.name == "000000000009"
    np.testing.assert_array_equal(sample.gt_mask, labels == 1)
    np.testing.assert_array_equal(sample.ignore, labels >= 2)  # the crowd
    write_text(tmp_path / "annotations" / "instances_train2017.json", content)
    with pytest.raises(InputError, match=r"Name one as `split`.*train2017, val2017"):
        open_dataset(tmp_path)
    assert len(open_dataset(tmp_path, split="val2017").images) == 1
    write_image(tmp_path / folder / "000000000009.jpg", (WIDTH, HEIGHT))
    with pytest.raises(InputError, match=r"000000000009: .*the size it was annotated at"):
        list(dataset.samples())


def test_a_folder_with_one_coco_file_of_ours(tmp_path, labels):
    write_image(tmp_path / "images" / "a.png")
    (tmp_path / "objects.json").write_bytes(coco_json([labels == 1, labels > 1], "a.png"))
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "coco"
    found = list(dataset.samples())
    np.testing.assert_array_equal(found[0].gt_mask, labels == 1)
    np.testing.assert_array_equal(found[1].gt_mask, labels > 1)


def test_overlapping_objects_stay_whole_as_samples_and_visible_as_labels(tmp_path, labels):
    small, large = labels == 1, np.ones_like(labels, bool)
    write_image(tmp_path / "images" / "a.png")
    (tmp_path / "a.json").write_bytes(coco_json([small, large], "a.png"))
    (image,) = open_dataset(tmp_path).images
    assert [sample.gt_mask.sum() for sample in image.samples()] == [small.sum(), large.sum()]
    _, read = image.read()
    np.testing.assert_array_equal(read, np.where(small, 1, 2))


@pytest.mark.parametrize("folder", ["", "annotations"])
def test_labelme(tmp_path, labels, folder):
    write_image(tmp_path / "images" / "a.jpg" if folder else tmp_path / "a.jpg")
    (tmp_path / folder).mkdir(exist_ok=True)
    without_void = np.where(labels == 255, 0, labels)
    (tmp_path / folder / "a.json").write_bytes(labelme_json(without_void, "C:\\pictures\\a.jpg"))
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "labelme"
    name = str(Path(folder) / "a")
    check_two_objects(list(dataset.samples()), without_void, [f"{name}_1", f"{name}_2"])
    with pytest.raises(InputError, match="labelme has no lists"):
        open_dataset(tmp_path, split="train")


@pytest.mark.parametrize(
    ("images", "masks", "image_suffix", "mask_suffix"),
    [
        ("data_GT", "boundary_GT", ".jpg", ".bmp"),  # GrabCut
        ("data_GT", "boundary_GT", ".bmp", ".bmp"),
        ("images", "masks", ".jpg", ".png"),  # Berkeley
        ("img", "gt", ".jpg", ".png"),  # DAVIS, 345 frames
    ],
)
def test_masks_of_one_object(tmp_path, labels, images, masks, image_suffix, mask_suffix):
    write_image(tmp_path / images / f"21077{image_suffix}")
    write_text(tmp_path / images / "Thumbs.db", "left behind")
    mask = np.where(labels == 1, 255, np.where(labels == 255, 128, 0)).astype(np.uint8)
    write_grey(tmp_path / masks / f"21077{mask_suffix}", mask)
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "folder"
    (sample,) = dataset.samples()
    assert sample.name == "21077"
    np.testing.assert_array_equal(sample.gt_mask, labels == 1)
    np.testing.assert_array_equal(sample.ignore, labels == 255)


def test_several_masks_of_one_photograph(tmp_path, labels):
    write_image(tmp_path / "images" / "a.jpg")
    for number in (1, 2):
        write_grey(tmp_path / "masks" / f"a#{number}.png", np.uint8(255) * (labels == number))
    check = list(open_dataset(tmp_path).samples())
    assert [sample.name for sample in check] == ["a#1", "a#2"]
    np.testing.assert_array_equal(check[1].gt_mask, labels == 2)
    for sample, number in zip(check, (2, 1), strict=True):
        (other,) = sample.other_masks
        np.testing.assert_array_equal(other, labels == number)


@pytest.mark.parametrize(
    "kind", ["palette", "grey index", "zero and one", "three channels", "bits"]
)
def test_masks_of_every_kind(tmp_path, labels, kind):
    write_image(tmp_path / "images" / "a.jpg")
    path = tmp_path / "masks" / "a.png"
    if kind == "palette":
        write_palette(path, labels)
    elif kind == "grey index":
        write_grey(path, labels)
    elif kind == "zero and one":
        write_grey(path, (labels == 1).astype(np.uint8))
    elif kind == "three channels":
        write_grey(path, np.repeat(np.uint8(255) * (labels == 1)[..., None], 3, axis=2))
    else:
        write_grey(path, labels == 1)
    found = list(open_dataset(tmp_path).samples())
    assert len(found) == (2 if "palette" in kind or "index" in kind else 1)
    np.testing.assert_array_equal(found[0].gt_mask, labels == 1)


def test_label_maps_know_no_masks_of_one_object(tmp_path):
    """In labels/, 255 is void even where nothing else is."""
    write_image(tmp_path / "images" / "a.jpg")
    void = np.zeros((HEIGHT, WIDTH), np.uint8)
    void[3:5] = 255
    write_grey(tmp_path / "labels" / "a.png", void)
    assert list(open_dataset(tmp_path).samples()) == []  # not empty: somebody was unsure
    write_grey(tmp_path / "labels" / "a.png", void * 0)
    with pytest.raises(InputError, match=r"at least one object.*for a"):
        list(open_dataset(tmp_path).samples())


def test_unusable_photographs_are_named_and_left_out_by_choice(tmp_path, labels):
    names = ("corrupt", "empty", "fine", "mismatched", "not_a_mask")
    for name in names:
        write_image(tmp_path / "images" / f"{name}.jpg")
        write_palette(tmp_path / "masks" / f"{name}.png", labels)
    whole = (tmp_path / "images" / "corrupt.jpg").read_bytes()
    (tmp_path / "images" / "corrupt.jpg").write_bytes(whole[: len(whole) // 2])
    write_grey(tmp_path / "masks" / "empty.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    write_palette(tmp_path / "masks" / "mismatched.png", labels[1:])
    (tmp_path / "masks" / "not_a_mask.png").write_bytes(b"no image")
    dataset = open_dataset(tmp_path)
    with pytest.raises(InputError, match="corrupt"):
        list(dataset.samples())
    left_out = []
    found = list(dataset.samples(left_out=left_out))
    assert [sample.name for sample in found] == ["fine_1", "fine_2"]
    for name, message in zip(
        ("corrupt", "empty", "mismatched", "not_a_mask"), left_out, strict=True
    ):
        assert name in message
        assert "\n" not in message
    assert "same size" in left_out[2]


def test_coloured_masks_are_refused(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    write_image(tmp_path / "masks" / "a.png")
    with pytest.raises(InputError, match="one channel or with a palette"):
        list(open_dataset(tmp_path).samples())


def test_small_objects_are_passed_over_where_asked(tmp_path, labels):
    labels[19, 29] = 9  # one pixel of 600: noise
    write_image(tmp_path / "images" / "a.jpg")
    write_grey(tmp_path / "labels" / "a.png", labels)
    dataset = open_dataset(tmp_path)
    assert [sample.name for sample in dataset.samples()] == ["a_1", "a_2", "a_9"]
    found = list(dataset.samples(MIN_OBJECT_SHARE))
    assert [sample.name for sample in found] == ["a_1", "a_2"]
    assert len(found[0].other_masks) == 2  # another object is there, however small
    # Counted among those that are left, as the names of published results were.
    assert [sample.name for sample in dataset.samples(0.07)] == ["a"]
    assert list(dataset.samples(0.5)) == []


def test_stems_choose_photographs(tmp_path, labels):
    write_voc(tmp_path, labels, ("a", "b", "c"))
    dataset = open_dataset(tmp_path)
    assert [image.name for image in dataset.only({"a", "c", "z"}).images] == ["a", "c"]
    assert [image.name for image in dataset.without({"a", "z"}).images] == ["b", "c"]
    with pytest.raises(InputError, match=r"of those asked for.*Received z"):
        dataset.only({"z"})


def test_data_sets_can_be_sent_to_other_processes(tmp_path, labels):
    write_image(tmp_path / "voc" / "x.jpg")
    write_voc(tmp_path / "voc", labels)
    write_image(tmp_path / "coco" / "val2017" / "000000000009.jpg")
    content = json.dumps(coco_content(labels))
    write_text(tmp_path / "coco" / "annotations" / "instances_val2017.json", content)
    for kind in ("voc", "coco"):
        dataset = open_dataset(tmp_path / kind)
        again = pickle.loads(pickle.dumps(dataset))
        for sample, other in zip(dataset.samples(), again.samples(), strict=True):
            np.testing.assert_array_equal(sample.gt_mask, other.gt_mask)


def test_incomplete_archives_are_named(tmp_path, labels):
    write_voc(tmp_path, labels)
    (tmp_path / "JPEGImages" / "2007_000063.jpg").unlink()
    with pytest.raises(InputError, match=r"1 photographs are missing.*2007_000063.jpg"):
        open_dataset(tmp_path)
    (tmp_path / "SegmentationObject" / "2007_000063.png").unlink()
    assert len(open_dataset(tmp_path).images) == 1
    with pytest.raises(InputError, match=r"must have its mask.*2007_000063"):
        open_dataset(tmp_path, split="val")
    with pytest.raises(InputError, match=r"no list 'test'.*train, trainval, val"):
        open_dataset(tmp_path, split="test")


def test_folders_in_which_something_is_missing(tmp_path, labels):
    write_image(tmp_path / "images" / "a.jpg")
    write_image(tmp_path / "images" / "b.jpg")
    write_palette(tmp_path / "masks" / "a.png", labels)
    with pytest.raises(InputError, match=r"1 photographs have no mask.*b.jpg"):
        open_dataset(tmp_path)
    write_palette(tmp_path / "masks" / "b.png", labels)
    write_palette(tmp_path / "masks" / "c.png", labels)
    with pytest.raises(InputError, match=r"must have its photograph.*c.png"):
        open_dataset(tmp_path)
    write_image(tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match=r"stem of its own.*a.jpg and a.png"):
        open_dataset(tmp_path)


def test_unknown_layouts_say_what_is_known_and_what_was_found(tmp_path):
    with pytest.raises(InputError, match="Received a folder of: nothing"):
        open_dataset(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path)
    assert all(name in str(caught.value) for name in (*LAYOUTS, "pictures"))
    with pytest.raises(InputError, match=r"known \(sbd: img/, inst/\)"):
        open_dataset(tmp_path, kind="sbd")
    with pytest.raises(InputError, match="`kind` must be one of voc, sbd"):
        open_dataset(tmp_path, kind="cityscapes")
    with pytest.raises(InputError, match="must be a directory"):
        open_dataset(tmp_path / "nothing")


def test_broken_json_is_named(tmp_path, labels):
    write_image(tmp_path / "images" / "a.jpg")
    write_text(tmp_path / "annotations" / "instances_val.json", "{")
    with pytest.raises(InputError, match=r"instances_val.json must be a JSON file"):
        open_dataset(tmp_path)
    write_text(tmp_path / "annotations" / "instances_val.json", '{"images": [{}]}')
    with pytest.raises(InputError, match="must be a COCO instances file"):
        open_dataset(tmp_path)


def test_photographs_of_sets_that_share_stems(tmp_path, labels, caplog):
    datasets = []
    for name in ("ccp", "ecssd"):
        for stem in ("0001", "0002", "H\u00fcndchen"):
            write_image(tmp_path / name / "images" / f"{stem}.jpg")
            write_palette(tmp_path / name / "labels" / f"{stem}.png", labels)
        datasets.append(open_dataset(tmp_path / name))

    def stems(parts):
        return [[image.image_path.stem for image in part.images] for part in parts]

    rest, held_out = hold_out(datasets, {"ecssd/0001", "ccp/Hu\u0308ndchen"})
    assert stems(rest) == [["0001", "0002"], ["0002", "H\u00fcndchen"]]
    assert stems(held_out) == [["H\u00fcndchen"], ["0001"]]
    assert caplog.records == []
    names = [sample.name for sample in samples_in_turn(held_out)]
    assert names == ["H\u00fcndchen_1", "0001_1", "H\u00fcndchen_2", "0001_2"]
    rest, held_out = hold_out(datasets, {"0001"})
    assert stems(rest) == [["0002", "H\u00fcndchen"]] * 2
    assert stems(held_out) == [["0001"], []]
    assert "1 names are those of photographs in several data sets" in caplog.text
    assert not datasets[0].has_any({"ecssd/0001", "001", "p/0001"})
    assert datasets[0].has_any({f"{tmp_path.name}/ccp/0001"})
