"""Seconds of several works side by side, for the benchmarks that measure in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

RUNS = 5


def in_turn(works: Mapping[Any, Callable[[], object]]) -> dict[Any, float]:
    """Median seconds of each of the works, by name, after one run that does not count."""
    seconds: dict[Any, list[float]] = {name: [] for name in works}
    for run in range(RUNS + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if run:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(all_of_it) for name, all_of_it in seconds.items()}
