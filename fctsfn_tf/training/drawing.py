"""Which photographs a batch shows, in which view, and in which order they come: `BatchDrawer`.

All of it is a function of (seed, epoch, index). Photographs are numbers here, those of the first
data set first, so nothing is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.errors import InputError

# (height, width, photographs per batch), see `recipes.ClickInput`.
View = tuple[int, int, int]


@dataclass(frozen=True)
class DrawnBatch:
    """What a batch is to show.

    Attributes:
        height, width: of its views, in pixels.
        photographs: their numbers, in order.
        rng: for everything else that is random in this batch.
    """

    height: int
    width: int
    photographs: tuple[int, ...]
    rng: np.random.Generator


class BatchDrawer:
    """Draws what each batch of each epoch shows.

    In training every epoch shows every photograph once, in an order of its own, in views drawn for
    each batch. In validation the photographs stay in order, in the first view, in every epoch.
    With `repeats` a photograph comes so many times an epoch instead of once.

    Args:
        counts: photographs in each data set.
        views: see `recipes.ClickInput`.
        seed: of everything random, 0 or more.
        weights: None for every photograph once an epoch; or a number for each data set, how often
            a photograph of it is drawn relative to the others' (with replacement).
        batches_per_epoch: None for as many as show every photograph once.
        is_training: False for validation.
        repeats: how often each photograph comes in an epoch of training, such as the number of its
            objects; None for once. With weights, how often it is drawn relative to the others of
            its data set.

    Raises:
        InputError: no photograph, weights that do not fit, or a number outside its range.
    """

    def __init__(
        self,
        counts: Sequence[int],
        views: Sequence[View],
        *,
        seed: int = 0,
        weights: Sequence[float] | None = None,
        batches_per_epoch: int | None = None,
        is_training: bool = True,
        repeats: Sequence[int] | None = None,
    ) -> None:
        number = sum(counts)
        self._order = np.arange(number)
        if repeats is not None and is_training:
            self._order = np.repeat(self._order, repeats)
            if not len(self._order):
                raise InputError("The photographs must show an object. Received none that does.")
        self._probabilities = _probabilities(counts, weights, repeats)
        _check(seed, batches_per_epoch)
        self.num_photographs = number
        self.seed = seed
        self.is_training = is_training
        self._views = tuple(views if is_training else views[:1])
        mean_size = float(np.mean([photographs for *_, photographs in self._views]))
        needed = len(self._order) / mean_size
        whole = max(1, round(needed)) if is_training else int(np.ceil(needed))
        self._num_batches = batches_per_epoch or whole
        self._plan: tuple[int, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._num_batches

    def of_length(self, batches_per_epoch: int) -> BatchDrawer:
        """The same, with another number of batches per epoch."""
        _check(self.seed, batches_per_epoch)
        other = copy(self)
        other._num_batches, other._plan = batches_per_epoch, None
        return other

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Height and width of the views, in pixels; None for a side that differs among them."""
        sides = [{view[axis] for view in self._views} for axis in (0, 1)]
        height, width = (side.pop() if len(side) == 1 else None for side in sides)
        return height, width

    def batch(self, epoch: int, index: int) -> DrawnBatch:
        """What batch `index` of the epoch shows.

        Raises:
            IndexError: `index` is outside of the epoch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"An epoch has {len(self)} batches. Received index {index}.")
        view_numbers, order = self._planned(epoch)
        sizes = [self._views[number][2] for number in view_numbers[: index + 1]]
        first, end = sum(sizes[:-1]), sum(sizes)
        height, width, _ = self._views[view_numbers[index]]
        photographs = tuple(int(one) for one in order[first:end])
        rng = np.random.default_rng([self.seed, epoch, index])
        return DrawnBatch(height, width, photographs, rng)

    def following(self, epoch: int, index: int) -> tuple[int, int] | None:
        """(epoch, index) of the batch after this one; None at the end of the epoch."""
        return (epoch, index + 1) if index + 1 < len(self) else None

    def another(self, rng: np.random.Generator) -> int:
        """The number of a photograph to take the place of one that cannot be used."""
        if self._probabilities is None:
            return int(rng.choice(self._order))
        return int(rng.choice(self.num_photographs, p=self._probabilities))

    def _planned(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Which view each batch of an epoch has, and which photographs come one after the other."""
        plan = self._plan  # another thread may replace it meanwhile
        if plan is None or plan[0] != epoch:
            plan = (epoch, *self._drawn_plan(epoch))
            self._plan = plan
        return plan[1:]

    def _drawn_plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        total, length = self.num_photographs, len(self)
        if not self.is_training:
            return np.zeros(length, int), np.arange(length * self._views[0][2]) % total
        rng = np.random.default_rng([self.seed, epoch])
        view_numbers = rng.integers(len(self._views), size=length)
        # Keras looks at the first two batches to learn which sides of a batch vary.
        if len(self._views) > 1 and length > 1 and view_numbers[0] == view_numbers[1]:
            view_numbers[1] = (view_numbers[1] + 1) % len(self._views)
        needed = sum(self._views[number][2] for number in view_numbers)
        if self._probabilities is not None:
            return view_numbers, rng.choice(total, needed, p=self._probabilities)
        rounds = [rng.permutation(self._order) for _ in range(-(-needed // len(self._order)))]
        return view_numbers, np.concatenate(rounds)[:needed]


def _check(seed: int, batches_per_epoch: int | None) -> None:
    if seed < 0 or (batches_per_epoch is not None and batches_per_epoch < 1):
        raise InputError(
            "`seed` must be 0 or more and `batches_per_epoch` 1 or more, or None. "
            f"Received {seed!r} and {batches_per_epoch!r}."
        )


def _probabilities(
    counts: Sequence[int], weights: Sequence[float] | None, repeats: Sequence[int] | None
) -> np.ndarray | None:
    """How often each photograph is drawn; None for every one as often as it is in an epoch.

    Raises:
        InputError: no photograph, or weights that do not fit the data sets.
    """
    if sum(counts) == 0:
        raise InputError("There must be at least one photograph to train on. Received none.")
    if weights is None:
        return None
    share = np.asarray(weights, np.float64)
    if share.shape != (len(counts),) or not (share >= 0).all() or not share @ counts > 0:
        raise InputError(
            "`weights` must be one number, 0 or more, for each data set, not all of them 0. "
            f"Received {weights!r:.60} for {len(counts)} data sets."
        )
    each = np.repeat(share, counts) * (1 if repeats is None else np.asarray(repeats, np.float64))
    return each / each.sum()
