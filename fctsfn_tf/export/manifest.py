"""manifest.json: all that a program must know of an export; docs/export.md describes it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fctsfn_tf import __version__
from fctsfn_tf.clicks.click_maps import DISK_RADIUS, TRUNCATION
from fctsfn_tf.export.parts import FORMATS
from fctsfn_tf.files import sha256_of
from fctsfn_tf.networks.parts import CLICK_OUTPUTS, Parts
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.first_look import CLOSER_GAIN, SAME_IOU, SMALL_SHARE
from fctsfn_tf.predict.preset_files import PresetFacts
from fctsfn_tf.predict.views import (
    CLOSER_SHARE,
    CLOSEST_SIDE,
    CUT_OFF_SHARE,
    EVEN_ODDS,
    SIDE_MULTIPLE,
)

MANIFEST_FILE = "manifest.json"
# Of the manifest; a reader refuses another one.
MANIFEST_FORMAT = 1


def manifest_of(
    parts: Parts, config: PredictorConfig, facts: PresetFacts, form: str, dtype: str
) -> dict[str, Any]:
    """The manifest without the list of files."""
    return {
        "format": MANIFEST_FORMAT,
        "kind": form,
        "dtype": dtype,
        "made_by": f"fctsfn_tf {__version__}",
        "preset": {"name": facts.name, "weights_sha256": facts.weights_sha256},
        "licence": _section(facts.model_card, "Licence"),
        "predictor": asdict(config),
        "views": {
            "side_multiple": SIDE_MULTIPLE,
            "even_odds": EVEN_ODDS,
            "cut_off_share": CUT_OFF_SHARE,
            "closer_share": CLOSER_SHARE,
            "closest_side": CLOSEST_SIDE,
            "same_iou": SAME_IOU,
            "small_share": SMALL_SHARE,
            "closer_gain": CLOSER_GAIN,
        },
        "click_maps": {
            "channels": parts.click.input["click_maps"].shape[-1],
            "disk_radius": DISK_RADIUS,
            "truncation": TRUNCATION,
        },
        "image_part": {
            "file": FORMATS[form].format("image"),
            "image": "image",
            "features": list(parts.features),
        },
        "click_part": {
            "file": FORMATS[form].format("click"),
            "features": list(parts.features),
            "click_maps": "click_maps",
            "logits": "logits",
            **{name: name for name in CLICK_OUTPUTS[1:] if name in parts.click.output},
        },
    }


def list_files(directory: Path) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of every file below `directory`, by path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [
        {
            "path": path.relative_to(directory).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in files
    ]


def _section(markdown: str, title: str) -> str | None:
    """The text under a heading of the model card, on one line; None where there is no such one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^#|\Z)", markdown, re.DOTALL | re.MULTILINE)
    return " ".join(found.group(1).split()) if found else None
