"""From nothing to a mask: python3 scripts/quickstart.py

Makes the environment .venv (once; less than 400 MB, about a minute and the network) and
segments the cat in a bundled photograph from two clicks. The mask, the cut-out and the overlay
then lie in output/.
"""

from __future__ import annotations

import subprocess
import sys

from environment import ROOT, clean_variables, prepare, program

PHOTOGRAPH = "examples/cat.jpg"
# (x, y) in pixels: between the cat's eyes, and on its chest, which the first click leaves out.
CLICKS = ["--positive", "220,120", "--positive", "100,260"]


def main() -> int:
    environment = prepare(".venv", ["run.txt"])
    fctsfn = program(environment, "fctsfn").relative_to(ROOT)
    command = ["segment", PHOTOGRAPH, *CLICKS, "--output", "output", "--force"]
    print("running:", fctsfn, *command, flush=True)
    code = subprocess.run([ROOT / fctsfn, *command], cwd=ROOT, env=clean_variables()).returncode
    if code == 0:
        print(f"The files lie below {ROOT}. More: {fctsfn} segment --help")
    return code


if __name__ == "__main__":
    sys.exit(main())
