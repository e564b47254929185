"""Seconds of the graph cut on a photograph of 1 megapixel: python benchmarks/graph_cut.py

The probability is a blurred ellipse over the bundled cat plus smooth noise, from "fairly sure" to
"unsure everywhere". One thread; prints the median of five cuts beside the size of the uncertain
part.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, graph_cut
from fctsfn_tf.images.image_io import read_image

PHOTOGRAPH = Path(__file__).resolve().parent.parent / "examples" / "cat.jpg"
HEIGHT, WIDTH = 816, 1224
# Strength of the noise on the logits.
NOISES = {"fairly sure": 0.5, "noisy": 2.0, "unsure everywhere": 6.0}
RUNS = 5


def noisy_probability(noise: float, rng: np.random.Generator) -> np.ndarray:
    """(HEIGHT, WIDTH) float32: an ellipse with a soft rim, and smooth noise on its logits."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot((rows / HEIGHT - 0.5) / 0.4, (cols / WIDTH - 0.5) / 0.4)
    field = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)), (0, 0), 8)
    logits = 12 * (1 - radius) / (1 + 0.5 * noise) + noise * field / field.std()
    return (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)


def main() -> None:
    cv2.setNumThreads(1)
    image = cv2.resize(read_image(PHOTOGRAPH), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    clicks = [Click(HEIGHT // 2, WIDTH // 2, True), Click(20, 20, False)]
    confident = DEFAULT_PARAMETERS.confident
    print("| probability | uncertain pixels | median s | worst s |\n|---|---:|---:|---:|")
    for name, noise in NOISES.items():
        probability = noisy_probability(noise, np.random.default_rng(0))
        uncertain = np.mean((probability > 1 - confident) & (probability < confident))
        seconds = []
        for _ in range(RUNS):
            started = time.perf_counter()
            graph_cut(probability, image, clicks)
            seconds.append(time.perf_counter() - started)
        print(
            f"| {name} | {uncertain:.0%} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |"
        )


if __name__ == "__main__":
    main()
