"""Masks as the annotation files of other tools: COCO, labelme, YOLO, SVG.

Every function returns the bytes of one whole file, which `mask_files.save` writes. All positions
are in pixels of the upright photograph, as `read_image` returns it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.masks import bounding_box, object_masks, voc_palette
from fctsfn_tf.images.polygons import POLYGON_TOLERANCE, joined, mask_outlines, mask_polygons
from fctsfn_tf.images.run_lengths import encode_rle

DEFAULT_NAME = "object"
# labelme's file format; its readers warn of another major version.
LABELME_VERSION = "5.5.0"


def coco_json(
    masks: np.ndarray | Sequence[np.ndarray], image_name: str, names: Sequence[str] = ()
) -> bytes:
    """A COCO instances file of one image.

    Every object that is not empty is one annotation; its `segmentation` is the exact mask as
    compressed run lengths, `area` its pixels and `bbox` [x, y, width, height] of whole pixels. An
    additional key `polygons` holds polygons, [[x, y, x, y, ...], ...] (see `mask_polygons`), for
    tools that want these; filled by pycocotools they are the mask, too. Readers of COCO skip it.
    `iscrowd` is 0 throughout: each annotation is one object, and 1 would make evaluators ignore it.

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
    """A labelme file: every object is one or more polygons (see `mask_polygons`), to be edited.

    They stray from the pixels' edges by up to `POLYGON_TOLERANCE`, so that a person has few corners
    to move. The polygons of object i share the `group_id` i. The pixels are not put into the file.

    labelme's own converters (Pillow's `ImageDraw.polygon`) fill every pixel that an outline
    touches, so they make objects about a pixel wider to the right and below. What reads the centres
    of pixels, as `open_dataset` does, gets the mask within the tolerance.

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
        for polygon in mask_polygons(mask, POLYGON_TOLERANCE)
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


def yolo_txt(
    masks: np.ndarray | Sequence[np.ndarray],
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> bytes:
    """A label file of YOLO segmentation (Ultralytics): a line "class x y x y …" for each object.

    Positions are shares of the photograph's width and height. An object of several pieces is one
    line (see `polygons.joined`), as Ultralytics itself converts COCO. Empty objects have none.

    Args:
        masks: see `object_masks`.
        names: one per object; an empty or no name is "object".
        classes: the names in the order of their numbers, from 0; by default those of `names`.

    Raises:
        InputError: a name is not among `classes`.
    """
    objects = object_masks(masks)
    names = _checked_names(names, len(objects))
    numbers = {name: number for number, name in enumerate(classes or dict.fromkeys(names))}
    if missing := set(names) - set(numbers):
        raise InputError(
            "`classes` must hold every object's name. Add what is missing. "
            f"Received none for {printable(min(missing)):.60}."
        )
    height, width = objects[0].shape
    lines = [
        f"{numbers[name]} "
        + " ".join(
            f"{value:.6f}"
            for value in (joined(mask_polygons(mask)) / (width, height)).ravel().tolist()
        )
        for mask, name in zip(objects, names, strict=True)
        if mask.any()
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def svg(masks: np.ndarray | Sequence[np.ndarray], names: Sequence[str] = ()) -> bytes:
    """An SVG picture of the photograph's size: a path for each object, exactly along the pixels'
    edges, with its holes.

    Args:
        masks: see `object_masks`; object i has the id "object-i", and the i-th of VOC's colours.
        names: one per object, which becomes its title; an empty or no name is "object".
    """
    objects = object_masks(masks)
    height, width = objects[0].shape
    paths = []
    for number, (mask, name) in enumerate(
        zip(objects, _checked_names(names, len(objects)), strict=True), start=1
    ):
        rings = [" ".join(f"{x} {y}" for x, y in ring.tolist()) for ring in mask_outlines(mask)]
        colour = "".join(f"{value:02x}" for value in voc_palette()[number])
        paths.append(
            f'<path id="object-{number}" fill="#{colour}" fill-opacity="0.5" fill-rule="evenodd" '
            f'd="{" ".join(f"M{ring}Z" for ring in rings)}">'
            f"<title>{escape(printable(name))}</title></path>"
        )
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *paths, "</svg>"]
    return ("\n".join(lines) + "\n").encode()


def _annotation(mask: np.ndarray) -> dict:
    top, left, bottom, right = bounding_box(mask)
    return {
        "segmentation": encode_rle(mask),
        "polygons": [polygon.ravel().tolist() for polygon in mask_polygons(mask)],
        "bbox": [left, top, right - left, bottom - top],
        "area": int(np.count_nonzero(mask)),
        "iscrowd": 0,
    }


def _checked_names(names: Sequence[str], number: int) -> list[str]:
    if names and len(names) != number:
        raise InputError(f"There must be one name per object, {number}. Received {len(names)}.")
    return [name or DEFAULT_NAME for name in names or [""] * number]


def _json(content: dict) -> bytes:
    return (json.dumps(content) + "\n").encode()
