"""Decoded photographs and masks, kept so that an epoch need not decode them again.

Decoding is most of what a batch costs. `MemoryCache` keeps as many photographs as fit into a number
of bytes; `DiskCache` keeps all of them as files that are mapped into memory, where threads,
processes and later runs share them. A pixel takes 3 bytes, and an eighth for each object: NumPy's
own archives (.npz) cannot be mapped, and its arrays would take 1 for each object.

Libraries' caches do other things: those in memory (`functools`, cachetools) put out what was used
longest ago, which in an epoch is what comes next; those on disk (joblib, diskcache) keep whole
objects, a byte for each pixel of each mask. Files need no lock, since each is whole from the moment
it has its name; the lock in memory makes the count of bytes and what is kept go together.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable

# Counts up where readers make other pixels or masks of the same files.
READERS = 2


class ImageCache(Protocol):
    """Anything that reads annotated photographs, faster the second time."""

    def read(self, image: AnnotatedImage) -> tuple[np.ndarray, Objects]:
        """(H, W, 3) uint8 RGB, not to be written to, and the objects: as `image.read_masks()`."""
        ...


class MemoryCache:
    """The photographs that came first, up to a number of bytes; the others are decoded each time.

    What is kept stays: in training every photograph comes once an epoch, so the one that was used
    last is not needed soon. Threads share it; every process has its own.

    Args:
        max_bytes: what the kept photographs may take together.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise InputError(f"`max_bytes` must be 0 or more. Received {max_bytes!r}.")
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._packed: dict[tuple[Path, str], np.ndarray] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Photographs that are kept."""
        return len(self._packed)

    def read(self, image: AnnotatedImage) -> tuple[np.ndarray, Objects]:
        """See `ImageCache`."""
        key = image.image_path, image.name
        if key in self._packed:
            return unpacked(self._packed[key])
        array = packed(*image.read_masks())
        with self._lock:
            if key not in self._packed and self.num_bytes + array.nbytes <= self.max_bytes:
                self._packed[key] = array
                self.num_bytes += array.nbytes
        return unpacked(array)

    def __getstate__(self) -> dict:
        """Another process starts with an empty one."""
        return {"max_bytes": self.max_bytes}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)


class DiskCache:
    """Every photograph decoded once and kept as a file, which is mapped into memory to be read.

    A photograph or mask whose file changed (its size or time) is decoded anew. Remove the directory
    to be rid of it all.

    Args:
        directory: is created where it is not there. Have it on a local disk.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        if self.directory.exists() and not self.directory.is_dir():
            raise InputError(
                f"A cache must be a directory. Name another. Received {printable(directory)}."
            )

    def read(self, image: AnnotatedImage) -> tuple[np.ndarray, Objects]:
        """See `ImageCache`."""
        path = self.directory / f"{_fingerprint(image)}.npy"
        if path.exists():
            return unpacked(np.load(path, mmap_mode="r"))
        array = packed(*image.read_masks())
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, lambda file: np.save(file, array), overwrite=True)
        return unpacked(array)


def _fingerprint(image: AnnotatedImage) -> str:
    digest = hashlib.sha256(f"{READERS}|{image.meaning}|{image.name}".encode())
    for path in (image.image_path, image.annotation_path):
        try:
            status = path.stat()
        except OSError:  # it is named where it is read
            continue
        digest.update(f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}|".encode())
    return digest.hexdigest()[:32]


def packed(pixels: np.ndarray, objects: Objects) -> np.ndarray:
    """(N,) uint8: height, width, number of objects and their ids as int64; pixels; mask bits."""
    head = np.array([*pixels.shape[:2], len(objects.masks), *objects.masks], np.int64)
    masks = (objects.ignore, *objects.masks.values(), *objects.others)
    bits = [np.packbits(mask) for mask in masks]
    return np.concatenate([head.view(np.uint8), pixels.ravel(), *bits])


def unpacked(packed: np.ndarray) -> tuple[np.ndarray, Objects]:
    """What was `packed`, as views of it where that can be."""
    height, width, number = (int(value) for value in packed[:24].view(np.int64))
    ids = packed[24 : 24 + 8 * number].view(np.int64)
    start = 24 + 8 * number
    end = start + 3 * height * width
    pixels = packed[start:end].reshape(height, width, 3)
    rows = packed[end:].reshape(-1, (height * width + 7) // 8)
    masks = np.unpackbits(rows, axis=1, count=height * width).reshape(-1, height, width).view(bool)
    own = dict(zip(ids.tolist(), masks[1 : 1 + number], strict=True))
    return pixels, Objects(own, masks[0], tuple(masks[1 + number :]))
