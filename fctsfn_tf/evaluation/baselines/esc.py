"""ESC: graph cut with Euclidean star convexity.

The energy of GC, less every mask in which some pixel of the object does not see its nearest object
seed: on the straight path from a pixel p of the object to that seed, all is object. It is enough to
forbid that p is object and the next pixel on the path, its parent, is not.

The straight paths are digital rays that never cross, so that the path of a parent is the rest of
its child's. Rounding each ray for itself does not give that: following the parents, the roundings
add up and bend a ray of 100 by 40 pixels by 8. See `_diagonal_rank`.

Source: Veksler, "Star shape prior for graph-cut image segmentation", ECCV 2008,
doi:10.1007/978-3-540-88690-7_34, for one seed; Gulshan et al., "Geodesic star convexity for
interactive image segmentation", CVPR 2010, doi:10.1109/CVPR.2010.5540073, §2, for several. "ESC" in
the paper's Tables 6 and 7.
"""

from __future__ import annotations

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines.pixel_graph import NO_PARENT
from fctsfn_tf.evaluation.baselines.seeded_cut import Parameters, cut_by_clicks

DEFAULT_PARAMETERS = Parameters()


def segment(
    image: np.ndarray,
    clicks: tuple[Click, ...],
    previous: np.ndarray | None = None,
    parameters: Parameters = DEFAULT_PARAMETERS,
) -> np.ndarray:
    """The mask of least energy that is a star around the object's seeds; see `baselines`.

    A negative click also cuts off what lies behind it, seen from the nearest positive one.
    """
    return cut_by_clicks(image, clicks, parameters, straight_parents)


def straight_parents(is_seed: np.ndarray) -> np.ndarray:
    """The next pixel on the straight path to the nearest seed.

    Args:
        is_seed: (H, W) bool, True somewhere.

    Returns:
        (H, W) int64: number of the parent in row-major order, `NO_PARENT` at the seeds. A parent
        is an 8-connected neighbour and nearer to the seeds.

    Raises:
        InputError: SciPy is not installed.
    """
    try:
        from scipy.ndimage import distance_transform_edt
    except ImportError:
        raise InputError(
            "esc needs SciPy, which is not installed. "
            "Install it with `pip install 'fctsfn-tf[baselines]'`."
        ) from None
    height, width = is_seed.shape
    seed_rows, seed_cols = distance_transform_edt(
        ~is_seed, return_distances=False, return_indices=True
    )
    rows, cols = np.mgrid[:height, :width]
    to_seed_rows, to_seed_cols = seed_rows - rows, seed_cols - cols
    num_rows, num_cols = np.abs(to_seed_rows), np.abs(to_seed_cols)
    # Every step goes along the longer side; some of them along the shorter one too.
    longer, shorter = np.maximum(num_rows, num_cols), np.minimum(num_rows, num_cols)
    is_diagonal = _diagonal_rank(max(height, width))[longer] <= shorter
    row_steps = np.sign(to_seed_rows) * ((num_rows == longer) | is_diagonal)
    col_steps = np.sign(to_seed_cols) * ((num_cols == longer) | is_diagonal)
    parents = (rows + row_steps) * width + (cols + col_steps)
    return np.where(is_seed, NO_PARENT, parents)


def _diagonal_rank(length: int) -> np.ndarray:
    """Which of the rays from a seed go diagonally in their n-th step away from it, (length,) int.

    Let every step n = 1, 2, … have a number v_n of its own. The ray to the pixel n steps along the
    longer side and m along the shorter one goes diagonally in those m of the first n steps whose
    v is least. Then all rays of a seed form a tree: the last step is diagonal if and only if the
    rank of v_n among v_1, …, v_n, from 1, is at most m, and without it the same m or m − 1 steps
    remain. With van der Corput's v, whose first n spread evenly for every n, a ray stays within
    O(log n) pixels of the straight line, which no tree can better.

    Returns:
        The rank for n = 0 (where it means nothing) up to length − 1.

    Source: Christ, Pálvölgyi and Stojaković, "Consistent digital line segments", Discrete &
    Computational Geometry 47 (2012), arXiv:1009.2142; there for the 4-neighbourhood.
    """
    # scipy.stats.qmc.Halton has these numbers too, but takes seconds to load.
    num_bits = length.bit_length()
    steps = np.arange(length)
    reversed_bits = sum((steps >> bit & 1) << (num_bits - 1 - bit) for bit in range(num_bits))
    ranks = np.ones(length, np.int64)
    for step in range(1, length):
        ranks[step] = 1 + np.count_nonzero(reversed_bits[1:step] < reversed_bits[step])
    return ranks
