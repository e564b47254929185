"""COCO's run lengths of a mask, both ways.

The compressed form is that of the COCO API's `maskApi.c` (rleEncode, rleToString), written anew
from the format; the tests compare with pycocotools. That does not stand here itself because its
`decode` trusts what it is given, and annotation files come from strangers: pycocotools 2.0.11
returns memory that nobody wrote where run lengths fall short of the size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import checked_mask


def encode_rle(mask: np.ndarray) -> dict:
    """COCO's compressed run lengths of a mask: {"size": [H, W], "counts": str}.

    Runs go down the columns and begin with the background. From the third on, each is stored as the
    difference to the last but one, in little-endian groups of 5 bits of two's complement; bit 5
    says that another group follows, and 48 makes the group a printable character.
    """
    mask = checked_mask(mask)
    down_columns = mask.T.ravel()
    changes = np.flatnonzero(down_columns[1:] != down_columns[:-1]) + 1
    first = [0] if down_columns[0] else []
    counts = np.diff(np.concatenate([[0], first, changes, [down_columns.size]]).astype(np.int64))
    values = counts.copy()
    values[3:] -= counts[1:-2]
    groups, is_used = [], []
    is_open = np.ones(len(values), bool)
    while is_open.any():
        group = values & 31
        values = values >> 5
        is_used.append(is_open)
        is_open = is_open & (values != np.where(group & 16, -1, 0))
        groups.append(group + 32 * is_open + 48)
    characters = np.stack(groups, axis=1)[np.stack(is_used, axis=1)]
    return {"size": list(mask.shape), "counts": characters.astype(np.uint8).tobytes().decode()}


def decode_rle(rle: dict[str, Any], height: int, width: int) -> np.ndarray:
    """The mask of COCO run lengths, compressed (a string) or not (a list); see `encode_rle`.

    Returns:
        (height, width) bool.

    Raises:
        InputError: no run lengths, or of another size.
    """
    try:
        size, counts = [int(side) for side in rle["size"]], rle["counts"]
        if isinstance(counts, (str, bytes)):
            counts = _decompressed(counts if isinstance(counts, bytes) else counts.encode())
        runs = np.array(counts, np.int64).reshape(-1)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(
            'Run lengths must be {"size": [height, width], "counts": …} as COCO writes them. '
            f"Received {' '.join(repr(rle).split()):.80}."
        ) from None
    if size != [height, width] or (runs < 0).any() or runs.sum() != height * width:
        raise InputError(
            f"Run lengths must fill the photograph's {height} × {width} pixels. Received size "
            f"{size!s:.40} and {runs.sum()} pixels."
        )
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _decompressed(text: bytes) -> list[int]:
    """Run lengths from COCO's string: groups of 5 bits, from the third on a difference."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = character - 48
        if not 0 <= group < 64:
            raise ValueError("a character that COCO does not write")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:  # the sign bit of two's complement
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
    return counts
