"""What the demo adds to a click: python benchmarks/demo.py

Prints the seconds until `python demo/app.py` answers, until the first mask, and, per click on a
photograph of 1 megapixel, how much longer than the bare `Predictor` it takes

- to the server: carry out the click and make the answer, without Gradio;
- over HTTP: from sending the click to having the answer, with Gradio;
- in Chromium: from the click to the drawn mask (needs `pip install playwright` and Chromium).

All in one run, click by click in turn, so that a busy machine slows all of them alike. Needs
`pip install '.[demo]'`.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "demo"))
HEIGHT, WIDTH = 816, 1224
# (x, y, label) as shares of the photograph's sides: on and around the bundled cat.
CLICKS = [(0.49, 0.4, 1), (0.22, 0.87, 1), (0.95, 0.1, 0), (0.6, 0.7, 1), (0.05, 0.1, 0)] * 4
START_SECONDS = 300
# `clickTook` becomes the seconds from the next click of the mouse until the first frame with the
# new mask has been painted.
WATCH_CLICK = """() => {
  window.clickTook = new Promise((resolve) => {
    const started = new Promise((down) => addEventListener(
      "pointerup", () => down(performance.now()), { capture: true, once: true },
    ));
    const done = async () => resolve((performance.now() - await started) / 1000);
    new MutationObserver(() => requestAnimationFrame(() => setTimeout(done)))
      .observe(document.querySelector(".status"), { childList: true });
  });
}"""


def photograph(folder: Path) -> Path:
    """The bundled cat at 1 megapixel, as a file."""
    image = cv2.imread(str(ROOT / "examples" / "cat.jpg"))
    path = folder / "megapixel.jpg"
    cv2.imwrite(str(path), cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    return path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_seconds() -> tuple[float, float]:
    """Seconds from starting the program until its page answers, and of processor time until it was
    ended then, which says what a machine with nothing else to do would need at most."""
    port = free_port()
    variables = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    started = time.perf_counter()
    program = subprocess.Popen(
        [sys.executable, ROOT / "demo" / "app.py"],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < START_SECONDS:
            try:
                httpx.get(f"http://127.0.0.1:{port}/").raise_for_status()
                break
            except httpx.TransportError:
                if program.poll() is not None:
                    sys.exit("The demo did not start. Install it with `pip install '.[demo]'`.")
                time.sleep(0.1)
        else:
            sys.exit(f"The demo did not start within {START_SECONDS} s.")
        until_it_answers = time.perf_counter() - started
    finally:
        program.kill()
        program.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return until_it_answers, used.ru_utime + used.ru_stime


def seconds(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pixels(click: tuple[float, float, int]) -> tuple[int, int, int]:
    """A click of `CLICKS` as (x, y, label) in pixels."""
    return int(click[0] * WIDTH), int(click[1] * HEIGHT), click[2]


class OverHttp:
    """A visitor who sends what the page sends."""

    def __init__(self, url: str, name: str) -> None:
        self._key = name.rjust(16, "-")
        self._client = httpx.Client(base_url=url, timeout=300)
        components = self._client.get("/config").json()["components"]
        self._canvas = next(one["id"] for one in components if one["type"] == "html")
        self._photograph = None
        self._count = itertools.count()

    def open(self, path: Path) -> dict:
        """Send a file and open it."""
        name = f"{self._key}{path.suffix}"  # it is deleted once it is read
        with open(path, "rb") as file:
            sent = self._client.post("/gradio_api/upload", files={"files": (name, file)})
        opened = self.act({"action": "open", "path": sent.json()[0], "name": path.name})
        if opened["photograph"] is None:
            raise RuntimeError(opened["message"])
        self._photograph = opened["photograph"]["number"]
        return opened

    def click(self, click: tuple[int, int, int]) -> dict:
        """One click, (x, y, label) in pixels."""
        x, y, label = click
        return self.act({"action": "click", "x": x, "y": y, "label": label})

    def act(self, event: dict) -> dict:
        """Any event of the page; the answer as the page gets it."""
        event = {**event, "key": self._key, "photograph": self._photograph}
        event["id"] = f"{self._key} {next(self._count)}"
        answer = self.post(event)
        answer.raise_for_status()
        return answer.json()

    def post(self, data: object) -> httpx.Response:
        """Whatever the page might send."""
        body = {"component_id": self._canvas, "fn_name": "answer", "data": data}
        return self._client.post(
            "/gradio_api/component_server/", json={**body, "session_hash": self._key}
        )


class InChromium:
    """A visitor with a browser."""

    def __init__(self, url: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        self._page = self._browser.new_page(viewport={"width": 1280, "height": 900})
        self._page.goto(url)

    def open(self, path: Path) -> None:
        """Choose a file and wait until it is shown."""
        self._page.set_input_files("input.photo", str(path))
        self._page.wait_for_selector(".stage:not([hidden])")

    def click(self, click: tuple[float, float, int]) -> float:
        """Seconds until the mask after a click, given in shares of the sides, is drawn."""
        across, down, label = click
        self._page.evaluate(WATCH_CLICK)
        box = self._page.locator(".stage").bounding_box()
        self._page.mouse.click(
            box["x"] + across * box["width"],
            box["y"] + down * box["height"],
            button="left" if label else "right",
        )
        return self._page.evaluate("clickTook")

    def close(self) -> None:
        """End the browser."""
        self._browser.close()
        self._playwright.stop()


def measure(folder: Path) -> dict[str, list[float]]:
    """Seconds of every click of `CLICKS`, for the bare predictor and each way around it."""
    import app

    from fctsfn_tf.images.image_io import read_image

    path = photograph(folder)
    app.networks.warm_up(app.DEFAULT_PRESET)
    page = app.build().queue(api_open=False)
    _, url, _ = page.launch(
        prevent_thread_lock=True, quiet=True, server_port=free_port(), ssr_mode=False
    )
    bare = app.networks.predictor(app.DEFAULT_PRESET)
    visitor = OverHttp(url, "benchmark")
    visitor.open(path)
    with app.store.use("page benchmark server") as session:
        session.open(path)
        number = session.photograph.number
    bare.set_image(read_image(path))
    ways = {
        "bare predictor": lambda click: seconds(lambda: bare.add_click(*pixels(click))),
        "server": lambda click: seconds(lambda: app.answer(event_of(click, number))),
        "HTTP": lambda click: seconds(lambda: visitor.click(pixels(click))),
    }
    browser = InChromium(url) if shutil.which("chromium") else None
    if browser:
        browser.open(path)
        ways["Chromium"] = browser.click
    results = {name: [] for name in ways}
    for click in CLICKS:
        for name, way in ways.items():
            results[name].append(way(click))
    if browser:
        browser.close()
    page.close()
    return results


def event_of(click: tuple[float, float, int], photograph: int) -> dict:
    """A click as the page sends it."""
    x, y, label = pixels(click)
    event = {"action": "click", "x": x, "y": y, "label": label, "photograph": photograph}
    return {**event, "key": "benchmark server", "id": str(time.perf_counter())}


def main() -> None:
    start, processor = start_seconds()
    print(f"starts in {start:.1f} s, of which {processor:.1f} s of processor time", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        results = measure(Path(folder))
    print(f"first mask, over HTTP: {results['HTTP'][0]:.2f} s")
    print("| later clicks | median ms | ratio |\n|---|---:|---:|")
    bare = statistics.median(results["bare predictor"][1:])
    for name, times in results.items():
        median = statistics.median(times[1:])
        print(f"| {name} | {median * 1000:.0f} | {median / bare:.2f} |")


if __name__ == "__main__":
    main()
