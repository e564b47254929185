"""Write the locked versions of requirements/ anew: python3 scripts/lock.py

Lets pip resolve the ranges of setup.cfg and writes down what it chose; nothing is installed. Takes
minutes and the network. The test `test_locks_satisfy_the_ranges` keeps the two in step.
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys

from environment import BUILD, ROOT

# Lock → the extras of setup.cfg it holds beside the requirements of the package itself.
# jax.txt is the second environment of scripts/test.py, in which the core runs without TensorFlow.
EXTRAS = {
    "run.txt": [],
    "docs.txt": ["docs"],
    "test.txt": ["tensorflow", "graph-cut", "ray", "docs", "test"],
    "jax.txt": ["jax", "graph-cut", "test"],
}
HEADER = """\
# Written by scripts/lock.py from setup.cfg; do not edit by hand.
# Exact versions, Python {major}.{minor} on {platform}.
"""


def ranges(extras: list[str], tensorflow: bool) -> list[str]:
    """The requirement lines of setup.cfg for the package and these extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    groups = [config["options"]["install_requires"]]
    groups += [config["options.extras_require"][extra] for extra in extras]
    lines = [line for group in groups for line in group.split("\n") if line]
    # TensorFlow and tensorflow-datasets.
    return [line for line in lines if tensorflow or not line.startswith("tensorflow")]


def resolve(requirements: list[str]) -> list[str]:
    """What pip would install for these requirements where nothing is: ["name==version", …]."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    command += ["--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    report = subprocess.run([*command, BUILD, *requirements], check=True, stdout=subprocess.PIPE)
    chosen = [item["metadata"] for item in json.loads(report.stdout)["install"]]
    return sorted((f"{one['name']}=={one['version']}" for one in chosen), key=str.lower)


def main() -> None:
    header = HEADER.format(
        major=sys.version_info.major, minor=sys.version_info.minor, platform=sys.platform
    )
    for name, extras in EXTRAS.items():
        lines = resolve(ranges(extras, tensorflow=name != "jax.txt"))
        (ROOT / "requirements" / name).write_text(header + "\n".join(lines) + "\n")
        print(f"requirements/{name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
