"""Seconds from the shell to a mask, here and with other tools, as a table: `fctsfn benchmark
--peers`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from fctsfn_tf.evaluation.benchmark import one_shot
from fctsfn_tf.evaluation.benchmark.peers import made_up_clicks, made_up_photograph

# The first makes the mask, the others are timed.
NUM_CLICKS = 4
# A tool that takes longer is stopped.
MOST_SECONDS = 600
# What PyPI calls a tool's library, and what Python calls it.
LIBRARIES = {"rembg": ("rembg", "rembg"), "SAM ViT-B, KerasHub": ("keras-hub", "keras_hub")}


@dataclass(frozen=True)
class Run:
    """One run of a tool; seconds of wall-clock time.

    Attributes:
        mask: from its start until the mask was in its file.
        click: the median of the further clicks, in the program that is open.
        peak_bytes: of the whole process; 0 where the system does not tell.
    """

    mask: float
    click: float
    peak_bytes: int


def shell_table(height: int, width: int, runs: int, tools: Sequence[str] | None = None) -> str:
    """A Markdown table with a row per tool: from the shell to a mask, and per click.

    Args:
        height, width: of a made-up photograph, in pixels.
        runs: of each tool; the tools take turns, and the medians stand in the table.
        tools: of `one_shot.TOOLS`; None for all. One that is not installed, or whose weights are
            not here (nothing is downloaded), says so in its row.
    """
    tools = list(one_shot.TOOLS) if tools is None else list(tools)
    missing = {tool: what_is_missing(tool) for tool in tools}
    found: dict[str, list[Run]] = {tool: [] for tool in tools if missing[tool] is None}
    with tempfile.TemporaryDirectory() as scratch:
        photograph, clicks = Path(scratch) / "photograph.png", Path(scratch) / "clicks.json"
        Image.fromarray(made_up_photograph(height, width, np.random.default_rng(0))).save(
            photograph
        )
        made_up = made_up_clicks(height, width, NUM_CLICKS)
        clicks.write_text(json.dumps([astuple(click) for click in made_up]))
        for _ in range(runs):
            for tool in list(found):
                run = _run(tool, photograph, clicks)
                if isinstance(run, str):
                    missing[tool] = run
                    del found[tool]
                else:
                    found[tool].append(run)
    lines = ["| tool | s shell to mask | s click | peak MB | |", "|---|---:|---:|---:|---|"]
    for tool in tools:
        cells = ["–"] * 3
        if tool in found:
            mask, click, peak = (
                statistics.median(values) for values in zip(*map(astuple, found[tool]), strict=True)
            )
            cells = [f"{mask:.2f}", f"{click:.3f}", f"{peak / 1e6:.0f}"]
        lines.append(f"| {tool} | {' | '.join(cells)} | {missing[tool] or _remark(tool)} |")
    return "\n".join(lines)


def what_is_missing(tool: str) -> str | None:
    """Why a tool cannot be run here, in words; None if it can."""
    if tool in LIBRARIES and find_spec(LIBRARIES[tool][1]) is None:
        return f"{LIBRARIES[tool][0]} is not installed"
    if tool == "rembg" and not one_shot.rembg_weights().exists():
        return f"its weights are not here; `rembg d {one_shot.REMBG_MODEL}` downloads them"
    return None


def _remark(tool: str) -> str:
    if tool == "rembg":
        return "takes no clicks"
    if "SAM" in tool and not one_shot.sam_weights().exists():
        return "random weights, since its own are not here: time only"
    return ""


def _run(tool: str, photograph: Path, clicks: Path) -> Run | str:
    """A run in a process of its own, or the last line that it said before it failed."""
    mask = photograph.with_name("mask.png")
    command = [sys.executable, "-m", one_shot.__name__, tool, photograph, clicks, mask]
    started = time.time()
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        return f"stopped after {MOST_SECONDS} s"
    if child.returncode:
        said = [line for line in child.stderr.splitlines() if line.strip()]
        return f"failed: {said[-1] if said else child.returncode}".replace("|", "/")[:200]
    told = json.loads(child.stdout.splitlines()[-1])
    return Run(told["mask_at"] - started, statistics.median(told["seconds"]), told["peak_bytes"])
