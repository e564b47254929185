"""Ctrl-C that lets the present step end, for a program that trains: `stop_signals`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came since; the second of them is not held back.

        with stop_signals() as should_stop:
            train_compact(data, "runs/mine", should_stop=should_stop)

    It takes over the signals of the whole process, so it is for the program to use, and no function
    of the package does. Only the main thread may listen to signals; in others none ever comes. One
    that the process was told to ignore, as a shell tells those in its background, stays ignored.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        restore()
        print("\nstopping after this step; once more to stop at once", file=sys.stderr)

    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, receive)
        yield lambda: bool(received)
    finally:
        restore()
