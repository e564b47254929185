"""LiteRT beside Keras, in turn: python benchmarks/engines.py

Whole runs of `fctsfn segment` on the bundled cat, from the shell to the files: seconds, processor
seconds, peak memory. Then, in a process for each, clicks on the open photograph: processor seconds
a click, after the first one. Prints medians and the ratios of each pair's medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fctsfn_tf.predict.preset_engine import ENGINES

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPH = ROOT / "examples" / "cat.jpg"
CLICKS = ["--positive", "220,120", "--positive", "100,260"]
ROWS = {
    "shell to files, s": "wall",
    "processor, s": "processor",
    "peak memory, MB": "memory",
    "a click, processor ms": "click",
}
NUM_CLICKS = 20


def whole_run(engine: str, directory: str) -> dict[str, float]:
    """What one `fctsfn segment` costs."""
    command = [sys.executable, "-m", "fctsfn_tf", "segment", PHOTOGRAPH, *CLICKS]
    command += ["--output", directory, "--force", "--engine", engine]
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"fctsfn segment --engine {engine} failed")
    # Linux counts kilobytes, macOS bytes.
    megabyte = 1e6 if sys.platform == "darwin" else 1e3
    return {
        "wall": time.perf_counter() - started,
        "processor": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / megabyte,
    }


def click_milliseconds(engine: str) -> float:
    """Processor milliseconds of a click, measured in a process of its own."""
    command = [sys.executable, __file__, "--clicks", engine]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout)


def print_clicks(engine: str) -> None:
    """Print the median of the clicks' processor milliseconds in this process."""
    from fctsfn_tf import Predictor

    predictor = Predictor.from_preset(engine=engine)
    predictor.set_image(PHOTOGRAPH)
    predictor.add_click(220, 120, 1)
    milliseconds = []
    for number in range(NUM_CLICKS):
        started = resource.getrusage(resource.RUSAGE_SELF)
        predictor.add_click(150 + 5 * number, 200, 1)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        used = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
        milliseconds.append(1e3 * used)
    print(statistics.median(milliseconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of each (default: 5)")
    parser.add_argument("--clicks", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.clicks:
        print_clicks(arguments.clicks)
        return
    found: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(arguments.runs):
            for engine, runs in found.items():
                runs.append(whole_run(engine, directory) | {"click": click_milliseconds(engine)})
    print("| | litert | keras | ratio |\n|---|---:|---:|---:|")
    for title, key in ROWS.items():
        litert, keras = (statistics.median(run[key] for run in found[engine]) for engine in ENGINES)
        print(f"| {title} | {litert:.3g} | {keras:.3g} | {litert / keras:.2f} |")


if __name__ == "__main__":
    main()
