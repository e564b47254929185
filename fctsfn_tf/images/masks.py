"""One mask or several, and what every format of them shares: numbers, colours, size.

One object is a mask, bool (H, W). Several objects are either a list of masks, which may overlap,
or an index map: whole numbers (H, W), 0 for the background, then 1, 2, … per object, `VOID` for
what is to be ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fctsfn_tf.errors import InputError

# PASCAL VOC's index of pixels that belong to no class and are ignored.
VOID = 255
MAX_OBJECTS = VOID - 1


def object_masks(masks: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """One bool (H, W) mask per object; object i is at position i − 1.

    Args:
        masks: a mask, a list of masks of one size, or an index map (see the module). A number that
            an index map leaves out gives an empty mask.

    Raises:
        InputError: none of the three, masks of different sizes, none, or more than `MAX_OBJECTS`.
    """
    if isinstance(masks, np.ndarray) and masks.ndim == 2:
        return [checked_mask(masks)] if masks.dtype == bool else _masks_of_index(masks)
    if not isinstance(masks, (list, tuple)) and not (
        isinstance(masks, np.ndarray) and masks.ndim == 3
    ):
        raise InputError(
            "Masks must be a bool array (H, W), a list of them, or an index map of whole numbers. "
            f"Received {type(masks).__name__}."
        )
    checked = [checked_mask(mask) for mask in masks]
    if not 1 <= len(checked) <= MAX_OBJECTS:
        raise InputError(f"There must be 1 to {MAX_OBJECTS} masks. Received {len(checked)}.")
    if len({mask.shape for mask in checked}) > 1:
        raise InputError(
            "All masks must have the size of the one image. "
            f"Received {sorted({mask.shape for mask in checked})!s:.80}."
        )
    return checked


def index_map(masks: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """uint8 (H, W): 0 background, i for object i; where objects overlap, the later one."""
    objects = object_masks(masks)
    index = np.zeros(objects[0].shape, np.uint8)
    for number, mask in enumerate(objects, start=1):
        index[mask] = number
    return index


def voc_palette() -> np.ndarray:
    """PASCAL VOC's colours, uint8 (256, 3): the bits of the index dealt to R, G, B in turn."""
    index = np.arange(256)[:, None]
    palette = np.zeros((256, 3), np.int64)
    for level in range(8):
        bits = (index >> (3 * level + np.arange(3))) & 1
        palette |= bits << (7 - level)
    return palette.astype(np.uint8)


def checked_mask(mask: np.ndarray) -> np.ndarray:
    """`mask`, if it is one.

    Raises:
        InputError: not a bool array (H, W) of at least one pixel.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.ndim != 2 or mask.size == 0:
        came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InputError(
            "A mask must be a bool array (H, W) of at least one pixel. Make one with `> 0` for "
            f"example. Received {came}."
        )
    return mask


def checked_index_map(index: np.ndarray) -> np.ndarray:
    """`index`, if it is an index map.

    Raises:
        InputError: not (H, W) of at least one pixel, or other numbers than whole ones up to `VOID`.
    """
    is_one = index.ndim == 2 and index.dtype.kind in "iu" and index.size > 0
    if not is_one or index.min() < 0 or index.max() > VOID:
        raise InputError(
            f"An index map must hold whole numbers from 0 to {VOID}, (H, W). "
            f"Received {index.dtype} {index.shape}."
        )
    return index


def check_same_size(image: np.ndarray, mask: np.ndarray) -> None:
    """Refuse an image that is not uint8 RGB (H, W, 3) of the mask's size.

    Raises:
        InputError: see above.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        raise InputError("The image must be uint8 RGB (H, W, 3); `as_rgb` makes it so.")
    if image.shape != (*mask.shape, 3):
        raise InputError(
            f"Image and mask must have one size. Received an image {image.shape} and a mask "
            f"{mask.shape}."
        )


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the pixels of a mask: rows in [top, bottom), columns in [left,
    right). All four are 0 for an empty mask."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return top, left, top + height, left + width


def _masks_of_index(index: np.ndarray) -> list[np.ndarray]:
    checked_index_map(index)
    last = int(np.max(index, where=index != VOID, initial=0))
    return [index == number for number in range(1, max(last, 1) + 1)]
