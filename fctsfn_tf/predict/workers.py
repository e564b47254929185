"""Photographs shared out to workers, each with an engine of its own: one interface, three places.

    for answer in shared_out(start, items, workers=4):

`start` runs once in every worker and returns what is called there for each item: it loads the
engine. Workers are this process, processes of this machine, or actors of a Ray cluster; a caller
sees no difference but the time. What an item leads to is the same in each, so an interrupted run is
taken up again in any of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import cv2

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
Start = Callable[[], Callable[[_Item], _Answer]]

# What tells the libraries how many threads a process may start. They read it when they are loaded,
# numpy's before any function of a new process runs: threadpoolctl would come too late for those
# that load later, and knows neither OpenCV nor TensorFlow.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# The address of the Ray cluster that this machine belongs to, or of a new one on this machine.
AT_HAND = "auto"
# How often Ray starts a worker anew whose machine was lost, and asks it again.
RETRIES = 3
# Where it is not set, a new Ray cluster reports its use to Ray's makers.
USAGE_VARIABLE = "RAY_USAGE_STATS_ENABLED"


def shared_out(
    start: Start[_Item, _Answer],
    items: Iterable[_Item],
    workers: int | None = 1,
    ray: str | None = None,
) -> Iterator[_Answer]:
    """The answers for the items as they come: in their order from one worker, in any from several.

    Args:
        start: runs in every worker; with several, it, the items and the answers are pickled.
        items: one after the other to whichever worker is free.
        workers: how many; None for one per processor of the Ray cluster.
        ray: address of a Ray cluster, such as "10.0.0.5:6379", or `AT_HAND`; None for processes of
            this machine, which share its cores. Workers of a cluster have one core each and work in
            this process' directory, which must be there on every machine.

    Raises:
        InputError: Ray is not installed, does not answer or lost a worker for good, or what `start`
            and the function it returns raise. Closing the iterator ends the workers.
    """
    if ray is not None:
        yield from _from_ray(start, list(items), workers, ray)
    elif workers == 1:
        yield from map(start(), items)
    else:
        yield from _from_processes(start, items, workers)


def check_ray() -> None:
    """Refuse to go on without Ray, before any work is done.

    Raises:
        InputError: it is not installed.
    """
    if find_spec("ray") is None:
        raise InputError(
            "Sharing work out to a cluster needs Ray. Install it on every machine with "
            "`pip install 'fctsfn-tf[ray]'`. It is not installed."
        )


# ---- Processes of this machine ------------------------------------------------------------------


def _from_processes(
    start: Start[_Item, _Answer], items: Iterable[_Item], workers: int
) -> Iterator[_Answer]:
    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _environment(dict.fromkeys(THREAD_VARIABLES, str(threads))),
        ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=_start_process, initargs=(start, threads)
        ) as pool,
    ):
        waiting = [pool.submit(_answer, item) for item in items]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_process: Callable[[Any], Any] | None = None


def _start_process(start: Start, threads: int) -> None:
    global _process
    cv2.setNumThreads(threads)
    _process = start()


def _answer(item: Any) -> Any:
    return _process(item)


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


# ---- Actors of a Ray cluster --------------------------------------------------------------------


class _Actor:
    """A worker of a cluster; Ray lets it use one core."""

    def __init__(self, start: Start, directory: str) -> None:
        if not Path(directory).is_dir():
            raise InputError(
                "The directory in which the command runs must be there on every machine of the "
                f"cluster, by the same path. Share it. Received {printable(directory)}."
            )
        os.chdir(directory)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        cv2.setNumThreads(1)
        self._answer = start()

    def answer(self, item: Any) -> Any:
        return self._answer(item)


def _from_ray(
    start: Start[_Item, _Answer], items: Sequence[_Item], workers: int | None, address: str
) -> Iterator[_Answer]:
    check_ray()
    os.environ.setdefault(USAGE_VARIABLE, "0")
    import ray
    from ray.util import ActorPool

    is_ours = not ray.is_initialized()
    try:
        if is_ours:
            ray.init(
                None if address == AT_HAND else address, log_to_driver=False, logging_level="ERROR"
            )
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        actor = ray.remote(num_cpus=1, max_restarts=RETRIES, max_task_retries=RETRIES)(_Actor)
        actors = [actor.remote(start, os.getcwd()) for _ in range(min(count, len(items)))]
        pool = ActorPool(actors)
        yield from pool.map_unordered(lambda one, item: one.answer.remote(item), items)
    except (ray.exceptions.RayError, ConnectionError, ValueError) as error:
        if isinstance(error, ray.exceptions.RayTaskError):
            raise error.cause from None
        raise InputError(_what_ray_says(error, address)) from None
    finally:
        if is_ours:
            ray.shutdown()  # with it go the actors


def _what_ray_says(error: Exception, address: str) -> str:
    """One line: of a worker's death the last one, which names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if InputError.__name__ in line), lines[-1] if lines else "")
    return (
        f"The Ray cluster '{printable(address)}' must run and its machines be able to work (see "
        f"docs/clusters.md). Ray says: {told.partition(f'{InputError.__name__}: ')[2] or told:.300}"
    )
