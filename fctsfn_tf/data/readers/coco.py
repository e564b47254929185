"""COCO: annotations/instances_<list>.json and <list>/ (or images/<list>/, images/), a COCO file
beside images/, or a folder of photographs and one COCO file for each list.

So do COCO itself, CVAT, Label Studio, Roboflow and `fctsfn segment --coco` write them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects, WrongSize
from fctsfn_tf.data.readers.layout import Layout
from fctsfn_tf.data.readers.listing import Photographs, no_split, objects_drawn_at
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable, read_json
from fctsfn_tf.images.polygons import polygon_mask
from fctsfn_tf.images.run_lengths import decode_rle

# A directory of more JSON files than this has one for each photograph.
MOST_LISTS = 20
# x and y of three points.
LEAST_NUMBERS = 6
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CocoFile:
    """What a COCO file says.

    Attributes:
        images: its photographs that have objects, as they stand there.
        annotations: by the photograph's id, with parts that have an area alone; `iscrowd` is set
            for crowds only.
    """

    images: list[dict[str, Any]]
    annotations: dict[object, list[dict[str, Any]]]


def read_coco(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    path, folder = _list_and_folder(directory, split)
    content = read_coco_file(path)
    photographs = Photographs([folder, directory])
    images, owners = [], {}
    for image in content.images:
        file_name = str(image["file_name"])
        image_path = photographs.find(file_name) or folder / file_name.replace("\\", "/")
        other = owners.setdefault(image_path, file_name)
        if other != file_name:
            raise InputError(
                f"{printable(path)} names two photographs that are one file here. Keep the folders "
                f"they came in. Received {printable(other)} and {printable(file_name)} for "
                f"{printable(image_path)}."
            )
        drawn_size = image.get("height"), image.get("width")
        annotations = content.annotations[image["id"]]
        read_objects = partial(objects_drawn_at, drawn_size, coco_objects, annotations)
        images.append(
            AnnotatedImage(_name(image_path, photographs), image_path, path, read_objects)
        )
    return images


def _name(image_path: Path, photographs: Photographs) -> str:
    """A photograph's path seen from the folder that it lies in, without its suffix."""
    for folder in photographs.folders:
        if image_path.is_relative_to(folder):
            return image_path.relative_to(folder).with_suffix("").as_posix()
    return image_path.stem


def read_coco_file(path: Path) -> CocoFile:
    """What a COCO file says, less the parts of objects that have no area.

    One line is logged of what was left out, and where `iscrowd` does not mean a crowd.

    Raises:
        InputError: not a COCO file of instances.
    """
    content = read_json(path)
    try:
        found, num_parts, num_objects = _with_area(content["annotations"])
        by_image: dict[object, list[dict]] = {}
        for annotation in found:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        images = [image for image in content["images"] if image["id"] in by_image]
        if not all(isinstance(image["file_name"], str) and image["file_name"] for image in images):
            raise TypeError("a photograph without file_name")
        had_objects = {annotation["image_id"] for annotation in content["annotations"]}
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)} must be a COCO instances file: images with id and file_name, "
            f"annotations with image_id. Export it again. Received {error!r:.80}."
        ) from None
    if num_parts or num_objects:
        LOG.warning(
            "%s: %d parts of objects and %d whole objects have no area (a box alone, or fewer than "
            "three points) and are left out; %d photographs are left without an object.",
            *(printable(path), num_parts, num_objects, len(had_objects - set(by_image))),
        )
    reason = _why_crowds_are_objects(found)
    if reason:
        LOG.warning(
            "%s: `iscrowd` is taken as the mark of a mask, not of a crowd (%s).",
            *(printable(path), reason),
        )
        for annotation in found:
            annotation["iscrowd"] = 0
    return CocoFile(images, by_image)


def _with_area(annotations: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], int, int]:
    """Annotations with the parts that have an area, and how many parts and annotations had none."""
    kept, num_parts, num_objects = [], 0, 0
    for annotation in annotations:
        segmentation = annotation.get("segmentation")
        parts = _parts(segmentation)
        whole = [part for part in parts if _may_have_area(part)]
        if not whole and (segmentation is None or isinstance(segmentation, (list, dict))):
            num_objects += 1
            continue
        num_parts += len(parts) - len(whole)
        kept.append({**annotation, "segmentation": whole or segmentation})
    return kept, num_parts, num_objects


def _parts(segmentation: object) -> list:
    """The parts of a segmentation: run lengths, or lists of coordinates."""
    if isinstance(segmentation, dict):
        return [segmentation]
    if not isinstance(segmentation, list):
        return []
    if segmentation and all(isinstance(value, Real) for value in segmentation):
        return [segmentation]  # one polygon that is not in a list of its own
    return segmentation


def _may_have_area(part: object) -> bool:
    if isinstance(part, dict):
        return bool(part.get("counts"))
    if not isinstance(part, list):
        return True  # it is refused where it is drawn
    return sum(len(point) if isinstance(point, list) else 1 for point in part) >= LEAST_NUMBERS


def _why_crowds_are_objects(annotations: Sequence[dict[str, Any]]) -> str:
    """Why `iscrowd` marks masks, as CVAT uses it; empty if it marks crowds, as COCO does.

    COCO's crowds are run lengths among polygons, so a file of crowds alone has none.
    """
    crowds = [annotation for annotation in annotations if annotation.get("iscrowd")]
    if not crowds:
        return ""
    if len(crowds) == len(annotations):
        return "all objects have it"
    if all(isinstance(annotation.get("attributes"), dict) for annotation in crowds):
        return "the file has CVAT's attributes"
    return ""


def _list_and_folder(directory: Path, split: str | None) -> tuple[Path, Path]:
    """The COCO file of a list, and the folder of its photographs.

    Raises:
        InputError: no such list, or several and none is named.
    """
    splits = _lists(directory)
    if split is None and len(splits) > 1:
        raise InputError(
            f"{printable(directory)} holds several lists of objects. Name one as `split`. Received "
            f"none of {', '.join(splits)}."
        )
    if not splits or (split is not None and split not in splits):
        raise no_split(split or "", directory, splits)
    split, path = (split, splits[split]) if split else next(iter(splits.items()))
    if path.parent not in (directory, directory / "annotations"):
        return path, path.parent
    folders = [directory / inner for inner in (split, f"images/{split}", "images")]
    return path, next((folder for folder in folders if folder.is_dir()), directory)


def _lists(directory: Path) -> dict[str, Path]:
    """{name: COCO file} of the lists that a directory has."""
    published = sorted((directory / "annotations").glob("instances_*.json"))
    if published:
        return {path.stem.removeprefix("instances_"): path for path in published}
    for folder in (directory / "annotations", directory):
        if found := _coco_files(folder):
            return {path.stem: path for path in found}
    folders = sorted(inner for inner in directory.iterdir() if inner.is_dir())
    return {inner.name: found[0] for inner in folders if len(found := _coco_files(inner)) == 1}


def _coco_files(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.glob("*.json") if path.is_file())
    if len(paths) > MOST_LISTS:
        return []
    return [path for path in paths if _is_coco_file(path)]


def _is_coco_file(path: Path) -> bool:
    try:
        content = read_json(path)
    except InputError:  # anything may lie beside photographs
        return False
    return isinstance(content.get("annotations"), list) and isinstance(content.get("images"), list)


def is_coco(directory: Path) -> bool:
    """See `Layout.is_here`."""
    return directory.is_dir() and bool(_lists(directory))


def coco_objects(annotations: Sequence[dict], height: int, width: int) -> Objects:
    """The objects of one photograph's COCO annotations, numbered 1, 2, … in the file's order.

    Annotations of crowds (`iscrowd`) are no object; their pixels are ignored unless an object has
    them.

    Raises:
        InputError: a segmentation that is neither run lengths nor polygons.
        WrongSize: run lengths of another size.
    """
    masks: dict[int, np.ndarray] = {}
    crowd = np.zeros((height, width), bool)
    for annotation in annotations:
        parts = _parts(annotation.get("segmentation"))
        if not parts:
            raise InputError(
                "A segmentation must be run lengths or a list of polygons. Received "
                f"{annotation.get('segmentation')!r:.80} for annotation "
                f"{annotation.get('id')!r:.40}."
            )
        mask = np.logical_or.reduce([_part_mask(part, height, width) for part in parts])
        if annotation.get("iscrowd"):
            crowd |= mask
        else:
            masks[len(masks) + 1] = mask
    for mask in masks.values():
        crowd &= ~mask
    return Objects(masks, crowd)


def _part_mask(part: object, height: int, width: int) -> np.ndarray:
    if not isinstance(part, dict):
        return polygon_mask(part, height, width)
    size = part.get("size")
    if isinstance(size, list) and len(size) == 2 and size != [height, width]:
        raise WrongSize(
            "Run lengths must have their photograph's size. Take the original file. "
            f"Received {size!s:.40} for {height} × {width}."
        )
    return decode_rle(part, height, width)


LAYOUT = Layout(
    "annotations/instances_<split>.json, or a COCO file beside the images or in a folder of each "
    "split",
    is_coco,
    read_coco,
    lists=_lists,
    is_empty_allowed=True,  # a photograph may show crowds alone
)
