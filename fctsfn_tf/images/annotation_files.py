"""Masks as the annotation files of other tools: COCO and labelme.

Every function returns the bytes of one whole file, which `mask_files.save` writes. All positions
are in pixels of the upright photograph, as `read_image` returns it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.masks import bounding_box, object_masks
from fctsfn_tf.images.polygons import mask_polygons
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
