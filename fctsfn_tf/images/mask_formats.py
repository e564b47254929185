"""Masks as files that other tools read, and masks back from files.

Every `…_png` and `…_json` function returns the bytes of one whole file; `save` writes them. One
object is a mask, bool (H, W). Several objects are either a list of masks, which may overlap, or an
index map: whole numbers (H, W), 0 for the background, then 1, 2, … per object, `VOID` for what is
to be ignored.

All positions are in pixels of the upright photograph, as `read_image` returns it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable, printable
from fctsfn_tf.images.image_io import open_image

# PASCAL VOC's index of pixels that belong to no class and are ignored.
VOID = 255
MAX_OBJECTS = VOID - 1
DEFAULT_NAME = "object"
# Polygons stray from the pixels' edges by at most this many pixels. More than √½ turns the stairs
# of a slanted edge into one line.
POLYGON_TOLERANCE = 0.75
# labelme's file format; its readers warn of another major version.
LABELME_VERSION = "5.5.0"
# zlib's level: twice as fast as Pillow's 6, files about 5 % larger.
PNG_COMPRESSION = 3
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Size of a click mark's half-width in the overlay: a share of the longer side, at least 4 pixels.
MARK_SHARE = 0.012
MIN_MARK_RADIUS = 4
# Bluish green and vermilion, two colours that colour-blind people tell apart (Okabe and Ito).
POSITIVE_COLOUR = (0, 158, 115)
NEGATIVE_COLOUR = (213, 94, 0)


def object_masks(masks: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """One bool (H, W) mask per object; object i is at position i − 1.

    Args:
        masks: a mask, a list of masks of one size, or an index map (see the module). A number that
            an index map leaves out gives an empty mask.

    Raises:
        InputError: none of the three, masks of different sizes, none, or more than `MAX_OBJECTS`.
    """
    if isinstance(masks, np.ndarray) and masks.ndim == 2:
        return [_checked(masks)] if masks.dtype == bool else _masks_of_index(masks)
    if not isinstance(masks, (list, tuple)) and not (
        isinstance(masks, np.ndarray) and masks.ndim == 3
    ):
        raise InputError(
            "Masks must be a bool array (H, W), a list of them, or an index map of whole numbers. "
            f"Received {type(masks).__name__}."
        )
    checked = [_checked(mask) for mask in masks]
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


def mask_png(mask: np.ndarray) -> bytes:
    """An 8-bit grey PNG: 255 on the object, 0 elsewhere."""
    return _png(Image.fromarray(_checked(mask).astype(np.uint8) * 255))


def index_png(masks: np.ndarray | Sequence[np.ndarray]) -> bytes:
    """An 8-bit palette PNG whose values are the object numbers (`index_map`), in VOC's colours."""
    image = Image.fromarray(index_map(masks)).convert("P")
    image.putpalette(voc_palette().tobytes())
    return _png(image)


def probability_png(probability: np.ndarray) -> bytes:
    """An 8-bit grey PNG of a probability, float (H, W) in [0, 1]: 255 is 1."""
    if not isinstance(probability, np.ndarray) or probability.ndim != 2 or probability.size == 0:
        raise InputError("A probability must be an array (H, W) of numbers in [0, 1].")
    if probability.dtype.kind != "f" or not (probability.min() >= 0 and probability.max() <= 1):
        raise InputError("A probability must be floating point, finite and lie in [0, 1].")
    return _png(Image.fromarray(np.rint(probability * 255).astype(np.uint8)))


def cutout_png(image: np.ndarray, mask: np.ndarray) -> bytes:
    """An RGBA PNG of the object alone.

    It has the photograph's full size, so that it can be laid back in place. Pixels off the object
    are transparent and black: nothing of the background is left in the file.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: bool (H, W).
    """
    mask = _checked(mask)
    _check_same_size(image, mask)
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[..., :3][mask] = image[mask]
    rgba[..., 3][mask] = 255
    return _png(Image.fromarray(rgba))


def overlay_png(
    image: np.ndarray,
    masks: np.ndarray | Sequence[np.ndarray],
    clicks: Sequence[Click] = (),
) -> bytes:
    """The photograph with each object tinted and outlined in white, and the clicks marked.

    A positive click is a green disk with a plus, a negative one a red square with a bar: shape and
    sign tell them apart without colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: see `object_masks`; object i has the i-th of VOC's colours.
        clicks: in pixels of the image, of all objects.
    """
    objects = object_masks(masks)
    _check_same_size(image, objects[0])
    canvas = image.copy()
    radius = max(MIN_MARK_RADIUS, round(MARK_SHARE * max(objects[0].shape)))
    for mask, colour in zip(objects, voc_palette()[1:], strict=False):
        canvas[mask] = canvas[mask] // 2 + colour // 2
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(canvas, outlines, -1, (255, 255, 255), max(1, radius // 4))
    for click in clicks:
        _draw_mark(canvas, click, radius)
    return _png(Image.fromarray(canvas))


def encode_rle(mask: np.ndarray) -> dict:
    """COCO's compressed run lengths of a mask: {"size": [H, W], "counts": str}.

    Runs go down the columns and begin with the background. From the third on, each is stored as the
    difference to the last but one, in little-endian groups of 5 bits of two's complement; bit 5
    says that another group follows, and 48 makes the group a printable character.

    Source: the COCO API's `maskApi.c` (rleEncode, rleToString), re-written from the format.
    """
    mask = _checked(mask)
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


def mask_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a mask's parts, one polygon per part (pixels that touch at a corner join).

    Polygons run along the pixels' edges, within `POLYGON_TOLERANCE` pixels: pixel (row, col) covers
    x in [col, col + 1] and y in [row, row + 1]. Polygon formats know no holes, so each hole is cut
    into its part's outline by a slit of no width: filling the polygon leaves the hole free.

    Args:
        mask: bool (H, W).

    Returns:
        Per part (N, 2) int64 of (x, y), N ≥ 3; none for an empty mask.
    """
    outlines, holes = _edge_rings(_checked(mask))
    polygons = []
    for part, outline in outlines.items():
        polygon = _simplified(outline)
        polygons.append(_with_slits(polygon, [_simplified(hole) for hole in holes.get(part, [])]))
    return polygons


def coco_json(
    masks: np.ndarray | Sequence[np.ndarray], image_name: str, names: Sequence[str] = ()
) -> bytes:
    """A COCO instances file of one image.

    Every object that is not empty is one annotation; its `segmentation` is the exact mask as
    compressed run lengths, `area` its pixels and `bbox` [x, y, width, height] of whole pixels. An
    additional key `polygons` holds the outlines, [[x, y, x, y, ...], ...] (see `mask_polygons`),
    for tools that want polygons; readers of COCO skip it. `iscrowd` is 0 throughout: each
    annotation is one object, and 1 would make evaluators ignore it.

    Args:
        masks: see `object_masks`; the annotation of object i has id i.
        image_name: the photograph's file name.
        names: one per object, which becomes its category; an empty or no name is "object".
    """
    objects = object_masks(masks)
    names = _checked_names(names, len(objects))
    categories = {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
    height, width = objects[0].shape
    content = {
        "info": {"description": "Written by fctsfn_tf"},
        "images": [{"id": 1, "file_name": image_name, "height": height, "width": width}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": categories[name], **_annotation(mask)}
            for number, (mask, name) in enumerate(zip(objects, names, strict=True), start=1)
            if mask.any()
        ],
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    return _json(content)


def labelme_json(
    masks: np.ndarray | Sequence[np.ndarray], image_path: str, names: Sequence[str] = ()
) -> bytes:
    """A labelme file: every part of every object is a polygon (see `mask_polygons`).

    The polygons of object i share the `group_id` i. The pixels are not put into the file.

    Args:
        masks: see `object_masks`.
        image_path: the photograph's path as seen from the file's directory: labelme opens that.
        names: one per object; an empty or no name is "object".
    """
    objects = object_masks(masks)
    height, width = objects[0].shape
    shapes = [
        {
            "label": name,
            "points": polygon.astype(float).tolist(),
            "group_id": number,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
        }
        for number, (mask, name) in enumerate(
            zip(objects, _checked_names(names, len(objects)), strict=True), start=1
        )
        for polygon in mask_polygons(mask)
    ]
    content = {
        "version": LABELME_VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return _json(content)


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
    """Write what a `…_png` or `…_json` function returned; whole or not at all.

    Raises:
        InputError: the path does not end in .png or .json as the content asks, the file exists and
            `overwrite` is False, or it cannot be written.
    """
    check_output(path, ".png" if content.startswith(PNG_SIGNATURE) else ".json", overwrite)
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
    if image.mode == "P":
        palette = np.reshape(image.getpalette(), (-1, 3))
        if (palette != palette[:, :1]).any():
            index = np.asarray(image)
            return (index != 0) & (index != VOID)
    if image.mode in ("P", "LA", "RGBA"):
        image = image.convert("RGB")
    return _mask_of_grey(np.asarray(image), path)


def _checked(mask: np.ndarray) -> np.ndarray:
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.ndim != 2 or mask.size == 0:
        came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InputError(
            "A mask must be a bool array (H, W) of at least one pixel. Make one with `> 0` for "
            f"example. Received {came}."
        )
    return mask


def _masks_of_index(index: np.ndarray) -> list[np.ndarray]:
    if index.dtype.kind not in "iu" or index.size == 0 or index.min() < 0 or index.max() > VOID:
        raise InputError(
            f"An index map must hold whole numbers from 0 to {VOID}. Received {index.dtype} "
            f"{index.shape}."
        )
    last = int(np.max(index, where=index != VOID, initial=0))
    return [index == number for number in range(1, max(last, 1) + 1)]


def _check_same_size(image: np.ndarray, mask: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        raise InputError("The image must be uint8 RGB (H, W, 3); `as_rgb` makes it so.")
    if image.shape != (*mask.shape, 3):
        raise InputError(
            f"Image and mask must have one size. Received an image {image.shape} and a mask "
            f"{mask.shape}."
        )


def _checked_names(names: Sequence[str], number: int) -> list[str]:
    if names and len(names) != number:
        raise InputError(f"There must be one name per object, {number}. Received {len(names)}.")
    return [name or DEFAULT_NAME for name in names or [""] * number]


def _annotation(mask: np.ndarray) -> dict:
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(cols[0])
    return {
        "segmentation": encode_rle(mask),
        "polygons": [polygon.ravel().tolist() for polygon in mask_polygons(mask)],
        "bbox": [left, top, int(cols[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(np.count_nonzero(mask)),
        "iscrowd": 0,
    }


def _edge_rings(mask: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, list[np.ndarray]]]:
    """Closed rings along the pixels' edges: per part its outline, and its holes.

    OpenCV walks through the centres of border pixels. On the mask at twice its size these are
    quarter pixels inside the edge, and rounding them outwards gives the edge itself.
    """
    if not mask.any():
        return {}, {}
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].astype(np.uint8)
    doubled = box.repeat(2, axis=0).repeat(2, axis=1)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines: dict[int, np.ndarray] = {}
    holes: dict[int, list[np.ndarray]] = {}
    for number, (contour, parent) in enumerate(zip(contours, hierarchy[0][:, 3], strict=True)):
        ring = (contour[:, 0].astype(np.int64) + 1) // 2
        ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] + (cols[0], rows[0])
        if parent < 0:
            outlines[number] = ring
        else:
            holes.setdefault(int(parent), []).append(ring)
    return outlines, holes


def _simplified(ring: np.ndarray) -> np.ndarray:
    """`ring` with fewer corners (Douglas–Peucker); as it is where nothing would be left of it."""
    short = cv2.approxPolyDP(ring.astype(np.int32)[:, None], POLYGON_TOLERANCE, closed=True)[:, 0]
    return short.astype(np.int64) if len(short) >= 3 else ring


def _with_slits(outline: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """`outline` with a detour around each hole, from the corner that is nearest to it.

    A slit is walked once in each direction, so it adds nothing to a filled polygon, even where it
    crosses another hole.
    """
    detours: dict[int, list[np.ndarray]] = {}
    for hole in holes:
        corner = int(((outline - hole[0]) ** 2).sum(axis=1).argmin())
        detour = np.concatenate([hole, hole[:1], outline[corner : corner + 1]])
        detours.setdefault(corner, []).append(detour)
    pieces = []
    for corner in range(len(outline)):
        pieces += [outline[corner : corner + 1], *detours.get(corner, [])]
    return np.concatenate(pieces)


def _draw_mark(canvas: np.ndarray, click: Click, radius: int) -> None:
    row, col = click.pixel
    line, bar = max(1, radius // 3), max(2, radius // 2)
    white = (255, 255, 255)
    if click.is_positive:
        cv2.circle(canvas, (col, row), radius, POSITIVE_COLOUR, -1, cv2.LINE_AA)
        cv2.circle(canvas, (col, row), radius, white, max(1, line // 2), cv2.LINE_AA)
        cv2.line(canvas, (col, row - bar), (col, row + bar), white, line)
    else:
        corners = (col - radius, row - radius), (col + radius, row + radius)
        cv2.rectangle(canvas, *corners, NEGATIVE_COLOUR, -1)
        cv2.rectangle(canvas, *corners, white, max(1, line // 2))
    cv2.line(canvas, (col - bar, row), (col + bar, row), white, line)


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


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=PNG_COMPRESSION)
    return file.getvalue()


def _json(content: dict) -> bytes:
    return (json.dumps(content) + "\n").encode()
