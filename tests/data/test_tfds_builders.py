"""The builders through TFDS itself, on small stand-ins of the published data sets."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from test_layouts import (
    HEIGHT,
    WIDTH,
    coco_content,
    two_objects,
    write_davis,
    write_grey,
    write_image,
    write_palette,
    write_text,
    write_voc,
)

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.recipes import MSRN_INPUT

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("array_record", reason="TFDS reads without TensorFlow through it")
builders = pytest.importorskip("fctsfn_tf.data.tfds_builders")


@pytest.fixture
def labels():
    return two_objects()


def stand_in(name, directory, labels):
    """A data set as it comes from its archive: (its directory, lists and splits, kind)."""
    if name == "fctsfn_voc2012":
        write_voc(directory / "VOCdevkit" / "VOC2012", labels)
        return {"train": "train", "val": "validation"}
    if name == "fctsfn_sbd":
        root = directory / "benchmark_RELEASE" / "dataset"
        write_image(root / "img" / "2008_000002.jpg")
        (root / "inst").mkdir()
        segmentation = {"Segmentation": np.where(labels == 255, 0, labels)}
        savemat(root / "inst" / "2008_000002.mat", {"GTinst": segmentation}, do_compression=True)
        write_text(root / "val.txt", "2008_000002\n")
        return {"val": "validation"}
    if name == "fctsfn_davis":
        write_davis(directory / "DAVIS", labels)
        write_text(directory / "DAVIS" / "ImageSets" / "2017" / "train.txt", "bear\n")
        write_text(directory / "DAVIS" / "ImageSets" / "2017" / "val.txt", "dog\n")
        return {"train": "train", "val": "validation"}
    if name == "fctsfn_coco2017":
        write_image(directory / "val2017" / "000000000009.jpg")
        content = json.dumps(coco_content(labels))
        write_text(directory / "annotations" / "instances_val2017.json", content)
        return {"val2017": "validation"}
    images, masks = {
        "fctsfn_grabcut": ("data_GT", "boundary_GT"),
        "fctsfn_berkeley": ("images", "masks"),
        "fctsfn_folder": ("images", "labels"),
    }[name]
    write_image(directory / images / "a.bmp")
    mask = np.where(labels == 1, 255, np.where(labels == 255, 128, 0)).astype(np.uint8)
    if name == "fctsfn_folder":
        write_palette(directory / masks / "a.png", labels)
        return {None: "train"}
    if name == "fctsfn_berkeley":  # a mask file for each of two objects
        write_grey(directory / masks / "a#2.png", np.uint8(255) * (labels == 2))
        write_grey(directory / masks / "a#1.png", mask)
    else:
        write_grey(directory / masks / "a.png", mask)
    return {None: "test"}


@pytest.mark.parametrize(
    "name",
    [
        "fctsfn_voc2012",
        "fctsfn_sbd",
        "fctsfn_coco2017",
        "fctsfn_davis",
        "fctsfn_grabcut",
        "fctsfn_berkeley",
        "fctsfn_folder",
    ],
)
def test_what_tfds_gives_is_what_lies_in_the_directory(tmp_path, labels, name):
    directory = tmp_path / "manual"
    splits = stand_in(name, directory, labels)
    builder = builders.prepare(name, directory, tmp_path / "records")
    assert set(builder.info.splits) == set(splits.values())
    for split_list, split in splits.items():
        expected = list(open_dataset(directory, split=split_list).samples())
        found = list(builders.dataset_of(builder, split).samples())
        assert [sample.name for sample in found] == [sample.name for sample in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.gt_mask, other.gt_mask)
            np.testing.assert_array_equal(one.ignore, other.ignore)
            for mask, other_mask in zip(one.other_masks, other.other_masks, strict=True):
                np.testing.assert_array_equal(mask, other_mask)


@pytest.fixture
def prepared(tmp_path, labels):
    write_voc(tmp_path / "manual" / "fctsfn_voc2012", labels)
    return builders.prepare("fctsfn_voc2012", tmp_path / "manual", tmp_path / "records")


def test_through_tfds_load_alone(tmp_path, labels):
    """As somebody does who knows TFDS and not us, in its own format, with its own tf.data."""
    write_voc(tmp_path / "manual" / "fctsfn_voc2012", labels)
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "manual"))
    data, info = tfds.load(
        "fctsfn_voc2012",
        split="train",
        data_dir=str(tmp_path / "records"),
        download_and_prepare_kwargs={"download_config": config},
        with_info=True,
        try_gcs=False,
    )
    (example,) = list(data.as_numpy_iterator())
    assert example["name"] == b"2007_000032"
    assert example["image"].shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(example["masks"][1, ..., 0], labels == 2)
    np.testing.assert_array_equal(example["ignore"][..., 0], labels == 255)
    assert example["object_ids"].tolist() == [1, 2]
    assert "SegmentationObject" in info.description


def test_training_reads_it(tmp_path):
    labels = np.zeros((60, 80), np.uint8)
    labels[10:50, 20:60] = 1
    Path(tmp_path / "manual" / "images").mkdir(parents=True)
    write_image(tmp_path / "manual" / "images" / "a.jpg", (60, 80))
    write_palette(tmp_path / "manual" / "labels" / "a.png", labels)
    builder = builders.prepare("fctsfn_folder", tmp_path / "manual", tmp_path / "records")
    config = replace(MSRN_INPUT, views=((60, 80, 1),))
    plain = ClickDataset(open_dataset(tmp_path / "manual"), config)
    recorded = ClickDataset(builders.dataset_of(builder, "train"), config)
    for one, other in zip(plain[0][0].values(), recorded[0][0].values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_photographs_that_tfds_would_read_otherwise_are_stored_as_we_read_them(tmp_path, labels):
    image = Image.fromarray(np.zeros((WIDTH, HEIGHT, 3), np.uint8) + np.uint8(90))
    exif = image.getexif()
    exif[0x0112] = 6  # lying on its side
    (tmp_path / "manual" / "images").mkdir(parents=True)
    image.save(tmp_path / "manual" / "images" / "turned.jpg", exif=exif)
    write_palette(tmp_path / "manual" / "labels" / "turned.png", labels)
    builder = builders.prepare("fctsfn_folder", tmp_path / "manual", tmp_path / "records")
    samples = list(builders.dataset_of(builder, "train").samples())
    assert samples[0].image.shape == (HEIGHT, WIDTH, 3)


def test_what_is_wrong_is_said(tmp_path, labels, prepared):
    with pytest.raises(InputError, match="`name` must be one of fctsfn_voc2012"):
        builders.prepare("voc", tmp_path, tmp_path / "records")
    with pytest.raises(InputError, match="`split` must be one of train, validation"):
        builders.dataset_of(prepared, "test")
    write_voc(tmp_path / "broken", labels)
    (tmp_path / "broken" / "SegmentationObject" / "2007_000032.png").write_bytes(b"x")
    with pytest.raises(InputError, match="2007_000032"):
        builders.prepare("fctsfn_voc2012", tmp_path / "broken", tmp_path / "other")
    with pytest.raises(Exception, match="manual_dir must be the extracted data set"):
        builders.prepare("fctsfn_voc2012", tmp_path / "nowhere", tmp_path / "third")
