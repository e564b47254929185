"""A photograph with all its objects, and data sets of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fctsfn_tf.annotations import Objects
from fctsfn_tf.datasets import VOID, Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.image_io import read_image
from fctsfn_tf.mask_formats import MAX_OBJECTS


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph and where its objects come from.

    Attributes:
        name: of its own within the data set.
        image_path: the photograph.
        read_objects: (height, width) → the objects; raises InputError where it cannot.
    """

    name: str
    image_path: Path
    read_objects: Callable[[int, int], Objects]

    def read_masks(self) -> tuple[np.ndarray, Objects]:
        """(H, W, 3) uint8 RGB image and its objects, exact also where they overlap.

        Raises:
            InputError: unreadable, or a mask of another size.
        """
        image = read_image(self.image_path)
        size = image.shape[:2]
        try:
            objects = self.read_objects(*size)
        except InputError as error:
            raise InputError(f"{printable(self.name)}: {error}") from None
        if objects.ignore.shape != size:
            raise InputError(
                "An image and its mask must have the same size. Export both at full size. "
                f"Received {size} and {objects.ignore.shape} for {printable(self.name)}."
            )
        return image, objects

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB image and (H, W) uint8 label map: 0, object ids, `VOID`.

        Where objects overlap, the smaller one is on top, so that none is lost.

        Raises:
            InputError: see `read_masks`, or more than `MAX_OBJECTS` objects.
        """
        image, objects = self.read_masks()
        if max(objects.masks, default=0) > MAX_OBJECTS:
            raise InputError(
                f"A label map holds at most {MAX_OBJECTS} objects. Take `samples` instead. "
                f"Received {max(objects.masks)} for {printable(self.name)}."
            )
        labels = np.where(objects.ignore, VOID, 0).astype(np.uint8)
        by_size = sorted(objects.masks.items(), key=lambda item: -np.count_nonzero(item[1]))
        for number, mask in by_size:
            labels[mask] = number
        return image, labels

    def samples(self) -> Iterator[Sample]:
        """Every object of the photograph; see `read_masks`."""
        image, objects = self.read_masks()
        for number, mask in objects.masks.items():
            if mask.any():
                name = self.name if len(objects.masks) == 1 else f"{self.name}_{number}"
                yield Sample(name, image, mask, objects.ignore)


@dataclass(frozen=True)
class Dataset:
    """The photographs of a data set, in the order of its list or by name.

    Attributes:
        kind: the layout, a key of `dataset_layouts.LAYOUTS`.
        images: each gives its label map (`read`) and its objects (`samples`).
        is_empty_allowed: whether photographs without an object belong to it.
    """

    kind: str
    images: tuple[AnnotatedImage, ...]
    is_empty_allowed: bool = False

    def samples(self, left_out: list[str] | None = None) -> Iterator[Sample]:
        """Every object of every photograph.

        Args:
            left_out: None to stop at the first photograph that cannot be used; a list to go on
                without it and have what is wrong with it appended.

        Raises:
            InputError: see `AnnotatedImage.read_masks`; or a photograph without an object.
        """
        for image in self.images:
            try:
                found = list(image.samples())
                if not found and not self.is_empty_allowed:
                    raise InputError(
                        "A mask must show at least one object. Remove the photograph or draw its "
                        f"mask. Received an empty one for {printable(image.name)}."
                    )
            except InputError as error:
                if left_out is None:
                    raise
                left_out.append(str(error))
                continue
            yield from found
