"""The photograph with its objects tinted and the clicks marked, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.images.masks import check_same_size, object_masks, voc_palette
from fctsfn_tf.images.png_files import png_bytes

# Size of a click mark's half-width in the overlay: a share of the longer side, at least 4 pixels.
MARK_SHARE = 0.012
MIN_MARK_RADIUS = 4
# Bluish green and vermilion, two colours that colour-blind people tell apart (Okabe and Ito).
POSITIVE_COLOUR = (0, 158, 115)
NEGATIVE_COLOUR = (213, 94, 0)


def overlay_png(
    image: np.ndarray,
    masks: np.ndarray | Sequence[np.ndarray],
    clicks: Sequence[Click] = (),
) -> bytes:
    """The photograph with each object tinted and outlined in white, and the clicks marked.

    A positive click is a green disk with a plus, a negative one a red square with a bar: shape and
    sign tell them apart without colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: see `object_masks`; object i has the i-th of VOC's colours.
        clicks: in pixels of the image, of all objects.
    """
    objects = object_masks(masks)
    check_same_size(image, objects[0])
    canvas = image.copy()
    radius = max(MIN_MARK_RADIUS, round(MARK_SHARE * max(objects[0].shape)))
    for mask, colour in zip(objects, voc_palette()[1:], strict=False):
        canvas[mask] = canvas[mask] // 2 + colour // 2
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(canvas, outlines, -1, (255, 255, 255), max(1, radius // 4))
    for click in clicks:
        _draw_mark(canvas, click, radius)
    return png_bytes(Image.fromarray(canvas))


def _draw_mark(canvas: np.ndarray, click: Click, radius: int) -> None:
    row, col = click.pixel
    line, bar = max(1, radius // 3), max(2, radius // 2)
    white = (255, 255, 255)
    if click.is_positive:
        cv2.circle(canvas, (col, row), radius, POSITIVE_COLOUR, -1, cv2.LINE_AA)
        cv2.circle(canvas, (col, row), radius, white, max(1, line // 2), cv2.LINE_AA)
        cv2.line(canvas, (col, row - bar), (col, row + bar), white, line)
    else:
        corners = (col - radius, row - radius), (col + radius, row + radius)
        cv2.rectangle(canvas, *corners, NEGATIVE_COLOUR, -1)
        cv2.rectangle(canvas, *corners, white, max(1, line // 2))
    cv2.line(canvas, (col - bar, row), (col + bar, row), white, line)
