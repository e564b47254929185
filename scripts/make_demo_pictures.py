"""The demo's first sight, made anew from the shipped preset: python scripts/make_demo_pictures.py

Chooses the clicks that the demo suggests on its examples and writes demo/examples.json; then starts
the demo, opens it in Chromium, makes those clicks and writes demo/thumbnail.jpg. Look at both, and
commit them together: a test compares the weights that they were made from with the preset's. Needs
`pip install '.[demo]' playwright` and Chromium; takes a minute.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from fctsfn_tf import Predictor
from fctsfn_tf.files import sha256_of
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.preset_files import preset_facts

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES_FILE = ROOT / "demo" / "examples.json"
PICTURE = ROOT / "demo" / "thumbnail.jpg"
# Photograph → what it shows, and a rough outline of the object, (x, y) in pixels.
OUTLINES = {
    "cat.jpg": (
        "a cat",
        [(42, 0), (398, 0), (377, 26), (370, 50), (356, 89), (364, 119), (344, 178), (318, 220),
         (320, 237), (356, 235), (386, 255), (388, 299), (0, 299), (0, 148), (30, 113), (32, 65)],
    ),
    "coffee.jpg": (
        "a cup of coffee",
        [(174, 100), (176, 85), (183, 66), (200, 45), (230, 27), (260, 19), (290, 18), (325, 22),
         (360, 38), (385, 55), (400, 77), (407, 100), (407, 118), (400, 150), (394, 180),
         (382, 205), (370, 225), (355, 238), (345, 242), (318, 250), (322, 258), (335, 262),
         (320, 275), (295, 284), (270, 284), (255, 280), (248, 295), (238, 300), (228, 306),
         (215, 305), (200, 298), (196, 285), (200, 268), (210, 250), (220, 235), (205, 220),
         (190, 195), (178, 165), (174, 130)],
    ),
    "astronaut.jpg": (
        "an astronaut",
        [(225, 17), (288, 42), (298, 105), (274, 141), (260, 183), (302, 239), (330, 260),
         (351, 295), (361, 349), (316, 368), (281, 422), (281, 511), (17, 511), (28, 422),
         (28, 366), (42, 281), (70, 239), (115, 211), (120, 169), (169, 148), (180, 134),
         (155, 84), (162, 49)],
    ),
}  # fmt: skip
GRID = 9  # first clicks that are tried, across and down
MIN_DEPTH = 8  # of a first click in the object, in pixels
MIN_ERROR_DEPTH = 4  # of a later one in a part of the mask that is wrong
MAX_CLICKS = 4
MIN_GAIN = 0.005  # of IoU, for another click to be worth it
WINDOW = {"width": 1280, "height": 720}
PICTURE_SIZE = (1000, 562)
JPEG_QUALITY = 84
SHOWN = "a cat"
START_SECONDS = 120


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    """Of two masks, bool (H, W)."""
    return float((mask & other).sum() / max(1, (mask | other).sum()))


def depth_in(mask: np.ndarray) -> np.ndarray:
    """How far each pixel of a mask, bool (H, W), lies from its edge."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]


def best_clicks(predictor: Predictor, outline: list) -> tuple[list[tuple[int, int, int]], float]:
    """Clicks (x, y, label) that find what lies within an outline, and the IoU that they reach."""
    height, width = predictor.image_size
    wanted = np.zeros((height, width), np.uint8)
    cv2.fillPoly(wanted, [np.array(outline, np.int32)], 1)
    wanted = wanted.astype(bool)

    def reached(clicks: list[tuple[int, int, int]]) -> tuple[float, np.ndarray]:
        predictor.reset()
        mask = predictor.predict([click[:2] for click in clicks], [c[2] for c in clicks]).mask
        return iou(mask, wanted), mask

    places = [
        (int((col + 0.5) * width / GRID), int((row + 0.5) * height / GRID))
        for row in range(GRID)
        for col in range(GRID)
    ]
    depth = depth_in(wanted)
    next_clicks = [(x, y, 1) for x, y in places if depth[y, x] >= MIN_DEPTH]
    clicks, best = [], 0.0
    while next_clicks and len(clicks) < MAX_CLICKS:
        more = max(([*clicks, click] for click in next_clicks), key=lambda more: reached(more)[0])
        found, mask = reached(more)
        if found < best + MIN_GAIN:
            break
        clicks, best = more, found
        next_clicks = corrections(mask, wanted)
    return clicks, best


def corrections(mask: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int, int]]:
    """Clicks (x, y, label), each in the middle of a part of a mask that is wrong."""
    clicks = []
    for label, errors in ((1, wanted & ~mask), (0, mask & ~wanted)):
        num_parts, parts = cv2.connectedComponents(errors.astype(np.uint8))
        depth = depth_in(errors)
        for part in range(1, num_parts):
            inside = np.where(parts == part, depth, 0)
            y, x = np.unravel_index(inside.argmax(), inside.shape)
            if inside[y, x] >= MIN_ERROR_DEPTH:
                clicks.append((int(x), int(y), label))
    return clicks


def chosen_examples() -> dict[str, dict]:
    """What demo/examples.json says of each photograph."""
    predictor = Predictor.from_preset()
    examples = {}
    for name, (what, outline) in OUTLINES.items():
        predictor.set_image(read_image(ROOT / "examples" / name))
        clicks, reached = best_clicks(predictor, outline)
        print(f"{name}: {len(clicks)} clicks, IoU {reached:.1%} with the rough outline: {clicks}")
        examples[name] = {"what": what, "clicks": clicks}
    return examples


def write_json(examples: dict[str, dict]) -> None:
    """demo/examples.json, with what it and the picture were made from."""
    content = {
        "weights_sha256": preset_facts().weights_sha256,
        "thumbnail_sha256": sha256_of(PICTURE),
        "examples": examples,
    }
    EXAMPLES_FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def screenshot(page: Page, url: str) -> Image.Image:
    """The page after the suggested clicks on an example."""
    page.goto(url)
    page.get_by_role("button", name=f"Example: {SHOWN}").click()
    suggested = page.get_by_role("button", name="Make the suggested click")
    page.wait_for_selector(".stage:visible")
    count = 0
    while suggested.is_visible():
        suggested.click()
        count += 1
        page.get_by_text(f"{count} click").wait_for()
        page.wait_for_function("() => !document.querySelector('.stage.busy')")
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def make_thumbnail() -> None:
    """demo/thumbnail.jpg."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, ROOT / "demo" / "app.py"]
    variables = {**os.environ, "GRADIO_SERVER_PORT": str(port), "PYTHONPATH": str(ROOT)}
    app = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)) != 0:
                if app.poll() is not None or time.monotonic() > until:
                    sys.exit("The demo did not start. Install it with `pip install '.[demo]'`.")
                time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            picture = screenshot(browser.new_page(viewport=WINDOW), f"http://127.0.0.1:{port}")
            browser.close()
    finally:
        app.terminate()
        app.wait()
    picture = picture.resize(PICTURE_SIZE, Image.Resampling.LANCZOS)
    picture.save(PICTURE, quality=JPEG_QUALITY, optimize=True)
    print(f"wrote demo/{PICTURE.name}: {PICTURE.stat().st_size // 1024} kB")


def main() -> None:
    examples = chosen_examples()
    write_json(examples)  # which the demo reads for the picture
    make_thumbnail()
    write_json(examples)


if __name__ == "__main__":
    main()
