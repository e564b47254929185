"""Make the figures of docs/how_it_works.md from the shipped preset: python scripts/make_figures.py

Writes to docs/images/, each as an SVG with a ground of its own, so that it reads in the dark, too:
- encode_once.svg: what runs once per photograph, and what runs per click;
- two_streams.svg: two streams that are joined late, and what each of them sees;
- robot_user.svg: how a robot clicks in an evaluation, click by click;
- zooming_in.svg: the mask of a small object with and without zooming in.

Run it again after another preset, and look at all four; a test says when that is due.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fctsfn_tf import Click, Predictor, load_engine, read_image
from fctsfn_tf.clicks.click_maps import distance_maps
from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.evaluation.robot_user import next_click_ritm
from fctsfn_tf.files import atomic_write
from fctsfn_tf.predict.preset_files import preset_facts
from fctsfn_tf.predict.views import next_view, whole_view

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images"
# The weights that the figures were made with.
MADE_FROM = FOLDER / "make_figures.json"
CAT_CLICKS = [(200, 200, 1), (430, 60, 0)]  # x, y, label
# The cup with its saucer: two ellipses (centre x, y; radii), by eye.
CUP_AND_SAUCER = [((278, 222), (201, 166)), ((290, 110), (118, 92))]
ROBOT_CLICKS = 3
SPOON_CLICKS = [(355, 285), (350, 300)]
BLUE, ORANGE, GREEN, GREY, INK = "#3465a4", "#c4600a", "#00795a", "#8a8f98", "#1d2433"
IMAGE_PART, CLICK_PART = "#dbe7f7", "#fbe5d0"  # the grounds of what runs once, and per click
JPEG_QUALITY = 85


class Figure:
    """An SVG that is put together piece by piece; sizes and places in its pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, fill: str, text: str) -> None:
        """A rounded box with lines of text in its middle."""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" '
            f'stroke="{INK}" stroke-width="1.2"/>'
        )
        lines = text.split("\n")
        for number, line in enumerate(lines):
            down = y + height / 2 + 5 + 18 * (number - (len(lines) - 1) / 2)
            self.text(x + width / 2, down, line, middle=True)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        middle: bool = False,
        fill: str = INK,
        size: int = 14,
    ) -> None:
        """A line of text, from x on or around it."""
        anchor = "middle" if middle else "start"
        self._parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">'
            f"{text}</text>"
        )

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line through these points, with a head at its end."""
        path = " ".join(f"{x},{y}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.6" '
            'marker-end="url(#head)"/>'
        )

    def picture(self, x: float, y: float, width: int, image: np.ndarray) -> int:
        """A picture (H, W, 3) uint8 RGB of this width; returns the height it takes."""
        height = round(image.shape[0] * width / image.shape[1])
        # Twice as many pixels as the figure has, for screens that show them.
        way = cv2.INTER_AREA if image.shape[1] > 2 * width else cv2.INTER_CUBIC
        shown = Image.fromarray(cv2.resize(image, (2 * width, 2 * height), interpolation=way))
        stream = io.BytesIO()
        shown.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
        data = base64.b64encode(stream.getvalue()).decode()
        self._parts.append(
            f'<image x="{x}" y="{y}" width="{width}" height="{height}" '
            f'href="data:image/jpeg;base64,{data}"/>'
        )
        return height

    def save(self, path: Path) -> None:
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" role="img">\n'
            f"<title>{self._title}</title>\n"
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>'
            f'\n<rect width="{width}" height="{height}" rx="10" fill="#fff"/>\n'
        )
        text = head + "\n".join(self._parts) + "\n</svg>\n"
        atomic_write(path, lambda file: file.write(text.encode()), overwrite=True)
        print(f"wrote {path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


def with_mask(image: np.ndarray, mask: np.ndarray, clicks: list[Click]) -> np.ndarray:
    """The photograph, grey outside of the mask, with its clicks: + green, - red."""
    grey = image.mean(axis=-1, keepdims=True) * 0.35 + 150
    return with_clicks(np.where(mask[..., None], image, grey).astype(np.uint8), clicks)


def with_clicks(picture: np.ndarray, clicks: list[Click]) -> np.ndarray:
    picture = picture.copy()
    radius = max(4, round(picture.shape[1] / 40))
    for click in clicks:
        centre = (round(click.col), round(click.row))
        colour = (0, 150, 100) if click.is_positive else (200, 40, 40)
        cv2.circle(picture, centre, radius, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, centre, round(0.72 * radius), colour, -1, cv2.LINE_AA)
    return picture


def photograph(name: str) -> np.ndarray:
    return read_image(ROOT / "examples" / name)


def encode_once(predictor: Predictor) -> Figure:
    figure = Figure(860, 330, "The image part runs once per photograph, the click part per click")
    image = photograph("cat.jpg")
    predictor.set_image(image)
    figure.text(30, 34, "once per photograph", fill=BLUE, size=16)
    figure.picture(30, 50, 150, image)
    figure.arrow((184, 100), (222, 100))
    figure.box(225, 60, 150, 80, IMAGE_PART, "image part\n(most of the work)")
    figure.arrow((377, 100), (415, 100))
    figure.box(418, 60, 130, 80, IMAGE_PART, "features,\nkept")
    figure.text(30, 204, "per click", fill=ORANGE, size=16)
    figure.box(30, 220, 150, 80, CLICK_PART, "clicks so far and\nthe mask before")
    figure.arrow((184, 260), (332, 260))
    figure.box(335, 220, 150, 80, CLICK_PART, "click part\n(small)")
    figure.arrow((483, 142), (483, 180), (410, 180), (410, 217))
    figure.arrow((487, 260), (520, 260))
    clicks = []
    for number, (x, y, label) in enumerate(CAT_CLICKS):
        mask = predictor.add_click(x, y, label).mask
        clicks.append(Click(y, x, bool(label)))
        left = 525 + 165 * number
        figure.picture(left, 210, 155, with_mask(image, mask, clicks))
        figure.text(left, 204, f"after click {number + 1}")
    return figure


def two_streams() -> Figure:
    figure = Figure(860, 370, "An image stream and an interaction stream that are joined late")
    image = photograph("cat.jpg")
    clicks = [Click(y, x, bool(label)) for x, y, label in CAT_CLICKS]
    figure.text(20, 32, "image stream: sees no clicks", fill=BLUE, size=16)
    figure.picture(20, 46, 150, image)
    figure.text(20, 208, "interaction stream: sees no photograph", fill=ORANGE, size=16)
    maps = distance_maps(clicks, *image.shape[:2])
    for number in range(2):
        grey = np.repeat(maps[..., number, None], 3, axis=-1).astype(np.uint8)
        figure.picture(20 + 78 * number, 222, 74, with_clicks(grey, [clicks[number]]))
    figure.text(20, 292, "distances to positive", size=12)
    figure.text(20, 308, "and to negative clicks", size=12)
    for top, fill in ((60, IMAGE_PART), (220, CLICK_PART)):
        for block in range(4):
            height = 64 - 9 * block
            left = 205 + 74 * block
            y = top + 5 * block
            figure.box(left, y, 60, height, fill, f"block {block + 1}" if block < 4 else "")
            figure.arrow((left - 12 if block else 176, top + 32), (left - 2, top + 32))
    figure.arrow((487, 92), (530, 92), (530, 150))
    figure.arrow((487, 252), (530, 252), (530, 192))
    figure.box(500, 152, 60, 38, "#e6e6e6", "+")
    figure.arrow((562, 171), (590, 171))
    figure.box(593, 141, 110, 60, CLICK_PART, "fusion net,\nscores")
    figure.arrow((705, 171), (733, 171))
    figure.box(736, 141, 104, 60, CLICK_PART, "refining\n(MSRN)")
    figure.arrow((788, 203), (788, 240))
    figure.text(788, 258, "mask", middle=True)
    figure.text(500, 62, "late: once both have been understood", fill=GREY)
    figure.text(20, 350, "blue: once per photograph", fill=BLUE)
    figure.text(240, 350, "orange: per click", fill=ORANGE)
    return figure


def robot_user(predictor: Predictor) -> Figure:
    figure = Figure(860, 270, "A robot clicks in the middle of what is wrong")
    image = photograph("coffee.jpg")
    drawn = np.zeros(image.shape[:2], np.uint8)
    for centre, radii in CUP_AND_SAUCER:
        cv2.ellipse(drawn, centre, radii, 0, 0, 360, 1, -1)
    true_mask = drawn.astype(bool)
    predictor.set_image(image)
    mask, clicks = np.zeros_like(true_mask), []
    for number in range(ROBOT_CLICKS + 1):
        picture = (image * 0.35 + 150).astype(np.uint8)
        picture[mask & true_mask] = image[mask & true_mask]
        picture[true_mask & ~mask] = (120, 160, 220)
        picture[mask & ~true_mask] = (235, 140, 90)
        click = next_click_ritm(mask, true_mask, clicked=clicks)
        is_last = number == ROBOT_CLICKS
        left = 16 + 211 * number
        figure.picture(left, 44, 200, with_clicks(picture, [] if is_last else [click]))
        found = f"IoU {100 * iou(mask, true_mask):.0f} %" if number else "nothing yet"
        figure.text(left, 32, f"{number} clicks: {found}" if number != 1 else f"1 click: {found}")
        if not is_last:
            clicks.append(click)
            mask = predictor.add_click(click.col, click.row, int(click.is_positive)).mask
    figure.text(16, 206, "in colour: right", size=14)
    figure.text(150, 206, "blue: missed", fill=BLUE)
    figure.text(270, 206, "orange: wrongly taken in", fill=ORANGE)
    figure.text(
        16, 234, "The next click lies where an error is deepest: farthest from all that is right."
    )
    figure.text(
        16, 254, "Green on what was missed (positive), red on what was taken in (negative)."
    )
    return figure


def zooming_in() -> Figure:
    figure = Figure(860, 338, "The mask of a small object, seen whole and zoomed in")
    image = photograph("coffee.jpg")
    engine, config = load_engine()
    clicks = [Click(y, x, True) for x, y in SPOON_CLICKS]
    masks = {}
    for zoom_in in (False, True):
        predictor = Predictor(engine, replace(config, zoom_in=zoom_in))
        predictor.set_image(image)
        for x, y in SPOON_CLICKS[:-1]:
            known = predictor.add_click(x, y, 1).probability
        masks[zoom_in] = predictor.add_click(*SPOON_CLICKS[-1], 1).mask
    whole = whole_view(*image.shape[:2], config)
    view = next_view(whole, known, clicks, config)
    box = view.box
    framed = with_clicks(image, clicks)
    cv2.rectangle(framed, (box.left, box.top), (box.right, box.bottom), (255, 190, 60), 4)
    figure.text(16, 32, "the photograph, and the box around the spoon")
    figure.picture(16, 44, 390, framed)
    for left, zoom_in, said in ((424, False, "seen with the whole"), (640, True, "zoomed in")):
        figure.text(left, 32, said)
        figure.picture(left, 44, 204, with_mask(image, masks[zoom_in], [])[box.pixels])
    finer = (view.height / box.height) / (whole.height / whole.box.height)
    figure.text(16, 324, f"The network sees the box {finer:.1f} times finer than the photograph.")
    return figure


def main() -> None:
    predictor = Predictor.from_preset()
    FOLDER.mkdir(exist_ok=True)
    encode_once(predictor).save(FOLDER / "encode_once.svg")
    two_streams().save(FOLDER / "two_streams.svg")
    robot_user(predictor).save(FOLDER / "robot_user.svg")
    zooming_in().save(FOLDER / "zooming_in.svg")
    facts = {"weights_sha256": preset_facts().weights_sha256}
    MADE_FROM.write_text(json.dumps(facts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
