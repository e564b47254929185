"""labelme, X-AnyLabeling: photographs, each with its .json beside it or in a folder of its own."""

from __future__ import annotations

import base64
import logging
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout, text_lists
from fctsfn_tf.data.readers.listing import (
    IMAGE_SUFFIXES,
    Photographs,
    objects_drawn_at,
    refuse_split,
)
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable, read_json
from fctsfn_tf.images.image_io import image_of_bytes
from fctsfn_tf.images.polygons import polygon_mask

# Shapes that have no inside, and so are no object.
SHAPES_WITHOUT_AREA = ("point", "points", "line", "linestrip")
# Shapes given by all of their corners; "rotation" is X-AnyLabeling's box at any angle.
CORNERED_SHAPES = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")
# Points that a shape needs to have an area.
LEAST_POINTS = {**dict.fromkeys(CORNERED_SHAPES, 3), "rectangle": 2, "circle": 2, "mask": 1}
# Labels that labelme's own converters take for no object, the first one for pixels to be ignored.
IGNORE_LABEL, BACKGROUND_LABEL = "__ignore__", "_background_"
LOG = logging.getLogger(__name__)


def read_labelme(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`.

    One line is logged of the shapes that were left out.
    """
    refuse_split("labelme", split)
    images, num_dropped, num_photographs = [], 0, 0
    below = Photographs([directory / "images", directory])
    for path in _labelme_paths(directory):
        content = read_json(path)
        if not isinstance(content.get("shapes"), list):
            continue
        # Without the rest: the pixels themselves may stand in it.
        shapes = [shape for shape in content["shapes"] if _may_have_area(shape)]
        num_dropped += len(content["shapes"]) - len(shapes)
        num_photographs += len(shapes) < len(content["shapes"])
        size = content.get("imageHeight"), content.get("imageWidth")
        name = path.relative_to(directory).with_suffix("").as_posix()
        read_objects = partial(objects_drawn_at, size, labelme_objects, {"shapes": shapes})
        image_path = _photograph_of(path, content.get("imagePath"), below)
        if image_path is None and content.get("imageData"):
            images.append(AnnotatedImage(name, path, path, read_objects, read_pixels=_pixels_in))
            continue
        named = str(content.get("imagePath")).replace("\\", "/")
        image_path = image_path or path.parent / named
        images.append(AnnotatedImage(name, image_path, path, read_objects))
    if num_dropped:
        LOG.warning(
            "%s: %d shapes of %d photographs have too few points for an area and are left out.",
            *(printable(directory), num_dropped, num_photographs),
        )
    return images


def is_labelme(directory: Path) -> bool:
    """See `Layout.is_here`."""
    path = next(iter(_labelme_paths(directory)), None)
    return path is not None and "shapes" in read_json(path)


def _labelme_paths(directory: Path) -> list[Path]:
    return sorted([*directory.glob("*.json"), *directory.glob("*/*.json")])


def _photograph_of(path: Path, image_path: object, below: Photographs) -> Path | None:
    """Where a file's photograph lies: as it says, or with its stem beside it or in images/."""
    # labelme writes the path as seen from the file, on Windows with \.
    if isinstance(image_path, str):
        seen_from_file = path.parent / image_path.replace("\\", "/")
        if seen_from_file.is_file():
            return seen_from_file
    folders = path.parent, *below.folders
    named = [folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES]
    if found := next((other for other in named if other.is_file()), None):
        return found
    return below.find(image_path) if isinstance(image_path, str) else None


def _pixels_in(path: Path) -> np.ndarray:
    """The photograph inside of a labelme file.

    Raises:
        InputError: there is none.
    """
    try:
        content = base64.b64decode(read_json(path)["imageData"])
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{printable(path)} must hold its photograph as `imageData` in base64. Put the "
            "photograph beside it."
        ) from None
    return image_of_bytes(content, f"`imageData` in {printable(path)}")


def _may_have_area(shape: object) -> bool:
    """Whether a shape has as many points as its kind needs; points and lines need none."""
    if not isinstance(shape, dict) or not isinstance(shape.get("points"), list):
        return True  # it is refused where it is drawn
    kind = shape.get("shape_type") or "polygon"
    return not isinstance(kind, str) or len(shape["points"]) >= LEAST_POINTS.get(kind, 0)


def labelme_objects(content: dict, height: int, width: int) -> Objects:
    """The objects of a labelme file's content, numbered 1, 2, … in the file's order.

    Shapes of one label and one `group_id` are one object; points and lines are none.

    Raises:
        InputError: a shape that cannot be understood.
    """
    grouped: dict[tuple, np.ndarray] = {}
    ignore = np.zeros((height, width), bool)
    for number, shape in enumerate(content["shapes"]):
        try:
            kind = shape.get("shape_type") or "polygon"
            if kind in SHAPES_WITHOUT_AREA or shape.get("label") == BACKGROUND_LABEL:
                continue
            mask = _shape_mask(shape, kind, height, width)
            if shape.get("label") == IGNORE_LABEL:
                ignore |= mask
                continue
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
    for mask in masks.values():
        ignore &= ~mask
    return Objects(masks, ignore)


def _shape_mask(shape: dict, kind: str, height: int, width: int) -> np.ndarray:
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    if kind in CORNERED_SHAPES or (kind == "rectangle" and len(points) == 4):
        return polygon_mask(points, height, width)
    if kind == "mask":
        return _pasted(shape["mask"], *np.rint(points[0]).astype(int), height, width)
    first, second = points  # a rectangle's corners, or a circle's centre and a point on it
    if kind == "rectangle":
        (x0, y0), (x1, y1) = first, second
        return polygon_mask([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], height, width)
    if kind == "circle":
        rows, cols = np.ogrid[:height, :width]
        squared = (cols + 0.5 - first[0]) ** 2 + (rows + 0.5 - first[1]) ** 2
        return squared <= ((second - first) ** 2).sum()
    raise InputError(f"Its shape_type is {kind!r:.40}.")


def _pasted(png: str, left: int, top: int, height: int, width: int) -> np.ndarray:
    """labelme's mask: a PNG in base64 whose corner lies at (left, top); what reaches beyond the
    photograph is cut off."""
    try:
        part = np.asarray(Image.open(BytesIO(base64.b64decode(png)), formats=("PNG",)).convert("L"))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise InputError("Its mask is no PNG.") from None
    mask = np.zeros((height, width), bool)
    inside = part[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)] > 0
    top, left = max(0, top), max(0, left)
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return mask


LAYOUT = Layout(
    "photographs with a labelme .json each", is_labelme, read_labelme, lists=text_lists("")
)
