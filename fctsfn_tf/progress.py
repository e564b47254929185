"""A bar with the time left, tqdm's, on standard error."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm

BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}, {remaining} left{postfix}"
# In a file or a pipe, a line at most this often, in seconds.
LINE_SECONDS = 30.0


class _Lines:
    """A stream that is no terminal: each state of the bar is a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip("\r\n "):
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()


def progress_bar(
    total: int | None,
    done: int = 0,
    unit: str = "steps",
    line_seconds: float = LINE_SECONDS,
    smoothing: float = 0.1,
) -> tqdm:
    """A bar on standard error that goes when it is closed; lines where that is no terminal.

    Args:
        total: how much there is to do; None if nobody knows.
        done: how much of it was done before. The time left counts what is done from here on.
        unit: what is counted, in the plural.
        line_seconds: where there is no terminal, a line at most this often; 0 for each change.
        smoothing: weight of the latest in the moving average that the time left is by, which soon
            forgets what the first steps compiled; 0 for the mean of all.
    """
    is_terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}",
        bar_format=None if total is None else BAR,
        leave=not is_terminal,
        dynamic_ncols=is_terminal,
        file=None if is_terminal else _Lines(sys.stderr),
        mininterval=0.1 if is_terminal else line_seconds,
        miniters=1,
        smoothing=smoothing,
    )
