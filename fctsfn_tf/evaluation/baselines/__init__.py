"""The classical methods that the paper compares with (§4.3, Tables 6 and 7), and OpenCV's GrabCut.

Each answers clicks as a network does, so that `runner.evaluate` runs over it unchanged:

    segment(image, clicks, previous=None, parameters=DEFAULT_PARAMETERS) → probability

Args:
    image: (H, W, 3) uint8 RGB.
    clicks: all clicks so far, oldest first, inside the image. Their discs are the seeds, see
        `seeds`.
    previous: (H, W) float in [0, 1], the answer to the clicks before; None at the first click.
        OpenCV's GrabCut alone uses it, the others start anew.
    parameters: see `Parameters` in the method's module.

Returns:
    (H, W) float32 in [0, 1], object above 0.5; all 0 without a positive click.

Raises:
    InputError: an image of another form, a click outside of it, or a library that the method needs
        is not installed.

Their libraries are the extra `baselines`; each is imported only when it computes.
"""

from __future__ import annotations

from fctsfn_tf.evaluation.baselines.esc import segment as segment_by_esc
from fctsfn_tf.evaluation.baselines.gc import segment as segment_by_gc
from fctsfn_tf.evaluation.baselines.gm import segment as segment_by_gm
from fctsfn_tf.evaluation.baselines.gsc import segment as segment_by_gsc
from fctsfn_tf.evaluation.baselines.opencv_grabcut import segment as segment_by_grabcut
from fctsfn_tf.evaluation.baselines.rw import segment as segment_by_rw

# In the order of the paper's tables.
BASELINES = {
    "gc": segment_by_gc,
    "gm": segment_by_gm,
    "rw": segment_by_rw,
    "esc": segment_by_esc,
    "gsc": segment_by_gsc,
    "grabcut": segment_by_grabcut,
}
