"""Data sets of photographs with masks, in the layouts that they come in.

In: a directory (Pascal VOC, SBD, COCO, DAVIS, labelme, folders). Out: `Sample`s, one per object.
Open first: `annotated_images.py`.
"""
