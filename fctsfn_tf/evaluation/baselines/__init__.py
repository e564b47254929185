"""The classical methods that the paper compares with (§4.3, Tables 6 and 7), and OpenCV's GrabCut.

Each answers clicks as a network does: `segment(image, clicks, previous) → probability`, so that
`runner.evaluate` runs over it unchanged. Their libraries are the extra `baselines`; each is
imported only when it computes.
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
