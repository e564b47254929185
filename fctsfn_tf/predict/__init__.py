"""From a photograph and clicks to a mask: what a person waits for.

In: a preset, a photograph, clicks. Out: `Prediction`s, and the files of `fctsfn segment`.
Open first: `predictor.py`.
"""
