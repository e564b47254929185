"""Make the README's picture of clicks and masks: python scripts/make_readme_pictures.py

Segments the bundled photographs with the default preset and writes docs/images/clicks_to_mask.jpg:
a row per photograph, with the photograph, the mask after the first click and after the last.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from fctsfn_tf import Predictor, read_image
from fctsfn_tf.images.overlay import overlay_png

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "clicks_to_mask.jpg"
# Photograph → clicks (x, y, label) in its pixels.
EXAMPLES = {
    "cat.jpg": [(220, 120, 1), (100, 260, 1)],
    "coffee.jpg": [(150, 260, 1), (290, 90, 1)],
}
PANEL_HEIGHT = 220  # three panels of 3:2 fill the width of a README
GAP = 6
WHITE = (255, 255, 255)
JPEG_QUALITY = 88


def row(predictor: Predictor, photograph: str, clicks: list[tuple[int, int, int]]) -> Image.Image:
    """The photograph, its overlay after the first click and its overlay after the last one."""
    image = read_image(ROOT / "examples" / photograph)
    predictor.set_image(image)
    panels = [Image.fromarray(image)]
    for x, y, label in clicks:
        prediction = predictor.add_click(x, y, label)
        overlay = overlay_png(image, [prediction.mask], predictor.clicks)
        panels.append(Image.open(io.BytesIO(overlay)).convert("RGB"))
    height, width = image.shape[:2]
    size = (round(width * PANEL_HEIGHT / height), PANEL_HEIGHT)
    panels = [panels[index].resize(size, Image.Resampling.LANCZOS) for index in (0, 1, -1)]
    return joined(panels, axis=1)


def joined(images: list[Image.Image], axis: int) -> Image.Image:
    """Images side by side (axis 1) or below each other (axis 0), with a white gap between them."""
    sizes = np.array([(image.height, image.width) for image in images])
    full = sizes.max(axis=0)
    full[axis] = sizes[:, axis].sum() + GAP * (len(images) - 1)
    canvas = Image.new("RGB", (int(full[1]), int(full[0])), WHITE)
    corner = [0, 0]
    for image, size in zip(images, sizes, strict=True):
        canvas.paste(image, (corner[1], corner[0]))
        corner[axis] += int(size[axis]) + GAP
    return canvas


def main() -> None:
    predictor = Predictor.from_preset()
    rows = [row(predictor, photograph, clicks) for photograph, clicks in EXAMPLES.items()]
    PICTURE.parent.mkdir(exist_ok=True)
    joined(rows, axis=0).save(PICTURE, quality=JPEG_QUALITY, optimize=True)
    print(f"wrote {PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
