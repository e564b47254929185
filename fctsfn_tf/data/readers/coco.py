"""COCO: annotations/instances_<list>.json and <list>/ (or images/<list>/, images/), or one COCO
file beside images/."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout
from fctsfn_tf.data.readers.listing import no_split, objects_drawn_at
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable, read_json
from fctsfn_tf.images.polygons import polygon_mask
from fctsfn_tf.images.run_lengths import decode_rle


def read_coco(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    path, folder = _list_and_folder(directory, split)
    content = read_json(path)
    try:
        by_image: dict[object, list[dict]] = {}
        for annotation in content["annotations"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        return [
            AnnotatedImage(
                str(Path(image["file_name"]).with_suffix("")),
                folder / image["file_name"],
                path,
                partial(
                    objects_drawn_at,
                    (image.get("height"), image.get("width")),
                    coco_objects,
                    by_image[image["id"]],
                ),
            )
            for image in content["images"]
            if image["id"] in by_image
        ]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)} must be a COCO instances file: images with id and file_name, "
            f"annotations with image_id. Export it again. Received {error!r:.80}."
        ) from None


def _list_and_folder(directory: Path, split: str | None) -> tuple[Path, Path]:
    """The COCO file of a list, and the folder of its photographs.

    Raises:
        InputError: no such list, or several and none is named.
    """
    paths = sorted((directory / "annotations").glob("instances_*.json")) or [
        path for path in sorted(directory.glob("*.json")) if path.is_file()
    ]
    splits = {path.stem.removeprefix("instances_"): path for path in paths}
    if split is None and len(splits) > 1:
        raise InputError(
            f"{printable(directory)} holds several lists of objects. Name one as `split`. Received "
            f"none of {', '.join(splits)}."
        )
    if split is not None and split not in splits:
        raise no_split(split, directory, paths)
    split, path = (split, splits[split]) if split else next(iter(splits.items()))
    folders = [directory / inner for inner in (split, f"images/{split}", "images")]
    return path, next((folder for folder in folders if folder.is_dir()), directory)


def is_coco(directory: Path) -> bool:
    """See `Layout.is_here`."""
    if any((directory / "annotations").glob("instances_*.json")):
        return True
    paths = list(directory.glob("*.json"))
    return len(paths) == 1 and paths[0].is_file() and "annotations" in read_json(paths[0])


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


LAYOUT = Layout(
    "annotations/instances_<split>.json or one COCO file, beside images",
    is_coco,
    read_coco,
    lists=("annotations/instances_*.json",),
    is_empty_allowed=True,  # a photograph may show crowds alone
)
