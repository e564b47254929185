"""Drawn photographs → the arrays of a batch: `BatchMaker`. What a batch holds: `click_dataset`."""

from __future__ import annotations

import numpy as np

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.views import SIDE_MULTIPLE
from fctsfn_tf.training.augmentation import fitted_size
from fctsfn_tf.training.clicked_views import MIN_VIEW_PIXELS, ClickedView, clicked_view
from fctsfn_tf.training.drawing import BatchDrawer, DrawnBatch
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.pasting import can_paste
from fctsfn_tf.training.photographs import PhotographReader
from fctsfn_tf.training.recipes import ClickInput

# Photographs tried for one place in a batch, before something must be wrong with all of them.
MAX_TRIES = 100

# Inputs and target; with `sample_weight` the weights, too.
Batch = tuple[dict[str, np.ndarray], *tuple[np.ndarray, ...]]


class BatchMaker:
    """Makes batches as a function of (seed, epoch, index), in any thread or process.

    Args:
        drawer: which photographs.
        reader: of these photographs.
        config: augmentation, clicks and their encoding.
        repeat_images: False for each view once, however many objects are clicked in it.
        sample_weight: True for weights beside the target, see `click_dataset`.
    """

    def __init__(
        self,
        drawer: BatchDrawer,
        reader: PhotographReader,
        config: ClickInput,
        repeat_images: bool = True,
        sample_weight: bool = False,
    ) -> None:
        self._drawer = drawer
        self._reader = reader
        self._config = config
        self._sample_weight = sample_weight
        self._repeats = config.objects_per_image if repeat_images else 1

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch `index` of an epoch.

        Raises:
            IndexError: `index` is outside of the epoch.
            InputError: see `PhotographReader.read`; or no photograph shows anything to click.
        """
        drawn = self._drawer.batch(epoch, index)
        views = [self._clicked(number, drawn, index) for number in drawn.photographs]
        # Filled in place: stacking would copy float32 images twice.
        image = np.empty((len(views), self._repeats, *views[0].image.shape), np.float32)
        for place, view in zip(image, views, strict=True):
            place[...] = view.image
        maps = np.stack([one for view in views for one in view.click_maps])
        target = np.stack([one for view in views for one in view.targets])
        inputs = {"image": image.reshape(-1, *image.shape[2:]), "click_maps": maps}
        if self._config.hidden_areas:
            hidden = [one for view in views for one in view.hidden_areas]
            inputs["hidden_area"] = np.array(hidden, np.float32)
        if self._sample_weight:
            is_ignored = target == IGNORED
            return inputs, np.where(is_ignored, 0, target), np.float32(~is_ignored)
        return inputs, target

    def _clicked(self, number: int, drawn: DrawnBatch, index: int) -> ClickedView:
        """A clicked view of a photograph, or of another one where that shows nothing to click."""
        for _ in range(MAX_TRIES):
            samples = self._reader.read(number)
            if samples:
                size = self._size(samples[0].image.shape, drawn, index)
                pasted = self._pasted(drawn)
                if view := clicked_view(samples, *size, self._config, drawn.rng, pasted):
                    return view
            number = self._drawer.another(drawn.rng)
        raise InputError(
            f"Photographs must show objects of {MIN_VIEW_PIXELS} or more pixels in a view of "
            f"{drawn.height} × {drawn.width}, and {self._reader.min_object_share:.1%} or more of "
            "the photograph. Enlarge the view or lower `min_object_share`. "
            f"Received {MAX_TRIES} without any."
        )

    def _size(self, shape: tuple[int, ...], drawn: DrawnBatch, index: int) -> tuple[int, int]:
        """Height and width of the view of a photograph of this shape."""
        if not self._config.is_fitted:
            return drawn.height, drawn.width
        if index == 0:
            # Keras looks at the first two batches to learn which sides of a batch vary: no other
            # one is as large as this.
            return drawn.height + SIDE_MULTIPLE, drawn.width + SIDE_MULTIPLE
        return fitted_size(*shape[:2], drawn.height, drawn.width)

    def _pasted(self, drawn: DrawnBatch) -> Sample | None:
        """An object of another photograph, as often as the configuration says and one is found."""
        if not drawn.rng.random() < self._config.paste_probability:
            return None
        whole = [
            one for one in self._reader.read(self._drawer.another(drawn.rng)) if can_paste(one)
        ]
        return whole[drawn.rng.integers(len(whole))] if whole else None
