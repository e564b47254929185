"""Data of one's own: whatever it comes as, the same photographs and objects."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.annotated_images import Dataset
from fctsfn_tf.data.image_cache import DiskCache, MemoryCache
from fctsfn_tf.data.own_data import as_datasets
from fctsfn_tf.errors import InputError

COUNT, HEIGHT, WIDTH = 5, 30, 44
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
LABELS = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
LABELS[:, 4:20, 5:25], LABELS[:, 22:28, 30:40], LABELS[:, 0] = 1, 2, 255
OBJECTS = np.stack([LABELS == 1, LABELS == 2], axis=1)


class Tensor:
    """What a tensor of torch has."""

    def __init__(self, array):
        self._array = array
        self.shape = array.shape

    def detach(self):
        return self

    def cpu(self):
        return self

    def __iter__(self):
        return map(Tensor, self._array)

    def __array__(self, dtype=None, copy=None):
        return self._array


class Sequence:
    """What a map-style data set of torch has: a length, and examples by number."""

    def __init__(self, examples):
        self._examples = examples
        self.asked = []

    def __len__(self):
        return len(self._examples)

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        self.asked.append(number)
        return self._examples[number]


class Loader:
    """What a data loader of torch has: batches, one after the other."""

    def __init__(self, *columns, size=2):
        self._columns, self._size = columns, size

    def __iter__(self):
        for start in range(0, COUNT, self._size):
            yield [Tensor(column[start : start + self._size]) for column in self._columns]


def first_channels(images):
    return np.moveaxis(images, -1, 1)


SOURCES = {
    "arrays": lambda: (IMAGES, LABELS),
    "arrays with an axis of channels": lambda: (IMAGES, LABELS[..., None]),
    "wide numbers": lambda: (IMAGES.astype(np.int64), LABELS.astype(np.int32)),
    "-1 for ignored": lambda: (IMAGES, np.where(LABELS == 255, -1, LABELS.astype(int))),
    "lists of arrays": lambda: (list(IMAGES), list(LABELS)),
    "a list of pairs": lambda: list(zip(IMAGES, LABELS, strict=True)),
    "fractions": lambda: (IMAGES / np.float32(255), LABELS.astype(np.float32)),
    "bytes as floats": lambda: (IMAGES.astype(np.float32), LABELS),
    "channels first": lambda: (first_channels(IMAGES), LABELS[:, None]),
    "dictionaries": lambda: [
        {"image": image, "segmentation_mask": mask[..., None], "label": 3, "name": b"one"}
        for image, mask in zip(IMAGES, LABELS, strict=True)
    ],
    "pictures of Pillow": lambda: [
        (Image.fromarray(image), Image.fromarray(mask))
        for image, mask in zip(IMAGES, LABELS, strict=True)
    ],
    "a sequence": lambda: Sequence(
        [
            (Tensor(image), Tensor(mask))
            for image, mask in zip(first_channels(IMAGES), LABELS, strict=True)
        ]
    ),
    "a generator": lambda: (pair for pair in zip(IMAGES, LABELS, strict=True)),
    "a loader of batches": lambda: Loader(
        first_channels(IMAGES) / np.float32(255), LABELS.astype(np.int64)
    ),
    "a sequence of batches": lambda: Sequence([(IMAGES[:3], LABELS[:3]), (IMAGES[3:], LABELS[3:])]),
    "batches in dictionaries": lambda: iter(
        [{"image": IMAGES[:3], "mask": LABELS[:3]}, {"image": IMAGES[3:], "mask": LABELS[3:]}]
    ),
}


def read(data):
    (dataset,) = as_datasets(data)
    return [image.read_masks() for image in dataset.images]


def assert_right(found, ignored=True):
    assert len(found) == COUNT
    for (pixels, objects), image, labels in zip(found, IMAGES, LABELS, strict=True):
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, image)
        assert list(objects.masks) == [1, 2]
        for number, mask in objects.masks.items():
            np.testing.assert_array_equal(mask, labels == number)
        np.testing.assert_array_equal(objects.ignore, (labels == 255) & ignored)


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_gives_the_same_photographs_and_objects(source):
    assert_right(read(SOURCES[source]()))


@pytest.mark.parametrize("axis", [1, 3])
def test_a_mask_for_each_object(axis):
    assert_right(read((IMAGES, np.moveaxis(OBJECTS, 1, axis))), ignored=False)


def test_files_by_their_paths(tmp_path):
    pairs = []
    for number, (image, mask) in enumerate(zip(IMAGES, LABELS, strict=True)):
        paths = tmp_path / f"{number}.png", tmp_path / f"{number}_mask.png"
        for path, array in zip(paths, (image, mask), strict=True):
            Image.fromarray(array).save(path)
        pairs.append(paths)
    assert_right(read(pairs))
    # As tf.data gives them.
    assert_right(read([np.array(str(path).encode()) for path in pair] for pair in pairs))


def test_a_dataset_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[..., None]))
    assert_right(read(pairs))
    assert_right(read(pairs.map(lambda x, y: (tf.cast(x, tf.float32) / 255, y)).batch(2)))
    named = pairs.map(lambda x, y: {"image": x, "segmentation_mask": y, "label": 0})
    assert_right(read(named))
    with pytest.raises(InputError, match="must have an end"):
        as_datasets(pairs.repeat())


def test_what_tfds_load_gives(tmp_path, tmp_path_factory):
    tfds = pytest.importorskip("tensorflow_datasets")
    from fctsfn_tf.data import tfds_builders  # noqa: F401 (registers the builder)

    directory = tmp_path / "photographs"
    for folder in ("images", "labels"):
        (directory / folder).mkdir(parents=True)
    for number, (image, mask) in enumerate(zip(IMAGES, LABELS, strict=True)):
        Image.fromarray(image).save(directory / "images" / f"{number}.png")
        Image.fromarray(mask).save(directory / "labels" / f"{number}.png")
    config = tfds.download.DownloadConfig(manual_dir=str(directory))
    options = {"data_dir": str(tmp_path / "records"), "with_info": False}
    prepare = {"download_and_prepare_kwargs": {"download_config": config}}
    data = tfds.load("fctsfn_folder", split="train", **options, **prepare)
    assert_right(read(data))
    assert_right(read(tfds.as_numpy(data)))
    with pytest.raises(InputError, match="Name one, such as data"):
        as_datasets(tfds.load("fctsfn_folder", **options))


def test_one_object_in_white():
    white = np.where(LABELS == 1, 255, 0).astype(np.uint8)
    for pixels, objects in read((IMAGES, white)):
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(objects.masks[1], LABELS[0] == 1)
        assert not objects.ignore.any()


def test_white_beside_numbers_is_ignored_in_all_masks():
    labels = LABELS.copy()
    labels[0] = np.where(LABELS[0] == 255, 255, 0)
    labels[0, 3:5] = 255
    _, objects = read((IMAGES, labels))[0]
    assert objects.masks == {}
    assert objects.ignore.any()


def test_dark_photographs_are_as_dark_as_the_others_say():
    images = IMAGES.astype(np.float32)
    images[1] = 1.0  # nearly black among numbers up to 255
    assert (read((images, LABELS))[1][0] == 1).all()


def test_what_has_a_number_is_read_when_it_is_asked_for():
    data = Sequence(list(zip(IMAGES, LABELS, strict=True)) * 20)
    (dataset,) = as_datasets(data)
    assert len(set(data.asked)) < len(data) / 3  # a look at some, to tell what they are
    data.asked.clear()
    dataset.images[7].read_masks()
    assert data.asked == [7]


def test_what_is_gone_through_is_kept_in_a_file_that_goes_with_it():
    (dataset,) = as_datasets(pair for pair in zip(IMAGES, LABELS, strict=True))
    kept = dataset.images[0].read_example.__self__
    path = Path(kept._path)
    again = pickle.loads(pickle.dumps(dataset))  # another process reads the same file
    np.testing.assert_array_equal(again.images[3].read_masks()[0], IMAGES[3])
    del again
    gc.collect()
    assert path.stat().st_size > IMAGES.nbytes
    del dataset, kept
    gc.collect()
    assert not path.exists()


def test_several_data_sets_beside_one_another():
    other = Dataset("folder", ())
    several = as_datasets([(IMAGES, LABELS), other, list(zip(IMAGES, LABELS, strict=True))])
    assert [len(dataset.images) for dataset in several] == [COUNT, 0, COUNT]
    assert several[1] is other
    assert as_datasets([other, other]) == [other, other]


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_cache_does_not_take_one_for_another(in_memory, tmp_path):
    cache = MemoryCache(2**20) if in_memory else DiskCache(tmp_path)
    (one,), (other,) = as_datasets((IMAGES, LABELS)), as_datasets((255 - IMAGES, LABELS))
    for _ in range(2):
        np.testing.assert_array_equal(cache.read(one.images[2])[0], IMAGES[2])
        np.testing.assert_array_equal(cache.read(other.images[2])[0], 255 - IMAGES[2])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((IMAGES, LABELS[:3]), "Received 5 images and 3 masks"),
        ({"train": (IMAGES, LABELS)}, r"Name one, such as data\['train'\]"),
        ([], "at least one photograph"),
        (5, r"\(image, mask\) to go through. Received int"),
        ((IMAGES, LABELS % 255 + 1), "0 is the background.* without any 0, of the numbers 1, 2, 3"),
        ((IMAGES, LABELS[:, :20]), r"height and width.* \(20, 44\) for an image of 30 × 44"),
        ((IMAGES, LABELS * 0.3), "whole numbers .*threshold"),
        ((IMAGES.astype(np.float32) - 100, LABELS), r"lie in \[0, 1\]"),
        ([{"image": IMAGES[0], "label": 3}], "with none of them: label"),
        ([{"image": IMAGES[0], "a": LABELS[0], "b": LABELS[0]}], "with several of them: a, b"),
        ([{"picture": IMAGES[0], "mask": LABELS[0]}], "Received"),
        (iter([(IMAGES[0], LABELS[0], 1)]), "Received a tuple of 3"),
        (iter([3]), "Received a int"),
        ((first_channels(IMAGES), OBJECTS * np.uint8([[[[3]], [[7]]]])), "each of 0 and 1"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(data, message):
    with pytest.raises(InputError, match=message) as caught:
        read(data)
    assert "\n" not in str(caught.value)


def test_an_example_that_cannot_be_used_is_named():
    labels = [*LABELS[:4], LABELS[4][:, :9]]
    with pytest.raises(InputError, match="Example 4: A mask must have its image's height"):
        as_datasets(pair for pair in [*zip(IMAGES, labels, strict=True)])
    images = [*IMAGES[:3], IMAGES[3] * np.float32("nan"), IMAGES[4]]
    (dataset,) = as_datasets((images, LABELS))
    with pytest.raises(InputError, match="Example 3: "):
        dataset.images[3].read_masks()
