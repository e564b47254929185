"""Photographs of more than 8 bits a number in several channels.

Pillow shortens them to 8 bits before anybody can ask how many bits they use, and misreads TIFFs
that keep their channels apart. OpenCV reads 16-bit PNGs, tifffile every kind of TIFF.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf.errors import InputError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLOUR_TYPES = (2, 6)  # RGB, RGBA
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# TIFF 6.0, tag 262: grey whose 0 is white, grey, RGB. Tag 284: every channel by itself.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
CHANNELS_APART = 2
NOT_COMPRESSED = 1  # tag 259
# Tag 338: what a channel more than the colours is. Another one is no transparency.
ALPHA_KINDS = (1, 2)
ORIENTATION_TAG, PROFILE_TAG = 274, 34675
# How Pillow turns a picture upright, by its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class DeepImage:
    """What such a file holds.

    Attributes:
        pixels: (H, W, C) of the file's own type, C from 1 to 4: grey, grey + alpha, RGB, RGBA.
        is_negative: whether 0 is white.
        orientation: as EXIF counts it, 1 for upright.
        profile: an ICC profile, if there is one.
    """

    pixels: np.ndarray
    is_negative: bool
    orientation: int
    profile: bytes | None


def is_tiff(path: str | Path) -> bool:
    """Whether a file begins as a TIFF does."""
    return _head(path)[:4] in TIFF_SIGNATURES


def is_deep_png(path: str | Path) -> bool:
    """Whether a file is a PNG of 16 bits in RGB or RGBA."""
    head = _head(path)
    return (
        head.startswith(PNG_SIGNATURE) and head[24:25] == b"\x10" and head[25] in PNG_COLOUR_TYPES
    )


def png_pixels(path: str | Path) -> np.ndarray | None:
    """(H, W, 3 or 4) uint16 RGB(A) of a deep PNG, or of a TIFF of 16 bits, channels together; None
    where OpenCV cannot."""
    content = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def read_deep_tiff(path: str | Path, max_pixels: int) -> DeepImage | None:
    """The first picture of a TIFF of more than 8 bits; None for one that Pillow reads as well.

    Raises:
        InputError: more than four channels, another kind of colours, or compressed in a way that
            nothing here reads.
    """
    try:
        import tifffile
    except ImportError:
        return None
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if page.bitspersample <= 8 or page.imagewidth * page.imagelength > max_pixels:
            return None  # Pillow reads it, or says that it is too large
        channels = page.samplesperpixel
        if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB) or channels > 4:
            if page.dtype == np.uint16 and page.planarconfig != CHANNELS_APART and channels <= 4:
                return None  # CMYK, CIELAB
            raise InputError(
                "A TIFF of more than 8 bits must be grey or RGB, with or without transparency. "
                f"Save it so. Received {channels} channels of {page.dtype}, {page.photometric!s}."
            )
        pixels = _pixels(page, path)
        if pixels is None:
            return None
        orientation, profile = page.tags.get(ORIENTATION_TAG), page.tags.get(PROFILE_TAG)
        return DeepImage(
            pixels[..., : _num_known_channels(page)],
            page.photometric == WHITE_IS_ZERO,
            1 if orientation is None else int(orientation.value),
            None if profile is None else bytes(profile.value),
        )


def _pixels(page: Any, path: str | Path) -> np.ndarray | None:
    """(H, W, C) of a TIFF's page (`tifffile.TiffPage`); None where Pillow has it.

    Raises:
        InputError: see `read_deep_tiff`.
    """
    channels, height, width = page.samplesperpixel, page.imagelength, page.imagewidth
    apart = page.planarconfig == CHANNELS_APART and channels > 1
    try:
        pixels = page.asarray()
    except ValueError:  # cut off, or compressed as only the package imagecodecs reads it
        if channels == 1 or page.compression == NOT_COMPRESSED:
            return None
        if page.dtype == np.uint16 and not apart and (found := png_pixels(path)) is not None:
            return found
        raise InputError(
            f"A TIFF of {channels} channels of {page.dtype} cannot be read as it is compressed. "
            "Save it without compression, or install the package imagecodecs. "
            f"Received {page.compression!s}."
        ) from None
    if pixels.size != channels * height * width:
        raise InputError(
            "A TIFF must hold one flat picture. Save one slice of it. "
            f"Received shape {pixels.shape}."
        )
    if apart:
        return np.moveaxis(pixels.reshape(channels, height, width), 0, 2)
    return pixels.reshape(height, width, channels)


def _num_known_channels(page: Any) -> int:
    """The colours, and the channel behind them where it is transparency."""
    colours = 3 if page.photometric == RGB else 1
    extra = tuple(page.extrasamples)
    return colours + (bool(extra) and int(extra[0]) in ALPHA_KINDS)


def _head(path: str | Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(26)
