"""A mask from outside to start from."""

from __future__ import annotations

import numpy as np

from fctsfn_tf.errors import InputError


def start_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """A mask of one object as bool (height, width), an array of its own.

    Args:
        mask: bool, or numbers of which 0 is background and one other value the object.
        height, width: of the photograph.

    Raises:
        InputError: another size, no numbers, an empty mask, or several objects.
    """
    mask = np.asarray(mask)
    if mask.shape != (height, width):
        raise InputError(
            f"A start mask must be as large as the image, ({height}, {width}). Resize it by "
            f"nearest neighbour. Received shape {mask.shape}."
        )
    if mask.dtype.kind not in "buif":
        raise InputError(f"A start mask must hold bools or numbers. Received {mask.dtype}.")
    if not mask.any():
        raise InputError(
            "A start mask must hold at least one pixel of the object. Leave it out to start from "
            "nothing. Received an empty mask."
        )
    # Only arrays of numbers pay for the search for a second object.
    if mask.dtype != bool and not np.isin(mask, (0, mask.max())).all():
        raise InputError(
            "A start mask must hold one object: 0 and one other value. Choose one, for example "
            f"`mask == {mask.max()}`. Received more values, from {mask.min()} to {mask.max()}."
        )
    return mask.astype(bool)
