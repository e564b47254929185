"""What segmenting costs: operations, seconds and memory of the networks, and of other tools.

`cost.py` counts without running, `timing.py` and `peak_memory.py` measure, `peers.py` has the other
tools, and `benchmark_table.py` sets all of it side by side. `shell_to_mask.py` times whole
programs, those of `one_shot.py`.
"""
