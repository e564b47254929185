"""The networks of the paper and the compact one, as plain Keras models, and their weights.

In: "image" (B, H, W, 3), "click_maps" (B, H, W, C). Out: foreground logits (B, H, W, 1).
Open first: `fctsfn.py`, which reads as Fig. 2 of the paper does.
"""
