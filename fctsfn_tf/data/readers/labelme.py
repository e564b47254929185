"""labelme: photographs, each with its .json beside it or in a folder of its own."""

from __future__ import annotations

import base64
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout
from fctsfn_tf.data.readers.listing import IMAGE_SUFFIXES, objects_drawn_at, refuse_split
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import read_json
from fctsfn_tf.images.polygons import polygon_mask

# Shapes that have no inside, and so are no object.
SHAPES_WITHOUT_AREA = ("point", "points", "line", "linestrip")


def read_labelme(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    refuse_split("labelme", split)
    images = []
    for path in _labelme_paths(directory):
        content = read_json(path)
        if not isinstance(content.get("shapes"), list):
            continue
        # labelme writes the photograph's path as seen from the file, on Windows with \.
        image_path = path.parent / str(content.get("imagePath")).replace("\\", "/")
        if not image_path.is_file():
            folders = directory / "images", path.parent
            beside = [
                folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES
            ]
            image_path = next((other for other in beside if other.is_file()), image_path)
        # Without the rest: the pixels themselves may stand in it.
        shapes = {"shapes": content["shapes"]}
        size = content.get("imageHeight"), content.get("imageWidth")
        name = path.relative_to(directory).with_suffix("").as_posix()
        read_objects = partial(objects_drawn_at, size, labelme_objects, shapes)
        images.append(AnnotatedImage(name, image_path, path, read_objects))
    return images


def is_labelme(directory: Path) -> bool:
    """See `Layout.is_here`."""
    path = next(iter(_labelme_paths(directory)), None)
    return path is not None and "shapes" in read_json(path)


def _labelme_paths(directory: Path) -> list[Path]:
    return sorted([*directory.glob("*.json"), *directory.glob("*/*.json")])


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


LAYOUT = Layout("photographs with a labelme .json each", is_labelme, read_labelme, lists=())
