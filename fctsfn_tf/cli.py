"""The command `fctsfn`; `fctsfn segment --help` shows every option of a command.

Exit codes: 0 all went well; 1 some photographs of a folder failed; 2 the input cannot be used (one
line on standard error says how to mend it, and nothing was written); 130 interrupted (Ctrl-C).

Each command is one `add_<command>_parser(subparsers)`, listed in `COMMANDS`, which sets `run`, a
function of the parsed arguments that returns the exit code. Everything heavy is imported there, so
that `fctsfn --help` answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NoReturn

from fctsfn_tf import __version__
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import check_writable, printable

if TYPE_CHECKING:
    from fctsfn_tf.evaluation import Protocol
    from fctsfn_tf.predictor import Predictor
    from fctsfn_tf.segmenting import Job, Result

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
# The outputs of `segment`, in the order of its help; their suffixes are `segmenting`'s.
OUTPUT_HELP = {
    "mask": "PNG: 255 on the object (on any of several), 0 elsewhere",
    "cutout": "PNG with transparency: the object alone, at the photograph's full size",
    "overlay": "PNG: the photograph with tinted objects and the clicks (+ on, - not on the object)",
    "index": "PNG with a palette: the number of the object, 0 for none",
    "probability": "PNG: the network's probability, 255 for 1",
    "coco": "COCO JSON: exact masks as run lengths, and polygons",
    "labelme": "labelme JSON: polygons",
}
DEFAULT_OUTPUTS = ("mask", "cutout", "overlay")
# The keys of `baselines.BASELINES`, which takes a while to import.
BASELINE_NAMES = ("gc", "gm", "rw", "esc", "gsc", "grabcut")
PROGRESS_WIDTH = 24
TENSORFLOW_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

SEGMENT_EPILOG = """\
A clicks file has one entry per click, in the order in which they were made:
  x, y     position in pixels of the upright photograph, x to the right, y down
  label    1 = on the object, 0 = not on it
  object   number of the object, 1 to 254 (without it 1)
  name     what it is, for COCO and labelme (without it "object")
  image    file name seen from FOLDER; needed for folders only

JSON:
  [{"image": "rex.jpg", "object": 1, "name": "dog", "x": 120, "y": 80, "label": 1},
   {"image": "rex.jpg", "object": 1, "x": 10, "y": 10, "label": 0}]
CSV:
  image,object,name,x,y,label
  rex.jpg,1,dog,120,80,1
  rex.jpg,1,,10,10,0

Examples:
  fctsfn segment photo.jpg --positive 120,80 --negative 10,10 --cutout dog.png
  fctsfn segment photo.jpg --clicks clicks.json --coco objects.json
  fctsfn segment photos/ --clicks clicks.csv --output masks/ --formats mask,overlay

A folder's photographs whose outputs all exist are skipped, so that an interrupted run can be taken
up again; --force makes them anew.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see `{self.prog} --help`)")


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see the module).

    Args:
        argv: the arguments; those of the process if None.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # file names that the terminal cannot show
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except InputError as error:
        print(f"fctsfn: error: {printable(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("fctsfn: interrupted", file=sys.stderr)
        return INTERRUPTED


def load_predictor(arguments: argparse.Namespace) -> Predictor:
    """The Predictor that --preset, --threshold and --graph-cut ask for; takes seconds."""
    _import_quietly()
    from fctsfn_tf.predictor import Predictor

    overrides = {"graph_cut": arguments.graph_cut, "threshold": arguments.threshold}
    preset = {} if arguments.preset is None else {"preset": arguments.preset}
    return Predictor.from_preset(**preset, **overrides)


def _import_quietly() -> None:
    """Import Keras and its backend without their greetings on standard error.

    TensorFlow writes some of them before it looks at its own log level, so standard error is closed
    meanwhile. Whoever sets that level in the environment sees everything.
    """
    if TENSORFLOW_LOG_LEVEL in os.environ:
        return
    os.environ[TENSORFLOW_LOG_LEVEL] = "3"  # and no word about missing GPUs later
    sys.stderr.flush()
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import fctsfn_tf.predictor  # noqa: F401
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def add_segment_parser(subparsers: argparse._SubParsersAction) -> None:
    """`fctsfn segment`: clicks in one photograph or in many → files."""
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
    _add_predictor_arguments(parser.add_argument_group("network"))
    parser.set_defaults(run=_run_segment)


def add_evaluate_parser(subparsers: argparse._SubParsersAction) -> None:
    """`fctsfn evaluate`: a robot clicks every object of a folder → how many clicks it takes."""
    parser = subparsers.add_parser(
        "evaluate",
        help="count the clicks that a network or a classical method needs on a folder of "
        "photographs and masks",
        description="Let a robot click every object of a folder, and report the clicks it takes to "
        "85 % and 90 % IoU and the mean IoU after each click. A run that was interrupted goes on "
        "where --output names the same file.",
    )
    parser.add_argument("data", type=Path, metavar="FOLDER", help="with images/ and masks/")
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--preset", metavar="NAME|DIR", help="the network (default: the shipped one)"
    )
    model.add_argument(
        "--model",
        choices=BASELINE_NAMES,
        help="instead of a network a classical method, with clicks as discs of radius 5 pixels: "
        "graph cut, geodesic matting, random walker, Euclidean or geodesic star convexity, or "
        "OpenCV's GrabCut (pip install 'fctsfn-tf[baselines]')",
    )
    parser.add_argument(
        "--protocol",
        default="ritm",
        choices=("paper", "ritm"),
        help="how the robot clicks and what makes the mask: ritm = probability > 0.49, as the "
        "literature reports since 2021 (default); paper = as FCTSFN, with graph cut",
    )
    parser.add_argument(
        "--graph-cut",
        action=argparse.BooleanOptionalAction,
        help="cut the mask, or not, whatever the protocol says (--model: not, unless asked for)",
    )
    parser.add_argument(
        "--max-clicks", type=int, metavar="N", help="clicks per object (default: 20)"
    )
    parser.add_argument("--until", type=float, metavar="IOU", help="leave an object at this IoU")
    parser.add_argument("--jitter", action="store_true", help="click as unsteadily as a person")
    parser.add_argument("--seed", type=_count, default=0, metavar="N", help="of the jitter")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N objects only")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON with every click and IoU")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=_run_evaluate)


def add_benchmark_parser(subparsers: argparse._SubParsersAction) -> None:
    """`fctsfn benchmark`: what the networks cost, as a table."""
    parser = subparsers.add_parser(
        "benchmark",
        help="parameters, multiply-accumulates and seconds of the networks",
        description="Print what each network costs per image and per click.",
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="which ones (default: all)")
    parser.add_argument("--size", type=_size, metavar="HEIGHTxWIDTH", help="default: 240x320")
    parser.add_argument(
        "--runs",
        type=_count,
        metavar="N",
        help="timed runs; 0 computes without running (default: 3)",
    )
    parser.set_defaults(run=_run_benchmark)


# Every command; each entry adds one parser.
COMMANDS = (add_segment_parser, add_evaluate_parser, add_benchmark_parser)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fctsfn",
        description="Click an object in a photograph, get its mask.",
        epilog="Exit codes: 0 done, 1 some photographs failed, 2 bad input, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for add_parser in COMMANDS:
        add_parser(subparsers)
    return parser


def _add_predictor_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--preset", metavar="NAME|DIR", help="the network (default: the shipped one)"
    )
    group.add_argument(
        "--threshold", type=float, metavar="P", help="object where the probability is above this"
    )
    group.add_argument(
        "--graph-cut",
        action=argparse.BooleanOptionalAction,
        help="cut the mask along the photograph's edges",
    )


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a click must be two numbers X,Y in pixels, as 120,80: {text!r:.60} came"
        ) from None
    return x, y


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"a whole number from 0 on is expected: {text!r:.60} came")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return _count(height), _count(width)


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
    from fctsfn_tf.segmenting import Job, check_outputs, default_outputs, load, segment

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
    job = Job(photograph, objects, outputs, arguments.start_mask)
    _check_clicks_file_stays(arguments, [job])
    check_outputs([job], arguments.force)
    loaded = load(job)
    result = segment(load_predictor(arguments), loaded, arguments.force)
    _print_result(job, result)
    return OK


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.evaluation import evaluate_baseline, evaluate_preset, markdown, summarise

    protocol = _protocol(arguments)
    if arguments.output is not None:
        check_writable(arguments.output, arguments.force)
    if arguments.model is not None:
        evaluate_model, model = evaluate_baseline, arguments.model
    else:
        _import_quietly()
        from fctsfn_tf.presets import DEFAULT_PRESET

        evaluate_model, model = evaluate_preset, arguments.preset or DEFAULT_PRESET
    results = evaluate_model(
        arguments.data,
        model,
        protocol,
        limit=arguments.limit,
        seed=arguments.seed,
        output=arguments.output,
        overwrite=arguments.force,
    )
    print(markdown(results))
    return SOME_FAILED if summarise(results)["failed"] else OK


def _protocol(arguments: argparse.Namespace) -> Protocol:
    """The named protocol with what the arguments say otherwise."""
    from fctsfn_tf.evaluation import PROTOCOLS
    from fctsfn_tf.graph_cut import DEFAULT_PARAMETERS

    changes: dict[str, object] = {"is_jittered": arguments.jitter, "until": arguments.until}
    if arguments.max_clicks is not None:
        changes["max_clicks"] = arguments.max_clicks
    if arguments.graph_cut is not None or arguments.model is not None:
        # The classical methods cut by themselves, or were published without a cut.
        changes["graph_cut"] = DEFAULT_PARAMETERS if arguments.graph_cut else None
    return replace(PROTOCOLS[arguments.protocol], **changes)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    _import_quietly()
    from fctsfn_tf.benchmark import benchmark_table

    given: dict[str, object] = {"names": arguments.networks or None}
    if arguments.size is not None:
        given["height"], given["width"] = arguments.size
    if arguments.runs is not None:
        given["runs"] = arguments.runs
    print(benchmark_table(**given))
    return OK


def _objects_of(arguments: argparse.Namespace) -> list:
    """The clicked objects of the one photograph."""
    from fctsfn_tf.clicks_file import ObjectClicks, read_clicks_file

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
    found = clicks.get(name) or clicks.get("")
    if found is None:
        raise InputError(
            f"{printable(arguments.clicks)} has no click in {printable(name)}. Name the "
            f"photograph so in `image`. It has {printable(', '.join(clicks)):.80}."
        )
    return found


def _segment_folder(arguments: argparse.Namespace) -> int:
    from fctsfn_tf.segmenting import check_outputs, segment_all, unfinished

    jobs = _jobs_of_folder(arguments)
    _check_clicks_file_stays(arguments, jobs)
    pending = jobs if arguments.force else unfinished(jobs)
    check_outputs(pending, arguments.force)
    failures: dict[Path, str] = {}
    if pending:
        predictor = load_predictor(arguments)
        progress = _Progress(len(pending))
        failures = segment_all(predictor, pending, arguments.force, progress.show)
        progress.finish()
    print(
        f"{len(pending) - len(failures)} segmented, {len(jobs) - len(pending)} skipped (outputs "
        f"exist), {len(failures)} failed; outputs in {printable(arguments.output or Path())}"
    )
    for photograph, message in failures.items():
        name = printable(photograph)
        line = message if name in message else f"{name}: {message}"
        print(f"fctsfn: error: {printable(line)}", file=sys.stderr)
    return SOME_FAILED if failures else OK


def _jobs_of_folder(arguments: argparse.Namespace) -> list[Job]:
    from fctsfn_tf.clicks_file import read_clicks_file
    from fctsfn_tf.segmenting import Job, default_outputs

    single = [kind for kind in (*OUTPUT_HELP, "start_mask") if getattr(arguments, kind) is not None]
    if single or arguments.points or not arguments.clicks:
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
    return [
        Job(
            arguments.photograph / image,
            objects,
            default_outputs(PurePath(image), directory, kinds),
        )
        for image, objects in clicks.items()
    ]


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
    seconds = ", ".join(f"{value:.3f}" for value in result.click_seconds)
    print(
        f"image part {result.encode_seconds:.3f} s; per click {seconds} s "
        "(the first of each with what the network compiles)"
    )
    for path in job.outputs.values():
        print(f"wrote {printable(path)}")


class _Progress:
    """A bar with the time left on standard error; one line per photograph if that is a file."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = time.perf_counter()
        self._is_terminal = sys.stderr.isatty()

    def show(self, count: int, job: Job) -> None:
        """Say that `count` photographs are done and that `job` begins."""
        done = PROGRESS_WIDTH * count // self._total
        bar = "#" * done + "." * (PROGRESS_WIDTH - done)
        left = ""
        if count:
            seconds = (time.perf_counter() - self._started) * (self._total - count) / count
            left = f"{seconds / 60:.0f} min left, " if seconds > 90 else f"{seconds:.0f} s left, "
        line = f"[{bar}] {count}/{self._total} {left}{printable(job.photograph.name)}"
        start, end = ("\r\x1b[K", "") if self._is_terminal else ("", "\n")
        print(f"{start}{line:.120}", end=end, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Take the bar away."""
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
