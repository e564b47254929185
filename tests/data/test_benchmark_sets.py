"""The named sets in their published layouts, tiny; COCO's sample of 20 images per category."""

import json
import pickle

import cv2
import numpy as np
import pytest

from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS, open_benchmark_set, sample_per_category
from fctsfn_tf.errors import InputError

HEIGHT, WIDTH = 24, 36


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def photograph(path):
    write(path, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def mask(*boxes):
    """255 in each (row, col, size), and a band of 128 below the first."""
    array = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row, col, size in boxes:
        array[row : row + size, col : col + size] = 255
    array[boxes[0][0] + boxes[0][2]] = 128
    return array


@pytest.mark.parametrize("suffix", ["bmp", "png"])
def test_grabcut_as_published_and_trimaps_of_both_kinds(tmp_path, suffix):
    photograph(tmp_path / "data_GT" / "banana.jpg")
    write(tmp_path / "boundary_GT" / f"banana.{suffix}", mask((2, 3, 5)))
    (sample,) = open_benchmark_set("grabcut", tmp_path).samples()
    assert sample.name == "banana"
    assert np.count_nonzero(sample.gt_mask) == 25
    assert np.count_nonzero(sample.ignore) == WIDTH


def test_berkeley_has_several_objects_of_one_photograph(tmp_path):
    photograph(tmp_path / "images" / "12003.jpg")
    for number in (0, 1):
        write(tmp_path / "masks" / f"12003#{number}.png", mask((2, 3 + 10 * number, 5)))
    names = [sample.name for sample in open_benchmark_set("berkeley", tmp_path).samples()]
    assert names == ["12003#0", "12003#1"]


@pytest.mark.parametrize("name", ["davis", "coco_mval"])
def test_frames_and_coco_mval_are_img_and_gt(tmp_path, name):
    photograph(tmp_path / name / "img" / "a.jpg")
    write(tmp_path / name / "gt" / "a.png", mask((2, 3, 5)))
    # In a folder of its name within the given one.
    (sample,) = open_benchmark_set(name, tmp_path).samples()
    assert sample.name == "a"


def test_voc_takes_its_val_list(tmp_path):
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for stem, split in (("2007_1", "val"), ("2007_2", "train")):
        photograph(tmp_path / "JPEGImages" / f"{stem}.jpg")
        write(tmp_path / "SegmentationObject" / f"{stem}.png", mask((2, 3, 5)) // 255)
        (lists / f"{split}.txt").write_text(f"{stem}\n")
    found = [image.name for image in open_benchmark_set("voc2012", tmp_path).images]
    assert found == ["2007_1"]
    found = [image.name for image in open_benchmark_set("voc2012", tmp_path, "train").images]
    assert found == ["2007_2"]


def test_any_folder_and_unknown_names(tmp_path):
    photograph(tmp_path / "images" / "a.jpg")
    write(tmp_path / "masks" / "a.png", mask((2, 3, 5)))
    assert len(open_benchmark_set(None, tmp_path).images) == 1
    with pytest.raises(InputError, match="one of voc2012, coco, grabcut"):
        open_benchmark_set("coco2", tmp_path)
    with pytest.raises(InputError, match="layout that is known"):
        open_benchmark_set("voc2012", tmp_path)


def coco(tmp_path):
    """40 photographs: category 3 in all of them, twice in the even ones; category 7 in three."""
    images, annotations = [], []
    for index in range(40):
        images.append(
            {"id": index, "file_name": f"{index:03}.jpg", "height": HEIGHT, "width": WIDTH}
        )
        boxes = [(3, 1)] + [(3, 9)] * (index % 2 == 0) + [(7, 17)] * (index < 3)
        for category, col in boxes:
            corners = [col, 2, col + 5, 2, col + 5, 7, col, 7]
            annotations.append(
                {"image_id": index, "category_id": category, "segmentation": [corners]}
            )
        crowd = {"image_id": index, "category_id": 7, "iscrowd": 1}
        annotations.insert(0, {**crowd, "segmentation": [[0, 20, 9, 20, 9, 23, 0, 23]]})
        photograph(tmp_path / "val2017" / f"{index:03}.jpg")
    (tmp_path / "annotations").mkdir()
    content = {"images": images, "annotations": annotations}
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return tmp_path


def test_coco_takes_20_images_of_each_category_with_one_object_each(tmp_path):
    directory = coco(tmp_path)
    dataset = open_benchmark_set("coco", directory)
    categories = [image.name.rpartition("_")[2] for image in dataset.images]
    assert categories == ["3"] * 20 + ["7"] * 3
    assert len({image.image_path for image in dataset.images[:20]}) == 20
    samples = list(pickle.loads(pickle.dumps(dataset)).samples())
    assert [sample.name for sample in samples] == [image.name for image in dataset.images]
    # Left column: the first objects; 9 on: the second ones; 17 on: those of category 7.
    lefts = [int(np.flatnonzero(sample.gt_mask.any(axis=0))[0]) for sample in samples]
    assert set(lefts[:20]) == {1, 9}
    assert lefts[20:] == [17] * 3
    assert all(sample.ignore[21, 2] for sample in samples)  # the crowd
    again = open_benchmark_set("coco", directory)
    assert [image.name for image in again.images] == [image.name for image in dataset.images]


def test_only_coco_has_categories(tmp_path):
    photograph(tmp_path / "images" / "a.jpg")
    write(tmp_path / "masks" / "a.png", mask((2, 3, 5)))
    with pytest.raises(InputError, match="layout coco"):
        sample_per_category(open_benchmark_set(None, tmp_path))
    assert {name for name, known in BENCHMARK_SETS.items() if known.sample} == {"coco"}
