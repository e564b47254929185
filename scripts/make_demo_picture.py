"""Make the picture of the demo: python scripts/make_demo_picture.py http://127.0.0.1:7860

Opens the running demo in Chromium, makes the suggested clicks on an example and writes
demo/thumbnail.jpg. Needs `pip install playwright` and Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parent.parent / "demo" / "thumbnail.jpg"
WINDOW = {"width": 1280, "height": 860}
PICTURE_SIZE = (1000, 672)
JPEG_QUALITY = 82
EXAMPLE = "a cup of coffee"
NUM_CLICKS = 2
ANSWERED = "() => !document.querySelector('.stage.busy')"


def screenshot(url: str) -> Image.Image:
    """The page after the suggested clicks."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=WINDOW)
        page.goto(url)
        page.get_by_role("button", name=EXAMPLE).click()
        for count in range(NUM_CLICKS):
            page.get_by_role("button", name="Make the suggested click").click()
            page.get_by_text(f"{count + 1} click").wait_for()
            page.wait_for_function(ANSWERED)
        content = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(content)).convert("RGB")


def main() -> None:
    picture = screenshot(sys.argv[1]).resize(PICTURE_SIZE, Image.Resampling.LANCZOS)
    picture.save(PICTURE, quality=JPEG_QUALITY, optimize=True)
    print(f"wrote demo/{PICTURE.name}: {PICTURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
