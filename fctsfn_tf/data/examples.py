"""Examples from anywhere, (image, mask) or a dictionary → pixels and objects.

Either may be an array, a tensor of TensorFlow, torch or JAX, a Pillow image, or the path of a file.
Images are (H, W), (H, W, C) or (C, H, W); whole numbers in [0, 255] or of 16 bits, fractions in
[0, 1], or, if the data hold higher ones, in [0, 255]. Masks are (H, W), (H, W, 1) or (1, H, W),
and what their numbers mean is told as for files (`mask_images`), −1 being ignored as 255 is; or a
stack of one mask for each object, (N, H, W) or (H, W, N).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.data.mask_images import kind_of_masks, objects_of_mask, read_mask_file
from fctsfn_tf.data.objects import Objects, WrongSize
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.image_io import as_rgb, read_image
from fctsfn_tf.images.mask_levels import MaskKind, MaskValues, judged, read_mask_values
from fctsfn_tf.images.masks import VOID

# Numbers of channels that an image may have.
CHANNELS = (1, 2, 3, 4)
BRIGHTEST = 255.0


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a data set mean, judged by some of its examples.

    Attributes:
        masks: what the masks are; None where each is judged alone.
        brightest: what fractions of images are divided by, 1 or 255.
    """

    masks: MaskKind | None = None
    brightest: float = 1.0


def read_example(example: Any, meaning: Meaning) -> tuple[np.ndarray, Objects]:
    """(H, W, 3) uint8 RGB and the objects of an example.

    Raises:
        InputError: it is none, or image and mask do not fit or cannot be understood.
    """
    if _is_recorded(example):
        return read_recorded(example)
    image, mask = (_plain(part) for part in _parts(example))
    pixels = _pixels(image, mask, meaning)
    if isinstance(mask, Path):
        return pixels, _of_size(read_mask_file(mask, meaning.masks), pixels)
    mask = _upright_mask(mask, pixels.shape[:2])
    if mask.ndim == 3:
        stack = mask > 0
        masks = {number: one for number, one in enumerate(stack, start=1) if one.any()}
        return pixels, Objects(masks, np.zeros(mask.shape[1:], bool))
    return pixels, objects_of_mask(MaskValues(_whole_numbers(mask)), meaning.masks)


def read_recorded(example: Mapping[str, Any]) -> tuple[np.ndarray, Objects]:
    """(H, W, 3) uint8 RGB and the objects of an example of `tfds_builders`."""
    masks = {
        int(key): np.asarray(mask)[..., 0] > 0
        for key, mask in zip(np.asarray(example["object_ids"]), example["masks"], strict=True)
    }
    others = tuple(np.asarray(mask)[..., 0] > 0 for mask in example["other_masks"])
    ignore = np.asarray(example["ignore"])[..., 0] > 0
    return np.asarray(example["image"]), Objects(masks, ignore, others)


def judge(examples: Mapping[int, Any]) -> Meaning:
    """What the numbers of a data set mean, by some of its examples; see `kind_of_folder`.

    Args:
        examples: by their numbers in the data set.

    Raises:
        InputError: an example is none, or no mask has a background.
    """
    masks, brightest = [], 1.0
    for number, example in examples.items():
        if _is_recorded(example):
            continue
        with naming(number):
            image, mask = (_plain(part) for part in _parts(example))
            if isinstance(image, np.ndarray):
                image = _channels_last(image, mask)
                if image.dtype.kind == "f" and image.max(initial=0) > 1:
                    brightest = BRIGHTEST
                if isinstance(mask, np.ndarray):
                    mask = _upright_mask(mask, image.shape[:2])
            if isinstance(mask, Path):
                masks.append(read_mask_values(mask))
            elif mask.ndim == 2:
                masks.append(MaskValues(_whole_numbers(mask)))
    numbers = set().union(*(np.unique(mask.values).tolist() for mask in masks))
    if len(numbers) > 1 and 0 not in numbers:
        raise InputError(
            "In masks 0 is the background. Map them first, such as `mask == 1` for the object of "
            "number 1. Received masks without any 0, of the numbers "
            f"{', '.join(str(number) for number in sorted(numbers)[:8])}."
        )
    return Meaning(kind_of_masks([judged(mask) for mask in masks], "the data given"), brightest)


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Around the reading of an example: errors name it.

    Raises:
        InputError: see above.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"Example {number}: {error}") from None


def single_examples(example: Any) -> Iterator[Any]:
    """The examples of a batch, whose arrays have an axis more; or the example itself."""
    if not is_batch(example):
        yield example
        return
    keys = list(example) if isinstance(example, Mapping) else range(len(example))
    columns = [example[key] for key in keys]
    for row in zip(*columns, strict=True):
        yield dict(zip(keys, row, strict=True)) if isinstance(example, Mapping) else row


def is_batch(example: Any) -> bool:
    """Whether an example holds several: its image has four axes."""
    image = example.get("image") if isinstance(example, Mapping) else _first(example)
    return len(getattr(image, "shape", ())) == 4


def is_example(thing: Any) -> bool:
    """Whether something is one example: a pair of image and mask, or a dictionary of them."""
    if isinstance(thing, Mapping):
        return "image" in thing
    return isinstance(thing, (tuple, list)) and len(thing) == 2 and all(map(is_single, thing))


def is_single(part: Any) -> bool:
    """Whether something is one image or mask."""
    return (
        isinstance(part, (str, bytes, Path))
        or hasattr(part, "getbands")
        or (len(getattr(part, "shape", ())) in (2, 3))
    )


def _is_recorded(example: Any) -> bool:
    return isinstance(example, Mapping) and {"masks", "object_ids", "ignore"} <= set(example)


def _first(example: Any) -> Any:
    return example[0] if isinstance(example, (tuple, list)) and example else None


def _parts(example: Any) -> tuple[Any, Any]:
    """Image and mask.

    Raises:
        InputError: it is no such example.
    """
    if isinstance(example, Mapping):
        if "image" not in example:
            raise _no_example(f"a dictionary of {', '.join(map(str, example))}")
        shape = _size(example["image"])
        rest = [key for key in example if key != "image" and _size(example[key]) & shape]
        if len(rest) != 1:
            found = ", ".join(map(str, rest or (key for key in example if key != "image")))
            raise _no_example(f"a dictionary with {'several' if rest else 'none'} of them: {found}")
        return example["image"], example[rest[0]]
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        number = f" of {len(example)}" if isinstance(example, (tuple, list)) else ""
        raise _no_example(f"a {type(example).__name__}{number}")
    return example[0], example[1]


def _size(part: Any) -> set[tuple[int, int]]:
    """(height, width) of an array, as far as that can be told: with channels last, and first."""
    size = getattr(part, "size", None)
    shape = tuple(getattr(part, "shape", ()))
    if hasattr(part, "getbands"):  # a Pillow image
        return {(size[1], size[0])}
    return {shape[:2], shape[-2:]} if len(shape) > 1 else set()


def _no_example(received: str) -> InputError:
    return InputError(
        "Data must be pairs (image, mask), or dictionaries with an 'image' and one mask of its "
        "size. Map them first, such as dataset.map(lambda one: (one['image'], one['mask'])). "
        f"Received {received:.120}."
    )


def _plain(part: Any) -> np.ndarray | Path:
    """An array, or the path of a file."""
    if hasattr(part, "detach"):  # of torch, perhaps on a GPU
        part = part.detach().cpu()
    if not isinstance(part, (str, bytes, Path)):
        part = np.asarray(part)
        if part.ndim or part.dtype.kind not in "OSU":
            return part
        part = part.item()
    return Path(part.decode() if isinstance(part, bytes) else part)


def _pixels(image: np.ndarray | Path, mask: np.ndarray | Path, meaning: Meaning) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    if isinstance(image, Path):
        return read_image(image)
    image = _channels_last(image, mask)
    is_wide = image.dtype.kind in "iu" and image.dtype.itemsize > 1
    if is_wide and image.size and image.min() >= 0 and image.max() <= BRIGHTEST:
        image = image.astype(np.uint8)
    if image.dtype.kind == "f":
        image = image / np.float32(meaning.brightest)
    return as_rgb(image)


def _channels_last(image: np.ndarray, mask: np.ndarray | Path) -> np.ndarray:
    """The image, turned where its channels are first; the mask tells which axes are its size."""
    if image.ndim != 3 or image.shape[0] not in CHANNELS:
        return image
    sizes = set() if isinstance(mask, Path) else {mask.shape[:2], mask.shape[-2:]}
    fits_first = image.shape[1:] in sizes and image.shape[:2] not in sizes
    is_first = fits_first or image.shape[2] not in CHANNELS
    return np.moveaxis(image, 0, 2) if is_first else image


def _upright_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W), or (N, H, W) with a mask for each object.

    Raises:
        WrongSize: it is not of the image's size.
    """
    if mask.ndim == 3 and mask.shape[:2] == size and mask.shape[1:] != size:
        is_grey = mask.shape[2] == 3 and (mask == mask[..., :1]).all()
        mask = mask[None, ..., 0] if is_grey else np.moveaxis(mask, 2, 0)
    if mask.ndim == 3 and mask.shape[1:] == size and len(mask) == 1:
        mask = mask[0]
    if mask.shape[-2:] != size or mask.ndim not in (2, 3):
        raise WrongSize(
            "A mask must have its image's height and width, (H, W) or (H, W, 1). "
            f"Received {mask.shape} for an image of {size[0]} × {size[1]}."
        )
    if mask.ndim == 3 and len(np.unique(mask)) > 2:
        raise InputError(
            "Several masks of an image must be one for each object, each of 0 and 1. Received "
            f"{mask.shape} with other numbers."
        )
    return mask


def _whole_numbers(mask: np.ndarray) -> np.ndarray:
    """A mask's numbers as whole ones from 0 on, where −1 becomes `VOID`.

    Raises:
        InputError: fractions, or other negative numbers.
    """
    if mask.dtype == bool:
        return mask.astype(np.uint8)
    whole = np.nan_to_num(mask).astype(np.int64)
    if not (whole == mask).all() or whole.min(initial=0) < -1:
        raise InputError(
            "A mask must hold whole numbers from 0 on, or −1 for pixels to be ignored. Resize "
            "masks by nearest neighbour; threshold probabilities at a half. "
            f"Received numbers from {mask.min():g} to {mask.max():g}."
        )
    whole[whole == -1] = VOID
    return whole.astype(np.uint8) if whole.max(initial=0) <= VOID else whole.astype(np.uint16)


def _of_size(objects: Objects, pixels: np.ndarray) -> Objects:
    if objects.ignore.shape != pixels.shape[:2]:
        raise WrongSize(
            "An image and its mask must have the same size. "
            f"Received {pixels.shape[:2]} and {objects.ignore.shape}."
        )
    return objects
