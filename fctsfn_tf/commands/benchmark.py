"""`fctsfn benchmark`: what the networks cost, as a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.files import atomic_write, check_writable

# What the plots show beside the shipped preset: baselines by the name in the legend.
PLOTTED_METHODS = {
    "random walker": "rw",
    "OpenCV GrabCut": "grabcut",
    "geodesic star (GSC)": "gsc",
    "geodesic matting": "gm",
    "graph cut": "gc",
}
PLOTTED_SIZES = ((240, 320), (360, 480), (480, 640), (720, 960))
MAX_PLOTTED_CLICKS = 10


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn benchmark`."""
    parser = subparsers.add_parser(
        "benchmark",
        help="parameters, multiply-accumulates and seconds of the networks",
        description="Print what each network costs per image and per click.",
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="which ones (default: all)")
    parser.add_argument("--size", type=shared.size, metavar="HEIGHTxWIDTH", help="default: 240x320")
    parser.add_argument(
        "--runs",
        type=shared.count,
        metavar="N",
        help="timed runs; 0 computes without running (default: 3)",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also OpenCV's GrabCut, random walkers, a graph cut and KerasHub's SAM with random "
        "weights, as far as they are installed; and, from the shell to a mask, this program, "
        "GrabCut, rembg and SAM",
    )
    parser.add_argument(
        "--plots",
        type=Path,
        metavar="DIR",
        help="instead of the table: plot what a click costs against image size and against the "
        "number of clicks, for the shipped preset and classical methods",
    )
    parser.add_argument("--force", action="store_true", help="replace plots that exist")
    parser.set_defaults(run=_run_benchmark)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    if arguments.plots is not None:
        return _plot(arguments)
    shared.import_quietly()
    from fctsfn_tf.evaluation.benchmark.benchmark_table import benchmark_table
    from fctsfn_tf.evaluation.benchmark.peers import PEERS

    given: dict[str, object] = {"names": arguments.networks or None}
    if arguments.size is not None:
        given["height"], given["width"] = arguments.size
    if arguments.runs is not None:
        given["runs"] = arguments.runs
    if arguments.peers:
        given["peers"] = list(PEERS)
    print(benchmark_table(**given))
    if arguments.peers and arguments.runs != 0:
        print(f"\n{_from_the_shell(arguments)}")
    return shared.OK


def _from_the_shell(arguments: argparse.Namespace) -> str:
    from fctsfn_tf.evaluation.benchmark.benchmark_table import HEIGHT, RUNS, WIDTH
    from fctsfn_tf.evaluation.benchmark.shell_to_mask import shell_table

    return shell_table(*(arguments.size or (HEIGHT, WIDTH)), arguments.runs or RUNS)


def _plot(arguments: argparse.Namespace) -> int:
    files = [arguments.plots / f"cost_by_{name}.png" for name in ("size", "clicks")]
    for path in files:
        check_writable(path, arguments.force)
    shared.import_quietly()
    from fctsfn_tf.evaluation.benchmark.timing import cost_by_size_and_clicks
    from fctsfn_tf.evaluation.plots import lines
    from fctsfn_tf.evaluation.segmenters import Segmenter
    from fctsfn_tf.predict.preset_files import DEFAULT_PRESET

    methods = {DEFAULT_PRESET: DEFAULT_PRESET, **PLOTTED_METHODS}
    segments = {name: Segmenter(model).build()[1] for name, model in methods.items()}
    by_size, by_clicks = cost_by_size_and_clicks(segments, PLOTTED_SIZES, MAX_PLOTTED_CLICKS)
    megapixels = [height * width / 1e6 for height, width in PLOTTED_SIZES]
    pictures = (
        lines("A click against the size of the image", "Megapixels", megapixels, by_size),
        lines(
            "A click against the clicks before ({} × {} pixels)".format(*PLOTTED_SIZES[0]),
            "Number of clicks",
            range(1, MAX_PLOTTED_CLICKS + 1),
            by_clicks,
        ),
    )
    for path, picture in zip(files, pictures, strict=True):
        atomic_write(path, lambda file, picture=picture: file.write(picture), arguments.force)
        print(path)
    return shared.OK
