"""Where a person clicked, and the maps in which a network reads it.

In: points (x, y) with a label each, or a file of them. Out: `Click`s, click maps (H, W, C).
Open first: `click.py`.
"""
