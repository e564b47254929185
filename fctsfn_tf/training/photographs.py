"""Photographs by number, decoded, as objects to click, less what cannot be used."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Dataset, Sample, samples_of
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.progress import progress_bar

if TYPE_CHECKING:
    from fctsfn_tf.data.image_cache import ImageCache


class PhotographReader:
    """The photographs of data sets in a row, numbered from 0.

    Threads share it; another process' copy has a memory of its own, but notes what it leaves out
    where all can read it.

    Args:
        datasets: of `open_dataset`.
        min_object_share: objects that cover less of their photograph are passed over, in [0, 1].
        cache: where decoded photographs are kept; None decodes them anew each time.
        unusable: "stop" with an `InputError` at a photograph that cannot be used, or "skip" it.

    Raises:
        InputError: `unusable` is neither.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        min_object_share: float = MIN_OBJECT_SHARE,
        cache: ImageCache | None = None,
        unusable: Literal["stop", "skip"] = "stop",
    ) -> None:
        if unusable not in ("stop", "skip"):
            raise InputError(f'`unusable` must be "stop" or "skip". Received {unusable!r:.40}.')
        self._images = [(dataset, image) for dataset in datasets for image in dataset.images]
        self.min_object_share = min_object_share
        self._cache = cache
        self._notes = _Notes() if unusable == "skip" else None

    def __len__(self) -> int:
        return len(self._images)

    def read(self, number: int) -> list[Sample]:
        """The objects of a photograph; none where it is left out or has none large enough.

        Raises:
            InputError: it cannot be read, its masks have another size, or show no object.
        """
        dataset, image = self._images[number]
        try:
            pixels, objects = image.read_masks() if self._cache is None else self._cache.read(image)
            dataset.check_objects(image, objects)
        except InputError as error:
            if self._notes is None:
                raise
            self._notes.add(str(image.image_path), str(error))
            return []
        return list(samples_of(image.name, pixels, objects, self.min_object_share))

    def object_counts(self) -> list[int]:
        """How many objects `read` gives of each photograph; all are read once.

        Raises:
            InputError: see `read`.
        """
        counts = []
        with progress_bar(len(self), unit="photographs") as bar:
            bar.set_description_str("counting objects")
            for number in range(len(self)):
                counts.append(len(self.read(number)))
                bar.update()
        return counts

    @property
    def left_out(self) -> dict[str, str]:
        """{photograph's file: what is wrong with it}: those left out so far, by any process."""
        return {} if self._notes is None else self._notes.read()


class _Notes:
    """{name: message} that threads and processes share: a file to which lines are appended.

    By hand, because what shares a dictionary (`multiprocessing.Manager`) takes a process of its
    own, and the processes that make batches may be started by somebody else.
    """

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="fctsfn_left_out_")
        os.close(handle)
        self._path = Path(path)
        # Only here, not in other processes' copies.
        weakref.finalize(self, self._path.unlink, missing_ok=True)

    def add(self, name: str, message: str) -> None:
        line = f"{printable(name)}\t{' '.join(message.split())}\n"
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)

    def read(self) -> dict[str, str]:
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return dict(sorted(line.split("\t", 1) for line in lines))
