"""What several commands share: kinds of arguments, exit codes, the network that they ask for."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fctsfn_tf.errors import InputError, explaining_backend
from fctsfn_tf.files import printable

if TYPE_CHECKING:
    from fctsfn_tf.data.annotated_images import Dataset
    from fctsfn_tf.predict.predictor import Predictor

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
TENSORFLOW_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Otherwise TensorFlow takes all memory of every GPU at once, and nothing runs beside it.
MEMORY_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
# `preset_engine.ENGINES`, which takes a while to import.
ENGINE_NAMES = ("litert", "keras")


def load_predictor(arguments: argparse.Namespace) -> Predictor:
    """The Predictor that the arguments of `add_predictor_arguments` ask for."""
    from fctsfn_tf.predict.predictor import Predictor
    from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, find_preset

    # A download shows how far it is.
    directory = find_preset(arguments.preset or DEFAULT_PRESET)
    with _quietly():
        return Predictor.from_preset(
            directory,
            graph_cut=arguments.graph_cut,
            threshold=arguments.threshold,
            engine=arguments.engine,
        )


def start_quietly(preset: str, engine: str | None) -> None:
    """Start what will run a preset, so that nothing greets on standard error later."""
    from fctsfn_tf.predict.preset_engine import KERAS, chosen_engine, load_engine

    if chosen_engine(preset, engine) == KERAS:
        import_quietly()
    else:
        with _quietly():  # LiteRT greets once, at the first answer
            load_engine(preset, engine)


def import_quietly() -> None:
    """Import Keras and its backend without their greetings on standard error.

    They compute in float32 and with channels last, whatever keras.json says, and TensorFlow takes
    a GPU's memory as it needs it, unless the environment says otherwise.

    Raises:
        InputError: Keras or its backend is not installed.
    """
    if find_spec("keras") is None:
        raise InputError(
            "This command needs Keras. Install it with `pip install 'fctsfn-tf[tensorflow]'` (or "
            "[jax], [torch]). It is not installed."
        )
    os.environ.setdefault(MEMORY_GROWTH, "true")
    with _quietly(), explaining_backend():
        import keras

        import fctsfn_tf.predict.keras_engine  # noqa: F401
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without greetings on standard error.

    TensorFlow writes some of them before it looks at its own log level, and LiteRT has none, so
    standard error is closed meanwhile. Whoever sets that level in the environment sees everything.
    """
    if TENSORFLOW_LOG_LEVEL in os.environ:
        yield
        return
    os.environ[TENSORFLOW_LOG_LEVEL] = "3"  # and no word about missing GPUs later
    sys.stderr.flush()
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def add_predictor_arguments(group: argparse._ArgumentGroup) -> None:
    """--preset, --threshold, --graph-cut and --engine, which `load_predictor` reads."""
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
    add_engine_argument(group)


def add_engine_argument(group: argparse._ArgumentGroup) -> None:
    """--engine, None where it is not given."""
    group.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        help="what runs the network (default: litert where it is installed and the preset has its "
        "parts, else keras)",
    )


def add_workers_arguments(group: argparse._ArgumentGroup) -> None:
    """--workers and --ray, which `workers_of` reads."""
    group.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes, which share the cores (default: 1; with --ray: one for each of the "
        "cluster's processors)",
    )
    group.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="share the photographs out to a Ray cluster: the one that this machine belongs to, or "
        "that at HOST:PORT; needs pip install 'fctsfn-tf[ray]'",
    )


def workers_of(arguments: argparse.Namespace) -> dict[str, int | str | None]:
    """`workers` and `ray` of `workers.shared_out`.

    Raises:
        InputError: no worker, or Ray is not installed.
    """
    if arguments.ray is not None:
        from fctsfn_tf.predict.workers import check_ray

        check_ray()
    if arguments.workers == 0:
        raise InputError("`workers` must be 1 or more. Received 0.")
    default = 1 if arguments.ray is None else None
    return {"workers": arguments.workers or default, "ray": arguments.ray}


def add_masks_argument(group: argparse._ArgumentGroup) -> None:
    """--masks, for `open_dataset`."""
    group.add_argument(
        "--masks",
        choices=("object", "labels"),
        help="what the masks of a folder are: one object in white each, or maps of objects' "
        "numbers (default: look at them)",
    )


def validation_names(splits: Path, datasets: Iterable[Dataset]) -> set[str]:
    """The photographs that a file of --splits holds out: the names in its list "val", each a stem,
    or <set>/<stem> where sets share stems. Instead of a list, {set: [stems]} may stand there.

    Raises:
        InputError: the file is not JSON, has no such list, or names no photograph that is there.
    """
    try:
        listed = json.loads(splits.read_text(encoding="utf-8-sig"))["val"]
        if isinstance(listed, dict):
            listed = [f"{name}/{stem}" for name, stems in listed.items() for stem in stems]
        names = {str(name) for name in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{printable(splits)} must be a JSON file with a list 'val' of photographs' stems. "
            f"Received: {error!r:.80}"
        ) from None
    if not any(one.has_any(names) for one in datasets):
        raise InputError(
            f"The list 'val' of {printable(splits)} must name photographs of DATA, <stem> or "
            "<set>/<stem>, the set being the name of its directory. "
            f"Received {printable(', '.join(sorted(names)) or 'none'):.80}."
        )
    return names


def count(text: str) -> int:
    """A whole number from 0 on; a `type` of argparse."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"a whole number from 0 on is expected: {text!r:.60} came")
    return int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them; a `type` of argparse."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"numbers with commas between them are expected: {text!r:.60} came"
        ) from None


def size(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH; a `type` of argparse."""
    height, _, width = text.partition("x")
    return count(height), count(width)
