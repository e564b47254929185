"""Compares `simulation.paper_clicks` with click sets that the paper's authors trained on.

    python scripts/compare_click_statistics.py VOC2012_DIR reference_clicks.json \
        --output docs/images/click_statistics.png

VOC2012_DIR holds labels/ of Pascal VOC 2012 train, one id per object, longer side 384 pixels.
reference_clicks.json is a list of {"image", "mask": "<image>_<object id>", "positive": [[x, y],
...], "negative": ..., "strategy": 1 to 3} in pixels of the original photographs; an image whose
name ends in "_f" is mirrored left to right.

With --statistics FILE it also writes the authors' distributions as JSON, so that the tests can hold
`paper_clicks` against them without the click sets (tests/golden/click_statistics.json).

Prints a Markdown table: quantiles of the authors' clicks and of ours on the same objects, and the
Kolmogorov–Smirnov distance. Label maps are scaled back to the photographs' size, so their outlines
are off by a pixel or two; "KS ± 1.5 px" is the distance that is left when the one curve may be
shifted by as much. Needs Matplotlib. Time: half a minute on one core.

Measured with 1,470 of the 1,500 sets (the objects of the others are not in the label maps, or do
not fit): KS ± 1.5 px of distances to boundaries at most 0.027, of gaps at most 0.065; KS of counts
at most 0.066, and 0.100 for strategy 2 per other object, where the sets are few.

What the click sets show beyond the text is said at `recipes.PaperClicksConfig`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, check_writable
from fctsfn_tf.training.simulation import paper_clicks

# Longer side of the label maps, and of nearly all photographs of Pascal VOC 2012, in pixels.
LABEL_SIDE, PHOTOGRAPH_SIDE = 384, 500
# A click farther than this off its object says that the photograph was of another size.
MISFIT = 3.0
# How far a scaled outline may be off, in pixels.
SLACK = 1.5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Of the distributions that --statistics writes: every 2 %.
KEPT_QUANTILES = np.linspace(0, 1, 51)
# Everything that is compared: (key, what it says on the axis, is it a distance).
STATISTICS = (
    ("positives", "positive clicks per set", False),
    ("positive depth", "positive click to the object's boundary, pixels", True),
    ("positive gap", "positive click to the nearest other one, pixels", True),
    ("negatives", "negative clicks per set (strategy 2: per other object)", False),
    ("negative distance", "negative click to its boundary, pixels", True),
    ("negative gap", "negative click to the nearest other one, pixels", True),
)
# Orange and blue of Okabe and Ito, told apart by colour-blind people; the lines differ as well.
THEIR_STYLE = {"color": "#D55E00", "linewidth": 3, "alpha": 0.6, "label": "the authors'"}
OUR_STYLE = {"color": "#0072B2", "linewidth": 1.2, "linestyle": "--", "label": "paper_clicks"}

# {(statistic, strategy): values}
Values = dict[tuple[str, int], list[float]]


def read_reference(path: Path) -> list[dict]:
    """The click sets of a file (see the module).

    Raises:
        InputError: no such file, or not a list of click sets.
    """
    try:
        reference = json.loads(path.read_text(encoding="utf-8"))
        reference[0]["strategy"], reference[0]["mask"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path} must be a JSON list of click sets, each with image, mask, positive, negative "
            f"and strategy. Received {type(error).__name__}."
        ) from None
    return reference


def original_labels(data: Path, image: str) -> np.ndarray | None:
    """The label map of a (mirrored) photograph at the photograph's size; None where it is not."""
    path = data / "labels" / f"{image.removesuffix('_f')}.png"
    if not path.exists():
        return None
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image.endswith("_f"):
        labels = np.ascontiguousarray(labels[:, ::-1])
    if max(labels.shape) != LABEL_SIDE:  # smaller photographs were left as they are
        return labels
    height, width = (round(side * PHOTOGRAPH_SIDE / LABEL_SIDE) for side in labels.shape)
    return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def measure(
    data: Path, reference: list[dict], rng: np.random.Generator
) -> tuple[Values, Values, int]:
    """Statistics of the reference and of `paper_clicks` on the same objects, and sets left out.

    Left out are sets whose object is not in `data`, or whose clicks do not fit its outline.
    """
    theirs, ours = defaultdict(list), defaultdict(list)
    num_left_out = 0
    for entry in reference:
        labels = original_labels(data, entry["image"])
        number = int(entry["mask"].rpartition("_")[2])
        clicks = [Click(y, x, True) for x, y in entry["positive"]]
        clicks += [Click(y, x, False) for x, y in entry["negative"]]
        if labels is None or not _fits(labels == number, clicks):
            num_left_out += 1
            continue
        gt_mask, strategy = labels == number, entry["strategy"]
        others = [labels == other for other in np.unique(labels) if other not in (0, number)]
        drawn = paper_clicks(gt_mask, others, strategy, rng)
        for values, chosen in ((theirs, clicks), (ours, drawn)):
            for name, found in _statistics(gt_mask, others, chosen, strategy):
                values[name, strategy] += found
    return theirs, ours, num_left_out


def ks_distance(first: list[float], second: list[float], slack: float = 0.0) -> float:
    """Largest gap between the two distribution functions, either shifted by up to `slack`."""
    one, other = np.sort(first), np.sort(second)

    def rises_above(low: np.ndarray, high: np.ndarray) -> float:
        share = np.arange(1, len(low) + 1) / len(low)
        # A hair more, so that equal values stay equal where both were computed in floating point.
        reached = np.searchsorted(high, low + slack + 1e-6, side="right") / len(high)
        return float((share - reached).max())

    return max(rises_above(one, other), rises_above(other, one), 0.0)


def markdown(theirs: Values, ours: Values) -> str:
    """The table: a row per statistic and strategy."""
    lines = [
        "| strategy | statistic | theirs: n, 5, 25, 50, 75, 95 % | ours | KS | KS ± 1.5 px |",
        "|---|---|---|---|---|---|",
    ]
    for strategy in (1, 2, 3):
        for name, text, is_distance in STATISTICS:
            pair = theirs[name, strategy], ours[name, strategy]
            shown = [
                f"{len(values)}: " + " ".join(f"{q:.1f}" for q in np.quantile(values, QUANTILES))
                for values in pair
            ]
            slack = f"{ks_distance(*pair, SLACK):.3f}" if is_distance else "–"
            lines.append(
                f"| {strategy} | {text} | {shown[0]} | {shown[1]} | {ks_distance(*pair):.3f} "
                f"| {slack} |"
            )
    return "\n".join(lines)


def distilled(values: Values) -> bytes:
    """JSON: {statistic: {strategy: [its quantiles at `KEPT_QUANTILES`]}}."""
    content: dict[str, dict[str, list[float]]] = {}
    for (name, strategy), found in sorted(values.items()):
        # Of numbers that occur, so that counts stay whole.
        quantiles = np.quantile(found, KEPT_QUANTILES, method="inverted_cdf")
        content.setdefault(name, {})[str(strategy)] = [round(float(q), 1) for q in quantiles]
    lines = [
        f'"{name}": {{\n'
        + ",\n".join(f'  "{strategy}": {numbers}' for strategy, numbers in rows.items())
        + "\n}"
        for name, rows in content.items()
    ]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def plot(theirs: Values, ours: Values) -> bytes:
    """A PNG of the distribution functions, a row per statistic and a column per strategy.

    Raises:
        InputError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("Plots need Matplotlib. Install it with: pip install matplotlib") from None
    figure = Figure(figsize=(11, 15), layout="constrained")
    axes = figure.subplots(len(STATISTICS), 3, sharey=True)
    for row, (name, text, is_distance) in zip(axes, STATISTICS, strict=True):
        every = [value for strategy in (1, 2, 3) for value in theirs[name, strategy]]
        first, last = (0, np.quantile(every, 0.98)) if is_distance else (-0.5, max(every) + 0.5)
        for strategy, axis in enumerate(row, start=1):
            for values, style in ((theirs, THEIR_STYLE), (ours, OUR_STYLE)):
                axis.ecdf(values[name, strategy], **style)
            axis.set(xlabel=text, xlim=(first, last), ylim=(0, 1))
            axis.xaxis.label.set_fontsize("small")
            axis.grid(alpha=0.3)
        row[0].set_ylabel("share of clicks" if is_distance else "share of sets")
    for strategy, axis in enumerate(axes[0], start=1):
        axis.set_title(f"strategy {strategy}")
    axes[0, 0].legend()
    file = BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()


def _fits(gt_mask: np.ndarray, clicks: list[Click]) -> bool:
    if not gt_mask.any():
        return False
    distance = _distance_to(gt_mask)
    height, width = gt_mask.shape
    return all(
        click.row < height
        and click.col < width
        and (not click.is_positive or distance[click.row, click.col] <= MISFIT)
        for click in clicks
    )


def _statistics(
    gt_mask: np.ndarray, others: list[np.ndarray], clicks: list[Click], strategy: int
) -> list[tuple[str, list[float]]]:
    """(name, values) of every statistic of one set of clicks."""
    positives, negatives = (
        np.array([click.pixel for click in clicks if click.is_positive == sign], int).reshape(-1, 2)
        for sign in (True, False)
    )
    found = [
        ("positives", [float(len(positives))]),
        ("positive depth", _at(_distance_to(~gt_mask), positives)),
        ("positive gap", _gaps(positives)),
    ]
    if strategy != 2:
        groups, distances = [negatives], [_distance_to(gt_mask)]
    else:
        # The label maps lack some of the objects that the authors clicked on: only clicks on those
        # that they have can be counted.
        groups = [negatives[mask[negatives[:, 0], negatives[:, 1]]] for mask in others]
        distances = [_distance_to(~mask) for mask in others]
    for group, distance in zip(groups, distances, strict=True):
        found.append(("negatives", [float(len(group))]))
        found.append(("negative distance", _at(distance, group)))
        found.append(("negative gap", _gaps(group)))
    return found


def _distance_to(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32: distance in pixels to the nearest pixel of the mask, which has some."""
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _at(distance: np.ndarray, pixels: np.ndarray) -> list[float]:
    return distance[pixels[:, 0], pixels[:, 1]].tolist()


def _gaps(pixels: np.ndarray) -> list[float]:
    """From each click to the nearest other one; nothing for a single click."""
    if len(pixels) < 2:
        return []
    gaps = np.linalg.norm(pixels[:, None] - pixels[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return gaps.min(axis=1).tolist()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="directory with labels/")
    parser.add_argument("reference", type=Path, help="JSON file of click sets")
    parser.add_argument("--output", type=Path, required=True, help="PNG file of the plots")
    parser.add_argument("--statistics", type=Path, help="JSON file of the authors' distributions")
    parser.add_argument("--force", action="store_true", help="overwrite the outputs")
    options = parser.parse_args(arguments)
    try:
        outputs = [path for path in (options.output, options.statistics) if path]
        for path in outputs:
            check_writable(path, options.force)
        reference = read_reference(options.reference)
        theirs, ours, left_out = measure(options.data, reference, np.random.default_rng(0))
        if left_out == len(reference):
            raise InputError(f"{options.data} must hold labels/ of the clicked objects.")
        for path, content in zip(outputs, (plot(theirs, ours), distilled(theirs)), strict=False):
            atomic_write(path, lambda file, content=content: file.write(content), options.force)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(reference) - left_out} click sets compared, {left_out} left out.\n")
    print(markdown(theirs, ours))
    return 0


if __name__ == "__main__":
    sys.exit(main())
