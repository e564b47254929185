"""A bar of pixels, and a segmenter that answers with bars: IoUs known by hand."""

import numpy as np

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.runner import evaluate

RITM = PROTOCOLS["ritm"]
HEIGHT, WIDTH = 6, 14


def sample_of(name="bar", length=10):
    """A bar of `length` pixels in row 2."""
    gt_mask = np.zeros((HEIGHT, WIDTH), bool)
    gt_mask[2, :length] = True
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return Sample(name, image, gt_mask, np.zeros_like(gt_mask))


def bars(*lengths):
    """A segmenter that answers click k with a bar of the k-th length, then with the last one."""

    def segment(image, clicks, previous):
        probability = np.zeros(image.shape[:2], np.float32)
        probability[2, : lengths[min(len(clicks), len(lengths)) - 1]] = 1.0
        return probability

    return segment


def evaluated(objects, segment, output=None, **options):
    return evaluate(
        objects,
        segment,
        options.pop("protocol", RITM),
        data="bars",
        model="made up",
        output=output,
        **options,
    )
