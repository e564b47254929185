"""Ten people at once: python benchmarks/demo_load.py

Starts the demo in a process of its own. Every visitor has a session and a photograph (the bundled
cat at 1 megapixel, in a brightness of their own), opens it and clicks ten times; once without a
pause between the answer and the next click, and once with a second of thought. Then ten programs
call /segment. Prints what came back, the median and 95th percentile of the seconds per click, and
the memory of the process. Every mask is compared with the one that the visitor gets alone.

Needs `pip install '.[demo]'`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from gradio_client import Client, handle_file

from demo import CLICKS, HEIGHT, ROOT, START_SECONDS, WIDTH, OverHttp, free_port, pixels

VISITORS = 10
CLICKS_EACH = 10
THOUGHT_SECONDS = {"without a pause": 0.0, "with a second of thought": 1.0}


def photographs(folder: Path) -> list[Path]:
    """A photograph per visitor, each of another brightness."""
    cat = cv2.imread(str(ROOT / "examples" / "cat.jpg"))
    cat = cv2.resize(cat, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    paths = []
    for number in range(VISITORS):
        paths.append(folder / f"cat{number}.jpg")
        cv2.imwrite(str(paths[-1]), (cat * (0.5 + 0.05 * number)).astype(np.uint8))
    return paths


def visit(url: str, session: str, path: Path, pause: float) -> tuple[list[float], str]:
    """Open and click; the seconds of opening and of every click, and the last mask as sent."""
    visitor = OverHttp(url, session)
    started = time.perf_counter()
    visitor.open(path)
    times = [time.perf_counter() - started]
    for click in CLICKS[:CLICKS_EACH]:
        time.sleep(pause)
        started = time.perf_counter()
        answer = visitor.click(pixels(click))
        times.append(time.perf_counter() - started)
        if answer["message"]:
            raise RuntimeError(answer["message"])
    return times, answer["mask"]


def call(url: str, path: Path) -> list[float]:
    """The seconds of one call of /segment with all clicks."""
    client = Client(url, verbose=False)
    clicks = [pixels(click) for click in CLICKS[:CLICKS_EACH]]
    points, labels = [click[:2] for click in clicks], [click[2] for click in clicks]
    started = time.perf_counter()
    client.predict(handle_file(str(path)), points, labels, api_name="/segment")
    return [time.perf_counter() - started]


def at_once(works: list[Callable[[], object]]) -> tuple[list, list[BaseException]]:
    """Results and errors of calls that begin together, each in a thread."""
    results, errors = [None] * len(works), []

    def run(number: int) -> None:
        try:
            results[number] = works[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, errors


def megabytes(process: subprocess.Popen, kind: str) -> int:
    """Memory of a process on Linux: "VmRSS" now, "VmHWM" at most."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) // 1024


def report(name: str, times: list[float], errors: list, memory: int) -> None:
    """One row of the table."""
    if not times:
        sys.exit(f"{name}: nothing came back. The first error: {errors[0]!r}")
    middle = statistics.median(times)
    late = float(np.percentile(times, 95))
    print(f"| {name} | {len(times)} | {len(errors)} | {middle:.2f} | {late:.2f} | {memory} |")


def wait_until_ready(url: str) -> None:
    """Return when the demo answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            OverHttp(url, "first").act({"action": "example", "name": "cat.jpg"})
            return
        except OSError:
            time.sleep(0.2)
        except Exception as error:
            if "Connect" not in type(error).__name__:
                raise
            time.sleep(0.2)
    sys.exit(f"The demo did not start within {START_SECONDS} s.")


def run(url: str, process: subprocess.Popen, paths: list[Path]) -> None:
    """Print the table."""
    wait_until_ready(url)
    memory = megabytes(process, "VmRSS")
    print(f"memory with one visitor: {memory} MB")
    print("| | answers | errors | median s | 95 % s | MB at most |\n|---|---:|---:|---:|---:|---:|")
    alone = [visit(url, f"alone {number}", path, 0.0) for number, path in enumerate(paths)]
    clicks = [seconds for times, _ in alone for seconds in times[1:]]
    report("one after the other", clicks, [], megabytes(process, "VmHWM"))
    wrong = 0
    for name, pause in THOUGHT_SECONDS.items():
        results, errors = at_once(
            [
                lambda path=path, number=number: visit(url, f"{name} {number}", path, pause)  # noqa: B023
                for number, path in enumerate(paths)
            ]
        )
        good = [result for result in results if result]
        clicks = [seconds for times, _ in good for seconds in times[1:]]
        report(f"ten at once, {name}", clicks, errors, megabytes(process, "VmHWM"))
        wrong += sum(
            result is not None and result[1] != expected[1]
            for result, expected in zip(results, alone, strict=True)
        )
    results, errors = at_once([lambda path=path: call(url, path) for path in paths])
    calls = [seconds for result in results if result for seconds in result]
    report("ten programs, all clicks in one call", calls, errors, megabytes(process, "VmHWM"))
    print(f"masks that differ from those alone: {wrong}")


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        paths = photographs(Path(folder))
        variables = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": folder}
        process = subprocess.Popen(
            [sys.executable, ROOT / "demo" / "app.py"],
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            run(f"http://127.0.0.1:{port}", process, paths)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
