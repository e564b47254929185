"""Data folders of both layouts, and what is wrong with broken ones."""

import cv2
import numpy as np
import pytest

from fctsfn_tf.datasets import labelled_images, samples
from fctsfn_tf.errors import InputError


def write_pair(directory, kind, name, labels, image_size=None):
    for folder in ("images", kind):
        (directory / folder).mkdir(exist_ok=True)
    height, width = image_size or labels.shape
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 2] = 200  # red, in OpenCV's order
    cv2.imwrite(str(directory / "images" / f"{name}.png"), image)
    cv2.imwrite(str(directory / kind / f"{name}.png"), labels)


@pytest.fixture
def labels():
    labels = np.zeros((20, 30), np.uint8)
    labels[2:8, 3:9] = 1
    labels[10:16, 20:28] = 7
    labels[0, :] = 255
    labels[19, 29] = 9  # one pixel: noise
    return labels


def test_one_sample_per_object_of_a_label_map(tmp_path, labels):
    write_pair(tmp_path, "labels", "b", labels)
    write_pair(tmp_path, "labels", "a", (labels == 1).astype(np.uint8))
    found = list(samples(tmp_path))
    assert [sample.name for sample in found] == ["a", "b_1", "b_7"]
    np.testing.assert_array_equal(found[2].gt_mask, labels == 7)
    np.testing.assert_array_equal(found[2].ignore, labels == 255)
    assert found[2].image[5, 5].tolist() == [200, 0, 0]


def test_grabcut_masks_have_an_ignored_band(tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[5:10, 5:12] = 128
    mask[6:9, 6:11] = 255
    write_pair(tmp_path, "masks", "x", mask)
    (sample,) = samples(tmp_path)
    np.testing.assert_array_equal(sample.gt_mask, mask == 255)
    np.testing.assert_array_equal(sample.ignore, mask == 128)


def test_names_choose_images(tmp_path, labels):
    for name in "abc":
        write_pair(tmp_path, "labels", name, labels)
    assert [pair.name for pair in labelled_images(tmp_path, {"a", "c"})] == ["a", "c"]
    with pytest.raises(InputError, match="no image"):
        labelled_images(tmp_path, {"z"})


def test_broken_folders_are_named(tmp_path, labels):
    with pytest.raises(InputError, match="must hold images/"):
        labelled_images(tmp_path)
    write_pair(tmp_path, "labels", "a", labels, image_size=(21, 30))
    with pytest.raises(InputError, match="same size"):
        list(samples(tmp_path))
    (tmp_path / "labels" / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="readable 8-bit"):
        list(samples(tmp_path))
    (tmp_path / "labels" / "a.png").unlink()
    with pytest.raises(InputError, match="has no label map"):
        list(samples(tmp_path))
