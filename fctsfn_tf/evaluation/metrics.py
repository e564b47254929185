"""How good a mask is, how many clicks it took, how clicks are felt, and how sure a mean is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from fctsfn_tf.errors import InputError

# Paper §4.1: "we set 20 as the maximum number of clicks".
MAX_CLICKS = 20
# Width of the edge in Boundary IoU as a share of the image's diagonal (its authors' 2 %).
BOUNDARY_SHARE = 0.02
# A click is harmful if the IoU falls by more: two points are more than the jitter of an outline.
HARMFUL_DROP = 0.02
# Enough for the interval's ends to move by a few per cent of its length from seed to seed.
BOOTSTRAP_SAMPLES = 2000
# Objects that are drawn in one go, so that memory stays small however many there are.
MAX_DRAWN = 1_000_000


def iou(mask: np.ndarray, gt_mask: np.ndarray, ignore: np.ndarray | None = None) -> float:
    """Intersection over union of two masks, outside of `ignore`.

    Args:
        mask: (H, W) bool, the segmentation.
        gt_mask: (H, W) bool, the true mask.
        ignore: (H, W) bool, True where the pixel counts neither for nor against; None for nowhere.

    Returns:
        A number in [0, 1]. Where both masks are empty (outside of `ignore`) it is 1: there was
        nothing to find and nothing was found.

    Raises:
        InputError: the arrays differ in size or are not bool (H, W).

    Source: paper §4.1, "intersection of union (IoU) of foreground".
    """
    check_masks(mask, gt_mask, ignore)
    intersection = mask & gt_mask
    union = mask | gt_mask
    if ignore is not None:
        intersection &= ~ignore
        union &= ~ignore
    num_union = np.count_nonzero(union)
    return float(np.count_nonzero(intersection) / num_union) if num_union else 1.0


def number_of_clicks(
    ious: Sequence[float] | np.ndarray, target: float, max_clicks: int = MAX_CLICKS
) -> int:
    """Number of clicks until the IoU first reaches `target` (NoC@target of one object).

    Args:
        ious: IoU in [0, 1] after click 1, 2, …; it may end early once the target is reached.
        target: IoU to reach, in [0, 1], for example 0.9 for NoC@90.
        max_clicks: what an object costs that does not reach the target within so many clicks.

    Returns:
        The first k in 1…max_clicks with `ious[k - 1] >= target`, else `max_clicks`.

    Raises:
        InputError: an IoU is NaN or outside of [0, 1], or the sequence ends before `max_clicks`
            without having reached the target, so that the number is unknown.

    Source: paper §4.1, "if the certain IoU cannot be achieved in 20 clicks, we threshold the
    recorded number of clicks by 20".
    """
    first = _first_reaching(ious, target, max_clicks)
    return max_clicks if first is None else first


def number_of_failures(
    ious_of_objects: Iterable[Sequence[float]], target: float, max_clicks: int = MAX_CLICKS
) -> int:
    """Number of objects that never reach `target` within `max_clicks` clicks (NoF@target).

    An object that reaches it with its very last click has the same number of clicks as one that
    fails; only this count tells them apart. Arguments and errors as in `number_of_clicks`.
    """
    return sum(_first_reaching(ious, target, max_clicks) is None for ious in ious_of_objects)


def harmful_clicks(
    ious: Sequence[float] | np.ndarray, finished: float, drop: float = HARMFUL_DROP
) -> tuple[int, int]:
    """How many clicks made the mask worse instead of better: how far a click can be relied on.

    Args:
        ious: IoU in [0, 1] after click 1, 2, … of the clicks that were made on one object.
        finished: the IoU at which the object is done: clicks after it was first reached do not
            count.
        drop: the IoU must fall by more than this.

    Returns:
        (clicks that lowered the IoU so much, clicks after the first that count).
    """
    values = np.asarray(ious, dtype=np.float64)
    reached = np.flatnonzero(values >= finished)
    if reached.size:
        values = values[: reached[0] + 1]
    # An IoU that falls from 0.90 to 0.88 falls by 0.02 and no more, whatever the last digit says.
    return int(np.count_nonzero(-np.diff(values) > drop + 1e-9)), max(0, len(values) - 1)


def check_masks(mask: np.ndarray, gt_mask: np.ndarray, ignore: np.ndarray | None) -> None:
    """Refuse masks that cannot be compared pixel by pixel.

    Raises:
        InputError: an array is not bool (H, W), or the sizes differ.
    """
    for name, array in (("mask", mask), ("gt_mask", gt_mask), ("ignore", ignore)):
        if array is None and name == "ignore":
            continue
        if array.ndim != 2 or array.dtype != bool:
            raise InputError(
                f"`{name}` must be a bool array of shape (H, W). Compare a probability with a "
                f"threshold first. Received {array.dtype} of shape {array.shape}."
            )
        if array.shape != gt_mask.shape:
            raise InputError(
                f"`{name}` must have the size of `gt_mask`, {gt_mask.shape}. Resize it first. "
                f"Received shape {array.shape}."
            )


def _first_reaching(
    ious: Sequence[float] | np.ndarray, target: float, max_clicks: int
) -> int | None:
    """The first number of clicks, from 1, that reaches `target`; None if `max_clicks` do not."""
    values = np.asarray(ious, dtype=np.float64)[:max_clicks]
    if not np.all((values >= 0) & (values <= 1)):
        raise InputError(
            "Every IoU must be a number in [0, 1]. Leave failed objects out and report how many "
            f"there were. Received {values.tolist()}."
        )
    reached = np.flatnonzero(values >= target)
    if reached.size:
        return int(reached[0]) + 1
    if len(values) < max_clicks:
        raise InputError(
            f"The IoUs must go on to {max_clicks} clicks or until the target {target:g} is "
            "reached. Evaluate the object further or ask for a lower target. "
            f"Received {len(values)} IoUs, none of which reaches it."
        )
    return None


def boundary_iou(
    mask: np.ndarray,
    gt_mask: np.ndarray,
    ignore: np.ndarray | None = None,
    share: float = BOUNDARY_SHARE,
) -> float:
    """IoU of the two masks' inner edges: how well the outline fits, whatever the object's size.

    Args:
        mask, gt_mask, ignore: as in `iou`.
        share: width of the edge as a share of the image's diagonal; it is at least 1 pixel.

    Returns:
        IoU, in [0, 1], of the pixels of each mask that lie within that width of its outline (in
        the city-block sense of repeated 3 × 3 erosions, the image border being outline). Where both
        masks are empty it is 1.

    Raises:
        InputError: see `iou`.

    Source: Cheng et al., "Boundary IoU: improving object-centric image segmentation evaluation",
    CVPR 2021, arXiv:2103.16562.
    """
    check_masks(mask, gt_mask, ignore)
    width = max(1, round(share * math.hypot(*mask.shape)))
    return iou(_inner_edge(mask, width), _inner_edge(gt_mask, width), ignore)


def _inner_edge(mask: np.ndarray, width: int) -> np.ndarray:
    """The pixels of `mask` (H, W) bool from which `width` erosions by 3 × 3 would reach outside."""
    # An erosion by a square of 2·width + 1 is as many by 3 × 3, and quicker.
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    padded = np.pad(mask.astype(np.uint8), width)
    inside = cv2.erode(padded, square)[width:-width, width:-width]
    return mask & (inside == 0)


def decidability_index(positive: np.ndarray, negative: np.ndarray) -> float:
    """How far apart two sets of responses lie: |μ_p − μ_n| / √((σ_p + σ_n) / 2), σ variances.

    Args:
        positive, negative: (N,) and (M,) numbers, neither empty.

    Returns:
        A number from 0 on; infinity for two different constants, and 0 for twice the same one.

    Raises:
        InputError: a set is empty.

    Source: paper Eq. 2.
    """
    if not positive.size or not negative.size:
        raise InputError(
            "The decidability index needs responses of both kinds. Place the clicks inside the "
            f"image. Received {positive.size} and {negative.size}."
        )
    difference = abs(float(positive.mean(dtype=float)) - float(negative.mean(dtype=float)))
    spread = math.sqrt((positive.var(dtype=float) + negative.var(dtype=float)) / 2)
    if spread:
        return difference / spread
    return math.inf if difference else 0.0


def bootstrap_interval(
    values: Sequence[float] | np.ndarray, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """The interval in which the mean of `values` lies by the percentile bootstrap.

    `scipy.stats.bootstrap` gives the same, but SciPy is no part of the plain installation.

    Args:
        values: (N,) one number per object, N at least 1; for a paired comparison, the differences.
        rng: draws `BOOTSTRAP_SAMPLES` sets of N objects with replacement.
        level: share of those sets' means that lies in the interval.

    Returns:
        (low, high).
    """
    return _middle(_resampled_means(np.asarray(values, dtype=np.float64), rng), level)


def paired_share_interval(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """The interval in which the difference of two shares lies by the paired percentile bootstrap.

    A share is that of all cases together, not the mean of the objects' own.

    Args:
        first, second: (N, 2) of each object: cases that count, and all of its cases; the columns'
            sums are above 0. The rows of both belong to the same objects.
        rng, level: see `bootstrap_interval`.

    Returns:
        (low, high) of the second share less the first.
    """
    counts = np.concatenate([first, second], axis=1, dtype=np.float64)
    means = _resampled_means(counts, rng)
    # Sets of objects without a case tell nothing.
    means = means[(means[:, 1] > 0) & (means[:, 3] > 0)]
    return _middle(means[:, 2] / means[:, 3] - means[:, 0] / means[:, 1], level)


def _resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(`BOOTSTRAP_SAMPLES`, …): the means of as many sets of N rows of (N, …), with replacement."""
    rows = max(1, MAX_DRAWN // values.size)
    means = []
    for start in range(0, BOOTSTRAP_SAMPLES, rows):
        count = min(rows, BOOTSTRAP_SAMPLES - start)
        means.extend(values[rng.integers(len(values), size=(count, len(values)))].mean(axis=1))
    return np.array(means)


def _middle(values: np.ndarray, level: float) -> tuple[float, float]:
    """The interval that leaves out as many of the values on either side."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
