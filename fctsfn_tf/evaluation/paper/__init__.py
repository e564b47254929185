"""The tables and figures of the paper's Section 4, ours beside the paper's.

`reported.py` has the paper's numbers, `workshop.py` finds ours or has them evaluated,
`collected.py` keeps what there is and what is missing, `paper_tables.py` and `paper_figures.py`
show it.
"""
