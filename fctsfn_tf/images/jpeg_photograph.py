"""A photograph in a JPEG file of which no more is decoded than is looked at.

A JPEG's blocks of 8 × 8 pixels can be decoded as 4 × 4, 2 × 2 or one pixel. For a photograph of 24
megapixels of which a network sees 0.1, that saves most of the time and nearly all of the memory,
the more so where colours are converted. What a network is given then differs by less than one grey
level on average from what all pixels give.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.files import file_kind, printable
from fctsfn_tf.images.image_io import MAX_PIXELS, image_of_bytes, jpeg_size, shrunk_jpeg

# With which every JPEG file begins.
START_OF_IMAGE = b"\xff\xd8"
# What a decoder can divide both sides by.
FACTORS = (8, 4, 2)
# What is decoded has at least so many times the rows and columns of what is made of it, so that
# nearly all of the averaging is ours (Pillow's `thumbnail` takes 2, too).
LEAST_GAP = 2.0


class JpegPhotograph:
    """The bytes of a file, and the smaller picture that was decoded last.

    Attributes:
        size: (height, width) in pixels, upright.
    """

    def __init__(self, content: bytes, name: str, size: tuple[int, int]) -> None:
        self._content, self._name = content, name
        self.size = size
        self._shrunk: np.ndarray | None = None
        self._factor = 1

    def pixels(self) -> np.ndarray:
        """All of it, (H, W, 3) uint8 RGB, as `image_io.read_image` reads the file.

        Raises:
            InputError: see there.
        """
        return image_of_bytes(self._content, self._name)

    def seen(self, rows: slice, cols: slice, height: int, width: int) -> np.ndarray | None:
        """A part of the photograph at a smaller size, (height, width, 3) float32 in [0, 255].

        Args:
            rows, cols: the part, in pixels of the photograph.
            height, width: at most half as large as the part.

        Returns:
            None where all pixels must be decoded: for a part too small or a file that is odd or
            broken; `pixels` tells.
        """
        gap = min((rows.stop - rows.start) / height, (cols.stop - cols.start) / width)
        if self._shrunk is None and not self._decode(gap / LEAST_GAP):
            return None
        if gap < LEAST_GAP * self._factor:
            return None
        edges = (edge / self._factor for edge in (rows.start, rows.stop, cols.start, cols.stop))
        return np.rint(mean_of_cells(self._shrunk, *edges, height, width))

    def _decode(self, most: float) -> bool:
        """Decode the smaller picture, divided by a factor of at most `most`; False if none fits."""
        for factor in FACTORS:
            # Otherwise the last blocks hang over the edge, which may be the upper one when turned.
            is_even = all(side % factor == 0 for side in self.size)
            if factor <= most and is_even:
                self._shrunk, self._factor = shrunk_jpeg(self._content, factor), factor
                return self._shrunk is not None
        return False


def open_jpeg(path: str | Path) -> JpegPhotograph | None:
    """The photograph in a file; None if that is no JPEG that is good so far, or a too large one."""
    if file_kind(path) != "file":
        return None
    try:
        with open(path, "rb") as file:
            if file.read(len(START_OF_IMAGE)) != START_OF_IMAGE:
                return None
            content = START_OF_IMAGE + file.read()
    except OSError:
        return None
    size = jpeg_size(content)
    if size is None or size[0] * size[1] > MAX_PIXELS:
        return None
    return JpegPhotograph(content, printable(path), size)


def mean_of_cells(
    image: np.ndarray,
    top: float,
    bottom: float,
    left: float,
    right: float,
    height: int,
    width: int,
) -> np.ndarray:
    """An image's means over the cells of a grid, (height, width, C) float32.

    Args:
        image: (H, W, C) uint8.
        top, bottom, left, right: of the grid, in pixels of the image from its upper left corner;
            a pixel that lies in several cells counts in each with its share.
        height, width: the number of cells.
    """
    # The integral of an image is linear between pixels, so it is exact at fractions of them.
    sums = cv2.integral(image, sdepth=cv2.CV_64F)
    rows, cols = np.linspace(top, bottom, height + 1), np.linspace(left, right, width + 1)
    sums = _at(_at(sums, rows, 0), cols, 1)
    area = (bottom - top) / height * (right - left) / width
    return (np.diff(np.diff(sums, axis=0), axis=1) / area).astype(np.float32)


def _at(array: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """`array` at fractional places along an axis, linear between its entries."""
    before = np.minimum(places.astype(np.int64), array.shape[axis] - 2)
    share = (places - before).reshape([-1 if one == axis else 1 for one in range(array.ndim)])
    first, second = (np.take(array, before + step, axis) for step in (0, 1))
    return first + share * (second - first)
