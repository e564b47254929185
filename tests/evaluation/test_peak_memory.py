import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fctsfn_tf.evaluation.benchmark.peak_memory import PeakMemory, most_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="memory is Linux' account")
def test_peak_memory_is_what_was_held_in_between():
    memory = PeakMemory()
    # Of the system: malloc may have as much left over from the tests before.
    held = mmap.mmap(-1, 40_000_000)
    np.frombuffer(held, np.uint8)[:] = 1
    held.close()
    assert 35e6 < memory.peak_bytes() < 120e6


@pytest.mark.skipif(sys.platform != "linux", reason="memory is Linux' account")
def test_a_program_s_peak_is_not_that_of_the_one_that_started_it():
    held = mmap.mmap(-1, 600_000_000)
    np.frombuffer(held, np.uint8)[:] = 1
    assert most_bytes() > 600e6
    program = (
        "from fctsfn_tf.evaluation.benchmark.peak_memory import most_bytes\nprint(most_bytes())"
    )
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    held.close()
    assert 1e6 < int(told.stdout) < 400e6
