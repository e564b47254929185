"""Seconds of the graph cut on photographs of 1, 12 and 48 megapixels.

    python benchmarks/graph_cut.py [--beside CHECKOUT]

First the bundled photographs with the shipped preset's own probability after one click, which is
what a person waits for. Then worse ones than it gives: an ellipse over the cat plus smooth noise,
from "fairly sure" to "unsure everywhere". All are enlarged to the photograph's size, as a
`Predictor` does it. One thread. Prints processor seconds, the median of three cuts. With another
checkout of the package, such as the commit before, both take turns, and the table has their ratio
and the share of pixels on which their masks agree.
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
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.images.image_io import read_image

ROOT = Path(__file__).resolve().parent.parent
# Photograph → where it is clicked, as shares of its width and height.
CLICKED = {"cat": (0.49, 0.53), "astronaut": (0.45, 0.39), "coffee": (0.5, 0.5)}
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


def photograph(name: str, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB: a bundled one, enlarged."""
    image = read_image(ROOT / "examples" / f"{name}.jpg")
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def answered_probability(name: str, height: int, width: int) -> np.ndarray:
    """(height, width) float32: the shipped preset's after one click."""
    from fctsfn_tf import Predictor

    predictor = Predictor.from_preset()
    predictor.set_image(photograph(name, height, width))
    col, row = CLICKED[name]
    return predictor.add_click(round(col * width), round(row * height), 1).probability


def cut(name: str, probability_file: str, mask_file: str) -> None:
    """Print the seconds of one cut by the package that this process imports; keep its mask."""
    from fctsfn_tf.images.graph_cut import graph_cut

    cv2.setNumThreads(1)
    probability = np.load(probability_file)
    height, width = probability.shape
    image = photograph(name, height, width)
    col, row = CLICKED[name]
    clicks = [Click(round(row * height), round(col * width), True), Click(20, 20, False)]
    graph_cut(probability[:64, :64], image[:64, :64], clicks[1:])  # loads what it needs
    started = time.process_time()
    mask = graph_cut(probability, image, clicks)
    seconds = time.process_time() - started
    np.save(mask_file, np.packbits(mask))
    print(json.dumps(seconds))


def timed_cut(checkout: Path, name: str, probability_file: Path, mask_file: Path) -> float:
    """The seconds of one cut by a checkout, in a process of its own."""
    command = [sys.executable, __file__, "--cut", name, str(probability_file), str(mask_file)]
    variables = os.environ | {"PYTHONPATH": str(checkout)}
    return json.loads(subprocess.run(command, env=variables, check=True, stdout=-1).stdout)


def cases(height: int, width: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """What is cut at one size: photograph, name of the probability, probability."""
    for name in CLICKED:
        yield name, "the preset's", answered_probability(name, height, width)
    for kind, noise in NOISES.items():
        yield "cat", kind, noisy_probability(noise, height, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="of another version")
    parser.add_argument("--cut", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cut:
        cut(*arguments.cut)
        return
    checkouts = [ROOT, arguments.beside] if arguments.beside else [ROOT]
    columns = ["s", "s, other", "ratio", "masks agree"][: 1 if len(checkouts) == 1 else 4]
    print(f"| megapixels | photograph | probability | {' | '.join(columns)} |")
    print(f"|---:|---|---|{'---:|' * len(columns)}")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "probability.npy"
        masks = [Path(scratch) / f"mask{index}.npy" for index in range(len(checkouts))]
        for megapixels, size in SIZES.items():
            for name, kind, probability in cases(*size):
                np.save(file, probability)
                runs = [
                    [
                        timed_cut(checkout, name, file, mask)
                        for checkout, mask in zip(checkouts, masks, strict=True)
                    ]
                    for _ in range(RUNS)
                ]
                medians = [statistics.median(times) for times in zip(*runs, strict=True)]
                cells = [f"{median:.2f}" for median in medians]
                if arguments.beside:
                    ours, others = (np.unpackbits(np.load(mask)) for mask in masks)
                    cells += [f"{medians[0] / medians[1]:.2f}", f"{np.mean(ours == others):.4%}"]
                print(f"| {megapixels} | {name} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
