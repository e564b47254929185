"""What the evaluation itself costs: memory over many objects, and the robot user's time per click.

    python benchmarks/evaluation.py [--objects 10000]

Objects are made-up blobs, and a trivial segmenter answers, so that nearly all of the time and
memory is the evaluation's own. Memory is the process' resident set, with the results kept on disk
and in memory as in every run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.runner import evaluate

HEIGHT, WIDTH = 60, 80
CLICKS = 5
# Of the photographs whose clicks are timed: the usual size of GrabCut's and VOC's.
TIMED_HEIGHT, TIMED_WIDTH, TIMED_OBJECTS = 480, 640, 8


def blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A smooth region in the middle of an image, (H, W) bool."""
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), height / 12)
    rows, cols = np.mgrid[:height, :width]
    near = 1 - np.hypot((rows - height / 2) / height, (cols - width / 2) / width) * 3
    return noise / noise.std() * 0.3 + near > 0


def samples(count: int, height: int, width: int) -> Iterator[Sample]:
    """`count` made-up objects, each on an image of its own."""
    rng = np.random.default_rng(0)
    for index in range(count):
        gt_mask = blob(rng, height, width)
        image = np.zeros((height, width, 3), np.uint8)
        yield Sample(f"object {index}", image, gt_mask, np.zeros_like(gt_mask))


def discs(image: np.ndarray, clicks: tuple, previous: np.ndarray | None) -> np.ndarray:
    """Discs around the clicks, later ones on top: wrong everywhere, so that all clicks are made."""
    answer = np.zeros(image.shape[:2], np.float32)
    for click in clicks:
        cv2.circle(answer, click.pixel[::-1], image.shape[0] // 8, float(click.is_positive), -1)
    return answer


def resident_megabytes() -> float:
    """The process' resident set, from Linux' /proc."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=10_000)
    arguments = parser.parse_args()
    marks = {arguments.objects // 10, arguments.objects // 2, arguments.objects - 1}
    protocol = replace(PROTOCOLS["ritm"], max_clicks=CLICKS)

    def watched() -> Iterator[Sample]:
        for index, sample in enumerate(samples(arguments.objects, HEIGHT, WIDTH)):
            if index in marks:
                print(f"after {index + 1} objects: {resident_megabytes():.0f} MB", flush=True)
            yield sample

    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        output = Path(directory) / "results.json"
        results = evaluate(watched(), discs, protocol, data="blobs", model="discs", output=output)
        seconds = time.perf_counter() - started
        size = output.stat().st_size / 1e6
    print(f"{len(results.objects)} objects of {CLICKS} clicks: {seconds:.0f} s, file {size:.0f} MB")

    timed = [
        evaluate_object(discs, sample, protocol)
        for sample in samples(TIMED_OBJECTS, TIMED_HEIGHT, TIMED_WIDTH)
    ]
    clicks = sum(len(result.clicks) for result in timed)
    robot = 1000 * sum(result.robot_seconds for result in timed) / clicks
    print(f"robot user and measures at {TIMED_HEIGHT} × {TIMED_WIDTH}: {robot:.1f} ms per click")


if __name__ == "__main__":
    main()
