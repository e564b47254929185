"""What the page shows of a session, as data URLs: small, and quick to make.

The page gets the photograph once and then, per click, the mask alone; it lays one over the other
itself. Everything is at the size of the view, the photograph shrunk to `VIEW_SIDE`.
"""

from __future__ import annotations

import base64
import struct
import zlib

import cv2
import numpy as np

# Longer side of what the page shows, in pixels. A photograph of 1 megapixel is shown as it is.
VIEW_SIDE = 1600
# Longer side of the probability: the network gives no more than a few hundred pixels anyway.
PROBABILITY_SIDE = 640
THUMBNAIL_SIDE = 160
JPEG_QUALITY = 88
# zlib's level: of a mask, 9 saves a tenth of a few kilobytes and takes ten times as long.
COMPRESSION = 1
# Width of the rim around a mask as a share of the view's longer side.
RIM_SHARE = 1 / 500
# Colours that colour-blind people tell apart (Okabe and Ito): the present object has the first,
# finished ones have the others in turn.
WHITE = (255, 255, 255)
COLOURS = ((86, 180, 233), (230, 159, 0), (204, 121, 167), (240, 228, 66), (0, 114, 178))


def photograph_url(image: np.ndarray) -> str:
    """A JPEG of the photograph, (H, W, 3) uint8 RGB, at the view's size."""
    shown = _shrunk(image, VIEW_SIDE)
    return _jpeg_url(shown[..., ::-1])


def thumbnail_url(image: np.ndarray) -> str:
    """A small JPEG of a photograph, (H, W, 3) uint8 RGB."""
    return _jpeg_url(_shrunk(image, THUMBNAIL_SIDE)[..., ::-1])


def mask_urls(mask: np.ndarray) -> tuple[str, str]:
    """Two PNGs of a mask, bool (H, W), at the view's size, transparent elsewhere: the object in its
    colour, and the rim around it in white."""
    shown = _shrunk(mask.view(np.uint8) * 255, VIEW_SIDE) > 127
    return _bit_url(shown, COLOURS[0]), _bit_url(_rim(shown), WHITE)


def objects_url(masks: list[np.ndarray]) -> str | None:
    """A PNG of finished objects, each bool (H, W), in their colours and with white rims; later ones
    lie over earlier ones. None without any."""
    index = None
    for number, mask in enumerate(masks):
        shown = _shrunk(mask.view(np.uint8) * 255, VIEW_SIDE) > 127
        index = np.zeros(shown.shape, np.uint8) if index is None else index
        index[shown] = 1 + number % (len(COLOURS) - 1)
        index[_rim(shown)] = len(COLOURS)
    return None if index is None else _png_url(index, index.shape, 8, (*COLOURS[1:], WHITE))


def probability_url(probability: np.ndarray) -> str:
    """A JPEG of a probability, float32 (H, W) in [0, 1]: violet is 0, yellow is 1."""
    shown = np.rint(_shrunk(probability, PROBABILITY_SIDE) * 255).astype(np.uint8)
    return _jpeg_url(cv2.applyColorMap(shown, cv2.COLORMAP_VIRIDIS))


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """`picture` with a longer side of at most `side`, averaged; itself where it is that already."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _rim(mask: np.ndarray) -> np.ndarray:
    """The pixels just outside of a mask, bool (H, W)."""
    width = max(1, round(max(mask.shape) * RIM_SHARE))
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * width + 1,) * 2)
    return cv2.dilate(mask.view(np.uint8), kernel).view(bool) & ~mask


def _bit_url(mask: np.ndarray, colour: tuple[int, int, int]) -> str:
    return _png_url(np.packbits(mask, axis=1), mask.shape, 1, (colour,))


def _jpeg_url(bgr: np.ndarray) -> str:
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _png_url(
    rows: np.ndarray, size: tuple[int, int], bits: int, colours: tuple[tuple[int, ...], ...]
) -> str:
    """A palette PNG whose index 0 is transparent.

    Written here because OpenCV writes no palettes, and Pillow takes several times as long for one
    of 1 bit (see benchmarks/demo.py for what a click may take).

    Args:
        rows: uint8 (H, bytes per row) of packed indices.
        size: (height, width) in pixels.
        bits: per index, 1 or 8.
        colours: of the indices from 1 on.
    """
    height, width = size
    # Each row begins with the number of its filter; 0 is none.
    data = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    palette = bytes(value for colour in ((0, 0, 0), *colours) for value in colour)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(data, COMPRESSION)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(content).decode()
