"""How good a network is: a robot user clicks, and what came is counted (paper §4).

In: samples, and anything that segments from clicks. Out: results, tables and figures.
Open first: `one_object.py`; `runner.py` goes over all objects. `baselines/` has the classical
methods, `paper/` the paper's tables and figures, `benchmark/` what a click costs.
"""
