"""Folders of photographs and masks → samples, one per object.

Two layouts, told apart by their folder:

- `images/` + `labels/`: 8-bit label maps, 0 background, 1…254 object ids, 255 void (ignored);
- `images/` + `masks/`: one object per image, 0 background, 128 ignored, 255 object (GrabCut).

An image and its label map or mask share their stem.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.annotations import MASK_IGNORE, MASK_OBJECT
from fctsfn_tf.errors import InputError
from fctsfn_tf.image_io import read_image
from fctsfn_tf.mask_formats import VOID

# Objects below this share of the image are annotation noise, not something a person clicks.
MIN_OBJECT_SHARE = 0.002


@dataclass(frozen=True)
class Sample:
    """One object of one photograph.

    Attributes:
        name: the image's stem, with "_<object id>" where an image holds several.
        image: (H, W, 3) uint8 RGB.
        gt_mask: (H, W) bool, the object.
        ignore: (H, W) bool, pixels that count neither for nor against.
    """

    name: str
    image: np.ndarray
    gt_mask: np.ndarray
    ignore: np.ndarray


@dataclass(frozen=True)
class LabelledImage:
    """Paths of a photograph and of its label map or mask."""

    image_path: Path
    label_path: Path

    @property
    def name(self) -> str:
        return self.image_path.stem

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB image and (H, W) uint8 label map: 0, object ids, `VOID`.

        Raises:
            InputError: unreadable, or sizes that differ.
        """
        image = read_image(self.image_path)
        labels = cv2.imread(str(self.label_path), cv2.IMREAD_UNCHANGED)
        if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
            raise InputError(
                f"A label map must be a readable 8-bit image of one channel: {self.label_path}."
            )
        if labels.shape != image.shape[:2]:
            raise InputError(
                "An image and its label map must have the same size. "
                f"Received {image.shape[:2]} and {labels.shape} for {self.name}."
            )
        if self.label_path.parent.name == "masks":
            labels = _labels_from_mask(labels)
        return image, labels


def labelled_images(directory: str | Path, names: set[str] | None = None) -> list[LabelledImage]:
    """The photographs of a folder that have a label map or mask, sorted by name.

    Args:
        directory: holds `images/` and either `labels/` or `masks/`.
        names: stems to keep; None keeps all.

    Raises:
        InputError: no such layout, or an image without its label map.
    """
    directory = Path(directory)
    label_directory = next(
        (directory / name for name in ("labels", "masks") if (directory / name).is_dir()), None
    )
    if label_directory is None or not (directory / "images").is_dir():
        raise InputError(
            "A data folder must hold images/ and labels/ (label maps) or masks/ (one object per "
            f"image). Received {directory}."
        )
    label_paths = {path.stem: path for path in label_directory.iterdir()}
    pairs = []
    for image_path in sorted((directory / "images").iterdir()):
        if names is not None and image_path.stem not in names:
            continue
        if image_path.stem not in label_paths:
            raise InputError(f"{image_path} has no label map or mask in {label_directory}.")
        pairs.append(LabelledImage(image_path, label_paths[image_path.stem]))
    if not pairs:
        raise InputError(f"{directory} holds no image that was asked for.")
    return pairs


def object_ids(labels: np.ndarray, min_share: float = MIN_OBJECT_SHARE) -> list[int]:
    """Ids of the objects that cover at least `min_share` of the label map, in rising order."""
    counts = np.bincount(labels.ravel(), minlength=256)
    least = max(1, min_share * labels.size)
    return [label for label in range(1, VOID) if counts[label] >= least]


def samples(directory: str | Path, names: set[str] | None = None) -> Iterator[Sample]:
    """Every object of a data folder, image by image; see `labelled_images`."""
    for pair in labelled_images(directory, names):
        image, labels = pair.read()
        ids = object_ids(labels)
        for label in ids:
            name = pair.name if len(ids) == 1 else f"{pair.name}_{label}"
            yield Sample(name, image, labels == label, labels == VOID)


def _labels_from_mask(mask: np.ndarray) -> np.ndarray:
    labels = np.zeros_like(mask)
    labels[mask == MASK_OBJECT] = 1
    labels[mask == MASK_IGNORE] = VOID
    return labels
