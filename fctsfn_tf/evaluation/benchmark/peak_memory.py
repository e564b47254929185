"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import gc
from pathlib import Path


class PeakMemory:
    """The most memory that the process holds from now on, by Linux' own account.

    The peaks that `resource` and psutil know count from the start of the process.
    """

    def __init__(self) -> None:
        gc.collect()
        self._before = self._kilobytes("VmRSS")
        try:
            # Starts the account of the peak anew (see proc(5)).
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = None

    def peak_bytes(self) -> int | None:
        """The peak above what was held at first; None where the system does not tell."""
        peak = self._kilobytes("VmHWM")
        if peak is None or self._before is None:
            return None
        return max(0, peak - self._before) * 1024

    @staticmethod
    def _kilobytes(name: str) -> int | None:
        try:
            text = Path("/proc/self/status").read_text(encoding="ascii")
        except OSError:
            return None
        return int(text.partition(f"{name}:")[2].split()[0])
