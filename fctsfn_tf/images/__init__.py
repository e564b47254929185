"""Photographs and masks as arrays, and the files they come from and go to.

In: any image file; a probability and clicks. Out: RGB uint8 (H, W, 3), bool masks (H, W), files.
Open first: `image_io.py`.
"""
