"""Build what a release consists of and try each part where nothing else is installed.

    python3 scripts/check_release.py            # the wheel, the npm tarball and the Space
    python3 scripts/check_release.py wheel      # one of: wheel npm space

- wheel: `python -m build` and `twine check`, then the wheel in an environment of its own, outside
  of the checkout, cuts the bundled cat out.
- npm: `npm run test:package` packs `web/` and clicks in apps that Vite and webpack built from
  the tarball. Needs Node 20 and Chromium.
- space: `scripts/make_space.py`, then the Space's own requirements in an environment of its own;
  the app is started and segments the cat over HTTP.

What was built lies in output/release. Takes some minutes and the network; ends with code 1 if a
part failed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from environment import ROOT, clean_variables, program

OUTPUT = ROOT / "output" / "release"
CAT = ROOT / "examples" / "cat.jpg"
CLICKS = ["--positive", "220,120", "--positive", "100,260"]
START_SECONDS = 120
SEGMENT_OVER_HTTP = """
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
clicks = [[220, 120], [100, 260]]
mask, numbers = client.predict(handle_file(sys.argv[2]), clicks, [1, 1], api_name="/segment")
assert (numbers["width"], numbers["height"]) == (451, 300), numbers
assert 0.5 < numbers["object_pixels"] / (451 * 300) < 0.95, numbers
"""


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, with its output shown; its failure is an error."""
    print("$", *command, flush=True)
    subprocess.run(command, cwd=cwd, env=clean_variables(), check=True)


def new_environment(scratch: Path, *packages: str | Path) -> Path:
    """A virtual environment with these packages alone."""
    directory = scratch / "environment"
    run(sys.executable, "-m", "venv", directory)
    run(program(directory, "python"), "-m", "pip", "install", "--quiet", *packages, cwd=scratch)
    return directory


def wheel(scratch: Path) -> None:
    """Build source archive and wheel, check them, install the wheel and segment with it."""
    for earlier in OUTPUT.glob("fctsfn_tf-*"):
        earlier.unlink()
    tools = new_environment(scratch / "tools", "build", "twine")
    python = program(tools, "python")
    run(python, "-m", "build", "--outdir", OUTPUT)
    built = sorted(OUTPUT.glob("fctsfn_tf-*"))
    run(python, "-m", "twine", "check", "--strict", *built)
    clean = new_environment(scratch / "clean", next(OUTPUT.glob("*.whl")))
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    run(program(clean, "fctsfn"), "segment", CAT, *CLICKS, "--mask", "cat.png", cwd=elsewhere)
    if not (elsewhere / "cat.png").is_file():
        sys.exit("The wheel's program wrote no mask.")


def npm(scratch: Path) -> None:
    """Pack the JavaScript module and click in apps that are made with the tarball."""
    command = shutil.which("npm")
    if command is None:
        sys.exit("The npm package needs Node 20 with npm, which is not installed.")
    run(command, "ci", "--no-audit", "--no-fund", cwd=ROOT / "web")
    run(command, "run", "test:package", cwd=ROOT / "web")
    run(command, "pack", "--pack-destination", OUTPUT, cwd=ROOT / "web")


def space(scratch: Path) -> None:
    """Put the Space together, start it with nothing but its own requirements, and call it."""
    folder = OUTPUT / "space"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, ROOT / "scripts" / "make_space.py", folder)
    environment = new_environment(scratch, "-r", folder / "requirements.txt")
    python = program(environment, "python")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = clean_variables(GRADIO_SERVER_PORT=str(port), GRADIO_ANALYTICS_ENABLED="False")
    app = subprocess.Popen([python, "app.py"], cwd=folder, env=variables)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, app)
        run(python, "-c", SEGMENT_OVER_HTTP, address, CAT, cwd=scratch)
    finally:
        app.terminate()
        app.wait()


def _wait_for(address: str, app: subprocess.Popen) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and app.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(1)
        else:
            return
    sys.exit("The Space did not start.")


PARTS: dict[str, Callable[[Path], None]] = {"wheel": wheel, "npm": npm, "space": space}


def main(arguments: list[str]) -> int:
    if unknown := set(arguments) - set(PARTS):
        sys.exit(f"The parts are {', '.join(PARTS)}. Received {', '.join(sorted(unknown))}.")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in arguments or PARTS:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(os.path.realpath(scratch))
            for folder in ("tools", "clean"):
                (directory / folder).mkdir()
            try:
                PARTS[name](directory)
            except (subprocess.CalledProcessError, SystemExit) as error:
                print(error, file=sys.stderr, flush=True)
                failed.append(name)
    print(f"\nfailed: {', '.join(failed)}" if failed else f"\nall of it is good: {OUTPUT}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
