"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import gc
import sys
from pathlib import Path


class PeakMemory:
    """The most memory that the process holds from now on, by Linux' own account.

    The peaks that `resource` and psutil know count from the start of the process.
    """

    def __init__(self) -> None:
        gc.collect()
        self._before = _kilobytes("VmRSS")
        try:
            # Starts the account of the peak anew (see proc(5)).
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = None

    def peak_bytes(self) -> int | None:
        """The peak above what was held at first; None where the system does not tell."""
        peak = _kilobytes("VmHWM")
        if peak is None or self._before is None:
            return None
        return max(0, peak - self._before) * 1024


def most_bytes() -> int:
    """The most memory that the process has held since its program began; 0 on Windows.

    On Linux not by `resource`, which counts what the process held that started the program, too.
    """
    peak = _kilobytes("VmHWM")
    if peak is not None:
        return 1024 * peak
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _kilobytes(name: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    return int(text.partition(f"{name}:")[2].split()[0])
