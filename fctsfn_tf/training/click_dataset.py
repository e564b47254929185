"""Photographs and masks → batches that `model.fit` takes: simulated clicks, augmented views.

    from fctsfn_tf import ClickDataset, open_dataset
    from fctsfn_tf.training.recipes import MSRN_INPUT

    train = ClickDataset(open_dataset("photographs"), MSRN_INPUT)
    model.fit(train, epochs=10, shuffle=False)

A batch is ({"image": ..., "click_maps": ...}, target), which every network of the package takes:

- image: (B, H, W, 3) float32 RGB in [0, 255];
- click_maps: (B, H, W, C) float32: C = 2, distances in [0, 255] pixels (the paper's networks, Eq.
  1), or C = 3, disks in {0, 1} and the previous mask in [0, 1] (the compact network);
- target: (B, H, W, 1) float32: 1 on the object, 0 off it, `losses.IGNORED` where nobody is sure and
  outside of the photograph.

B is photographs × `objects_per_image`, the objects of a photograph one after the other, each with
its own copy of the photograph's view (unless `repeat_images` is False).

Everything random is a function of (seed, epoch, index): any batch can be had again, by any thread
or process, in any order.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import DISTANCES, distance_maps, draw_disk
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, AnnotatedImage, Dataset, samples_of
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.robot_user import jittered
from fctsfn_tf.files import printable
from fctsfn_tf.training.augmentation import TrainingView, training_view
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.recipes import ClickInput, PaperClicksConfig, WholePhotographConfig
from fctsfn_tf.training.simulation import error_click, imperfect_mask, initial_clicks, paper_clicks

if TYPE_CHECKING:
    from fctsfn_tf.data.image_cache import ImageCache

# An object must show at least this many pixels in a view to be clicked.
MIN_VIEW_PIXELS = 100
# Photographs tried for one place in a batch, before something must be wrong with all of them.
MAX_TRIES = 100
# Batches that `as_tf_dataset` has ready.
PREFETCH = 4

Batch = tuple[dict[str, np.ndarray], np.ndarray]


class ClickDataset(keras.utils.PyDataset):
    """Batches of clicked objects for `model.fit`, `evaluate` or one's own loop; see the module.

    In training every epoch shows every photograph once, in an order of its own, each time with
    another object, view and clicks. Give `model.fit` `shuffle=False`: the order is random already,
    and Keras' own would come from Python's global generator, which no checkpoint keeps.

    Args:
        datasets: of `open_dataset`, one or several.
        config: views, augmentation, clicks and their encoding: `recipes.TSLFN_INPUT`, `MSRN_INPUT`
            or `COMPACT_INPUT`, or one's own.
        seed: of everything random, 0 or more.
        weights: None for every photograph once an epoch; or a number for each data set, how often
            a photograph of it is drawn relative to the others' (with replacement).
        batches_per_epoch: None for as many as show every photograph once.
        is_training: False for validation: the photographs stay in order, whole (see
            `augmentation.whole_view`, never mirrored), and every epoch is the same.
        min_object_share: objects that cover less of their photograph are not clicked, in [0, 1].
        unusable: what to do at a photograph or mask that cannot be read, masks of another size or
            empty ones: "stop" with an `InputError` that names it, or "skip" it: another one takes
            its place, and `left_out` names it.
        repeat_images: False to give the view of a photograph once, however many objects are clicked
            in it: then `image` is (photographs, H, W, 3), for networks that repeat it themselves.
        cache: where decoded photographs are kept; None decodes them anew each time.
        workers: threads that make the next batches while one is trained on; they serve well, most
            of the work is done outside of Python's lock. They need `shuffle=False`, because they
            make the batches that come next in order.
        use_multiprocessing: True for processes instead.
        max_queue_size: batches that may be ready at a time.

    Attributes:
        epoch: the epoch that `data[index]` belongs to; Keras counts it up. Set it to go on with an
            interrupted run: `data.epoch = 3; model.fit(data, initial_epoch=3, ...)`.

    Raises:
        InputError: no photograph, weights that do not fit, or a number outside its range.
    """

    def __init__(
        self,
        datasets: Dataset | Sequence[Dataset],
        config: ClickInput,
        *,
        seed: int = 0,
        weights: Sequence[float] | None = None,
        batches_per_epoch: int | None = None,
        is_training: bool = True,
        min_object_share: float = MIN_OBJECT_SHARE,
        unusable: Literal["stop", "skip"] = "stop",
        repeat_images: bool = True,
        cache: ImageCache | None = None,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        # Keras' own workers are left out: they make batches for a look at their shapes, too, and on
        # some backends train on those first, so that an epoch is not what it is without them.
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=max_queue_size)
        self.num_workers = workers
        self._ahead = None
        if workers > 1 or use_multiprocessing:
            self._ahead = _Ahead(workers, use_multiprocessing, max_queue_size)
        datasets = [datasets] if isinstance(datasets, Dataset) else list(datasets)
        self._images = [(one, image) for one in datasets for image in one.images]
        self._probabilities = _probabilities(datasets, weights)
        if unusable not in ("stop", "skip"):
            raise InputError(f'`unusable` must be "stop" or "skip". Received {unusable!r:.40}.')
        if seed < 0 or (batches_per_epoch is not None and batches_per_epoch < 1):
            raise InputError(
                "`seed` must be 0 or more and `batches_per_epoch` 1 or more, or None. "
                f"Received {seed!r} and {batches_per_epoch!r}."
            )
        self.config = config
        self.seed = seed
        self.epoch = 0  # and the two flags of the property
        self.is_training = is_training
        self._augmentation = config.augmentation
        if not is_training:
            self._augmentation = WholePhotographConfig(mirror_probability=0.0)
        self._min_object_share = min_object_share
        self._left_out = _Notes() if unusable == "skip" else None
        self._cache = cache
        self._image_step = 1 if repeat_images else config.objects_per_image
        views = config.views if is_training else config.views[:1]
        mean_size = float(np.mean([photographs for *_, photographs in views]))
        self._num_batches = batches_per_epoch or max(1, round(len(self._images) / mean_size))
        if not is_training and batches_per_epoch is None:
            self._num_batches = int(np.ceil(len(self._images) / mean_size))
        self._views = views
        self._plan: tuple[int, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._num_batches

    def __getitem__(self, index: int) -> Batch:
        """Batch `index` of the present epoch; see `batch`."""
        if self._ahead is None:
            return self.batch(self.epoch, index)
        return self._ahead.get(self, self.epoch, index)

    @property
    def epoch(self) -> int:
        """The epoch that `data[index]` belongs to."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._is_within_epoch = False
        self._is_reset_expected = True

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._is_within_epoch = True

    def on_epoch_end(self) -> None:
        """Called by Keras; the next epoch's numbers are others.

        `fit` calls it once before its first epoch, with or without having looked at a batch.
        """
        is_epoch = self._is_within_epoch and not self._is_reset_expected
        self._is_within_epoch = self._is_reset_expected = False
        if is_epoch and self.is_training:
            self._epoch += 1

    def batch(self, epoch: int, index: int) -> Batch:
        """A batch as a function of (seed, epoch, index); see the module for what it holds.

        Raises:
            InputError: `index` is outside of the epoch; or a photograph cannot be used, see the
                class.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"An epoch has {len(self)} batches. Received index {index}.")
        view_numbers, order = self._planned(epoch)
        ends = np.cumsum([self._views[number][2] for number in view_numbers[: index + 1]])
        height, width, number = self._views[view_numbers[index]]
        chosen = order[ends[-1] - number : ends[-1]]
        rng = np.random.default_rng([self.seed, epoch, index])
        items = [item for one in chosen for item in self._clicked(int(one), height, width, rng)]
        images, maps, targets = zip(*items, strict=True)
        images = images[:: self._image_step]
        image = np.empty((len(images), height, width, 3), np.float32)
        for place, pixels in zip(image, images, strict=True):
            place[...] = pixels
        return {"image": image, "click_maps": np.stack(maps)}, np.stack(targets)

    def as_tf_dataset(
        self, num_parallel_calls: int | None = None, epochs: int | None = None
    ) -> Any:
        """The same batches as a `tf.data.Dataset`, made `num_parallel_calls` at a time.

        In training it starts at the present epoch's first batch and holds all epochs in a row: name
        `steps_per_epoch=len(data)` in `model.fit`. Otherwise it is the one epoch.

        Args:
            num_parallel_calls: None lets tf.data choose.
            epochs: how many there are in training; None for no end. Under
                MultiWorkerMirroredStrategy give it the number that `fit` gets: a program that ends
                while a batch is being made would wait for that batch for ever.
        """
        import tensorflow as tf

        per_epoch = len(self)

        def load(step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            inputs, target = self.batch(*divmod(int(step), per_epoch))
            return inputs["image"], inputs["click_maps"], target

        channels = {"image": 3, "click_maps": self._num_channels, "target": 1}
        sizes = [{view[axis] for view in self._views} for axis in (0, 1)]
        height, width = (side.pop() if len(side) == 1 else None for side in sizes)

        def batch(step: Any) -> tuple[dict[str, Any], Any]:
            arrays = tf.numpy_function(load, [step], [tf.float32] * 3)
            for array, name in zip(arrays, channels, strict=True):
                array.set_shape((None, height, width, channels[name]))
            return {"image": arrays[0], "click_maps": arrays[1]}, arrays[2]

        first = self.epoch * per_epoch
        last = per_epoch
        if self.is_training:
            last = tf.int64.max if epochs is None else first + epochs * per_epoch
        calls = tf.data.AUTOTUNE if num_parallel_calls is None else num_parallel_calls
        return tf.data.Dataset.range(first, last).map(batch, calls).prefetch(PREFETCH)

    @property
    def left_out(self) -> dict[str, str]:
        """{photograph's file: what is wrong with it}: those skipped so far, by any process."""
        return {} if self._left_out is None else self._left_out.read()

    def summary_of_left_out(self) -> str:
        """What was skipped, to print when training ends: a line each, after their number."""
        left_out = self.left_out
        lines = [f"{len(left_out)} of {len(self._images)} photographs were left out."]
        return "\n".join([*lines, *left_out.values()])

    @property
    def _num_channels(self) -> int:
        return 2 if self.config.click_encoding == DISTANCES else 3

    def _planned(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Which view each batch of an epoch has, and which photographs come one after the other."""
        plan = self._plan  # another thread may replace it meanwhile
        if plan is None or plan[0] != epoch:
            plan = (epoch, *self._drawn_plan(epoch))
            self._plan = plan
        return plan[1:]

    def _drawn_plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        total, length = len(self._images), len(self)
        if not self.is_training:
            number = self._views[0][2]
            return np.zeros(length, int), np.arange(length * number) % total
        rng = np.random.default_rng([self.seed, epoch])
        view_numbers = rng.integers(len(self._views), size=length)
        # Keras looks at the first two batches to learn which sides of a batch vary.
        if len(self._views) > 1 and length > 1 and view_numbers[0] == view_numbers[1]:
            view_numbers[1] = (view_numbers[1] + 1) % len(self._views)
        needed = sum(self._views[number][2] for number in view_numbers)
        if self._probabilities is not None:
            return view_numbers, rng.choice(total, needed, p=self._probabilities)
        rounds = [rng.permutation(total) for _ in range(-(-needed // total))]
        return view_numbers, np.concatenate(rounds)[:needed]

    def _clicked(
        self, chosen: int, height: int, width: int, rng: np.random.Generator
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(image, click maps, target) of each clicked object of a photograph.

        Another photograph takes the place of one that cannot be used or shows nothing to click.
        """
        for _ in range(MAX_TRIES):
            dataset, image = self._images[chosen]
            objects = self._read(dataset, image)
            if objects is not None:
                items = self._items(image.name, *objects, height, width, rng)
                if items:
                    return items
            chosen = int(rng.choice(len(self._images), p=self._probabilities))
        raise InputError(
            f"Photographs must show objects of {MIN_VIEW_PIXELS} or more pixels in a view of "
            f"{height} × {width}, and {self._min_object_share:.1%} or more of the photograph. "
            f"Enlarge the view or lower `min_object_share`. Received {MAX_TRIES} without any."
        )

    def _read(self, dataset: Dataset, image: AnnotatedImage) -> tuple[np.ndarray, Objects] | None:
        """The decoded photograph and its objects; None where it is left out."""
        try:
            pixels, objects = image.read_masks() if self._cache is None else self._cache.read(image)
            dataset.check_objects(image, objects)
        except InputError as error:
            if self._left_out is None:
                raise
            self._left_out.add(str(image.image_path), str(error))
            return None
        return pixels, objects

    def _items(
        self,
        name: str,
        image: np.ndarray,
        objects: Objects,
        height: int,
        width: int,
        rng: np.random.Generator,
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(image, click maps, target) of clicked objects in one view; none if it shows none."""
        found = list(samples_of(name, image, objects, self._min_object_share))
        if not found:
            return []
        areas = np.array([np.count_nonzero(sample.gt_mask) for sample in found], np.float64)
        share = areas**self.config.area_exponent
        sample = found[rng.choice(len(found), p=share / share.sum())]
        config = self.config
        originals = (sample.gt_mask, *sample.other_masks)
        if config.objects_per_image == 1 and config.merge_probability == 0:
            sample = replace(sample, other_masks=())  # nobody asks where they are in the view
        view = training_view(sample, height, width, self._augmentation, rng)
        seen = (view.sample.gt_mask, *view.sample.other_masks)
        visible = [k for k, mask in enumerate(seen) if np.count_nonzero(mask) >= MIN_VIEW_PIXELS]
        if config.objects_per_image == 1:
            visible = visible[:1] if visible[:1] == [0] else []
        if not visible:
            return []
        items = []
        for _ in range(config.objects_per_image):
            asked = {visible[rng.integers(len(visible))]}
            others = [k for k in range(len(seen)) if k not in asked]
            if others and rng.random() < config.merge_probability:
                asked.add(others[rng.integers(len(others))])
            seen_mask = _union(asked, seen)
            other_masks = [mask for k, mask in enumerate(originals) if k not in asked]
            maps = self._click_maps(
                sample.ignore, _union(asked, originals), other_masks, view, seen_mask, rng
            )
            target = seen_mask.astype(np.float32)
            target[view.sample.ignore] = IGNORED
            items.append((view.sample.image, maps, target[..., None]))
        return items

    def _click_maps(
        self,
        ignore: np.ndarray,
        gt_mask: np.ndarray,
        other_masks: list[np.ndarray],
        view: TrainingView,
        seen_mask: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """(H, W, C) float32 maps of simulated clicks; the masks but the last: the photograph's."""
        config, clicks = self.config, self.config.clicks
        previous = None
        if isinstance(clicks, PaperClicksConfig):
            strategy = int(rng.integers(1, 4))
            drawn = paper_clicks(gt_mask, other_masks, strategy, rng, clicks)
            drawn = view.moved(self._unsteady(drawn, gt_mask, ignore, rng))
        elif rng.random() < clicks.start_mask_probability and config.click_encoding != DISTANCES:
            previous = imperfect_mask(seen_mask, rng)
            click = error_click(previous, seen_mask, view.sample.ignore, rng)
            drawn = self._unsteady([click] if click else [], seen_mask, view.sample.ignore, rng)
        else:
            drawn = initial_clicks(seen_mask, view.sample.ignore, clicks, rng)
            drawn = self._unsteady(drawn, seen_mask, view.sample.ignore, rng)
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
        self,
        clicks: list[Click],
        gt_mask: np.ndarray,
        ignore: np.ndarray,
        rng: np.random.Generator,
    ) -> list[Click]:
        """The clicks, some of them moved as a person's hand would."""
        if self.config.jitter_probability == 0:
            return clicks
        return [
            jittered(click, gt_mask, rng, ignore)
            if rng.random() < self.config.jitter_probability
            else click
            for click in clicks
        ]


def _union(asked: set[int], masks: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) bool: the masks asked for as one."""
    return np.logical_or.reduce([masks[number] for number in asked])


def _probabilities(
    datasets: Sequence[Dataset], weights: Sequence[float] | None
) -> np.ndarray | None:
    """How often each photograph is drawn; None for every one once an epoch.

    Raises:
        InputError: no photograph, or weights that do not fit the data sets.
    """
    counts = [len(dataset.images) for dataset in datasets]
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
    return np.repeat(share / (share @ counts), counts)


class _Ahead:
    """Batches made by threads or processes before they are asked for.

    Each one keeps its own pool: what is sent to another process starts without one.
    """

    def __init__(self, workers: int, use_multiprocessing: bool, max_batches: int) -> None:
        self._settings = (workers, use_multiprocessing, max_batches)
        self._max_batches = max_batches
        self._batches: dict[tuple[int, int], Future[Batch]] = {}
        self._lock = threading.Lock()
        self._pool: Executor | None = None

    def get(self, data: ClickDataset, epoch: int, index: int) -> Batch:
        """The batch; those that follow it in the epoch are begun, as far as there is room."""
        with self._lock:
            for key in [key for key in self._batches if key[0] != epoch]:
                self._batches.pop(key).cancel()
            wanted = self._batches.pop((epoch, index), None) or self._begin(data, epoch, index)
            for following in range(index + 1, min(index + 1 + self._max_batches, len(data))):
                if len(self._batches) == self._max_batches:
                    break
                if (epoch, following) not in self._batches:
                    self._batches[epoch, following] = self._begin(data, epoch, following)
        return wanted.result()

    def _begin(self, data: ClickDataset, epoch: int, index: int) -> Future[Batch]:
        workers, use_multiprocessing, _ = self._settings
        if self._pool is None:
            if use_multiprocessing:
                self._pool = ProcessPoolExecutor(max(1, workers), None, _Worker.start, (data,))
            else:
                self._pool = ThreadPoolExecutor(workers)
        if use_multiprocessing:
            return self._pool.submit(_Worker.batch, epoch, index)
        return self._pool.submit(data.batch, epoch, index)

    def __getstate__(self) -> tuple[int, bool, int]:
        return self._settings

    def __setstate__(self, settings: tuple[int, bool, int]) -> None:
        self.__init__(*settings)


class _Worker:
    """What a process of `_Ahead` keeps: its copy of the data."""

    data: ClickDataset

    @classmethod
    def start(cls, data: ClickDataset) -> None:
        cls.data = data

    @classmethod
    def batch(cls, epoch: int, index: int) -> Batch:
        return cls.data.batch(epoch, index)


class _Notes:
    """{name: message} that threads and processes share: a file to which lines are appended."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="fctsfn_left_out_")
        os.close(handle)
        self._path = Path(path)
        # Only here, not in other processes' copies.
        weakref.finalize(self, self._path.unlink, missing_ok=True)

    def add(self, name: str, message: str) -> None:
        line = f"{printable(name)}\t{' '.join(message.split())}\n"
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)

    def read(self) -> dict[str, str]:
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return dict(sorted(line.split("\t", 1) for line in lines))
