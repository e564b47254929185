"""From photographs and clicks to the files asked for: one photograph, or many in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os.path import abspath, exists, relpath, samefile
from pathlib import Path, PurePath

import numpy as np

from fctsfn_tf.clicks.click import Click, clicks_from_points
from fctsfn_tf.clicks.clicks_file import ObjectClicks
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable
from fctsfn_tf.images.annotation_files import (
    DEFAULT_NAME,
    coco_json,
    labelme_json,
    svg,
    yolo_txt,
)
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.images.mask_files import check_output, read_mask, save
from fctsfn_tf.images.overlay import overlay_png
from fctsfn_tf.images.png_files import cutout_png, index_png, mask_png, probability_png
from fctsfn_tf.predict.predictor import Candidate, Prediction, Predictor
from fctsfn_tf.predict.workers import shared_out

# What can be written of a photograph, and the suffix of the file.
OUTPUT_SUFFIXES = {
    "mask": ".png",
    "cutout": ".png",
    "overlay": ".png",
    "index": ".png",
    "probability": ".png",
    "coco": ".json",
    "labelme": ".json",
    "yolo": ".txt",
    "svg": ".svg",
}
# These are named as their photograph, as their tools expect it; others have their kind before the
# suffix.
NAMED_AS_PHOTOGRAPH = ("yolo", "svg")
# Where YOLO's tools look for the names of the classes, one a line.
CLASSES_NAME = "classes.txt"


@dataclass(frozen=True)
class Job:
    """One photograph, what was clicked in it, and the files to write.

    Attributes:
        photograph: the file.
        objects: at least one; their numbers become those of the index PNG and of COCO.
        outputs: a path per kind of `OUTPUT_SUFFIXES`.
        start_mask: a file to start from (`mask_files.read_mask`), for one object only.
        candidate: which of the first click's `Prediction.candidates` to go on from, counted from 1;
            0 for the best answer. For one object only.
        classes: the objects' names in the order of YOLO's class numbers; by default, as they come.
    """

    photograph: Path
    objects: Sequence[ObjectClicks]
    outputs: dict[str, Path]
    start_mask: Path | None = None
    candidate: int = 0
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LoadedJob:
    """A job whose input was read and found good: `image` (H, W, 3), `start_mask` (H, W) or None."""

    job: Job
    image: np.ndarray
    clicks: list[Click]
    start_mask: np.ndarray | None


@dataclass(frozen=True)
class Result:
    """What a photograph's segmentation came to.

    Attributes:
        height, width: of the photograph, in pixels.
        num_object_pixels: per object of the job.
        encode_seconds: spent in the image part of the network.
        click_seconds: spent on each click, in the order of objects and clicks.
        candidates: what else the first click of the one object may have meant, the best first.
            Empty for several objects, after further clicks, and for networks without candidates.
    """

    height: int
    width: int
    num_object_pixels: list[int]
    encode_seconds: float
    click_seconds: list[float]
    candidates: tuple[Candidate, ...]


def default_outputs(image: PurePath, directory: Path, kinds: Iterable[str]) -> dict[str, Path]:
    """`directory`/<stem>.<kind>.png or .json per kind, <stem>.txt for YOLO, <stem>.svg; folders
    within `image` stay folders."""
    base = directory / image.parent
    middles = {kind: "" if kind in NAMED_AS_PHOTOGRAPH else f".{kind}" for kind in kinds}
    return {
        kind: base / f"{image.stem}{middle}{OUTPUT_SUFFIXES[kind]}"
        for kind, middle in middles.items()
    }


def with_classes(jobs: Sequence[Job], directory: Path) -> list[Job]:
    """The jobs with one list of YOLO's classes: that of `CLASSES_NAME` in a directory, to which
    names that it lacks are added. So the numbers of earlier runs stay.

    Raises:
        InputError: the file cannot be read or written.
    """
    path = directory / CLASSES_NAME
    try:
        known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, ValueError) as error:
        raise InputError(
            f"{printable(path)} must be a text file of YOLO's classes, a name a line. Remove it "
            f"to number them anew. Received {type(error).__name__}."
        ) from None
    names = (printable(one.name) or DEFAULT_NAME for job in jobs for one in job.objects)
    classes = tuple(dict.fromkeys([*known, *names]))
    if len(classes) > len(known):
        text = "".join(f"{name}\n" for name in classes)
        atomic_write(path, lambda file: file.write(text.encode()), overwrite=True)
    return [replace(job, classes=classes) for job in jobs]


def check_outputs(jobs: Sequence[Job], overwrite: bool) -> None:
    """Refuse outputs that cannot or must not be written, before any work is done.

    Raises:
        InputError: a wrong suffix, a file that exists and `overwrite` is False, two outputs with
            one name, or an output that would replace a photograph.
    """
    photographs = {abspath(job.photograph) for job in jobs}
    owners: dict[str, Path] = {}
    for job in jobs:
        names = [abspath(path) for path in job.outputs.values()]
        for kind, path in job.outputs.items():
            check_output(path, OUTPUT_SUFFIXES[kind], overwrite)
            if abspath(path) in photographs or _is_same_file(path, job.photograph):
                raise InputError(
                    "An output must not replace a photograph. Choose another name than "
                    f"{printable(path)}."
                )
            other = owners.setdefault(abspath(path), job.photograph)
            if other != job.photograph or names.count(abspath(path)) > 1:
                raise InputError(
                    f"Two outputs would have one name, {printable(path)}, of "
                    f"{printable(other)} and {printable(job.photograph)}. Rename one."
                )


def load(job: Job) -> LoadedJob:
    """Read the photograph and the start mask and check the clicks.

    Raises:
        InputError: one of them cannot be used; each object needs a click, and its first one must be
            positive unless there is a start mask.
    """
    image = read_image(job.photograph)
    height, width = image.shape[:2]
    start_mask = read_mask(job.start_mask, height, width) if job.start_mask else None
    if start_mask is not None and len(job.objects) > 1:
        raise InputError(
            "A start mask belongs to one object. Click one object at a time with it. "
            f"Received clicks on {len(job.objects)} objects."
        )
    if job.candidate and len(job.objects) > 1:
        raise InputError(
            "A candidate is that of one object. Click one object at a time with it. "
            f"Received clicks on {len(job.objects)} objects."
        )
    clicks = []
    for clicked in job.objects:
        object_clicks = clicks_from_points(clicked.points, clicked.labels, height, width)
        if not object_clicks:
            raise InputError("There is no click. Give at least one on the object (--positive X,Y).")
        if start_mask is None and not object_clicks[0].is_positive:
            raise InputError(
                "The first click must be on the object (--positive X,Y, or label 1) unless there "
                f"is a start mask. Received a negative first click on object {clicked.number}."
            )
        clicks += object_clicks
    return LoadedJob(job, image, clicks, start_mask)


def segment(predictor: Predictor, loaded: LoadedJob, overwrite: bool = False) -> Result:
    """Segment the objects of one photograph and write the outputs, all after the last click.

    Raises:
        InputError: the network cannot use the input, or a file cannot be written.
    """
    job = loaded.job
    height, width = loaded.image.shape[:2]
    masks: dict[int, np.ndarray] = {}
    probability = np.zeros((height, width), np.float32)
    encode_seconds, click_seconds = 0.0, []
    predictor.set_image(loaded.image)
    if loaded.start_mask is not None:
        predictor.set_mask(loaded.start_mask)
    for clicked in job.objects:
        predictor.reset()
        for count in range(1, len(clicked.points) + 1):
            prediction = predictor.predict(clicked.points[:count], clicked.labels[:count])
            encode_seconds += prediction.encode_seconds
            click_seconds.append(prediction.click_seconds)
            if count == 1 and job.candidate:
                prediction = _chosen(predictor, prediction, job.candidate)
        masks[clicked.number] = prediction.mask
        probability = np.maximum(probability, prediction.probability)
    contents = _contents(loaded, masks, probability)
    for kind, content in contents.items():
        save(job.outputs[kind], content, overwrite)
    pixels = [int(np.count_nonzero(mask)) for mask in masks.values()]
    candidates = prediction.candidates if len(job.objects) == 1 else ()
    return Result(height, width, pixels, encode_seconds, click_seconds, candidates)


def _chosen(predictor: Predictor, first: Prediction, candidate: int) -> Prediction:
    """What goes on instead of the best answer to the first click."""
    number = len(first.candidates)
    if candidate > number:
        raise InputError(
            f"The first click has {number} candidates beside the best answer. Take one of them, "
            f"or another network where there is none. Received candidate {candidate}."
        )
    return predictor.choose(candidate - 1)


def unfinished(jobs: Iterable[Job]) -> list[Job]:
    """The jobs of which a file is missing, each with the outputs that are missing."""
    missing = [
        replace(job, outputs={kind: path for kind, path in job.outputs.items() if not exists(path)})
        for job in jobs
    ]
    return [job for job in missing if job.outputs]


def segment_all(
    predictor: Predictor,
    jobs: Sequence[Job],
    overwrite: bool,
    show: Callable[[int, Path], None],
    workers: int | None = 1,
    ray: str | None = None,
) -> dict[Path, str]:
    """Segment many photographs; one that cannot be used does not stop the others.

    Args:
        predictor: used for one after the other; every worker gets a copy.
        jobs: see `Job`.
        overwrite: True to replace existing files.
        show: called with the number of photographs done and the one that was last.
        workers, ray: who shares the photographs, see `workers.shared_out`. The files are read and
            written where a worker is.

    Returns:
        For each photograph that failed, why; in the order of the jobs.
    """
    failures = {}
    start = partial(_worker, predictor, overwrite)
    for done, (photograph, failure) in enumerate(shared_out(start, jobs, workers, ray), start=1):
        show(done, photograph)
        if failure is not None:
            failures[photograph] = failure
    return {job.photograph: failures[job.photograph] for job in jobs if job.photograph in failures}


def _worker(predictor: Predictor, overwrite: bool) -> Callable[[Job], tuple[Path, str | None]]:
    """See `workers.shared_out`: a job's photograph, and why it failed."""

    def segmented(job: Job) -> tuple[Path, str | None]:
        try:
            segment(predictor, load(job), overwrite)
        except InputError as error:
            return job.photograph, str(error)
        return job.photograph, None

    return segmented


def _contents(
    loaded: LoadedJob, masks: dict[int, np.ndarray], probability: np.ndarray
) -> dict[str, bytes]:
    """The bytes of every file that the job asks for."""
    job, image = loaded.job, loaded.image
    numbers = range(1, max(masks) + 1)
    none = np.zeros(image.shape[:2], bool)
    numbered = [masks.get(number, none) for number in numbers]
    names_by_number = {clicked.number: clicked.name for clicked in job.objects}
    names = [names_by_number.get(number, "") for number in numbers]
    union = np.logical_or.reduce(list(masks.values()))
    makers: dict[str, Callable[[Path], bytes]] = {
        "mask": lambda path: mask_png(union),
        "cutout": lambda path: cutout_png(image, union),
        "overlay": lambda path: overlay_png(image, numbered, loaded.clicks),
        "index": lambda path: index_png(numbered),
        "probability": lambda path: probability_png(probability),
        "coco": lambda path: coco_json(numbered, job.photograph.name, names),
        "labelme": lambda path: labelme_json(
            numbered, _seen_from(job.photograph, path.parent), names
        ),
        "yolo": lambda path: yolo_txt(numbered, _yolo_names(names), job.classes),
        "svg": lambda path: svg(numbered, names),
    }
    return {kind: makers[kind](path) for kind, path in job.outputs.items()}


def _yolo_names(names: Sequence[str]) -> list[str]:
    """Names as they stand in the file of classes, each on one line."""
    return [printable(name) or DEFAULT_NAME for name in names]


def _seen_from(photograph: Path, directory: Path) -> str:
    try:
        return PurePath(relpath(photograph, directory)).as_posix()
    except ValueError:  # on Windows, on another drive
        return photograph.absolute().as_posix()


def _is_same_file(path: Path, other: Path) -> bool:
    return exists(path) and exists(other) and samefile(path, other)
