"""Set everything up and pass the tests: python3 scripts/test.py

1. side by side: the environments .venv, .venv-jax (no TensorFlow), .venv-demo (the Space's) are
   made, and the tests of web/ run in Node and Chromium; where one of the two is missing, it says
   so and counts them as skipped;
2. ruff: no complaints, and every file formatted;
3. every test on TensorFlow, in .venv, file by file on all cores;
4. the tests of the core on JAX, in .venv-jax.

Names the slowest tests with their seconds and ends with "N passed, N failed, N skipped" over all
runs, and with code 1 if anything failed. With arguments it is pytest on TensorFlow alone:
python3 scripts/test.py tests/clicks -k undo
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from environment import ROOT, clean_variables, prepare, program

WEB = ROOT / "web"
# Older ones lack what the tests of web/ use: JUnit reports, recursive readdir.
OLDEST_NODE = 20
# Each test process takes up to 2 GB.
MOST_PROCESSES = 4
ENVIRONMENTS = {
    ".venv": ["run.txt", "test.txt"],
    ".venv-jax": ["jax.txt"],
    ".venv-demo": ["../demo/requirements.txt"],
}
# Each of these runs networks or the array code under them; the rest never meets the backend.
CORE_TESTS = [
    "tests/clicks/test_click.py",
    "tests/clicks/test_click_maps.py",
    "tests/house/test_backends.py",
    "tests/house/test_package.py",
    "tests/networks/test_encode_once.py",
    "tests/networks/test_layers.py",
    "tests/predict/test_keras_engine.py",
    "tests/predict/test_predictor.py",
    "tests/training",
]


def main(arguments: list[str]) -> int:
    if arguments:
        environment = prepare(".venv", ENVIRONMENTS[".venv"])
        return run("tensorflow", program(environment, "python"), "pytest", *arguments)

    counts = Counter()
    codes = {}
    with ThreadPoolExecutor() as pool:
        web = pool.submit(run_web_tests, counts)
        pythons = {
            name: program(directory, "python")
            for name, directory in zip(
                ENVIRONMENTS, pool.map(prepare, ENVIRONMENTS, ENVIRONMENTS.values()), strict=True
            )
        }
        # Before the tests of the export, which compute with the packages that this installs.
        codes["tests of web/"] = web.result()
    python = pythons[".venv"]
    codes["ruff check"] = run("tensorflow", python, "ruff", "check", ".")
    codes["ruff format"] = run("tensorflow", python, "ruff", "format", "--check", ".")
    codes["tests on TensorFlow"] = run_tests("tensorflow", python, [], counts)
    codes["tests on JAX"] = run_tests("jax", pythons[".venv-jax"], CORE_TESTS, counts)

    failures = [name for name, code in codes.items() if code != 0]
    print(f"\nfailed: {', '.join(failures)}" if failures else "\neverything passed")
    print("{passed} passed, {failed} failed, {skipped} skipped".format_map(counts))
    return 1 if failures else 0


def run_tests(backend: str, python: Path, tests: list[str], counts: Counter) -> int:
    """Run pytest on a backend of Keras, add to the counts and return its exit code."""
    print(f"\npytest on {backend}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        processes = min(os.cpu_count() or 1, MOST_PROCESSES)
        options = ["--numprocesses", str(processes), "--dist", "loadfile"]
        options += ["--durations", "15", "--durations-min", "5", f"--junitxml={report}"]
        code = run(backend, python, "pytest", *options, *tests, processes=processes)
        if report.exists():
            counts.update(read_report(report))
    return code


def run_web_tests(counts: Counter) -> int:
    """Install the packages of web/ if need be, run `npm test` there, add to the counts."""
    npm = shutil.which("npm")
    version = node_version()
    print("\nnpm test in web/", flush=True)
    if npm is None or version < OLDEST_NODE:
        found = f"Node {version}" if version else "no Node"
        print(f"It needs Node {OLDEST_NODE} with npm; there is {found}: the tests are skipped.")
        counts["skipped"] += 1
        return 0
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".lock-sha256"
    if not stamp.is_file() or stamp.read_text() != lock:
        if code := subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=WEB).returncode:
            return code
        stamp.write_text(lock)
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        code = subprocess.run([npm, "test", "--", report], cwd=WEB).returncode
        if report.exists():
            counts.update(read_report(report))
    return code


def node_version() -> int:
    """The major version of Node; 0 where there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    answer = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    match = re.match(r"v(\d+)\.", answer)
    return int(match.group(1)) if match else 0


def read_report(report: Path) -> Counter:
    """How many tests passed, failed and were skipped according to a JUnit XML file."""
    counts = Counter(passed=0, failed=0, skipped=0)
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            counts["failed"] += 1
        elif "skipped" in kinds:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def run(backend: str, python: Path, module: str, *arguments: str, processes: int = 1) -> int:
    """Run a Python module in the root of the checkout and return its exit code."""
    variables = clean_variables(KERAS_BACKEND=backend)
    # Where several processes share the cores, each computes on its part of them.
    threads = max(1, (os.cpu_count() or 1) // processes)
    variables |= {"TF_NUM_INTRAOP_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    if backend == "jax":
        # A test makes a few steps, which take less than to compile them well.
        variables["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    command = [python, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
