"""Set everything up and pass the tests: python3 scripts/test.py

1. ruff: no complaints, and every file formatted;
2. every test on TensorFlow, in the environment .venv;
3. the tests of the core on JAX, in .venv-jax, where TensorFlow is not installed.

Ends with "N passed, N failed, N skipped" over both runs, and with code 1 if anything failed. With
arguments it is pytest on TensorFlow alone: python3 scripts/test.py tests/test_clicks.py -k undo
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from environment import ROOT, clean_variables, prepare, program

# Each of these runs networks or the array code under them; the rest never meets the backend.
CORE_TESTS = [
    "tests/test_backends.py",
    "tests/test_checkpoints.py",
    "tests/test_click_maps.py",
    "tests/test_clicks.py",
    "tests/test_distribution.py",
    "tests/test_encode_once.py",
    "tests/test_fit.py",
    "tests/test_iterative_clicks.py",
    "tests/test_layers.py",
    "tests/test_losses.py",
    "tests/test_optimizers.py",
    "tests/test_package.py",
    "tests/test_predictor.py",
    "tests/test_streaming_metrics.py",
    "tests/test_training.py",
]


def main(arguments: list[str]) -> int:
    environment = prepare(".venv", ["run.txt", "test.txt"])
    python = program(environment, "python")
    if arguments:
        return run("tensorflow", python, "pytest", *arguments)

    codes = {
        "ruff check": run("tensorflow", python, "ruff", "check", "."),
        "ruff format": run("tensorflow", python, "ruff", "format", "--check", "."),
    }
    counts = Counter()
    codes["tests on TensorFlow"] = run_tests("tensorflow", python, [], counts)
    python = program(prepare(".venv-jax", ["jax.txt"]), "python")
    codes["tests on JAX"] = run_tests("jax", python, CORE_TESTS, counts)

    failures = [name for name, code in codes.items() if code != 0]
    print(f"\nfailed: {', '.join(failures)}" if failures else "\neverything passed")
    print("{passed} passed, {failed} failed, {skipped} skipped".format_map(counts))
    return 1 if failures else 0


def run_tests(backend: str, python: Path, tests: list[str], counts: Counter) -> int:
    """Run pytest on a backend of Keras, add to the counts and return its exit code."""
    print(f"\npytest on {backend}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        code = run(backend, python, "pytest", f"--junitxml={report}", *tests)
        if report.exists():
            counts.update(read_report(report))
    return code


def read_report(report: Path) -> dict[str, int]:
    """How many tests passed, failed and were skipped according to a JUnit XML file of pytest."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    number = {name: int(suite.get(name)) for name in ("tests", "errors", "failures", "skipped")}
    failed = number["failures"] + number["errors"]
    skipped = number["skipped"]
    return {"passed": number["tests"] - failed - skipped, "failed": failed, "skipped": skipped}


def run(backend: str, python: Path, module: str, *arguments: str) -> int:
    """Run a Python module in the root of the checkout and return its exit code."""
    variables = clean_variables(KERAS_BACKEND=backend)
    command = [python, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
