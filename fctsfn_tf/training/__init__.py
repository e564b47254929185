"""From photographs and masks to a trained network.

In: data sets and a recipe. Out: a run's directory, and in it a preset.
Open first: `stages.py`, the recipes carried out; for `model.fit`, `click_dataset.py`.
"""
