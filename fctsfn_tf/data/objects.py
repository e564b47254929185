"""The objects of one photograph, whatever file they were read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.image_io import turned_upright


@dataclass(frozen=True)
class Objects:
    """The objects of one photograph.

    Attributes:
        masks: {object id: (H, W) bool}; the masks may overlap.
        ignore: (H, W) bool, pixels that count neither for nor against.
        others: (H, W) bool each, further objects of the photograph that are asked for elsewhere,
            where every object has a mask file of its own.
    """

    masks: dict[int, np.ndarray]
    ignore: np.ndarray
    others: tuple[np.ndarray, ...] = ()

    def upright(self, orientation: int) -> Objects:
        """The same objects, turned as a photograph's EXIF orientation turns its pixels."""
        masks = {key: turned_upright(mask, orientation) for key, mask in self.masks.items()}
        others = tuple(turned_upright(mask, orientation) for mask in self.others)
        return Objects(masks, turned_upright(self.ignore, orientation), others)


class WrongSize(InputError):
    """Masks have not the size of their photograph."""
