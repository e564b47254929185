"""ISAT: photographs, each with the .json of ISAT beside it or in a folder of its own."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout, text_lists
from fctsfn_tf.data.readers.listing import Photographs, objects_drawn_at, refuse_split
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable, read_json
from fctsfn_tf.images.polygons import polygon_mask

# The category of what is cut out of the objects below it.
BACKGROUND = "__background__"
LOG = logging.getLogger(__name__)


def read_isat(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`.

    One line is logged of the polygons that were left out.
    """
    refuse_split("isat", split)
    photographs = Photographs([directory / "images", directory])
    images, num_dropped = [], 0
    for path in _isat_paths(directory):
        content = read_json(path)
        if not _is_isat_file(content):
            continue
        info = content["info"]
        polygons = [one for one in content["objects"] if _may_have_area(one)]
        num_dropped += len(content["objects"]) - len(polygons)
        name = str(info.get("name") or path.stem)
        image_path = photographs.find(name) or path.parent / name.replace("\\", "/")
        read_objects = partial(
            objects_drawn_at, (info.get("height"), info.get("width")), isat_objects, polygons
        )
        own_name = path.relative_to(directory).with_suffix("").as_posix()
        images.append(AnnotatedImage(own_name, image_path, path, read_objects))
    if num_dropped:
        LOG.warning(
            "%s: %d polygons have fewer than three points and are left out.",
            *(printable(directory), num_dropped),
        )
    return images


def is_isat(directory: Path) -> bool:
    """See `Layout.is_here`."""
    path = next(iter(_isat_paths(directory)), None)
    return path is not None and _is_isat_file(read_json(path))


def isat_objects(polygons: list[dict], height: int, width: int) -> Objects:
    """The objects of one photograph, numbered 1, 2, … in the order of their groups.

    Polygons of one group are one object. A polygon of the category `BACKGROUND` is cut out of what
    lies on lower layers; one that is `iscrowd` is ignored.

    Raises:
        InputError: a polygon that cannot be understood.
    """
    masks: dict[object, np.ndarray] = {}
    ignore = np.zeros((height, width), bool)
    try:
        for polygon in sorted(polygons, key=lambda one: one.get("layer") or 0):
            mask = polygon_mask(polygon["segmentation"], height, width)
            if polygon.get("category") == BACKGROUND:
                masks = {group: below & ~mask for group, below in masks.items()}
            elif polygon.get("iscrowd"):
                ignore |= mask
            else:
                group = polygon["group"]
                masks[group] = masks[group] | mask if group in masks else mask
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            "An object of ISAT must have a group and a segmentation [[x, y], …]. Export it again. "
            f"Received {error!r:.80}."
        ) from None
    for mask in masks.values():
        ignore &= ~mask
    ordered = [masks[group] for group in sorted(masks, key=str)]
    return Objects(dict(enumerate(ordered, start=1)), ignore)


def _isat_paths(directory: Path) -> list[Path]:
    return sorted([*directory.glob("*.json"), *directory.glob("*/*.json")])


def _is_isat_file(content: dict) -> bool:
    return isinstance(content.get("info"), dict) and isinstance(content.get("objects"), list)


def _may_have_area(polygon: object) -> bool:
    points = polygon.get("segmentation") if isinstance(polygon, dict) else None
    return not isinstance(points, list) or len(points) >= 3


LAYOUT = Layout("photographs with an ISAT .json each", is_isat, read_isat, lists=text_lists(""))
