"""Good and bad visitors at once: python benchmarks/demo_load.py

Starts the demo in a process of its own. Ten visitors have a session and a photograph of 24
megapixels each (the bundled cat, in a brightness of their own), open it and click six times: first
one after the other, then at once with a second of thought, then the same while bad visitors do what
they can, without a pause:

- requests of visitors without a photograph, each of another one;
- a million points in one request, to the page's and to the programs' address;
- files that are no photographs, sent and opened;
- events that are none.

Prints what came back, the median and 95th percentile of the seconds per click, and the most memory
that the process took. Every last mask is compared with the one that the visitor gets alone.

Needs `pip install '.[demo]'`; takes some minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import httpx
import numpy as np

from demo import CLICKS, ROOT, START_SECONDS, OverHttp, free_port

VISITORS = 10
CLICKS_EACH = 6
HEIGHT, WIDTH = 4000, 6000
THOUGHT_SECONDS = 1.0
MILLION_POINTS = b'{"data": [' + b"[1, 2], " * 1_000_000 + b"[1, 2]]}"


def photographs(folder: Path) -> list[Path]:
    """A photograph per visitor, each of another brightness."""
    cat = cv2.imread(str(ROOT / "examples" / "cat.jpg"))
    cat = cv2.resize(cat, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    paths = []
    for number in range(VISITORS):
        paths.append(folder / f"cat{number}.jpg")
        cv2.imwrite(str(paths[-1]), cv2.convertScaleAbs(cat, alpha=0.5 + 0.05 * number))
    return paths


def visit(url: str, name: str, path: Path, pause: float) -> tuple[list[float], str]:
    """Open and click; the seconds of opening and of every click, and the last mask as sent."""
    visitor = OverHttp(url, name)
    started = time.perf_counter()
    visitor.open(path)
    times = [time.perf_counter() - started]
    for across, down, label in CLICKS[:CLICKS_EACH]:
        time.sleep(pause)
        started = time.perf_counter()
        answer = visitor.click((int(across * WIDTH), int(down * HEIGHT), label))
        times.append(time.perf_counter() - started)
        if answer["message"]:
            raise RuntimeError(answer["message"])
    return times, answer["mask"]["data"]


def misbehave(url: str, number: int, until: threading.Event, answers: Counter) -> None:
    """One bad visitor, who counts the answers by their status."""
    client = httpx.Client(base_url=url, timeout=60)
    json_type = {"Content-Type": "application/json"}
    count = 0
    while not until.is_set():
        count += 1
        visitor = OverHttp(url, f"bad {number} {count}")
        deeds: list[Callable[[], httpx.Response]] = [
            lambda visitor=visitor, count=count: visitor.post(
                {"action": "look", "key": f"nobody {number} {count}".rjust(16, "-"), "id": "1"}
            ),
            lambda: client.post(
                "/gradio_api/component_server/", content=MILLION_POINTS, headers=json_type
            ),
            lambda: client.post(
                "/gradio_api/call/segment", content=MILLION_POINTS, headers=json_type
            ),
            lambda: client.post("/gradio_api/upload", files={"files": ("x.jpg", b"\xff\xd8no")}),
            lambda visitor=visitor: visitor.post([[["no event"]]] * 1000),
        ]
        for deed in deeds:
            try:
                answers[str(deed().status_code)] += 1
            except httpx.TransportError:  # the server hangs up on what is too long
                answers["hung up"] += 1


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


def report(name: str, results: list, errors: list, expected: list, memory: int) -> None:
    """One row of the table."""
    good = [result for result in results if result]
    if not good:
        sys.exit(f"{name}: nothing came back. The first error: {errors[0]!r}")
    clicks = [seconds for times, _ in good for seconds in times[1:]]
    middle, late = statistics.median(clicks), float(np.percentile(clicks, 95))
    opened = statistics.median(times[0] for times, _ in good)
    pairs = zip(results, expected, strict=True)
    wrong = sum(result is None or result[1] != alone[1] for result, alone in pairs)
    print(
        f"| {name} | {len(clicks)} | {len(errors)} | {wrong} | {opened:.2f} | {middle:.2f} | "
        f"{late:.2f} | {memory} |",
        flush=True,
    )


def wait_until_ready(url: str) -> None:
    """Return when the demo answers with a mask."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            visitor = OverHttp(url, "first")
            visitor.act({"action": "example", "name": "cat.jpg"})
            return
        except httpx.TransportError:
            time.sleep(0.2)
    sys.exit(f"The demo did not start within {START_SECONDS} s.")


def run(url: str, process: subprocess.Popen, paths: list[Path]) -> None:
    """Print the table."""
    started = time.perf_counter()
    wait_until_ready(url)
    print(f"the first visitor has a photograph open after {time.perf_counter() - started:.1f} s")
    print(f"memory with one visitor: {megabytes(process, 'VmRSS')} MB")
    print("| | clicks | errors | masks lost | open s | median s | 95 % s | MB at most |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")

    def visits(name: str) -> list[Callable[[], object]]:
        return [
            lambda path=path, number=number: visit(url, f"{name} {number}", path, THOUGHT_SECONDS)
            for number, path in enumerate(paths)
        ]

    alone = [visit(url, f"alone {number}", path, 0.0) for number, path in enumerate(paths)]
    report("one after the other", alone, [], alone, megabytes(process, "VmHWM"))
    results, errors = at_once(visits("together"))
    report("ten at once", results, errors, alone, megabytes(process, "VmHWM"))
    done, answers = threading.Event(), Counter()
    bad = [
        threading.Thread(target=misbehave, args=(url, number, done, answers)) for number in range(3)
    ]
    for thread in bad:
        thread.start()
    results, errors = at_once(visits("beside"))
    done.set()
    for thread in bad:
        thread.join()
    report(
        "ten at once, three bad ones beside", results, errors, alone, megabytes(process, "VmHWM")
    )
    print(f"the bad ones were answered: {dict(sorted(answers.items()))}")
    for error in errors[:3]:
        print(f"an error: {error!r:.200}")


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
