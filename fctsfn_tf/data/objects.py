"""The objects of one photograph, whatever file they were read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
