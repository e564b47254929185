"""Photographs by number, and an account of those that cannot be used."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.image_cache import MemoryCache
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.training.photographs import PhotographReader


@pytest.fixture
def dataset(shapes_directory):
    return open_dataset(shapes_directory)


def assert_same(samples, expected):
    for one, other in zip(samples, expected, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.gt_mask, other.gt_mask)
        np.testing.assert_array_equal(one.other_masks, other.other_masks)


@pytest.mark.parametrize("cache", [None, MemoryCache(2**20)])
def test_data_sets_are_numbered_one_after_the_other(dataset, cache):
    reader = PhotographReader([dataset.only({"3"}), dataset], cache=cache)
    assert len(reader) == 9
    for _ in range(2):
        assert_same(reader.read(0), dataset.images[3].samples())
        assert_same(reader.read(6), dataset.images[5].samples())


def test_small_objects_are_passed_over(dataset):
    (sizes,) = ([np.mean(one.gt_mask) for one in image.samples()] for image in dataset.images[:1])
    reader = PhotographReader([dataset], min_object_share=(min(sizes) + max(sizes)) / 2)
    (only,) = reader.read(0)
    assert np.mean(only.gt_mask) == max(sizes) > min(sizes)
    assert PhotographReader([dataset], min_object_share=0.9).read(0) == []


@pytest.fixture
def broken(shapes_directory, tmp_path):
    """Photograph 1 is none, and 2 has an empty mask."""
    directory = shutil.copytree(shapes_directory, tmp_path / "broken")
    (directory / "images" / "1.png").write_bytes(b"no photograph")
    Image.fromarray(np.zeros((60, 90), np.uint8)).save(directory / "labels" / "2.png")
    return open_dataset(directory)


def test_what_cannot_be_used_stops_or_is_noted_for_all_to_read(broken):
    reader = PhotographReader([broken])
    with pytest.raises(InputError, match=r"1\.png is not an image"):
        reader.read(1)
    assert reader.left_out == {}
    reader = PhotographReader([broken], unusable="skip")
    assert reader.read(1) == []
    assert pickle.loads(pickle.dumps(reader)).read(2) == []
    assert len(reader.read(3)) == 2
    assert [Path(name).name for name in reader.left_out] == ["1.png", "2.png"]
    with pytest.raises(InputError, match='"stop" or "skip"'):
        PhotographReader([broken], unusable="ignore")


def test_the_notes_go_with_the_reader(broken):
    reader = PhotographReader([broken], unusable="skip")
    path = reader._notes._path
    copy = pickle.loads(pickle.dumps(reader))
    del copy
    assert path.exists()
    del reader
    assert not path.exists()
