"""Data of one's own → `Dataset`: arrays, `tf.data`, TFDS, torch, any sequence or iterable of pairs.

What an example may be says `examples`. What can be asked for by number (arrays, lists, torch's
`Dataset`, `tfds.data_source`) is read when it is needed. What can only be gone through
(`tf.data.Dataset`, what `tfds.load` gives, torch's `DataLoader`, generators) is gone through once
and kept in a temporary file, which is mapped into memory: 3 bytes a pixel, and a bit for each
object. So every batch is a function of its number, as with all data.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage, Dataset
from fctsfn_tf.data.examples import (
    Meaning,
    is_batch,
    is_example,
    is_single,
    judge,
    naming,
    read_example,
    single_examples,
)
from fctsfn_tf.data.image_cache import packed, unpacked
from fctsfn_tf.data.mask_images import LOOKED_AT
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError

# Of what is read by number, so many examples are looked at to tell what their numbers mean.
READ_AHEAD = 16


@dataclass(frozen=True)
class OwnImage(AnnotatedImage):
    """An example; its paths only name it."""

    read_example: Callable[[int], tuple[np.ndarray, Objects]]
    number: int

    def read_masks(self) -> tuple[np.ndarray, Objects]:
        """See `AnnotatedImage.read_masks`."""
        with naming(self.number):
            return self.read_example(self.number)


def as_datasets(data: Any) -> list[Dataset]:
    """Data sets of anything that `ClickDataset` takes.

    Args:
        data: a `Dataset`; a tuple (images, masks) of arrays or lists; a sequence or an iterable of
            examples; or a list of several of these.

    Raises:
        InputError: it is none of these, it is empty or has no end, or see `examples`.
    """
    if isinstance(data, Dataset):
        return [data]
    if is_example(data):
        return [_of_sequence([data])]
    if isinstance(data, tuple) and len(data) == 2 and _are_parallel(*data):
        return [_of_sequence(_Pairs(*data))]
    if isinstance(data, (list, tuple)) and data and not is_example(data[0]):
        return [one for several in data for one in as_datasets(several)]
    if isinstance(data, Mapping):
        raise InputError(
            "A dictionary of splits is several data sets. Name one, such as data['train']. "
            f"Received {', '.join(map(str, data)):.80}."
        )
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        if len(data) == 0:
            raise InputError("There must be at least one photograph to train on. Received none.")
        return [_of_iterable(data) if is_batch(data[0]) else _of_sequence(data)]
    if hasattr(data, "__iter__"):
        return [_of_iterable(data)]
    raise InputError(
        "Data must be a data set of `open_dataset`, a tuple (images, masks), or examples "
        f"(image, mask) to go through. Received {type(data).__name__}."
    )


@dataclass(frozen=True)
class _Pairs:
    """Images and masks beside each other, as a sequence of pairs."""

    images: Sequence[Any]
    masks: Sequence[Any]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        return self.images[number], self.masks[number]


def _are_parallel(images: Any, masks: Any) -> bool:
    """Whether two things hold as many images and masks.

    Raises:
        InputError: they hold another number of these.
    """
    for part in (images, masks):
        is_list = isinstance(part, (list, tuple)) and len(part) > 0 and is_single(part[0])
        if not is_list and len(getattr(part, "shape", ())) < 3:
            return False
    if len(images) != len(masks):
        raise InputError(
            "Images and masks must be as many. "
            f"Received {len(images)} images and {len(masks)} masks."
        )
    return True


def _of_sequence(examples: Sequence[Any]) -> Dataset:
    numbers = np.unique(
        np.linspace(0, len(examples) - 1, min(len(examples), READ_AHEAD)).astype(int)
    )
    meaning = judge({int(number): examples[int(number)] for number in numbers})
    return _dataset(partial(_read, examples, meaning), len(examples))


def _read(examples: Sequence[Any], meaning: Meaning, number: int) -> tuple[np.ndarray, Objects]:
    return read_example(examples[number], meaning)


def _of_iterable(data: Iterable[Any]) -> Dataset:
    if hasattr(data, "cardinality") and int(data.cardinality()) == -1:
        raise InputError(
            "Data must have an end, since every epoch shows all of it once. Leave out `repeat`, or "
            "`take` a number of examples. Received a tf.data.Dataset that is repeated for ever."
        )
    examples = (one for batch in _in_order(data) for one in single_examples(batch))
    first = list(itertools.islice(examples, LOOKED_AT))
    meaning = judge(dict(enumerate(first)))
    kept = _Kept()
    for number, example in enumerate(itertools.chain(first, examples)):
        with naming(number):
            kept.append(*read_example(example, meaning))
    return _dataset(kept.read, len(kept))


def _in_order(data: Any) -> Iterator[Any]:
    """What there is; by number where going through it might not end (`keras.utils.PyDataset`)."""
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return (data[number] for number in range(len(data)))
    return iter(data)


def _dataset(read: Callable[[int], tuple[np.ndarray, Objects]], count: int) -> Dataset:
    # A name of its own, so that caches do not take one data set for another.
    folder = Path(f"data_{uuid.uuid4().hex}")
    images = [
        OwnImage(str(number), folder / str(number), folder, None, read, number, meaning=folder.name)
        for number in range(count)
    ]
    return Dataset("own", tuple(images), directory=folder)


class _Kept:
    """Photographs and objects in a temporary file, which goes with it."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="fctsfn_data_")
        os.close(handle)
        self._path = Path(path)
        self._ends = [0]
        # Only here, not in other processes' copies.
        weakref.finalize(self, self._path.unlink, missing_ok=True)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, pixels: np.ndarray, objects: Objects) -> None:
        """Keep one more."""
        array = packed(pixels, objects)
        with open(self._path, "ab") as file:
            file.write(array.tobytes())
        self._ends.append(self._ends[-1] + array.nbytes)

    def read(self, number: int) -> tuple[np.ndarray, Objects]:
        """One that was kept."""
        start, end = self._ends[number : number + 2]
        # Numbers in it are of 8 bytes each, wherever it starts.
        array = np.memmap(self._path, np.uint8, "r", offset=start, shape=(end - start,))
        return unpacked(array)
