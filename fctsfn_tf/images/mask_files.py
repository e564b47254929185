"""Writing what the other modules made of masks, and a mask back from a file to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable, printable
from fctsfn_tf.images.image_io import open_image
from fctsfn_tf.images.mask_levels import one_object, read_mask_values
from fctsfn_tf.images.masks import VOID
from fctsfn_tf.images.png_files import PNG_SIGNATURE

# How the contents of files begin; those of .txt begin with numbers.
STARTS = {".png": PNG_SIGNATURE, ".json": b"{", ".svg": b"<svg"}


def check_output(path: str | Path, suffix: str, overwrite: bool) -> None:
    """Refuse an output path before any work is done: a wrong suffix, or `files.check_writable`.

    Raises:
        InputError: as said.
    """
    if Path(path).suffix.lower() != suffix:
        raise InputError(
            f"This output is a {suffix} file; give it a name that ends so. "
            f"Received {printable(path):.200}."
        )
    check_writable(path, overwrite)


def save(path: str | Path, content: bytes, overwrite: bool = False) -> None:
    """Write what a `…_png`, `…_json`, `…_txt` or `svg` function returned; whole or not at all.

    Raises:
        InputError: the path does not end as the content asks, the file exists and `overwrite` is
            False, or it cannot be written.
    """
    starts = (suffix for suffix, start in STARTS.items() if content.startswith(start))
    check_output(path, next(starts, ".txt"), overwrite)
    atomic_write(path, lambda file: file.write(content), overwrite)


def read_mask(path: str | Path, height: int, width: int) -> np.ndarray:
    """The mask in an image file, to start from.

    Taken are all that `mask_levels.read_mask_values` takes. Where colours number objects, the
    object is every number but 0 and void; else it is what is at least half white, or, if the file
    holds 0 and 1 alone, the 1.

    Args:
        path: an image file.
        height, width: of the photograph it belongs to.

    Returns:
        bool (height, width).

    Raises:
        InputError: not an image, coloured, or of another size.
    """
    image = open_image(path)
    if (image.height, image.width) != (height, width):
        raise InputError(
            f"A mask must have its photograph's size, {width} × {height} pixels. Export it at full "
            f"size. {printable(path)} has {image.width} × {image.height}."
        )
    try:
        mask = None if image.mode == "F" else read_mask_values(path)
    except InputError:
        mask = None
    if mask is None:
        raise InputError(
            "A mask must be black and white, a palette image or a cut-out with transparency. "
            f"{printable(path)} has colours or fractions; is it an overlay or a probability?"
        )
    if mask.are_numbers:
        return one_object(mask)[0]
    highest = mask.values.max()
    if highest <= 1:
        return mask.values > 0
    return mask.values >= (128 if highest <= VOID else 1 << 15)
