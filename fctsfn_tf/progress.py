"""A bar with the time left, for work of which the length is known."""

from __future__ import annotations

import sys
import time

WIDTH = 24
# In a file or a pipe, a line at most this often, in seconds.
LINE_SECONDS = 30.0


class ProgressBar:
    """A bar on standard error; a line now and then where that is no terminal.

    Args:
        total: how much there is to do.
        done: how much of it was done before.
        line_seconds: where that is no terminal, a line at most this often; 0 for one at each call.
    """

    def __init__(self, total: int, done: int = 0, line_seconds: float = LINE_SECONDS) -> None:
        self._total = total
        self._first = done
        self._line_seconds = line_seconds
        self._started = time.perf_counter()
        self._shown = float("-inf")
        self._is_terminal = sys.stderr.isatty()

    def show(self, done: int, text: str) -> None:
        """Say that `done` of the total is done, how long the rest will take, and `text`."""
        now = time.perf_counter()
        if not self._is_terminal and now - self._shown < self._line_seconds and done < self._total:
            return
        self._shown = now
        filled = WIDTH * done // self._total
        bar = "#" * filled + "." * (WIDTH - filled)
        left = ""
        if done > self._first:
            pace = (now - self._started) / (done - self._first)
            left = f"{_duration(pace * (self._total - done))} left, "
        line = f"[{bar}] {done}/{self._total} {left}{text}"
        start, end = ("\r\x1b[K", "") if self._is_terminal else ("", "\n")
        print(f"{start}{line:.120}", end=end, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Take the bar away."""
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
