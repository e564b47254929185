"""Engines without a network, which the tests of this room share; they need NumPy alone."""

import numpy as np

from fctsfn_tf.predict.engine import Engine


def bright_middle():
    """(200, 300, 3) uint8, bright at its middle and darker outwards: the mean says how near a view
    is."""
    rows, cols = np.mgrid[:200, :300]
    distance = np.hypot(rows - 100, cols - 150)
    return np.repeat(np.clip(255 - distance, 0, 255)[..., None], 3, -1).astype(np.uint8)


class BrightEngine(Engine):
    """Bright pixels are object; disks push their surroundings; counts its calls."""

    def __init__(self, num_click_maps=3):
        self.name = "bright"
        self.num_click_maps = num_click_maps
        self.encoded = []
        self.num_clicks = 0

    def encode(self, image):
        self.encoded.append(image.shape)
        return image.mean(axis=-1)

    def click(self, features, click_maps):
        assert features.shape == click_maps.shape[:2]
        self.num_clicks += 1
        return (features - 128) / 4 + 3 * click_maps[..., 0] - 3 * click_maps[..., 1]


class RingEngine(Engine):
    """Squares around the click: the answer, two candidates of other sizes, and one that is the
    answer again. The predicted IoU is told by the photograph: it is best at a certain zoom."""

    name = "rings"
    num_click_maps = 3
    num_candidates = 3

    def __init__(self, best_brightness=None):
        self.best_brightness = best_brightness
        self.seen = []

    def encode(self, image):
        self.seen.append(image.shape)
        return image.mean()

    def click(self, features, click_maps):
        return self.answers(features, click_maps)[0][0]

    def answers(self, features, click_maps):
        rows, cols = np.nonzero(click_maps[..., 0])
        masks = np.full((4, *click_maps.shape[:2]), -9.0, np.float32)
        for mask, half in zip(masks, (10, 20, 5, 10) if len(rows) else (), strict=False):
            row, col = int(rows.mean()), int(cols.mean())
            mask[max(0, row - half) : row + half, max(0, col - half) : col + half] = 9.0
        ious = np.array([0.0, 1.0, -1.0, 0.5], np.float32)
        if self.best_brightness is not None:
            ious = ious - np.abs(features - self.best_brightness) / 10
        return masks, ious
