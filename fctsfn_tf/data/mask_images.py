"""Objects out of images whose pixels name them: index maps, and masks of one object."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.image_io import has_palette_of_colours, open_image
from fctsfn_tf.images.masks import VOID, checked_index_map

# Grey values of a mask of one object; the middle one is GrabCut's band that nobody is sure of.
MASK_IGNORE, MASK_OBJECT = 128, 255


def read_index_map(path: str | Path) -> Objects:
    """The objects of an 8-bit image of one channel or palette: 0 background, ids, `VOID` ignored.

    Raises:
        InputError: not such an image.
    """
    return _objects_of_index(_read_index(path))


def read_mask_file(path: str | Path) -> Objects:
    """The objects of a mask file, whichever of these it is.

    - a palette image in colours: an index map, as Pascal VOC and `index_png` write it;
    - 0 and 255, with 128 where nobody is sure (GrabCut): one object;
    - 0 and 1: one object;
    - other whole numbers: an index map, with 255 ignored.

    A grey image with three equal channels is taken as one channel.

    Raises:
        InputError: not an 8-bit image, or one in colours without a palette.
    """
    image = open_image(path)
    values = _read_index(path)
    if has_palette_of_colours(image):
        return _objects_of_index(values)
    if MASK_OBJECT in values and np.isin(values, (0, MASK_IGNORE, MASK_OBJECT)).all():
        return Objects({1: values == MASK_OBJECT}, values == MASK_IGNORE)
    return _objects_of_index(values)


def objects_of_labels(labels: np.ndarray) -> Objects:
    """The objects of an index map (H, W) of whole numbers from 0 to `VOID`.

    Raises:
        InputError: another shape or numbers.
    """
    return _objects_of_index(checked_index_map(labels))


def _read_index(path: str | Path) -> np.ndarray:
    """(H, W) uint8 values of an image of one channel, or of three equal ones."""
    image = open_image(path)
    if image.mode == "1":
        image = image.convert("L")
    values = np.asarray(image)
    if values.ndim == 3 and (values[..., :3] == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.dtype != np.uint8:
        raise InputError(
            "A mask must be an 8-bit image of one channel or with a palette. Save it as a grey or "
            f"indexed PNG. Received mode {image.mode} in {printable(path)}."
        )
    return values


def _objects_of_index(values: np.ndarray) -> Objects:
    # Several times as quick as np.unique.
    ids = [int(value) for value in np.flatnonzero(np.bincount(values.ravel()))]
    ids = [value for value in ids if value not in (0, VOID)]
    return Objects({number: values == number for number in ids}, values == VOID)
