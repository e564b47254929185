"""Clicks, and a history of clicks with undo and redo.

Inside the package a click is (row, col); (x, y) lives only at the edges: `Predictor` points, the
command line, Gradio and the browser.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.errors import InputError


@dataclass(frozen=True)
class Click:
    """One click of a person (or of a simulated one).

    Attributes:
        row: vertical position of the pixel's centre, in pixels, 0 at the top row.
        col: horizontal position of the pixel's centre, in pixels, 0 at the left column.
        is_positive: True for "this belongs to the object", False for "this does not".

    Examples:
        >>> from fctsfn_tf import Click
        >>> click = Click(row=120.0, col=220.0, is_positive=True)
        >>> click.pixel
        (120, 220)
        >>> click.shifted(rows=-20, cols=0).row
        100.0
    """

    row: float
    col: float
    is_positive: bool

    @property
    def pixel(self) -> tuple[int, int]:
        """The (row, col) of the pixel that holds the click."""
        return math.floor(self.row + 0.5), math.floor(self.col + 0.5)

    def scaled(self, row_scale: float, col_scale: float) -> Click:
        """The same click on the image resized by these factors (pixel centres at +0.5)."""
        return Click(
            (self.row + 0.5) * row_scale - 0.5,
            (self.col + 0.5) * col_scale - 0.5,
            self.is_positive,
        )

    def shifted(self, rows: float, cols: float) -> Click:
        """The same click, moved by `rows` down and `cols` right."""
        return Click(self.row + rows, self.col + cols, self.is_positive)


def clicks_from_points(
    points: Sequence | np.ndarray, labels: Sequence | np.ndarray, height: int, width: int
) -> list[Click]:
    """Clicks from (x, y) points in image pixels.

    Args:
        points: (N, 2) numbers, each (x, y): x to the right in [0, width), y down in [0, height).
            Fractions are allowed: (12.7, 3.2) lies in the pixel of column 12 and row 3.
        labels: (N,) of 1 (on the object) or 0 (not on it).
        height, width: size of the image in pixels.

    Returns:
        N clicks on whole pixels, in the given order.

    Raises:
        InputError: wrong shape, not finite, outside the image, or a label other than 0 and 1.
    """
    try:
        # Complex numbers and dates would lose something; they are refused with everything else.
        point_array = np.asarray(points).astype(np.float64, casting="same_kind")
        label_array = np.asarray(labels).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError, OverflowError):
        came = " ".join(f"points={points!r:.80} and labels={labels!r:.80}".split())
        raise InputError(
            "Points and labels must be numbers: points [[x, y], ...], labels [1, 0, ...]. "
            f"Received {came}."
        ) from None
    if point_array.size == 0:
        point_array = point_array.reshape(0, 2)
    if point_array.ndim != 2 or point_array.shape[1] != 2:
        raise InputError(
            "Points must have shape (N, 2), each (x, y) in pixels of the image. "
            f"Received shape {point_array.shape}."
        )
    if label_array.shape != (len(point_array),):
        raise InputError(
            f"There must be one label per point: {len(point_array)} expected (1 = on the object, "
            f"0 = not on it). Received shape {label_array.shape}."
        )
    for index, ((x, y), label) in enumerate(zip(point_array, label_array, strict=True)):
        if label not in (0, 1):
            raise InputError(
                "A label must be 1 (on the object) or 0 (not on it). "
                f"Received {label:g} for point {index}."
            )
        if not (np.isfinite(x) and np.isfinite(y)):
            raise InputError(f"A point must be two finite numbers. Received ({x}, {y}).")
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                f"A click must lie inside the image, x in [0, {width}) and y in [0, {height}), in "
                f"pixels of the original photograph. Received x={x:g}, y={y:g} for point {index}; "
                "scale points that were taken on a resized view."
            )
    return [
        Click(math.floor(y), math.floor(x), bool(label))
        for (x, y), label in zip(point_array, label_array, strict=True)
    ]


def latest_of_pixels(clicks: Iterable[Click]) -> tuple[Click, ...]:
    """The clicks that count, oldest first: of several on one pixel the latest."""
    latest: dict[tuple[int, int], Click] = {}
    for click in clicks:
        latest.pop(click.pixel, None)
        latest[click.pixel] = click
    return tuple(latest.values())


class ClickHistory:
    """Clicks in the order in which they were made, with undo and redo."""

    def __init__(self, clicks: Iterable[Click] = ()) -> None:
        self._clicks = list(clicks)
        self._undone: list[Click] = []

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks that hold now, oldest first."""
        return tuple(self._clicks)

    def __len__(self) -> int:
        return len(self._clicks)

    def add(self, click: Click) -> None:
        """Append a click; what had been undone can no longer be redone."""
        self._clicks.append(click)
        self._undone.clear()

    def undo(self) -> Click:
        """Take the latest click back and return it.

        Raises:
            InputError: there is none.
        """
        if not self._clicks:
            raise InputError("There is no click to undo. Add a click first.")
        click = self._clicks.pop()
        self._undone.append(click)
        return click

    def redo(self) -> Click:
        """Make the latest undone click again and return it.

        Raises:
            InputError: nothing was undone since the last new click.
        """
        if not self._undone:
            raise InputError("There is no click to redo. Undo one first.")
        click = self._undone.pop()
        self._clicks.append(click)
        return click

    def reset(self) -> None:
        """Forget every click, undone ones too."""
        self._clicks.clear()
        self._undone.clear()
