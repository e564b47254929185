"""Masks out of annotation files: COCO's run lengths and polygons, labelme shapes, index images.

All that `mask_formats` writes is read here, and what the tools themselves write.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.image_io import open_image
from fctsfn_tf.images.mask_formats import VOID

# Grey values of a mask of one object; the middle one is GrabCut's band that nobody is sure of.
MASK_IGNORE, MASK_OBJECT = 128, 255
# labelme's shapes that have no inside, and so are no object.
SHAPES_WITHOUT_AREA = ("point", "points", "line", "linestrip")


@dataclass(frozen=True)
class Objects:
    """The objects of one photograph.

    Attributes:
        masks: {object id: (H, W) bool}; the masks may overlap.
        ignore: (H, W) bool, pixels that count neither for nor against.
        others: (H, W) bool each, further objects of the photograph that are asked for elsewhere,
            where every object has a mask file of its own.
    """

    masks: dict[int, np.ndarray]
    ignore: np.ndarray
    others: tuple[np.ndarray, ...] = ()


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
    if image.mode == "P" and _has_colours(image):
        return _objects_of_index(values)
    if MASK_OBJECT in values and np.isin(values, (0, MASK_IGNORE, MASK_OBJECT)).all():
        return Objects({1: values == MASK_OBJECT}, values == MASK_IGNORE)
    return _objects_of_index(values)


def objects_of_labels(labels: np.ndarray) -> Objects:
    """The objects of an index map (H, W) of whole numbers from 0 to `VOID`.

    Raises:
        InputError: another shape or numbers.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > VOID:
        raise InputError(
            f"An index map must hold whole numbers from 0 to {VOID}, (H, W). "
            f"Received {labels.dtype} {labels.shape}."
        )
    return _objects_of_index(labels)


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


def polygon_mask(points: Sequence | np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels whose centres lie inside a polygon, by the even–odd rule.

    Args:
        points: (N, 2) of (x, y) in pixels; pixel (row, col) covers x in [col, col + 1]. Parts that
            lie outside of the photograph are cut off.

    Returns:
        (height, width) bool.

    Raises:
        InputError: fewer than three points, or not finite numbers.
    """
    try:
        corners = np.asarray(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        corners = np.empty((0, 2))
    if len(corners) < 3 or not np.isfinite(corners).all():
        raise InputError(
            "A polygon must be three or more finite points (x, y). "
            f"Received {' '.join(repr(points).split()):.80}."
        )
    # How often an outline is crossed on the way from the left border to each pixel's centre.
    crossings = np.zeros((height, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(low, high)
        if len(rows):
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            cols = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
            np.add.at(crossings, (rows, cols), 1)
    return np.cumsum(crossings, axis=1)[:, :width] % 2 == 1


def coco_objects(annotations: Sequence[dict], height: int, width: int) -> Objects:
    """The objects of one photograph's COCO annotations, numbered 1, 2, … in the file's order.

    Annotations of crowds (`iscrowd`) are no object; their pixels are ignored unless an object has
    them.

    Raises:
        InputError: a segmentation that is neither run lengths nor polygons, or of another size.
    """
    masks: dict[int, np.ndarray] = {}
    crowd = np.zeros((height, width), bool)
    for annotation in annotations:
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, dict):
            mask = decode_rle(segmentation, height, width)
        elif isinstance(segmentation, list) and segmentation:
            parts = [polygon_mask(points, height, width) for points in segmentation]
            mask = np.logical_or.reduce(parts)
        else:
            raise InputError(
                "A segmentation must be run lengths or a list of polygons. Received "
                f"{segmentation!r:.80} for annotation {annotation.get('id')!r:.40}."
            )
        if annotation.get("iscrowd"):
            crowd |= mask
        else:
            masks[len(masks) + 1] = mask
    for mask in masks.values():
        crowd &= ~mask
    return Objects(masks, crowd)


def labelme_objects(content: dict, height: int, width: int) -> Objects:
    """The objects of a labelme file's content, numbered 1, 2, … in the file's order.

    Shapes of one label and one `group_id` are one object; points and lines are none.

    Raises:
        InputError: a shape that cannot be understood.
    """
    grouped: dict[tuple, np.ndarray] = {}
    for number, shape in enumerate(content["shapes"]):
        try:
            kind = shape.get("shape_type", "polygon")
            if kind in SHAPES_WITHOUT_AREA:
                continue
            mask = _shape_mask(shape, kind, height, width)
            group = shape.get("group_id")
            key = (number,) if group is None else (shape.get("label"), group)
            grouped[key] = grouped[key] | mask if key in grouped else mask
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            reason = str(error) if isinstance(error, InputError) else "It cannot be read."
            raise InputError(
                "A labelme shape must be a polygon, rectangle, circle or mask. "
                f"Received {' '.join(repr(shape).split()):.80}. {reason}"
            ) from None
    masks = dict(enumerate(grouped.values(), start=1))
    return Objects(masks, np.zeros((height, width), bool))


def read_json(path: Path) -> dict:
    """The object in a JSON file.

    Raises:
        InputError: unreadable, not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{printable(path)} must be a JSON file that can be read. Copy or export it again. "
            f"Received {type(error).__name__}."
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{printable(path)} must hold a JSON object, {{…}}. Received {type(content).__name__}."
        )
    return content


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


def _has_colours(image: Image.Image) -> bool:
    palette = np.reshape(image.getpalette(), (-1, 3))
    return bool((palette != palette[:, :1]).any())


def _objects_of_index(values: np.ndarray) -> Objects:
    # Several times as quick as np.unique.
    ids = [int(value) for value in np.flatnonzero(np.bincount(values.ravel()))]
    ids = [value for value in ids if value not in (0, VOID)]
    return Objects({number: values == number for number in ids}, values == VOID)


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


def _shape_mask(shape: dict, kind: str, height: int, width: int) -> np.ndarray:
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    if kind == "polygon":
        return polygon_mask(points, height, width)
    first, second = points  # a rectangle's corners, or a circle's centre and a point on it
    if kind == "rectangle":
        (x0, y0), (x1, y1) = first, second
        return polygon_mask([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], height, width)
    if kind == "circle":
        rows, cols = np.ogrid[:height, :width]
        squared = (cols + 0.5 - first[0]) ** 2 + (rows + 0.5 - first[1]) ** 2
        return squared <= ((second - first) ** 2).sum()
    if kind == "mask":
        return _pasted(shape["mask"], *np.rint(first).astype(int), height, width)
    raise InputError(f"Its shape_type is {kind!r:.40}.")


def _pasted(png: str, left: int, top: int, height: int, width: int) -> np.ndarray:
    """labelme's mask: a PNG in base64 whose corner lies at (left, top)."""
    try:
        part = np.asarray(Image.open(BytesIO(base64.b64decode(png)), formats=("PNG",)).convert("L"))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise InputError("Its mask is no PNG.") from None
    mask = np.zeros((height, width), bool)
    if top < 0 or left < 0 or top + part.shape[0] > height or left + part.shape[1] > width:
        raise InputError("Its mask reaches beyond the photograph.")
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part > 0
    return mask
