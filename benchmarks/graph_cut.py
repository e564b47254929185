"""Seconds of the graph cut on photographs of 1, 12 and 48 megapixels.

    python benchmarks/graph_cut.py [--beside CHECKOUT]

The probability is an ellipse over the bundled cat plus smooth noise, from "fairly sure" to "unsure
everywhere", at the size at which a network answers and enlarged, as a `Predictor` does it. One
thread. Prints processor seconds, the median of three cuts. With another checkout of the package,
such as the commit before, both take turns, and the table has their ratio and the share of pixels on
which their masks agree.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPH = ROOT / "examples" / "cat.jpg"
SIZES = {1: (816, 1224), 12: (3000, 4000), 48: (6000, 8000)}
# Of the network's answer.
HEIGHT, WIDTH = 288, 384
# Strength of the noise on the logits.
NOISES = {"fairly sure": 0.5, "noisy": 2.0, "unsure everywhere": 6.0}
RUNS = 3


def noisy_probability(noise: float, height: int, width: int) -> np.ndarray:
    """(height, width) float32: an ellipse with a soft rim, and smooth noise on its logits."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot((rows / HEIGHT - 0.5) / 0.4, (cols / WIDTH - 0.5) / 0.4)
    field = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)), (0, 0), 3)
    logits = 12 * (1 - radius) / (1 + 0.5 * noise) + noise * field / field.std()
    probability = (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)
    return cv2.resize(probability, (width, height))


def cut(megapixels: int, noise: str, mask_file: str) -> None:
    """Print the seconds of one cut by the package that this process imports; keep its mask."""
    from fctsfn_tf.clicks.click import Click
    from fctsfn_tf.images.graph_cut import graph_cut
    from fctsfn_tf.images.image_io import read_image

    cv2.setNumThreads(1)
    height, width = SIZES[megapixels]
    image = cv2.resize(read_image(PHOTOGRAPH), (width, height), interpolation=cv2.INTER_CUBIC)
    probability = noisy_probability(NOISES[noise], height, width)
    clicks = [Click(height // 2, width // 2, True), Click(20, 20, False)]
    graph_cut(probability[:64, :64], image[:64, :64], clicks[1:])  # loads what it needs
    started = time.process_time()
    mask = graph_cut(probability, image, clicks)
    seconds = time.process_time() - started
    np.save(mask_file, np.packbits(mask))
    print(json.dumps(seconds))


def timed_cut(checkout: Path, megapixels: int, noise: str, mask_file: Path) -> float:
    """The seconds of one cut by a checkout, in a process of its own."""
    command = [sys.executable, __file__, "--cut", str(megapixels), noise, str(mask_file)]
    variables = os.environ | {"PYTHONPATH": str(checkout)}
    return json.loads(subprocess.run(command, env=variables, check=True, stdout=-1).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="of another version")
    parser.add_argument("--cut", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cut:
        cut(int(arguments.cut[0]), *arguments.cut[1:])
        return
    checkouts = [ROOT, arguments.beside] if arguments.beside else [ROOT]
    names = ["s", "s, other", "ratio", "masks agree"][: 1 if len(checkouts) == 1 else 4]
    print(f"| megapixels | probability | {' | '.join(names)} |\n|---:|---|{'---:|' * len(names)}")
    with tempfile.TemporaryDirectory() as scratch:
        masks = [Path(scratch) / f"{index}.npy" for index in range(len(checkouts))]
        for megapixels in SIZES:
            for noise in NOISES:
                runs = [
                    [
                        timed_cut(checkout, megapixels, noise, mask)
                        for checkout, mask in zip(checkouts, masks, strict=True)
                    ]
                    for _ in range(RUNS)
                ]
                medians = [statistics.median(times) for times in zip(*runs, strict=True)]
                cells = [f"{median:.2f}" for median in medians]
                if arguments.beside:
                    ours, others = (np.unpackbits(np.load(mask)) for mask in masks)
                    cells += [f"{medians[0] / medians[1]:.2f}", f"{np.mean(ours == others):.4%}"]
                print(f"| {megapixels} | {noise} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
