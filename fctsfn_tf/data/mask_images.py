"""Objects out of images whose pixels name them: index maps, and masks of one object."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.mask_levels import (
    MaskKind,
    MaskValues,
    Verdict,
    judged,
    one_object,
    read_mask_values,
)
from fctsfn_tf.images.masks import checked_index_map

# So many files of a folder are looked at to tell what they are, evenly spread.
LOOKED_AT = 64
LOG = logging.getLogger(__name__)


def read_index_map(path: str | Path) -> Objects:
    """The objects of an image whose numbers are theirs: 0 background, `VOID` ignored.

    Raises:
        InputError: not such an image.
    """
    return read_mask_file(path, "labels")


def read_mask_file(path: str | Path, kind: MaskKind | None = None) -> Objects:
    """The objects of a mask file, whichever of these it is.

    - "object", one object in white: 0 and 255, with 128 where nobody is sure (GrabCut), 0 and 1,
      smoothed edges and JPEG, of which the brighter half counts;
    - "labels", an index map: a palette image in colours, as Pascal VOC and `index_png` write it, or
      other whole numbers, with 255 (of 16 bits 65535) ignored.

    Args:
        path: see `mask_levels.read_mask_values`.
        kind: None to judge by its numbers.

    Raises:
        InputError: not a mask, or not one of that kind.
    """
    try:
        return objects_of_mask(read_mask_values(path), kind)
    except InputError as error:
        name, message = printable(path), str(error)
        raise InputError(message if name in message else f"{name}: {message}") from None


def objects_of_mask(mask: MaskValues, kind: MaskKind | None = None) -> Objects:
    """The objects that the numbers of a mask mean; see `read_mask_file`.

    Raises:
        InputError: not a mask, or not one of that kind.
    """
    verdict = judged(mask)
    if verdict.problem:
        raise InputError(f"{verdict.problem} It looks like a map of objects' numbers.")
    _check_kind(verdict, kind)
    if (kind or verdict.kind) == "object":
        pixels, unsure = one_object(mask)
        return Objects({1: pixels} if pixels.any() else {}, unsure)
    return _objects_of_index(mask)


def kind_of_folder(paths: Sequence[Path], folder: Path) -> MaskKind | None:
    """What the masks of a folder are, judged together; None where each is to be judged alone.

    One line is logged where that is an assumption, and how to say otherwise.

    Args:
        paths: of the masks; `LOOKED_AT` of them are looked at. Broken ones do not count.
        folder: for the message.
    """
    return kind_of_masks(_verdicts(paths), printable(folder))


def kind_of_masks(verdicts: Sequence[Verdict], name: str) -> MaskKind | None:
    """What masks that belong together are; see `kind_of_folder`."""
    objects = [verdict for verdict in verdicts if verdict.kind == "object"]
    labels = [verdict for verdict in verdicts if verdict.kind == "labels"]
    smoothed = [verdict for verdict in objects if verdict.is_smoothed]
    if objects and labels:
        kind: MaskKind | None = "labels" if any(one.has_void for one in labels) else None
        meaning = (
            "255 is taken as pixels to be ignored in all of them (masks='object', --masks object, "
            "if each shows one object)"
            if kind
            else "each is taken for itself (masks='labels' or 'object', --masks, for all)"
        )
        LOG.warning(
            "%s: of %d masks looked at, %d are black and white and %d number their objects; %s.",
            *(name, len(verdicts), len(objects), len(labels), meaning),
        )
        return kind
    if smoothed:
        LOG.warning(
            "%s: of %d masks looked at, %d have smoothed or JPEG edges; all are taken as one "
            "object each, whose pixels are the brighter half (masks='labels', --masks labels, if "
            "their numbers are those of objects).",
            *(name, len(verdicts), len(smoothed)),
        )
    if objects:
        return "object"
    return "labels" if labels else None


def tell_if_all_is_void(paths: Sequence[Path], folder: Path) -> None:
    """Log one line if index maps hold 0 and 255 alone, so that everything would be ignored."""
    verdicts = [verdict for verdict in _verdicts(paths) if verdict.kind is not None]
    if verdicts and all(verdict.kind == "object" for verdict in verdicts):
        LOG.warning(
            "%s: the masks looked at hold no number of an object, and 255 is ignored there "
            "(masks='object', --masks object, if white is the object).",
            printable(folder),
        )


def objects_of_labels(labels: np.ndarray) -> Objects:
    """The objects of an index map (H, W) of whole numbers from 0 to `VOID`.

    Raises:
        InputError: another shape or numbers.
    """
    return _objects_of_index(MaskValues(checked_index_map(labels)))


def _verdicts(paths: Sequence[Path]) -> list[Verdict]:
    verdicts = []
    for index in np.unique(np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT)).astype(int)):
        try:
            verdicts.append(judged(read_mask_values(paths[index])))
        except InputError:  # it is named where it is read
            continue
    return verdicts


def _check_kind(verdict: Verdict, kind: MaskKind | None) -> None:
    """Refuse a mask that is clearly not what it is to be.

    Raises:
        InputError: see above.
    """
    if kind == "object" and verdict.kind == "labels":
        raise InputError(
            "A mask of one object must be black and white. It numbers several objects; its folder "
            "or `masks` says that each shows one."
        )
    if kind == "labels" and verdict.is_smoothed:
        raise InputError(
            "A map of objects' numbers must not be smoothed or a JPEG. Save it as a PNG, or say "
            "that it shows one object in white (masks='object', --masks object)."
        )


def _objects_of_index(mask: MaskValues) -> Objects:
    values, void = mask.values, mask.void
    # Several times as quick as np.unique, where the numbers are small.
    small = values.max(initial=0) <= 1 << 16
    ids = np.flatnonzero(np.bincount(values.ravel())) if small else np.unique(values)
    numbers = [int(value) for value in ids if value not in (0, void)]
    return Objects({number: values == number for number in numbers}, values == void)
