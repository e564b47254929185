"""Masks as PNG files: black and white, numbered, as a cut-out; and a probability.

Every function returns the bytes of one whole file, which `mask_files.save` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import check_same_size, checked_mask, index_map, voc_palette

# zlib's level: twice as fast as Pillow's 6, files about 5 % larger.
PNG_COMPRESSION = 3
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def mask_png(mask: np.ndarray) -> bytes:
    """An 8-bit grey PNG: 255 on the object, 0 elsewhere."""
    return png_bytes(Image.fromarray(checked_mask(mask).astype(np.uint8) * 255))


def index_png(masks: np.ndarray | Sequence[np.ndarray]) -> bytes:
    """An 8-bit palette PNG whose values are the object numbers (`index_map`), in VOC's colours."""
    image = Image.fromarray(index_map(masks)).convert("P")
    image.putpalette(voc_palette().tobytes())
    return png_bytes(image)


def probability_png(probability: np.ndarray) -> bytes:
    """An 8-bit grey PNG of a probability, float (H, W) in [0, 1]: 255 is 1."""
    if not isinstance(probability, np.ndarray) or probability.ndim != 2 or probability.size == 0:
        raise InputError("A probability must be an array (H, W) of numbers in [0, 1].")
    if probability.dtype.kind != "f" or not (probability.min() >= 0 and probability.max() <= 1):
        raise InputError("A probability must be floating point, finite and lie in [0, 1].")
    return png_bytes(Image.fromarray(np.rint(probability * 255).astype(np.uint8)))


def cutout_png(image: np.ndarray, mask: np.ndarray) -> bytes:
    """An RGBA PNG of the object alone.

    It has the photograph's full size, so that it can be laid back in place. Pixels off the object
    are transparent and black: nothing of the background is left in the file.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: bool (H, W).
    """
    mask = checked_mask(mask)
    check_same_size(image, mask)
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[..., :3][mask] = image[mask]
    rgba[..., 3][mask] = 255
    return png_bytes(Image.fromarray(rgba))


def png_bytes(image: Image.Image) -> bytes:
    """A Pillow image as a PNG file."""
    file = BytesIO()
    image.save(file, "PNG", compress_level=PNG_COMPRESSION)
    return file.getvalue()
