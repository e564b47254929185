"""`fctsfn export`: a preset → files for TF.js, TensorFlow, ONNX or LiteRT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

# `parts.FORMATS` and `export.DTYPES`, which take seconds to import.
FORMATS = ("tfjs", "savedmodel", "onnx", "litert")
DTYPES = ("float32", "float16", "uint8")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn export`."""
    parser = subparsers.add_parser(
        "export",
        help="write a network for the browser (TF.js), TensorFlow, ONNX or LiteRT",
        description="Write a network in two parts, one that runs once per image and one that runs "
        "once per click, with a manifest.json that says how to use them.",
    )
    parser.add_argument(
        "--preset", metavar="NAME|DIR", help="the network (default: the shipped one)"
    )
    parser.add_argument(
        "--format",
        dest="form",
        choices=FORMATS,
        default="tfjs",
        help="tfjs needs its converter, see `fctsfn install-tfjs`; onnx needs "
        "`pip install 'fctsfn-tf[onnx]'` (default: tfjs)",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="how the weights are stored; the smaller ones for tfjs only (default: float32)",
    )
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", type=Path, metavar="DIR", help="the directory to be made")
    place.add_argument(
        "--into-preset",
        action="store_true",
        help="write the litert parts into the preset itself, which is then answered without Keras",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier export there")
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    if arguments.into_preset:
        return _run_into_preset(arguments)
    shared.import_quietly()
    from fctsfn_tf.export.export import export_preset
    from fctsfn_tf.export.manifest import MANIFEST_FILE

    preset = {} if arguments.preset is None else {"preset": arguments.preset}
    manifest = export_preset(
        arguments.output,
        **preset,
        form=arguments.form,
        dtype=arguments.dtype,
        overwrite=arguments.force,
        report=lambda step: print(f"{step} ...", file=sys.stderr, flush=True),
    )
    num_bytes = sum(file["bytes"] for file in manifest["files"])
    print(
        f"wrote {printable(arguments.output / MANIFEST_FILE)} and {len(manifest['files'])} files, "
        f"{num_bytes / 1e6:.1f} MB"
    )
    return shared.OK


def _run_into_preset(arguments: argparse.Namespace) -> int:
    if arguments.form != "litert" or arguments.dtype != "float32":
        raise InputError(
            "A preset holds LiteRT parts in float32. Give --format litert with --into-preset. "
            f"Received {arguments.form}, {arguments.dtype}."
        )
    shared.import_quietly()
    from fctsfn_tf.predict.preset_files import DEFAULT_PRESET
    from fctsfn_tf.predict.presets import add_litert_parts

    files = add_litert_parts(arguments.preset or DEFAULT_PRESET)
    num_bytes = sum(file.stat().st_size for file in files)
    names = " and ".join(printable(file) for file in files)
    print(f"wrote {names}, {num_bytes / 1e6:.1f} MB")
    return shared.OK
