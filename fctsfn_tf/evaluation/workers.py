"""The photographs of a data set shared out to processes, each with its share of the cores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import cv2

from fctsfn_tf.data.annotated_images import AnnotatedImage, Dataset, Sample, samples_of
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import Protocol
from fctsfn_tf.evaluation.results import ObjectResult
from fctsfn_tf.evaluation.segmenters import Segment, Segmenter

# What tells the libraries how many threads a process may start. They read it when they are loaded,
# numpy's before any function of a new process runs: threadpoolctl would come too late for those
# that load later, and knows neither OpenCV nor TensorFlow.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Task:
    """What a process needs to evaluate any photograph of a data set.

    Attributes:
        dataset, segmenter, protocol, min_share, seed: see `runner.evaluate_dataset`.
        finished: names of the objects that need not be evaluated any more.
    """

    dataset: Dataset
    segmenter: Segmenter
    protocol: Protocol
    min_share: float
    seed: int
    finished: frozenset[str]

    def results(self, position: int, segment: Segment) -> Iterator[ObjectResult]:
        """The objects of one photograph; of those that are finished only the name."""
        image = self.dataset.images[position]
        try:
            objects = list(self._objects(image))
        except InputError as error:
            yield ObjectResult(image.name, position, failure=str(error))
            return
        for sample in objects:
            if sample.name in self.finished:
                yield ObjectResult(sample.name, position)
            else:
                yield evaluate_object(segment, sample, self.protocol, self.seed, position)

    def _objects(self, image: AnnotatedImage) -> Iterator[Sample]:
        pixels, objects = image.read_masks()
        self.dataset.check_objects(image, objects)
        return samples_of(image.name, pixels, objects, self.min_share)


def results_in_processes(
    task: Task, positions: Iterable[int], workers: int
) -> Iterator[list[ObjectResult]]:
    """The objects of each of the photographs, photograph by photograph as they come."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _environment(dict.fromkeys(THREAD_VARIABLES, str(threads))),
        ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=_start_process, initargs=(task, threads)
        ) as pool,
    ):
        waiting = [pool.submit(_results_of, position) for position in positions]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_process: tuple[Task, Segment] | None = None


def _start_process(task: Task, threads: int) -> None:
    global _process
    cv2.setNumThreads(threads)
    _process = task, task.segmenter.build()[1]


def _results_of(position: int) -> list[ObjectResult]:
    task, segment = _process
    return list(task.results(position, segment))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
