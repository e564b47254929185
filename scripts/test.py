"""Set everything up and pass the tests: python3 scripts/test.py

1. side by side: the environments .venv, .venv-jax (no TensorFlow), .venv-demo (the Space's) are
   made, and the tests of web/ run in Node and Chromium; where one of the two is missing, it says
   so and counts them as skipped;
2. ruff: no complaints, and every file formatted;
3. every test on TensorFlow, in .venv, file by file on all cores;
4. beside all that, as soon as .venv-jax is ready, the tests of the core on JAX.

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
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from environment import ROOT, clean_variables, prepare, program

WEB = ROOT / "web"
# Older ones lack what the tests of web/ use: JUnit reports, recursive readdir.
OLDEST_NODE = 20
# Each test process takes up to 2 GB.
MOST_PROCESSES = 4
CORES = os.cpu_count() or 1
PROCESSES = min(CORES, MOST_PROCESSES)
# Where several processes share the cores, each computes on its part of them.
THREADS = str(CORES // PROCESSES)
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

    counts = {name: Counter() for name in ("web", "tensorflow", "jax")}
    codes = {}
    with ThreadPoolExecutor() as pool, tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        environments = {
            name: pool.submit(prepare, name, locks) for name, locks in ENVIRONMENTS.items()
        }
        web = pool.submit(run_web_tests, counts["web"])
        jax = pool.submit(run_jax_tests, environments[".venv-jax"], counts["jax"], printed)
        python = program(environments[".venv"].result(), "python")
        codes["ruff check"] = run("tensorflow", python, "ruff", "check", ".")
        codes["ruff format"] = run("tensorflow", python, "ruff", "format", "--check", ".")
        environments[".venv-demo"].result()
        # Before the tests of the export, which compute with the packages that this installs.
        codes["tests of web/"] = web.result()
        print("\npytest on TensorFlow", flush=True)
        codes["tests on TensorFlow"] = run_tests(
            "tensorflow", python, [], PROCESSES, counts["tensorflow"]
        )
        codes["tests on JAX"] = jax.result()
        printed.seek(0)
        print(f"\npytest on JAX\n{printed.read()}")

    failures = [name for name, code in codes.items() if code != 0]
    print(f"\nfailed: {', '.join(failures)}" if failures else "\neverything passed")
    total = sum(counts.values(), Counter())
    print("{passed} passed, {failed} failed, {skipped} skipped".format_map(total))
    return 1 if failures else 0


def run_jax_tests(environment: Future[Path], counts: Counter, printed: TextIO) -> int:
    """Run pytest on JAX when its environment is ready, print to a file, return the exit code.

    With half as many processes as the other tests, which run beside it and are twice as long.
    """
    python = program(environment.result(), "python")
    return run_tests("jax", python, CORE_TESTS, max(1, PROCESSES // 2), counts, printed)


def run_tests(
    backend: str,
    python: Path,
    tests: list[str],
    processes: int,
    counts: Counter,
    printed: TextIO | None = None,
) -> int:
    """Run pytest on a backend of Keras, add to the counts and return its exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        # The files in the order of tests/conftest.py, not those with the most tests first.
        options = ["--numprocesses", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
        options += ["--durations", "15", "--durations-min", "5", f"--junitxml={report}"]
        variables = {"TF_NUM_INTRAOP_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}
        if backend == "jax":
            # A test makes a few steps, which take less than to compile them well; and processes
            # that compile the same leave it to each other.
            variables |= {
                "XLA_FLAGS": "--xla_backend_optimization_level=0",
                "JAX_COMPILATION_CACHE_DIR": str(Path(scratch) / "compiled"),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
        arguments = [*options, *tests]
        code = run(backend, python, "pytest", *arguments, printed=printed, **variables)
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


def run(
    backend: str,
    python: Path,
    module: str,
    *arguments: str,
    printed: TextIO | None = None,
    **variables: str,
) -> int:
    """Run a Python module in the root of the checkout and return its exit code."""
    environment = clean_variables(KERAS_BACKEND=backend, **variables)
    command = [python, "-m", module, *arguments]
    # Into `printed`, both in the order in which they come.
    streams = {} if printed is None else {"stdout": printed, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=ROOT, env=environment, **streams).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
