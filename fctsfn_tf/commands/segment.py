"""`fctsfn segment`: clicks in one photograph or in many → files."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import composed, printable

if TYPE_CHECKING:
    from fctsfn_tf.predict.segmenting import Job, Result

# The outputs, in the order of the help; their suffixes are `segmenting`'s.
OUTPUT_HELP = {
    "mask": "PNG: 255 on the object (on any of several), 0 elsewhere",
    "cutout": "PNG with transparency: the object alone, at the photograph's full size",
    "overlay": "PNG: the photograph with tinted objects and the clicks (+ on, - not on the object)",
    "index": "PNG with a palette: the number of the object, 0 for none",
    "probability": "PNG: the network's probability, 255 for 1",
    "coco": "COCO JSON: exact masks as run lengths, and polygons",
    "labelme": "labelme JSON: polygons to edit",
    "yolo": "text: YOLO segmentation labels; their classes go into classes.txt beside it",
    "svg": "SVG: a path for each object",
}
DEFAULT_OUTPUTS = ("mask", "cutout", "overlay")

SEGMENT_EPILOG = """\
A clicks file has one entry per click, in the order in which they were made:
  x, y     position in pixels of the upright photograph, x to the right, y down
  label    1 = on the object, 0 = not on it
  object   number of the object, 1 to 254, or its name (without it 1)
  name     what it is, for COCO and labelme (without it "object"); without numbers, every name is
           an object
  image    file name seen from FOLDER; needed for folders only

JSON:
  [{"image": "rex.jpg", "object": 1, "name": "dog", "x": 120, "y": 80, "label": 1},
   {"image": "rex.jpg", "object": 1, "x": 10, "y": 10, "label": 0}]
CSV, with commas, semicolons or tabs:
  image,object,name,x,y,label
  rex.jpg,1,dog,120,80,1
  rex.jpg,1,,10,10,0

Examples:
  fctsfn segment photo.jpg --positive 120,80 --negative 10,10 --cutout dog.png
  fctsfn segment photo.jpg --clicks clicks.json --coco objects.json
  fctsfn segment photos/ --clicks clicks.csv --output masks/ --formats mask,overlay
  fctsfn segment photos/ --clicks clicks.csv --output masks/ --ray   (a cluster: docs/clusters.md)

A folder's photographs whose outputs all exist are skipped, so that an interrupted run can be taken
up again; --force makes them anew.
"""


class _AppendClick(argparse.Action):
    """Keeps positive and negative clicks in the one order in which they were given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: tuple[float, float],
        option_string: str | None = None,
    ) -> None:
        namespace.points = [*(namespace.points or []), (values, self.const)]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fctsfn segment`."""
    parser = subparsers.add_parser(
        "segment",
        help="segment what was clicked in a photograph, or in a folder of photographs",
        description="Segment what was clicked. Positions are pixels of the photograph as you see\n"
        "it (turned upright), x to the right and y down, (0, 0) at the top left.",
        epilog=SEGMENT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photograph", type=Path, metavar="PHOTO|FOLDER", help="what to segment")
    clicks = parser.add_argument_group("clicks")
    for name, label, meaning in (("positive", 1, "on the object"), ("negative", 0, "not on it")):
        clicks.add_argument(
            f"--{name}",
            dest="points",
            action=_AppendClick,
            type=_point,
            const=label,
            metavar="X,Y",
            help=f"a click {meaning}; may be given several times",
        )
    clicks.add_argument("--clicks", type=Path, metavar="FILE", help="a clicks file, see below")
    clicks.add_argument(
        "--start-mask", type=Path, metavar="FILE", help="a mask to start from (one object)"
    )
    clicks.add_argument(
        "--candidate",
        type=shared.count,
        default=0,
        metavar="N",
        help="take the Nth of the other masks that the first click may have meant; which there "
        "are is printed after one click (one object; networks that have them)",
    )
    outputs = parser.add_argument_group("outputs")
    for kind, text in OUTPUT_HELP.items():
        outputs.add_argument(f"--{kind}", type=Path, metavar="FILE", help=text)
    outputs.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where files that are not named go, as <photograph>.mask.png and so on "
        "(default: the current directory)",
    )
    outputs.add_argument(
        "--formats",
        type=_formats,
        metavar="A,B",
        help=f"what to write there, of {', '.join(OUTPUT_HELP)} "
        f"(default: {','.join(DEFAULT_OUTPUTS)})",
    )
    outputs.add_argument("--force", action="store_true", help="replace files that exist")
    shared.add_predictor_arguments(parser.add_argument_group("network"))
    shared.add_workers_arguments(parser.add_argument_group("many photographs"))
    parser.set_defaults(run=_run_segment)


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a click must be two numbers X,Y in pixels, as 120,80: {text!r:.60} came"
        ) from None
    return x, y


def _formats(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(text.split(",")))
    unknown = [kind for kind in kinds if kind not in OUTPUT_HELP]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"formats must be of {','.join(OUTPUT_HELP)}, with commas: {unknown[0]!r:.60} came"
        )
    return kinds


def _run_segment(arguments: argparse.Namespace) -> int:
    if arguments.photograph.is_dir():
        return _segment_folder(arguments)
    return _segment_photograph(arguments)


def _segment_photograph(arguments: argparse.Namespace) -> int:
    if arguments.workers is not None or arguments.ray is not None:
        raise InputError("One photograph is not shared out. Leave out --workers and --ray.")
    from fctsfn_tf.predict.segmenting import (
        Job,
        check_outputs,
        default_outputs,
        load,
        segment,
        with_classes,
    )

    photograph = arguments.photograph
    named = {kind: path for kind in OUTPUT_HELP if (path := getattr(arguments, kind)) is not None}
    if named and (arguments.output or arguments.formats):
        raise InputError(
            "Either name each output (--mask FILE ...) or have them named (--output, --formats). "
            "Received both."
        )
    kinds = arguments.formats or DEFAULT_OUTPUTS
    directory = arguments.output or Path()
    outputs = named or default_outputs(PurePath(photograph.name), directory, kinds)
    objects = _objects_of(arguments)
    job = Job(photograph, objects, outputs, arguments.start_mask, arguments.candidate)
    _check_clicks_file_stays(arguments, [job])
    check_outputs([job], arguments.force)
    loaded = load(job)
    predictor = shared.load_predictor(arguments)
    if "yolo" in outputs:
        (job,) = with_classes([job], outputs["yolo"].parent)
        loaded = replace(loaded, job=job)
    result = segment(predictor, loaded, arguments.force)
    _print_result(job, result)
    return shared.OK


def _objects_of(arguments: argparse.Namespace) -> list:
    """The clicked objects of the one photograph."""
    from fctsfn_tf.clicks.clicks_file import ObjectClicks, clicks_of, read_clicks_file

    if arguments.points and arguments.clicks:
        raise InputError(
            "Give the clicks either one by one (--positive, --negative) or as a file (--clicks). "
            "Received both."
        )
    if arguments.points:
        points, labels = zip(*arguments.points, strict=True)
        return [ObjectClicks(points=list(points), labels=list(labels))]
    if not arguments.clicks:
        raise InputError(
            "There is no click. Give at least one on the object (--positive X,Y) or a clicks file "
            "(--clicks FILE)."
        )
    clicks = read_clicks_file(arguments.clicks)
    name = arguments.photograph.name
    found = clicks_of(clicks, arguments.photograph)
    if found is None:
        raise InputError(
            f"{printable(arguments.clicks)} has no click in {printable(name)}. Name the "
            f"photograph so in `image`. It has {printable(', '.join(clicks)):.80}."
        )
    return found


def _segment_folder(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.predict.segmenting import (
        check_outputs,
        segment_all,
        unfinished,
        with_classes,
    )
    from fctsfn_tf.progress import progress_bar

    workers = shared.workers_of(arguments)
    jobs = _jobs_of_folder(arguments)
    _check_clicks_file_stays(arguments, jobs)
    pending = jobs if arguments.force else unfinished(jobs)
    check_outputs(pending, arguments.force)
    failures: dict[Path, str] = {}
    if pending:
        predictor = shared.load_predictor(arguments)
        if any("yolo" in job.outputs for job in pending):
            classes = with_classes(jobs, arguments.output or Path())[0].classes
            pending = [replace(job, classes=classes) for job in pending]
        with progress_bar(len(pending), unit="photographs", line_seconds=0) as bar:

            def show(done: int, photograph: Path) -> None:
                bar.set_postfix_str(printable(photograph.name), refresh=False)
                bar.update(done - bar.n)

            failures = segment_all(predictor, pending, arguments.force, show, **workers)
    print(
        f"{len(pending) - len(failures)} segmented, {len(jobs) - len(pending)} skipped (outputs "
        f"exist), {len(failures)} failed; outputs in {printable(arguments.output or Path())}"
    )
    for photograph, message in failures.items():
        name = printable(photograph)
        line = message if name in message else f"{name}: {message}"
        print(f"fctsfn: error: {printable(line)}", file=sys.stderr)
    return shared.SOME_FAILED if failures else shared.OK


def _jobs_of_folder(arguments: argparse.Namespace) -> list[Job]:
    from fctsfn_tf.clicks.clicks_file import read_clicks_file
    from fctsfn_tf.predict.segmenting import Job, default_outputs

    single = [kind for kind in (*OUTPUT_HELP, "start_mask") if getattr(arguments, kind) is not None]
    if single or arguments.candidate or arguments.points or not arguments.clicks:
        raise InputError(
            "A folder needs --clicks FILE, and takes --output DIR and --formats A,B instead of "
            "single files and clicks."
        )
    clicks = read_clicks_file(arguments.clicks)
    if "" in clicks:
        raise InputError(
            f"The clicks of a folder must name their photograph (`image`). "
            f"{printable(arguments.clicks)} does not."
        )
    directory = arguments.output or Path()
    kinds = arguments.formats or DEFAULT_OUTPUTS
    there = _names_in(arguments.photograph)
    return [
        Job(
            there.get(image, arguments.photograph / image),
            objects,
            default_outputs(PurePath(image), directory, kinds),
        )
        for image, objects in clicks.items()
    ]


def _names_in(folder: Path) -> dict[str, Path]:
    """Every file below a folder whose name is composed differently than clicks files name it."""
    names = {path: path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))}
    return {composed(name): path for path, name in names.items() if composed(name) != name}


def _check_clicks_file_stays(arguments: argparse.Namespace, jobs: list[Job]) -> None:
    outputs = {os.path.abspath(path) for job in jobs for path in job.outputs.values()}
    if arguments.clicks and os.path.abspath(arguments.clicks) in outputs:
        raise InputError(
            "An output must not replace the clicks file. Choose another name than "
            f"{printable(arguments.clicks)}."
        )


def _print_result(job: Job, result: Result) -> None:
    print(f"{printable(job.photograph)}: {result.width} x {result.height} pixels")
    for clicked, pixels in zip(job.objects, result.num_object_pixels, strict=True):
        share = 100 * pixels / (result.height * result.width)
        name = f" ({printable(clicked.name)})" if clicked.name else ""
        print(
            f"object {clicked.number}{name}: {len(clicked.points)} clicks, {pixels} pixels "
            f"({share:.1f} %)"
        )
    if result.candidates:
        print("the click may also have meant (--candidate N):")
    for number, candidate in enumerate(result.candidates, start=1):
        pixels, share = candidate.mask.sum(), 100 * candidate.mask.mean()
        predicted_iou = candidate.predicted_iou
        print(f"  {number}: {pixels} pixels ({share:.1f} %), predicted IoU {predicted_iou:.2f}")
    seconds = ", ".join(f"{value:.3f}" for value in result.click_seconds)
    print(
        f"image part {result.encode_seconds:.3f} s; per click {seconds} s "
        "(the first of each with what the network compiles)"
    )
    for path in job.outputs.values():
        print(f"wrote {printable(path)}")
