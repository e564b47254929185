"""What the page shows of a session: pictures as data URLs, masks as planes of numbers.

The page gets the photograph once and then, per click, the mask alone; its canvas paints one over
the other. Everything is at the size of the view, the photograph shrunk to `VIEW_SIDE`.

A plane is {"width", "height", "bits", "data"}: `data` is base64 of zlib's stream of the pixels row
by row, with `bits` a pixel. With 8, a pixel is a byte; with 1, a row begins with a new byte, whose
highest bit is its first pixel. So the page has the numbers themselves; from a picture it might not,
because some browsers falsify what a page reads from one.
"""

from __future__ import annotations

import base64
import zlib

import cv2
import numpy as np

# Longer side of what the page shows, in pixels. A photograph of 1 megapixel is shown as it is.
VIEW_SIDE = 1600
# Longer side of the probability: the network gives no more than a few hundred pixels anyway.
PROBABILITY_SIDE = 640
# Steps from 0 to 1 in which a probability is sent: with all 255 it would be twice as long.
PROBABILITY_STEPS = 51
THUMBNAIL_SIDE = 480
JPEG_QUALITY = 88
# zlib's levels: of a mask, 9 saves a tenth of a few kilobytes and takes ten times as long; a
# probability, which is sent only where it is looked at, is a third shorter with 6.
MASK_COMPRESSION = 1
PROBABILITY_COMPRESSION = 6


def photograph_url(image: np.ndarray) -> str:
    """A JPEG of the photograph, (H, W, 3) uint8 RGB, at the view's size."""
    return _jpeg_url(_shrunk(image, VIEW_SIDE))


def thumbnail_url(image: np.ndarray) -> str:
    """A small JPEG of a photograph, (H, W, 3) uint8 RGB."""
    return _jpeg_url(_shrunk(image, THUMBNAIL_SIDE))


def mask_plane(mask: np.ndarray) -> dict[str, int | str]:
    """A mask, bool (H, W), at the view's size: 1 on the object and 0 elsewhere."""
    shown = _shrunk_mask(mask)
    return _plane(np.packbits(shown, axis=1), shown.shape, 1, MASK_COMPRESSION)


def objects_plane(masks: list[np.ndarray]) -> dict[str, int | str] | None:
    """Finished objects, each bool (H, W): i on object i, counted from 1, and 0 elsewhere; later
    ones lie over earlier ones. None without any."""
    if not masks:
        return None
    index = np.zeros(_shrunk_mask(masks[0]).shape, np.uint8)
    for number, mask in enumerate(masks, start=1):
        index[_shrunk_mask(mask)] = number
    return _plane(index, index.shape, 8, MASK_COMPRESSION)


def probability_plane(probability: np.ndarray) -> dict[str, int | str]:
    """A probability, float32 (H, W) in [0, 1]: 255 is 1."""
    steps = np.rint(_shrunk(probability, PROBABILITY_SIDE) * PROBABILITY_STEPS).astype(np.uint8)
    shown = steps * np.uint8(255 // PROBABILITY_STEPS)
    return _plane(shown, shown.shape, 8, PROBABILITY_COMPRESSION)


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """`picture` with a longer side of at most `side`, averaged; itself where it is that already."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _shrunk_mask(mask: np.ndarray) -> np.ndarray:
    """A mask, bool (H, W), at the view's size: what is object for more than half."""
    return _shrunk(mask.view(np.uint8) * 255, VIEW_SIDE) > 127


def _jpeg_url(rgb: np.ndarray) -> str:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, content = cv2.imencode(".jpg", rgb[..., ::-1], quality)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _plane(
    rows: np.ndarray, size: tuple[int, int], bits: int, compression: int
) -> dict[str, int | str]:
    """A plane (see above) of `rows`, uint8 (H, bytes per row), for a (height, width) in pixels."""
    height, width = size
    data = base64.b64encode(zlib.compress(rows, compression)).decode()
    return {"width": width, "height": height, "bits": bits, "data": data}
