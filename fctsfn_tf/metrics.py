"""How good a mask is, and how many clicks it took: IoU, number of clicks, number of failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fctsfn_tf.errors import InputError

# Paper §4.1: "we set 20 as the maximum number of clicks".
MAX_CLICKS = 20


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
