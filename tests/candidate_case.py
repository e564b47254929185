"""Made-up masks of a network with candidates, and what they are judged by."""

import numpy as np

from fctsfn_tf.networks.targets import IGNORED

HEIGHT, WIDTH = 32, 48


def candidate_case():
    """Two objects: a first click, and a later one of a view that hides a part of the object."""
    rng = np.random.default_rng(0)
    target = np.zeros((2, HEIGHT, WIDTH, 1), np.float32)
    target[:, 8:20, 10:30] = 1
    target[1, :4] = IGNORED
    return {
        "target": target,
        "masks": rng.normal(0, 2, (2, HEIGHT, WIDTH, 4)).astype(np.float32),
        "coarse": rng.normal(0, 2, (2, HEIGHT // 8, WIDTH // 8, 4)).astype(np.float32),
        "predicted_iou": rng.normal(0, 1, (2, 4)).astype(np.float32),
        "is_first": np.float32([1, 0]),
        "hidden_area": np.float32([0, 100]),
    }
