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

With `sample_weight=True` the target has 0 in the place of `IGNORED` and a batch a third part,
weights (B, H, W, 1) float32, 0 there and 1 elsewhere: for models that are no networks of this
package, whose losses know of no ignored pixels. Networks of this package need no weights.

B is photographs × `objects_per_image`, the objects of a photograph one after the other, each with
its own copy of the photograph's view (unless `repeat_images` is False).

Everything random is a function of (seed, epoch, index): any batch can be had again, by any thread
or process, in any order. Its parts, each of use without the others: `drawing` (which photographs),
`photographs` (read), `clicked_views` (seen and clicked), `batch_maker` (as arrays), `working_ahead`
(by threads or processes), `epoch_counter` (what Keras says of epochs).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from fctsfn_tf.clicks.click_maps import DISTANCES
from fctsfn_tf.data.annotated_images import Dataset
from fctsfn_tf.data.own_data import as_datasets
from fctsfn_tf.training.batch_maker import Batch, BatchMaker
from fctsfn_tf.training.drawing import BatchDrawer
from fctsfn_tf.training.epoch_counter import EpochCounter
from fctsfn_tf.training.photographs import PhotographReader
from fctsfn_tf.training.recipes import ClickInput, WholePhotographConfig
from fctsfn_tf.training.working_ahead import WorkAhead

if TYPE_CHECKING:
    from fctsfn_tf.data.image_cache import ImageCache

# Batches that `as_tf_dataset` has ready.
PREFETCH = 4


class ClickDataset(keras.utils.PyDataset):
    """Batches of clicked objects for `model.fit`, `evaluate` or one's own loop; see the module.

    In training every epoch shows every photograph once, or once for each of its objects where
    `config` says so, in an order of its own, each time with another object, view and clicks. Give
    `model.fit` `shuffle=False`: the order is random already, and Keras' own would come from
    Python's global generator, which no checkpoint keeps. How long an epoch is says
    `batches_per_epoch`, or for networks of this package `steps_per_epoch` of `fit`.

    Args:
        datasets: of `open_dataset`; a tuple (images, masks) of arrays or lists; anything that gives
            pairs (image, mask) or dictionaries of them, by number or one after the other: a list,
            a `tf.data.Dataset`, what `tfds.load` gives, torch's `Dataset` or `DataLoader` (see
            `data.own_data`); or a list of several of these.
        config: views, augmentation, clicks and their encoding: `recipes.TSLFN_INPUT`, `MSRN_INPUT`
            or `COMPACT_INPUT`, or one's own.
        seed: of everything random, 0 or more.
        weights: None for every photograph once an epoch; or a number for each data set, how often
            a photograph of it is drawn relative to the others' (with replacement).
        batches_per_epoch: None for as many as show every photograph once.
        is_training: False for validation: the photographs stay in order, whole (see
            `augmentation.whole_view`, never mirrored), and every epoch is the same.
        unusable: what to do at a photograph or mask that cannot be read, masks of another size or
            empty ones: "stop" with an `InputError` that names it, or "skip" it: another one takes
            its place, and `left_out` names it.
        repeat_images: False to give the view of a photograph once, however many objects are clicked
            in it: then `image` is (photographs, H, W, 3), for networks that repeat it themselves.
        sample_weight: True for weights beside the target, see the module.
        cache: where decoded photographs are kept; None decodes them anew each time.
        workers: threads that make the next batches while one is trained on; they serve well, most
            of the work is done outside of Python's lock. They need `shuffle=False`, because they
            make the batches that come next in order.
        use_multiprocessing: True for processes instead.
        max_queue_size: batches that may be ready at a time.

    Raises:
        InputError: no photograph, weights that do not fit, or a number outside its range.

    Examples:
        >>> from dataclasses import replace
        >>> from fctsfn_tf import ClickDataset, open_dataset, recipes
        >>> config = replace(recipes.MSRN_INPUT, views=((64, 96, 2),))  # two photographs a batch
        >>> data = ClickDataset(open_dataset("photographs"), config)
        >>> inputs, target = data[0]
        >>> inputs["image"].shape, inputs["click_maps"].shape, target.shape
        ((2, 64, 96, 3), (2, 64, 96, 2), (2, 64, 96, 1))
    """

    def __init__(
        self,
        datasets: Dataset | Sequence[Any] | Iterable[Any],
        config: ClickInput,
        *,
        seed: int = 0,
        weights: Sequence[float] | None = None,
        batches_per_epoch: int | None = None,
        is_training: bool = True,
        unusable: Literal["stop", "skip"] = "stop",
        repeat_images: bool = True,
        sample_weight: bool = False,
        cache: ImageCache | None = None,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        # Keras' own workers are left out, see `working_ahead`.
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=max_queue_size)
        datasets = as_datasets(datasets)
        self.config = config
        self.is_training = is_training
        self.sample_weight = sample_weight
        self.num_workers = workers
        self._use_processes = use_multiprocessing
        self._repeat_images = repeat_images
        self._reader = PhotographReader(datasets, config.min_object_share, cache, unusable)
        self._epochs = EpochCounter()
        are_counted = config.are_objects_alike and is_training
        self._draw_from(
            BatchDrawer(
                [len(dataset.images) for dataset in datasets],
                config.views,
                seed=seed,
                weights=weights,
                batches_per_epoch=batches_per_epoch,
                is_training=is_training,
                repeats=self._reader.object_counts() if are_counted else None,
            )
        )

    def _draw_from(self, drawer: BatchDrawer) -> None:
        """Make the batches that `drawer` draws, by workers where there are some."""
        config = self.config
        if not self.is_training:
            config = replace(config, augmentation=WholePhotographConfig(mirror_probability=0.0))
        self._drawer = drawer
        self._maker = BatchMaker(
            drawer, self._reader, config, self._repeat_images, self.sample_weight
        )
        self._get = self._maker.batch
        if self.num_workers > 1 or self._use_processes:
            self._get = WorkAhead(
                self._maker.batch,
                drawer.following,
                workers=max(1, self.num_workers),
                max_ready=self.max_queue_size,
                use_multiprocessing=self._use_processes,
            )

    def of_length(self, batches_per_epoch: int) -> ClickDataset:
        """The same data in epochs of another length; both count their epochs together."""
        other = copy(self)
        other._draw_from(self._drawer.of_length(batches_per_epoch))
        return other

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._drawer)

    def __getitem__(self, index: int) -> Batch:
        """Batch `index` of the present epoch; see `batch`."""
        return self._get(self.epoch, index)

    def batch(self, epoch: int, index: int) -> Batch:
        """A batch as a function of (seed, epoch, index); see the module for what it holds.

        Raises:
            IndexError: `index` is outside of the epoch.
            InputError: a photograph cannot be used, see the class.
        """
        return self._maker.batch(epoch, index)

    @property
    def epoch(self) -> int:
        """The epoch that `data[index]` belongs to; those that `fit` and `evaluate` end count it up.

        Set it to go on with an interrupted run: `data.epoch = 3; model.fit(data, initial_epoch=3)`.
        """
        return self._epochs.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epochs.epoch = epoch

    @property
    def use_multiprocessing(self) -> bool:
        """Never by Keras, which asks when it begins to go through the data; see `epoch_counter`."""
        self._epochs.start()
        return False

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._epochs.begin()

    def on_epoch_end(self) -> None:
        """Called by Keras; in training the next epoch's numbers are others."""
        if self.is_training:
            self._epochs.end()

    def as_tf_dataset(
        self,
        num_parallel_calls: int | None = None,
        epochs: int | None = None,
        shard: tuple[int, int] = (1, 0),
    ) -> Any:
        """The same batches as a `tf.data.Dataset`, made `num_parallel_calls` at a time.

        In training it starts at the present epoch's first batch and holds all epochs in a row: name
        `steps_per_epoch=len(data)` in `model.fit`. Otherwise it is the one epoch.

        Args:
            num_parallel_calls: None lets tf.data choose.
            epochs: how many there are in training; None for no end. Under
                MultiWorkerMirroredStrategy give it the number that `fit` gets: a program that ends
                while a batch is being made would wait for that batch for ever.
            shard: (n, k) for every n-th batch alone from batch k on, nothing else being read: a
                cluster of n machines divides the batches so (docs/training.md).
        """
        import tensorflow as tf

        per_epoch = len(self)

        def load(step: np.ndarray) -> tuple[np.ndarray, ...]:
            inputs, *others = self.batch(*divmod(int(step), per_epoch))
            return inputs["image"], inputs["click_maps"], *others

        num_maps = 2 if self.config.click_encoding == DISTANCES else 3
        # Of image, click maps, target and weights.
        channels = (3, num_maps, 1, 1) if self.sample_weight else (3, num_maps, 1)
        height, width = (None, None) if self.config.is_fitted else self._drawer.size

        def batch(step: Any) -> tuple[Any, ...]:
            arrays = tf.numpy_function(load, [step], [tf.float32] * len(channels))
            for array, number in zip(arrays, channels, strict=True):
                array.set_shape((None, height, width, number))
            return {"image": arrays[0], "click_maps": arrays[1]}, *arrays[2:]

        first = self.epoch * per_epoch
        last = per_epoch
        if self.is_training:
            last = tf.int64.max if epochs is None else first + epochs * per_epoch
        calls = tf.data.AUTOTUNE if num_parallel_calls is None else num_parallel_calls
        steps = tf.data.Dataset.range(first, last).shard(*shard)
        return steps.map(batch, calls).prefetch(PREFETCH)

    @property
    def left_out(self) -> dict[str, str]:
        """{photograph's file: what is wrong with it}: those skipped so far, by any process."""
        return self._reader.left_out

    def summary_of_left_out(self) -> str:
        """What was skipped, to print when training ends: a line each, after their number."""
        left_out = self.left_out
        lines = [f"{len(left_out)} of {len(self._reader)} photographs were left out."]
        return "\n".join([*lines, *left_out.values()])
