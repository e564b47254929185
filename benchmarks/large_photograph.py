"""A JPEG photograph of 24 megapixels, from its file to the first mask.

    python benchmarks/large_photograph.py [--beside CHECKOUT]

In a process for each run: the preset is loaded and used once on the bundled cat, then the clock
starts: `set_image`, two clicks with their masks; then all of that in a second Predictor that cuts
the last mask. Prints processor seconds of each and the peak of the process' memory after it,
medians of three runs. With another checkout of the package, such as the commit before, both take
turns, and the table has their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPH = ROOT / "examples" / "cat.jpg"
HEIGHT, WIDTH = 4000, 6000
RUNS = 3


def write_photograph(path: str) -> None:
    """The cat, enlarged, with the noise of a camera, as a JPEG."""
    image = cv2.resize(np.asarray(Image.open(PHOTOGRAPH)), (WIDTH, HEIGHT))
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 1)).astype(np.float32)
    Image.fromarray((image + noise).clip(0, 255).astype(np.uint8)).save(path, quality=92)


def measure(photograph: str) -> None:
    """Print {step: [seconds, peak megabytes]} of the package that this process imports."""
    from fctsfn_tf import Predictor

    predictor = Predictor.from_preset()
    predictor.set_image(PHOTOGRAPH)
    predictor.add_click(220, 120, 1).mask  # noqa: B018 (loads what a mask needs)
    cutting = Predictor(predictor._engine, replace(predictor.config, graph_cut=True))
    points = [(WIDTH * 0.5, HEIGHT * 0.4), (WIDTH * 0.3, HEIGHT * 0.8)]

    def clicked_and_cut() -> None:
        cutting.set_image(photograph)
        cutting.predict(points, [1, 1]).mask  # noqa: B018

    steps = {
        "`set_image`": lambda: predictor.set_image(photograph),
        "first click and its mask": lambda: predictor.add_click(*points[0], 1).mask,
        "second click and its mask": lambda: predictor.add_click(*points[1], 1).mask,
        "anew: `set_image`, both clicks, a graph cut of the last": clicked_and_cut,
    }
    told = {}
    for name, step in steps.items():
        started = time.process_time()
        step()
        seconds = time.process_time() - started
        # Linux counts kilobytes, macOS bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        told[name] = [seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)]
    print(json.dumps(told))


def run(checkout: Path, photograph: Path) -> dict[str, list[float]]:
    """What `measure` says of a checkout."""
    command = [sys.executable, __file__, "--measure", str(photograph)]
    variables = os.environ | {"PYTHONPATH": str(checkout)}
    child = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return json.loads(child.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="of another version")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_photograph(arguments.write)
        return
    if arguments.measure:
        measure(arguments.measure)
        return
    checkouts = [ROOT, arguments.beside] if arguments.beside else [ROOT]
    with tempfile.TemporaryDirectory() as scratch:
        photograph = Path(scratch) / "photograph.jpg"
        # Not here: a process that is started begins with the peak of the one that starts it.
        subprocess.run([sys.executable, __file__, "--write", photograph], check=True)
        runs = [[run(checkout, photograph) for checkout in checkouts] for _ in range(RUNS)]
    names = ["s", "peak MB", "s, other", "peak MB, other", "ratio of s"]
    names = names if arguments.beside else names[:2]
    print(f"| | {' | '.join(names)} |\n|---|{'---:|' * len(names)}")
    for step in runs[0][0]:
        medians = [
            [statistics.median(of_run[index][step][which] for of_run in runs) for which in (0, 1)]
            for index in range(len(checkouts))
        ]
        cells = [f"{seconds:.2f} | {peak:.0f}" for seconds, peak in medians]
        if arguments.beside:
            cells.append(f"{medians[0][0] / medians[1][0]:.2f}")
        print(f"| {step} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
