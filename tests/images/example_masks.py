"""Masks that the tests of this room share."""

import io

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 60, 90


def disk(row, col, radius, height=HEIGHT, width=WIDTH):
    rows, cols = np.mgrid[:height, :width]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def random_masks(number):
    random = np.random.default_rng(3)
    for _ in range(number):
        yield random.random(random.integers(1, 25, 2)) < random.choice([0, 0.1, 0.5, 0.9, 1])


def opened(content):
    """The Pillow image in the bytes of a file."""
    return Image.open(io.BytesIO(content))
