"""Make the README's pictures from the shipped preset: python scripts/make_readme_pictures.py

Segments bundled photographs with the default preset and writes to docs/images/:
- one_click.jpg: a person, an animal, a thing and a scene, one click each;
- three_clicks.webp: a mask that grows by three clicks, as an animation.

Run it again after another preset, and look at both; a test says when that is due.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf import Predictor, read_image
from fctsfn_tf.predict.preset_files import preset_facts

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images"
# The weights that the pictures were made with.
MADE_FROM = FOLDER / "make_readme_pictures.json"
# Photograph → the one click (x, y) in its pixels, on a person, an animal, a thing and in a scene.
ONE_CLICK = {
    "examples/astronaut.jpg": (220, 300),
    "examples/cat.jpg": (200, 200),
    "examples/coffee.jpg": (300, 260),
    "web/tests/photographs/rocket.jpg": (262, 200),
}
# The cup, then its saucer on both sides.
ANIMATED = ("examples/coffee.jpg", [(300, 60), (180, 200), (420, 200)])
PANEL_HEIGHT = 260
GAP = 8
JPEG_QUALITY = 88
FRAME_WIDTH = 480
# Milliseconds that a photograph, a click that is just made, its mask and the last mask are shown.
SHOWN_MS = {"photograph": 900, "click": 350, "mask": 1100, "end": 2500}
WHITE, GREEN = (255, 255, 255), (0, 170, 120)


def shown(
    image: np.ndarray, mask: np.ndarray | None, clicks: list[tuple[int, int]], size: tuple[int, int]
) -> Image.Image:
    """The object in its own colours before a ground that is grey, with an outline, and the clicks.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; None for the photograph as it is.
        clicks: (x, y) in pixels of the photograph.
        size: (width, height) of the result.
    """
    factor = size[0] / image.shape[1]
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        grey = picture.mean(axis=-1, keepdims=True) * 0.35 + 150
        picture = (inside[..., None] * picture + (1 - inside[..., None]) * grey).astype(np.uint8)
        is_inside = (inside > 0.5).astype(np.uint8)
        outlines, _ = cv2.findContours(is_inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, WHITE, 2, cv2.LINE_AA)
    for x, y in clicks:
        centre = (round(x * factor), round(y * factor))
        cv2.circle(picture, centre, 8, WHITE, -1, cv2.LINE_AA)
        cv2.circle(picture, centre, 6, GREEN, -1, cv2.LINE_AA)
    return Image.fromarray(picture)


def one_click(predictor: Predictor) -> Image.Image:
    """The four photographs side by side, each with its mask after the one click."""
    panels = []
    for name, (x, y) in ONE_CLICK.items():
        image = read_image(ROOT / name)
        predictor.set_image(image)
        mask = predictor.add_click(x, y, 1).mask
        size = (round(image.shape[1] * PANEL_HEIGHT / image.shape[0]), PANEL_HEIGHT)
        panels.append(shown(image, mask, [(x, y)], size))
    width = sum(panel.width for panel in panels) + GAP * (len(panels) - 1)
    row = Image.new("RGB", (width, PANEL_HEIGHT), WHITE)
    left = 0
    for panel in panels:
        row.paste(panel, (left, 0))
        left += panel.width + GAP
    return row


def three_clicks(predictor: Predictor) -> tuple[list[Image.Image], list[int]]:
    """The frames of the animation, and the milliseconds that each is shown."""
    name, clicks = ANIMATED
    image = read_image(ROOT / name)
    size = (FRAME_WIDTH, round(image.shape[0] * FRAME_WIDTH / image.shape[1]))
    predictor.set_image(image)
    frames, durations = [shown(image, None, [], size)], [SHOWN_MS["photograph"]]
    mask = None
    for number, (x, y) in enumerate(clicks, 1):
        frames.append(shown(image, mask, clicks[:number], size))
        mask = predictor.add_click(x, y, 1).mask
        frames.append(shown(image, mask, clicks[:number], size))
        durations += [SHOWN_MS["click"], SHOWN_MS["mask"]]
    durations[-1] = SHOWN_MS["end"]
    return frames, durations


def main() -> None:
    predictor = Predictor.from_preset()
    FOLDER.mkdir(exist_ok=True)
    row = FOLDER / "one_click.jpg"
    one_click(predictor).save(row, quality=JPEG_QUALITY, optimize=True)
    animation = FOLDER / "three_clicks.webp"
    (first, *others), durations = three_clicks(predictor)
    first.save(
        animation, save_all=True, append_images=others, duration=durations, loop=0, quality=80
    )
    facts = {"weights_sha256": preset_facts().weights_sha256}
    MADE_FROM.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    for path in (row, animation):
        print(f"wrote {path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
