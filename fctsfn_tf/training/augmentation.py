"""Views of a photograph for training: image, masks and clicks moved together by one affine map.

Each function takes a sample to a `TrainingView` of a given size. The image is resampled once, and
masks by nearest, so no mask grows. Clicks are moved and maps made of them afterwards, so distances
and disks are always exact. (The paper's released code rotates distance maps and fills what comes
in with zeros, which reads as "on a click", and resizes masks bilinearly, which grows them.)

OpenCV does the work. Libraries of augmentations chain transforms, each of which resamples, and the
map that clicks and views need stays inside of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.predict.views import SIDE_MULTIPLE
from fctsfn_tf.training.recipes import (
    AugmentationConfig,
    PaperAugmentationConfig,
    WholePhotographConfig,
)

# What lies outside the photograph: a grey that MobileNetV2's scaling maps to zero.
OUTSIDE = (127.5, 127.5, 127.5)


@dataclass(frozen=True)
class TrainingView:
    """A sample as a network is trained on it.

    Attributes:
        sample: the moved sample, at the size of the view; `ignore` holds what lies outside of the
            photograph. `other_masks` are in the order of those of the original sample; like
            `gt_mask` they are empty where the view does not show them.
        matrix: (2, 3) float64, (x, y, 1) in the photograph → (x, y) in the view, both in pixels
            with whole numbers at the pixels' centres.
    """

    sample: Sample
    matrix: np.ndarray

    def moved(self, clicks: Iterable[Click]) -> list[Click]:
        """The clicks of the photograph in the view; they may lie outside of it.

        Positions are not rounded, so a positive click may come to lie up to half a pixel beside
        the mask, which was resampled by nearest.
        """
        moved = []
        for click in clicks:
            col, row = self.matrix @ (click.col, click.row, 1.0)
            moved.append(Click(float(row), float(col), click.is_positive))
        return moved


def training_view(
    sample: Sample,
    height: int,
    width: int,
    config: AugmentationConfig | PaperAugmentationConfig | WholePhotographConfig,
    rng: np.random.Generator,
) -> TrainingView:
    """A view of (height, width) pixels by the function that the configuration belongs to."""
    if isinstance(config, WholePhotographConfig):
        return whole_view(sample, height, width, config, rng)
    if isinstance(config, PaperAugmentationConfig):
        return paper_view(sample, height, width, config, rng)
    return random_view(sample, height, width, config, rng)


def whole_view(
    sample: Sample,
    height: int,
    width: int,
    config: WholePhotographConfig,
    rng: np.random.Generator,
) -> TrainingView:
    """The whole photograph in the middle of the view, shrunk if it must be, sometimes mirrored."""
    image_height, image_width = sample.gt_mask.shape
    scale = min(1.0, height / image_height, width / image_width)
    linear = np.diag([scale * _mirror(config.mirror_probability, rng), scale])
    centre = np.array([image_width, image_height]) / 2
    return _moved_sample(sample, linear, centre, height, width)


def fitted_size(height: int, width: int, most_rows: int, most_cols: int) -> tuple[int, int]:
    """The size of a whole view that holds no more than the photograph, but for multiples of 32.

    Args:
        height, width: of the photograph.
        most_rows, most_cols: it is shrunk to these.
    """
    scale = min(1.0, most_rows / height, most_cols / width)
    rows, cols = (
        max(1, -(-round(side * scale) // SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in (height, width)
    )
    return rows, cols


def paper_view(
    sample: Sample,
    height: int,
    width: int,
    config: PaperAugmentationConfig,
    rng: np.random.Generator,
) -> TrainingView:
    """The paper's augmentation for the MSRN: crop, rotation, translation, resized to the view.

    Source: paper §3.3: cropped around the object if its box covers under 35 % of the photograph;
    rotated and translated with a probability of one half each; "we resize all the training images
    to 240 × 320", so the aspect changes. From the released files: the crop is centred at the mean
    of the mask's pixels and reaches, on either side, over half the object and half of its distance
    to the nearer border; ± 60°; up to a third of the free margin. Deviations: the crop is widened
    where it would cut the object, and what comes in from outside of the photograph is ignored.
    """
    image_height, image_width = sample.gt_mask.shape
    moments = cv2.moments(sample.gt_mask.view(np.uint8), binaryImage=True)
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"] + 0.5
    left, top, box_width, box_height = cv2.boundingRect(sample.gt_mask.view(np.uint8))
    low = np.array([left, top], np.float64)
    high = low + np.array([box_width, box_height])
    size = np.array([image_width, image_height], np.float64)
    crop_low, crop_high = np.zeros(2), size
    if np.prod(high - low) < config.crop_share * np.prod(size):
        reach = (high - low) / 2 + np.minimum(low, size - high) / 2
        crop_low = np.clip(np.minimum(middle - reach, low), 0, size)
        crop_high = np.clip(np.maximum(middle + reach, high), 0, size)
    angle, shift = 0.0, np.zeros(2)
    if rng.random() < config.rotation_probability:
        angle = np.deg2rad(rng.uniform(-1, 1) * config.rotation_degrees)
    if rng.random() < config.translation_probability:
        shift = config.translation_share * rng.uniform(crop_low - low, crop_high - high)
    stretch = np.array([width, height]) / (crop_high - crop_low)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # In the photograph's pixels: x → R (x − middle) + middle + shift; then crop and stretch.
    # The point that comes to lie in the middle of the view:
    seen = rotation.T @ ((crop_low + crop_high) / 2 - middle - shift) + middle
    linear = np.diag([_mirror(config.mirror_probability, rng), 1.0]) @ np.diag(stretch) @ rotation
    return _moved_sample(sample, linear, seen, height, width)


def random_view(
    sample: Sample,
    height: int,
    width: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> TrainingView:
    """A view around the object: crop, zoom, rotation, mirror, aspect, brightness and contrast."""
    linear, centre = _random_affine(sample.gt_mask, height, width, config, rng)
    view = _moved_sample(sample, linear, centre, height, width)
    contrast = np.exp(rng.uniform(-config.contrast, config.contrast))
    brightness = rng.uniform(-config.brightness, config.brightness)
    levels = (np.arange(256) - 127.5) * contrast + 127.5 + brightness
    if config.tint:
        levels = levels[None, :, None] * np.exp(rng.uniform(-config.tint, config.tint, 3))
    tinted = cv2.LUT(view.sample.image, np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    return replace(view, sample=replace(view.sample, image=tinted))


def _random_affine(
    gt_mask: np.ndarray,
    height: int,
    width: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The (2, 2) linear map, and the (x, y) that comes to lie in the middle of the view."""
    image_height, image_width = gt_mask.shape
    left, top, box_width, box_height = cv2.boundingRect(gt_mask.astype(np.uint8))
    centre = np.array([left + box_width / 2, top + box_height / 2])
    longer = max(height, width)
    kind = rng.random()
    if kind < config.zoom_probability:
        side = max(box_width, box_height) * rng.uniform(*config.zoom_margin)
        centre = centre + rng.uniform(-0.15, 0.15, 2) * side
    elif kind < config.zoom_probability + config.crop_probability:
        side = max(image_height, image_width) * np.exp(rng.uniform(*np.log(config.crop_share)))
        pixels = np.flatnonzero(gt_mask)
        row, col = divmod(int(pixels[rng.integers(len(pixels))]), image_width)
        centre = np.array([col, row]) + rng.uniform(-0.1, 0.1, 2) * side
    else:
        side = max(image_height, image_width) / rng.uniform(*config.scale)
        centre = centre + rng.uniform(-0.4, 0.4, 2) * side
    # The view lies over the photograph as far as it goes.
    for axis, length in enumerate((image_width, image_height)):
        seen = side * (width, height)[axis] / longer
        if seen >= length:
            centre[axis] = length / 2
        else:
            centre[axis] = np.clip(centre[axis], seen / 2, length - seen / 2)
    angle = rng.uniform(-1, 1) * config.rotation_degrees
    if rng.random() >= config.rotation_probability:
        angle = 0.0
    aspect = np.exp(rng.uniform(-config.aspect, config.aspect))
    scale = longer / side
    mirror = _mirror(config.mirror_probability, rng)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    stretch = np.diag([mirror * scale * np.sqrt(aspect), scale / np.sqrt(aspect)])
    return stretch @ np.array([[cosine, -sine], [sine, cosine]]), centre


def _mirror(probability: float, rng: np.random.Generator) -> float:
    """−1 as often as `probability` says, else 1: the factor of x."""
    return -1.0 if rng.random() < probability else 1.0


def _moved_sample(
    sample: Sample, linear: np.ndarray, centre: np.ndarray, height: int, width: int
) -> TrainingView:
    """The sample seen through `linear`, with `centre` in the middle of the view.

    Args:
        linear: (2, 2), from (x, y) of the photograph to (x, y) of the view.
        centre: (x, y) in the photograph, in pixels from its top left corner.
    """
    # Outside of here whole numbers are the pixels' centres; those of the view first.
    offset = np.array([width, height]) / 2 - 0.5 - linear @ (centre - 0.5)
    matrix = np.column_stack([linear, offset])
    masks = [
        cv2.warpAffine(mask.view(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST) > 0
        for mask in (sample.gt_mask, *sample.other_masks)
    ]
    ignore = cv2.warpAffine(
        sample.ignore.view(np.uint8),
        matrix,
        (width, height),
        flags=cv2.INTER_NEAREST,
        borderValue=1,
    )
    moved = Sample(
        sample.name,
        _moved_image(sample.image, matrix, height, width),
        masks[0],
        ignore > 0,
        tuple(masks[1:]),
    )
    return TrainingView(moved, matrix)


def _moved_image(image: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image in the view; where it shrinks to less than half, areas are averaged first."""
    factor = int(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if factor > 1:
        size = tuple(max(1, round(side / factor)) for side in image.shape[1::-1])
        factors = np.array(image.shape[1::-1]) / size
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        # Through corners, not centres: x of the photograph = factor · (x + 1/2) − 1/2.
        enlarge = np.column_stack([np.diag(factors), (factors - 1) / 2])
        matrix = matrix @ np.vstack([enlarge, [0, 0, 1]])
    return cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=OUTSIDE
    )
