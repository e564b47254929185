"""The objects of a photograph → one view of it, with simulated clicks on some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import DISTANCES, distance_maps, draw_disk
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.evaluation.robot_user import jittered
from fctsfn_tf.training.augmentation import TrainingView, training_view
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.pasting import with_pasted
from fctsfn_tf.training.recipes import ClickInput, PaperClicksConfig
from fctsfn_tf.training.simulation import error_click, imperfect_mask, initial_clicks, paper_clicks

# An object must show at least this many pixels in a view to be clicked.
MIN_VIEW_PIXELS = 100
# Of an object that is wholly seen, resampling may take or add this share.
ROUNDING_SHARE = 0.03


@dataclass(frozen=True)
class ClickedView:
    """A view of a photograph, and what was clicked in it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        click_maps: (H, W, C) float32 for each clicked object, see `click_dataset`.
        targets: (H, W, 1) float32 for each of them: 1, 0 or `losses.IGNORED`.
        hidden_areas: pixels of the view's scale that each of them has outside of the view.
    """

    image: np.ndarray
    click_maps: list[np.ndarray]
    targets: list[np.ndarray]
    hidden_areas: list[float]


def clicked_view(
    samples: Sequence[Sample],
    height: int,
    width: int,
    config: ClickInput,
    rng: np.random.Generator,
    pasted: Sample | None = None,
) -> ClickedView | None:
    """A view of (height, width) pixels with `config.objects_per_image` clicked objects.

    Args:
        samples: all objects of one photograph that may be clicked.
        pasted: an object of another photograph to be pasted into the view; only with
            `SimulationConfig`.

    Returns:
        None where the view shows nothing to click.
    """
    sample = samples[_drawn_by_area([sample.gt_mask for sample in samples], config, rng)]
    originals = (sample.gt_mask, *sample.other_masks)
    is_alone = config.objects_per_image == 1 and pasted is None
    if is_alone and config.merge_probability == 0:
        sample = replace(sample, other_masks=())  # nobody asks where they are in the view
    view = training_view(sample, height, width, config.augmentation, rng)
    seen = [view.sample.gt_mask, *view.sample.other_masks]
    hidden = [_hidden_area(*masks, view.matrix) for masks in zip(originals, seen, strict=False)]
    if pasted is not None:
        view, seen, hidden_pasted = with_pasted(view, pasted, rng)
        hidden.append(hidden_pasted)
        originals = seen  # clicks are drawn in the view
    candidates = seen[:1] if is_alone else seen
    visible = [k for k, mask in enumerate(candidates) if np.count_nonzero(mask) >= MIN_VIEW_PIXELS]
    if not visible:
        return None
    clicked = ClickedView(view.sample.image, [], [], [])
    for number in range(config.objects_per_image):
        asked = {visible[_drawn_by_area([seen[k] for k in visible], config, rng)]}
        # What was pasted is there to be told from what it lies on.
        if pasted is not None and number == 0 and len(seen) - 1 in visible:
            asked = {len(seen) - 1}
        others = [k for k in range(len(seen)) if k not in asked]
        if others and rng.random() < config.merge_probability:
            asked.add(others[rng.integers(len(others))])
        gt_mask, seen_mask = _union(asked, originals), _union(asked, seen)
        other_masks = [mask for k, mask in enumerate(originals) if k not in asked]
        original = replace(sample, gt_mask=gt_mask, other_masks=tuple(other_masks))
        clicked.click_maps.append(_click_maps(original, view, seen_mask, config, rng))
        target = seen_mask.astype(np.float32)
        target[view.sample.ignore] = IGNORED
        clicked.targets.append(target[..., None])
        clicked.hidden_areas.append(sum(hidden[k] for k in asked))
    return clicked


def _drawn_by_area(
    masks: Sequence[np.ndarray], config: ClickInput, rng: np.random.Generator
) -> int:
    """The index of a mask, drawn with a probability proportional to a power of its area."""
    areas = np.array([np.count_nonzero(mask) for mask in masks], np.float64)
    share = areas**config.area_exponent
    return int(rng.choice(len(masks), p=share / share.sum()))


def _hidden_area(original: np.ndarray, seen: np.ndarray, matrix: np.ndarray) -> float:
    """How many pixels of the view's scale an object has outside of the view.

    Args:
        original: (H, W) bool, in the photograph.
        seen: (height, width) bool, in the view.
        matrix: of the `TrainingView`.
    """
    whole = np.count_nonzero(original) * abs(np.linalg.det(matrix[:, :2]))
    hidden = whole - np.count_nonzero(seen)
    return float(hidden) if hidden > ROUNDING_SHARE * whole else 0.0


def _click_maps(
    original: Sample,
    view: TrainingView,
    seen_mask: np.ndarray,
    config: ClickInput,
    rng: np.random.Generator,
) -> np.ndarray:
    """(H, W, C) float32 maps of simulated clicks.

    Args:
        original: what is clicked, at the size of the photograph.
        view: how the photograph is seen.
        seen_mask: (H, W) bool, what is clicked, in the view.
    """
    clicks, ignore = config.clicks, view.sample.ignore
    jitter = config.jitter_probability
    previous = None
    if isinstance(clicks, PaperClicksConfig):
        strategy = int(rng.integers(1, 4))
        drawn = paper_clicks(original.gt_mask, original.other_masks, strategy, rng, clicks)
        drawn = view.moved(_unsteady(drawn, original.gt_mask, original.ignore, jitter, rng))
    elif rng.random() < clicks.start_mask_probability and config.click_encoding != DISTANCES:
        previous = imperfect_mask(seen_mask, rng)
        click = error_click(previous, seen_mask, ignore, rng)
        drawn = _unsteady([click] if click else [], seen_mask, ignore, jitter, rng)
    else:
        drawn = initial_clicks(seen_mask, ignore, clicks, rng)
        drawn = _unsteady(drawn, seen_mask, ignore, jitter, rng)
    height, width = seen_mask.shape
    if config.click_encoding == DISTANCES:
        return distance_maps(drawn, height, width)
    maps = np.zeros((height, width, 3), np.float32)
    for click in drawn:
        draw_disk(maps, click)
    if previous is not None:
        maps[..., 2] = previous
    return maps


def _unsteady(
    clicks: list[Click],
    gt_mask: np.ndarray,
    ignore: np.ndarray,
    probability: float,
    rng: np.random.Generator,
) -> list[Click]:
    """The clicks, some of them moved as a person's hand would."""
    if probability == 0:
        return clicks
    return [
        jittered(click, gt_mask, rng, ignore) if rng.random() < probability else click
        for click in clicks
    ]


def _union(asked: set[int], masks: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) bool: the masks asked for as one."""
    return np.logical_or.reduce([masks[number] for number in asked])
