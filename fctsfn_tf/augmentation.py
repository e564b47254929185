"""A random view of a photograph for training: image and label map moved by one affine map.

Clicks are drawn afterwards, on the moved mask, so distances and disks are always exact; the label
map is resampled by nearest, so no mask grows.
"""

from __future__ import annotations

import cv2
import numpy as np

from fctsfn_tf.mask_formats import VOID
from fctsfn_tf.recipes import AugmentationConfig

# What lies outside the photograph: a grey that MobileNetV2's scaling maps to zero.
OUTSIDE = (127.5, 127.5, 127.5)


def random_view(
    image: np.ndarray,
    labels: np.ndarray,
    object_mask: np.ndarray,
    size: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A square view around an object, with brightness and contrast changed.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 label map.
        object_mask: (H, W) bool, the object that the view shall show.
        size: side of the view in pixels.

    Returns:
        (size, size, 3) uint8 image and (size, size) uint8 label map; `VOID` outside the photograph.
    """
    matrix = _random_affine(object_mask, size, config, rng)
    view = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=OUTSIDE)
    view_labels = cv2.warpAffine(
        labels, matrix, (size, size), flags=cv2.INTER_NEAREST, borderValue=VOID
    )
    contrast = np.exp(rng.uniform(-config.contrast, config.contrast))
    brightness = rng.uniform(-config.brightness, config.brightness)
    view = cv2.convertScaleAbs(
        np.clip((view.astype(np.float32) - 127.5) * contrast + 127.5 + brightness, 0, 255)
    )
    return view, view_labels


def _random_affine(
    object_mask: np.ndarray, size: int, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """The (2, 3) map from photograph to view: crop, zoom, rotation, mirror, aspect."""
    height, width = object_mask.shape
    left, top, box_width, box_height = cv2.boundingRect(object_mask.astype(np.uint8))
    centre = np.array([left + box_width / 2, top + box_height / 2])
    if rng.random() < config.zoom_probability:
        side = max(box_width, box_height) * rng.uniform(*config.zoom_margin)
        centre = centre + rng.uniform(-0.15, 0.15, 2) * side
    else:
        side = max(height, width) / rng.uniform(*config.scale)
        centre = centre + rng.uniform(-0.4, 0.4, 2) * side
    # The view lies over the photograph as far as it goes.
    for axis, length in enumerate((width, height)):
        if side >= length:
            centre[axis] = length / 2
        else:
            centre[axis] = np.clip(centre[axis], side / 2, length - side / 2)
    angle = rng.uniform(-1, 1) * config.rotation_degrees
    if rng.random() >= config.rotation_probability:
        angle = 0.0
    aspect = np.exp(rng.uniform(-config.aspect, config.aspect))
    scale_x, scale_y = size / side * np.sqrt(aspect), size / side / np.sqrt(aspect)
    if rng.random() < 0.5:
        scale_x = -scale_x
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    linear = np.diag([scale_x, scale_y]) @ np.array([[cosine, -sine], [sine, cosine]])
    offset = np.array([size / 2, size / 2]) - linear @ centre
    return np.column_stack([linear, offset]).astype(np.float64)
