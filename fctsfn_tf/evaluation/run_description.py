"""What a results file says of its run: what was evaluated, how, and with which versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib import metadata
from typing import Any

from fctsfn_tf.evaluation.protocol import Protocol

# Packages that can change a result; those that are installed are named in it.
PACKAGES = (
    "fctsfn-tf",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "PyMaxflow",
    "scikit-learn",
    "scipy",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
)


def describe_run(data: str, model: str, seed: int, protocol: Protocol) -> dict[str, Any]:
    """The JSON values `Results.run` of a whole data set, evaluated here and now."""
    return {
        "data": data,
        "model": model,
        "seed": seed,
        "protocol": asdict(protocol),
        "shard": [1, 1],
        "versions": {"python": platform.python_version(), **dict(_installed(PACKAGES))},
        "num_cpus": os.cpu_count(),
    }


def _installed(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, version) of those that are installed."""
    for package in packages:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
