"""What the numbers of a mask's file mean: one object in white, or the numbers of objects.

Masks come smoothed at their edges, or went through JPEG, which leaves numbers near those that were
meant. Such levels have no area of their own (no 3 × 3 pixels of them), and their pixels lie between
their neighbours. Where the other levels gather at two, the mask shows one object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.image_io import open_image
from fctsfn_tf.images.masks import VOID, voc_palette

MaskKind = Literal["object", "labels"]
# Grey values of a mask of one object; the middle one is GrabCut's band that nobody is sure of.
MASK_IGNORE, MASK_OBJECT = 128, 255
DEEP_VOID = 65535
# Formats that keep no exact numbers.
LOSSY_FORMATS = ("JPEG", "MPO", "AVIF", "HEIF")
# A level has no area of its own if so little of it is flat. A mask is smoothed if so many levels
# are of that kind, and so much of them lies between lower and higher neighbours.
MOST_FLAT, LEAST_LEVELS, LEAST_BETWEEN = 0.1, 3, 0.3
# The two levels of one object: up to a quarter of the highest, and from three quarters on. Between
# them lies at most this share of the flat pixels of the upper one, and this share of all is flat.
MOST_FLAT_BETWEEN, LEAST_FLAT = 0.02, 0.1
# Two levels nearer than this are numbers of objects.
LEAST_CONTRAST = 64
# What one grey may differ among three channels of a lossy file.
MOST_COLOUR = 16
# White that was rounded once.
NEARLY_WHITE = 247
# Grey palettes of more entries are shades, not numbers.
MOST_GREY_NUMBERS = 32


@dataclass(frozen=True, eq=False)
class MaskValues:
    """The numbers in a mask's file.

    Attributes:
        values: (H, W) whole numbers from 0 on.
        are_numbers: whether colours say that they number objects.
        is_lossy: whether the file's format keeps no exact numbers.
        void: the number of pixels that are to be ignored, if they number objects.
    """

    values: np.ndarray
    are_numbers: bool = False
    is_lossy: bool = False

    @property
    def void(self) -> int:
        if self.values.dtype != np.uint8 and self.values.max(initial=0) > VOID:
            return DEEP_VOID
        return VOID


@dataclass(frozen=True)
class Verdict:
    """What a mask's numbers look like.

    Attributes:
        kind: None where both would give the same object, or there is none.
        is_smoothed: whether edges were smoothed, or the format is lossy.
        has_void: whether `VOID` stands beside the numbers of objects.
        problem: why they can be neither.
    """

    kind: MaskKind | None
    is_smoothed: bool = False
    has_void: bool = False
    problem: str = ""


def read_mask_values(path: str | Path) -> MaskValues:
    """The numbers in a mask's file: grey, three equal channels, a palette, colours, transparency.

    - grey and three equal channels: as they stand, of 8, 16 or 32 bits;
    - a palette in colours: its indices, black being 0;
    - a palette in grey: its shades if there are two, or many; else its indices;
    - other colours: a number for each, black being 0 (Pascal VOC's by its palette);
    - transparency that varies: white where it is opaque, unless black and white are laid under it.

    Raises:
        InputError: not an image, fractions, or colours that are none of these.
    """
    image = open_image(path)
    is_lossy = image.format in LOSSY_FORMATS or (image.format == "WEBP" and _is_lossy_webp(path))
    if image.mode == "P":
        values, are_numbers = _of_palette(image)
        return MaskValues(values, are_numbers, is_lossy)
    if image.mode == "1":
        image = image.convert("L")
    pixels = np.asarray(image)
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        pixels = _over_black(np.asarray(image.convert("RGBA")))
    if pixels.dtype.kind == "f":
        pixels = _whole_numbers(pixels)
    if pixels.ndim == 3 and image.mode == "CMYK":
        raise _not_a_mask(image.mode)
    most = MOST_COLOUR if is_lossy else 0
    if pixels.ndim == 3 and np.ptp(pixels, axis=2).max() <= most:
        pixels = pixels[..., 1]
    if pixels.ndim == 3:
        if is_lossy:
            raise _not_a_mask(image.mode)
        return MaskValues(_of_colours(pixels, image.mode), True)
    if pixels.min() < 0:
        raise _not_a_mask(image.mode)
    return MaskValues(pixels, False, is_lossy)


def judged(mask: MaskValues) -> Verdict:
    """Whether a mask's numbers are those of objects, or one object in white."""
    values = mask.values
    if mask.are_numbers:
        has_ids = bool(((values != 0) & (values != VOID)).any())
        return Verdict("labels", has_void=has_ids and bool((values == VOID).any()))
    if values.max() > VOID:  # 16 bits: judged by the upper 8
        values = np.minimum(values >> 8, VOID)
    values = values.astype(np.uint8)
    levels = np.flatnonzero(np.bincount(values.ravel(), minlength=VOID + 1))
    high = int(levels[-1])
    ids = levels[(levels != 0) & (levels != VOID)]
    if high == 0 and mask.values.max() == 0:
        return Verdict(None)
    if not mask.is_lossy:
        if high == MASK_OBJECT and np.isin(levels, (0, MASK_IGNORE, MASK_OBJECT)).all():
            return Verdict("object")
        if len(levels) <= 2 and levels[0] == 0 and mask.values.max() <= VOID:
            return Verdict(None)
        if high == MASK_OBJECT and (levels[levels > 0] >= NEARLY_WHITE).all():
            return Verdict("object")
    count, flat, between = _areas(values)
    has_no_area = (count > 0) & (flat < MOST_FLAT * count)
    lies_between = between[has_no_area].sum() >= LEAST_BETWEEN * count[has_no_area].sum()
    middle, upper = slice(high // 4 + 1, -(-3 * high // 4)), slice(-(-3 * high // 4), high + 1)
    gathers_at_two = (
        high >= LEAST_CONTRAST
        and flat.sum() >= LEAST_FLAT * values.size
        and flat[middle].sum() <= MOST_FLAT_BETWEEN * flat[upper].sum()
    )
    num_above = np.count_nonzero(has_no_area[high // 4 + 1 :])
    if gathers_at_two and (mask.is_lossy or (lies_between and num_above >= LEAST_LEVELS)):
        return Verdict("object", is_smoothed=True)
    if mask.is_lossy:
        return Verdict(
            None,
            is_smoothed=True,
            problem="It is saved in a way that keeps no exact numbers (JPEG). Save it as a PNG.",
        )
    num_without = np.count_nonzero(has_no_area)
    if lies_between and num_without >= max(LEAST_LEVELS, len(levels) - num_without + 1):
        return Verdict(
            None,
            is_smoothed=True,
            problem="Numbers of objects must not be smoothed. Resize it by nearest neighbour, "
            "without anti-aliasing.",
        )
    return Verdict("labels", has_void=len(ids) > 0 and high == VOID)


def one_object(mask: MaskValues) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool each: the object of a mask in black and white, and what nobody is sure of.

    The object is what is brighter than half of the brightest; `MASK_IGNORE` is unsure where it
    stands with black and white alone.
    """
    values = mask.values
    if mask.are_numbers:
        return (values != 0) & (values != mask.void), values == mask.void
    high = int(values.max())
    levels = np.flatnonzero(np.bincount(values.ravel())) if high <= VOID else np.empty(0)
    if high == MASK_OBJECT and np.isin(levels, (0, MASK_IGNORE, MASK_OBJECT)).all():
        return values == MASK_OBJECT, values == MASK_IGNORE
    return values > high // 2, np.zeros(values.shape, bool)


def _areas(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(256,) pixels of each level: all, those in the middle of 3 × 3 of it, and those with lower as
    well as higher neighbours."""
    square = np.ones((3, 3), np.uint8)
    lowest, highest = cv2.erode(values, square), cv2.dilate(values, square)
    chosen = values, values[lowest == highest], values[(lowest < values) & (values < highest)]
    count, flat, between = (np.bincount(part.ravel(), minlength=VOID + 1) for part in chosen)
    return count, flat, between


def _of_palette(image: Image.Image) -> tuple[np.ndarray, bool]:
    """Indices or shades of a palette image, and whether they are numbers of objects."""
    indices = np.asarray(image)
    palette = np.zeros((256, 3), np.int64)
    known = np.reshape(image.getpalette("RGB"), (-1, 3))
    palette[: len(known)] = known
    used = np.flatnonzero(np.bincount(indices.ravel()))
    colours = palette[used]
    if (colours == colours[:, :1]).all():
        are_shades = len(used) <= 2 or len(used) > MOST_GREY_NUMBERS
        return (palette[:, 0].astype(np.uint8)[indices] if are_shades else indices), False
    black = used[(colours == 0).all(axis=1)]
    if palette[0].any() and len(black):  # black is the background, wherever it stands
        exchanged = np.arange(256, dtype=np.uint8)
        exchanged[0], exchanged[black[0]] = black[0], 0
        indices = exchanged[indices]
    return indices, True


def _of_colours(pixels: np.ndarray, mode: str) -> np.ndarray:
    """A number for each colour of (H, W, 3) uint8, black being 0."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, numbers = np.unique(packed, return_inverse=True)
    if len(colours) > VOID or colours[0] != 0:
        raise _not_a_mask(mode)
    numbers = numbers.reshape(packed.shape).astype(np.uint8)
    _, flat, _ = _areas(numbers)
    if np.count_nonzero(flat[: len(colours)] == 0) > len(colours) / 2:  # smoothed edges
        raise _not_a_mask(mode)
    voc = voc_palette().astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    if np.isin(colours, voc).all():
        order = np.argsort(voc)
        return order[np.searchsorted(voc, colours, sorter=order)].astype(np.uint8)[numbers]
    return numbers


def _over_black(rgba: np.ndarray) -> np.ndarray:
    """Grey (H, W) or RGB of a picture with transparency; or that, where it is the mask."""
    alpha = rgba[..., 3]
    if alpha.min() == alpha.max():
        return rgba[..., :3]
    shown = rgba[..., :3][alpha > 0]
    is_black_and_white = np.isin(shown, (0, 255)).all() and (shown == shown[:, :1]).all()
    if is_black_and_white and shown.min() != shown.max():
        return np.where(alpha >= 128, rgba[..., 0], 0).astype(np.uint8)
    return alpha


def _whole_numbers(pixels: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        whole = pixels.astype(np.int32)
    if not (whole == pixels).all():
        raise InputError(
            "A mask must hold whole numbers. Is it a probability? Threshold it at a half. "
            f"Received values from {pixels.min():g} to {pixels.max():g}."
        )
    return whole


def _is_lossy_webp(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return b"VP8L" not in file.read(64)


def _not_a_mask(mode: str) -> InputError:
    return InputError(
        "A mask must be an image of one channel or with a palette, or have a few exact colours on "
        f"black. Save it as a grey or indexed PNG. Received mode {mode} with other colours."
    )
