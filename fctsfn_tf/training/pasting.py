"""An object of one photograph pasted into a view of another: occlusion, clean edges, strangers.

Source: "simple copy-paste" (Ghiasi et al. 2021). Deviations: the edge is soft, one object is pasted
at a time, and it is drawn for its shape: no object that its own photograph cuts off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fctsfn_tf.data.annotated_images import Sample

if TYPE_CHECKING:
    from fctsfn_tf.training.augmentation import TrainingView

# Longer side of the pasted object over the shorter side of the view; its logarithm is uniform.
SIZES = (0.2, 0.9)
# The edge's width, in pixels of the view: standard deviation of the blur.
EDGES = (0.4, 1.2)
# Smaller objects would only be enlarged to blots.
MIN_SIDE = 48
MIRROR_PROBABILITY = 0.5


def can_paste(sample: Sample) -> bool:
    """Whether an object is large enough, and neither cut off nor surrounded by ignored pixels."""
    mask = sample.gt_mask.view(np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    image_height, image_width = mask.shape
    touches = left == 0 or top == 0 or left + width == image_width or top + height == image_height
    return not touches and max(width, height) >= MIN_SIDE


def with_pasted(
    view: TrainingView, pasted: Sample, rng: np.random.Generator
) -> tuple[TrainingView, list[np.ndarray], float]:
    """A view with an object pasted into it at a random place and size.

    Args:
        view: of another photograph.
        pasted: the object, see `can_paste`.

    Returns:
        The view; the masks of all objects as they are seen now, (H, W) bool: the view's own, less
        what is covered, then the pasted one; and how many pixels of that lie outside of the view.
    """
    height, width = view.sample.gt_mask.shape
    mask = pasted.gt_mask.view(np.uint8)
    left, top, box_width, box_height = cv2.boundingRect(mask)
    side = min(height, width) * np.exp(rng.uniform(*np.log(SIZES)))
    scale = side / max(box_width, box_height)
    mirror = -1.0 if rng.random() < MIRROR_PROBABILITY else 1.0
    linear = np.diag([mirror * scale, scale])
    middle = np.array([left + box_width / 2, top + box_height / 2]) - 0.5
    place = rng.uniform(0.1, 0.9, 2) * (width, height)
    matrix = np.column_stack([linear, place - linear @ middle])
    image, soft = _moved(pasted, matrix, height, width)
    soft = cv2.GaussianBlur(soft, (0, 0), rng.uniform(*EDGES))
    covered = soft > 0.5
    blended = view.sample.image + soft[..., None] * (image - view.sample.image)
    seen = [one & ~covered for one in (view.sample.gt_mask, *view.sample.other_masks)]
    sample = replace(
        view.sample,
        image=np.rint(blended).astype(np.uint8),
        gt_mask=seen[0],
        ignore=view.sample.ignore & ~covered,
        other_masks=(*seen[1:], covered),
    )
    whole = np.count_nonzero(mask) * scale**2
    hidden = max(0.0, whole - np.count_nonzero(covered))
    is_cut = covered[0].any() or covered[-1].any() or covered[:, 0].any() or covered[:, -1].any()
    return replace(view, sample=sample), [*seen, covered], float(hidden) if is_cut else 0.0


def _moved(
    pasted: Sample, matrix: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The photograph (height, width, 3) float32 and the object's share of each pixel, in [0, 1]."""
    factor = int(1 / abs(matrix[1, 1]))
    image, mask = pasted.image, pasted.gt_mask.astype(np.float32)
    if factor > 1:  # areas are averaged where it shrinks to less than half
        size = tuple(max(1, round(side / factor)) for side in image.shape[1::-1])
        factors = np.array(image.shape[1::-1]) / size
        image, mask = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (image, mask))
        enlarge = np.column_stack([np.diag(factors), (factors - 1) / 2])
        matrix = matrix @ np.vstack([enlarge, [0, 0, 1]])
    image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(mask, matrix, (width, height))
    return image.astype(np.float32), mask
