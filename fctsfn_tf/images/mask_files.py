"""Writing what the other modules made of masks, and a mask back from a file to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable, printable
from fctsfn_tf.images.image_io import has_palette_of_colours, open_image
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

    Taken are: an image with transparency (a cut-out), whose object is what is at least half opaque;
    an index image with a palette of colours, whose object is every index but 0 and `VOID`; else a
    grey image, whose object is what is at least half white, or, if it holds 0 and 1 alone, the 1.

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
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 255:
            return alpha >= 128
    if has_palette_of_colours(image):
        index = np.asarray(image)
        return (index != 0) & (index != VOID)
    if image.mode in ("P", "LA", "RGBA"):
        image = image.convert("RGB")
    return _mask_of_grey(np.asarray(image), path)


def _mask_of_grey(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    is_coloured = pixels.ndim == 3 and (pixels.shape[2] != 3 or (pixels != pixels[..., :1]).any())
    if is_coloured or pixels.dtype.kind == "f":
        raise InputError(
            "A mask must be black and white, a palette image or a cut-out with transparency. "
            f"{printable(path)} has colours or fractions; is it an overlay or a probability?"
        )
    pixels = pixels[..., 0] if pixels.ndim == 3 else pixels
    if pixels.dtype == bool:
        return pixels
    if pixels.max() <= 1:
        return pixels > 0
    half = 1 << (15 if pixels.dtype.itemsize > 1 else 7)
    return pixels >= half
