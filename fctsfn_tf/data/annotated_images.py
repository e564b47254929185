"""Objects of photographs in any layout: `Dataset` → `AnnotatedImage` → `Sample`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import numpy as np

from fctsfn_tf.data.objects import Objects, WrongSize
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import composed, printable
from fctsfn_tf.images.image_io import read_image, stored_orientation
from fctsfn_tf.images.masks import MAX_OBJECTS, VOID

# Below this share of the photograph an object is annotation noise, not something that a person
# clicks; training and evaluation leave it out.
MIN_OBJECT_SHARE = 0.002
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """One object of one photograph.

    Attributes:
        name: the photograph's, with "_<object id>" where it has several objects.
        image: (H, W, 3) uint8 RGB.
        gt_mask: (H, W) bool, the object.
        ignore: (H, W) bool, pixels that count neither for nor against.
        other_masks: (H, W) bool each, all other objects of the photograph, in the order of their
            ids and files; they may overlap with this one.
    """

    name: str
    image: np.ndarray
    gt_mask: np.ndarray
    ignore: np.ndarray
    other_masks: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph and where its objects come from.

    Attributes:
        name: of its own within the data set.
        image_path: the file that holds the photograph.
        annotation_path: the file its objects are read from.
        read_objects: (height, width) → the objects; raises InputError where it cannot, `WrongSize`
            where they have another size. It can be pickled, so that other processes can read.
        read_pixels: `image_path` → (H, W, 3) uint8 RGB.
        meaning: what the annotations are taken for, where that can be said; caches look at it.
    """

    name: str
    image_path: Path
    annotation_path: Path
    read_objects: Callable[[int, int], Objects]
    read_pixels: Callable[[Path], np.ndarray] = field(default=read_image, kw_only=True)
    meaning: str = field(default="", kw_only=True)

    def read_masks(self) -> tuple[np.ndarray, Objects]:
        """(H, W, 3) uint8 RGB image and its objects, exact also where they overlap.

        Raises:
            InputError: unreadable, or a mask of another size.
        """
        image = self.read_pixels(self.image_path)
        height, width = image.shape[:2]
        try:
            objects = self._objects_on_upright(height, width)
        except InputError as error:
            raise InputError(f"{printable(self.name)}: {error}") from None
        return image, objects

    def _objects_on_upright(self, height: int, width: int) -> Objects:
        """The objects of the upright photograph.

        Some tools draw on the pixels as they are stored, before EXIF turns them. That shows in the
        size, if height and width are exchanged; masks of such a photograph are turned with it.

        Raises:
            InputError: see `read_masks`.
        """
        try:
            return self._objects_of_size(height, width)
        except WrongSize:
            orientation = stored_orientation(self.image_path)
            if orientation < 5:  # height and width stay
                raise
            try:
                return self._objects_of_size(width, height).upright(orientation)
            except WrongSize as error:
                raise WrongSize(
                    f"{error} Nor was it drawn on the pixels as they are stored, {width} × "
                    f"{height}, before EXIF turns them."
                ) from None

    def _objects_of_size(self, height: int, width: int) -> Objects:
        objects = self.read_objects(height, width)
        size = height, width
        if any(mask.shape != size for mask in (objects.ignore, *objects.others)):
            raise WrongSize(
                "An image and its mask must have the same size. Export both at full size. "
                f"Received {size} and {objects.ignore.shape}."
            )
        return objects

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

    def samples(self, min_share: float = 0.0) -> Iterator[Sample]:
        """Every object of the photograph that covers at least `min_share` of it.

        Raises:
            InputError: see `read_masks`.
        """
        return samples_of(self.name, *self.read_masks(), min_share)


def samples_of(
    name: str, image: np.ndarray, objects: Objects, min_share: float = 0.0
) -> Iterator[Sample]:
    """Every object of a photograph that covers at least `min_share` of it, and one pixel.

    Args:
        name: the photograph's.
        image: (H, W, 3) uint8 RGB.
        objects: of (H, W).
    """
    least = max(1, min_share * objects.ignore.size)
    large = [key for key, mask in objects.masks.items() if np.count_nonzero(mask) >= least]
    for key in large:
        others = tuple(mask for other, mask in objects.masks.items() if other != key)
        others += objects.others
        own_name = name if len(large) == 1 else f"{name}_{key}"
        yield Sample(own_name, image, objects.masks[key], objects.ignore, others)


@dataclass(frozen=True)
class Dataset:
    """The photographs of a data set, in the order of its list or by name.

    Attributes:
        kind: the layout, a key of `layouts.LAYOUTS`.
        images: each gives its label map (`read`) and its objects (`samples`).
        is_empty_allowed: whether photographs without an object belong to it.
        directory: where it lies; its name is the set's.

    Photographs are chosen by the stems of their files, or by any end of <directory>/<stem>: so
    "ecssd/0001" is that of one set, where another one has a 0001, too.
    """

    kind: str
    images: tuple[AnnotatedImage, ...]
    is_empty_allowed: bool = False
    directory: Path = Path()

    def path_of(self, image: AnnotatedImage) -> str:
        """A photograph's whole name: the directory, folders within it, and the file's stem."""
        inner = PurePath(image.name).parent / image.image_path.stem
        return composed((self.directory.absolute() / inner).as_posix())

    def chosen_by(self, image: AnnotatedImage, names: Collection[str]) -> set[str]:
        """Those of `names` that choose a photograph; they are composed (`files.composed`)."""
        parts = self.path_of(image).split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return {end for end in ends if end in names}

    def has_any(self, names: Collection[str]) -> bool:
        """Whether `names` choose a photograph."""
        names = {composed(name) for name in names}
        return any(self.chosen_by(image, names) for image in self.images)

    def only(self, names: Collection[str]) -> Dataset:
        """The photographs that `names` choose.

        Raises:
            InputError: there is none.
        """
        names = {composed(name) for name in names}
        found = tuple(image for image in self.images if self.chosen_by(image, names))
        if not found:
            raise InputError(
                "A data set must hold a photograph of those asked for. Name the files' stems. "
                f"Received {printable(', '.join(sorted(names)) or 'no name'):.80}."
            )
        return replace(self, images=found)

    def without(self, names: Collection[str]) -> Dataset:
        """The photographs that `names` do not choose: what is not held out."""
        names = {composed(name) for name in names}
        found = (image for image in self.images if not self.chosen_by(image, names))
        return replace(self, images=tuple(found))

    def samples(
        self, min_share: float = 0.0, left_out: list[str] | None = None
    ) -> Iterator[Sample]:
        """Every object of every photograph.

        Args:
            min_share: objects that cover less of their photograph are passed over, in [0, 1];
                `MIN_OBJECT_SHARE` leaves out annotation noise. The default takes every object.
            left_out: None to stop at the first photograph that cannot be used; a list to go on
                without it and have what is wrong with it appended.

        Raises:
            InputError: see `AnnotatedImage.read_masks`; or an empty mask, see `check_objects`.
        """
        for image in self.images:
            try:
                pixels, objects = image.read_masks()
                self.check_objects(image, objects)
            except InputError as error:
                if left_out is None:
                    raise
                left_out.append(str(error))
                continue
            yield from samples_of(image.name, pixels, objects, min_share)

    def check_objects(self, image: AnnotatedImage, objects: Objects) -> None:
        """Refuse a photograph whose mask is empty, unless such belong to the data set.

        A mask with ignored pixels is not empty: somebody looked and found nothing sure.

        Raises:
            InputError: see above.
        """
        is_empty = not any(mask.any() for mask in (objects.ignore, *objects.masks.values()))
        if is_empty and not self.is_empty_allowed:
            raise InputError(
                "A mask must show at least one object. Remove the photograph or draw its "
                f"mask. Received an empty one for {printable(image.name)}."
            )


def hold_out(
    datasets: Sequence[Dataset], names: Collection[str]
) -> tuple[list[Dataset], list[Dataset]]:
    """Data sets without what `names` choose, and of each what they choose of it.

    A name that chooses photographs of several sets is held out of all of them, and stands for the
    one of the first: it may well be the same photograph. One line is logged of these.
    """
    names = {composed(name) for name in names}
    held_out, used, shared = [], set(), set()
    for dataset in datasets:
        chosen = [(image, dataset.chosen_by(image, names)) for image in dataset.images]
        images = tuple(image for image, by in chosen if by - used)
        held_out.append(replace(dataset, images=images))
        by_any = set().union(*(by for _, by in chosen))
        shared |= by_any & used
        used |= by_any
    if shared:
        LOG.warning(
            "%d names are those of photographs in several data sets (the first is %s); they are "
            "held out of all. Name them as <set>/<stem> to tell them apart.",
            *(len(shared), printable(min(shared))),
        )
    return [dataset.without(names) for dataset in datasets], held_out


def samples_in_turn(
    datasets: Sequence[Dataset], min_share: float = 0.0, left_out: list[str] | None = None
) -> Iterator[Sample]:
    """The objects of several data sets, one of each in turn; see `Dataset.samples`."""
    waiting = [dataset.samples(min_share, left_out) for dataset in datasets]
    while waiting:
        for samples in list(waiting):
            sample = next(samples, None)
            if sample is None:
                waiting.remove(samples)
            else:
                yield sample
