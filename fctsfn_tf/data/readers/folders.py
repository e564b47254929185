"""Photographs and masks with the same stem, in images/ and labels/ or masks/.

So do GrabCut (data_GT/ and boundary_GT/), Berkeley (images/ and masks/) and the 345 frames of DAVIS
(img/ and gt/) come. Several masks of one photograph are <stem>#<n> or <stem>_<n>; a single one may
be <stem>_mask or, as `fctsfn segment` names them, <stem>.mask or <stem>.index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.mask_images import kind_of_folder, read_mask_file, tell_if_all_is_void
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout, text_lists
from fctsfn_tf.data.readers.listing import IMAGE_SUFFIXES, files_by_stem, listed_stems
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.mask_levels import MaskKind

# Folders of photographs and of masks that go together, by the names they come with.
FOLDER_PAIRS = (
    ("images", "labels"),
    ("images", "masks"),
    ("data_GT", "boundary_GT"),  # GrabCut
    ("img", "gt"),  # the DAVIS frames that interactive segmentation is measured on
)
# In these folders a value is always an object's id; elsewhere 0 and 255 are one object's mask.
INDEX_FOLDERS = ("labels",)
# A mask's number within its photograph, or one of these words, stands behind one of these signs.
NUMBER_SIGNS = "#_-."
MASK_WORDS = ("mask", "index")


def read_folder(
    directory: Path, split: str | None, masks: MaskKind | None = None
) -> list[AnnotatedImage]:
    """See `Layout.read`.

    Args:
        directory: holds a pair of folders.
        split: see `Layout.read`.
        masks: what the masks are; None to tell by their folder's name, or by looking at them.
    """
    image_folder, mask_folder = folder_pair(directory)
    images = files_by_stem(image_folder, IMAGE_SUFFIXES)
    listed = listed_stems(directory, split, directory)
    owned: dict[str, list[Path]] = {}
    mask_files = files_by_stem(mask_folder, IMAGE_SUFFIXES)
    for stem, path in sorted(mask_files.items()):
        owner = _owner(stem, images)
        if owner is None:
            raise InputError(
                f"Every mask must have its photograph, with the same stem. Add it to "
                f"{printable(image_folder)} or remove the mask. Received {printable(path)}."
            )
        owned.setdefault(owner, []).append(path)
    if without_mask := set(images) - set(owned):
        raise InputError(
            f"{len(without_mask)} photographs have no mask in {printable(mask_folder)}. Add them "
            f"or remove the photographs. The first is {printable(images[min(without_mask)])}."
        )
    if masks is None:
        masks = _kind_of(mask_folder, list(mask_files.values()))
    read = partial(read_mask_file, kind=masks)
    return [
        AnnotatedImage(
            path.stem,
            images[owner],
            path,
            partial(_objects_among, path, paths, read),
            meaning=masks or "",
        )
        for owner, paths in owned.items()
        if listed is None or owner in listed
        for path in paths
    ]


def folder_pair(directory: Path) -> tuple[Path, Path] | None:
    """The folders of photographs and of masks in a directory; None where no pair is there."""
    pairs = ((directory / images, directory / masks) for images, masks in FOLDER_PAIRS)
    return next((pair for pair in pairs if pair[0].is_dir() and pair[1].is_dir()), None)


def _kind_of(folder: Path, paths: Sequence[Path]) -> MaskKind | None:
    if folder.name not in INDEX_FOLDERS:
        return kind_of_folder(paths, folder)
    tell_if_all_is_void(paths, folder)
    return "labels"


def _owner(mask_stem: str, images: dict[str, Path]) -> str | None:
    """The stem of a mask's photograph: its own, or what stands before its number or word."""
    if mask_stem in images:
        return mask_stem
    for sign in NUMBER_SIGNS:
        stem, _, number = mask_stem.rpartition(sign)
        if (number.isdigit() or number.lower() in MASK_WORDS) and stem in images:
            return stem
    return None


def _objects_among(
    path: Path, paths: Sequence[Path], read: Callable[[Path], Objects], height: int, width: int
) -> Objects:
    """The objects of one of a photograph's mask files; those of the others are `others`."""
    others = [mask for other in paths if other != path for mask in read(other).masks.values()]
    return replace(read(path), others=tuple(others))


LAYOUT = Layout(
    " or ".join(f"{images}/ and {masks}/" for images, masks in FOLDER_PAIRS),
    lambda directory: folder_pair(directory) is not None,
    read_folder,
    lists=text_lists("*.txt"),
)
