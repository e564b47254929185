import mmap
import sys

import numpy as np
import pytest

from fctsfn_tf.evaluation.benchmark.peak_memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="memory is Linux' account")
def test_peak_memory_is_what_was_held_in_between():
    memory = PeakMemory()
    # Of the system: malloc may have as much left over from the tests before.
    held = mmap.mmap(-1, 40_000_000)
    np.frombuffer(held, np.uint8)[:] = 1
    held.close()
    assert 35e6 < memory.peak_bytes() < 120e6
