"""All objects of a data set clicked by the robot user, kept on disk as they come.

An evaluation that was interrupted goes on where it was, see `result_files.PartialResults`. A bar on
standard error tells how far it is and how long the rest will take.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Dataset, Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import Protocol
from fctsfn_tf.evaluation.result_files import PartialResults, write_results
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.run_description import describe_run
from fctsfn_tf.evaluation.segmenters import Segment, Segmenter
from fctsfn_tf.evaluation.shards import Shard
from fctsfn_tf.evaluation.task import Task
from fctsfn_tf.files import check_writable, printable
from fctsfn_tf.predict.workers import shared_out
from fctsfn_tf.progress import progress_bar

# Where standard error is no terminal: a line at most this often.
PROGRESS_SECONDS = 10.0


def evaluate(
    objects: Iterable[Sample],
    segment: Segment,
    protocol: Protocol,
    *,
    data: str,
    model: str,
    seed: int = 0,
    num_objects: int | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Every object clicked by the robot user; progress and time left go to stderr.

    Args:
        objects: samples with names of their own.
        segment, protocol, seed: see `evaluate_object`.
        data: name of the data set, for the record.
        model: name of what segments, for the record; it should change with the weights.
        num_objects: how many there are, if known, for the time left.
        output: file for the results; None writes none. Each object is kept in `<output>.partial`
            as soon as it is done; where that exists from a run that was killed, its objects are
            taken over. It is removed when the results are written.
        overwrite: True to replace an existing `output`.

    Returns:
        The results, those taken over included, in the order of `objects`.

    Raises:
        InputError: `output` exists, the partial results come from another data set, model, seed,
            protocol or machine, two objects have one name, or there are no objects.
    """
    run = _OngoingRun(describe_run(data, model, seed, protocol), output, overwrite)

    def result_of(position: int, sample: Sample) -> ObjectResult:
        known = run.finished.get(sample.name)
        return known or evaluate_object(segment, sample, protocol, seed, position)

    results = ([result_of(position, sample)] for position, sample in enumerate(objects))
    run.collect(results, num_objects, "objects")
    return run.results()


def evaluate_dataset(
    dataset: Dataset,
    segmenter: Segmenter,
    protocol: Protocol,
    *,
    data: str,
    min_share: float = MIN_OBJECT_SHARE,
    limit: int | None = None,
    shard: Shard | None = None,
    workers: int | None = 1,
    ray: str | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Every object of a data set clicked by the robot user; see `evaluate`.

    A photograph that cannot be used (unreadable, without its mask, an empty mask) is a failure with
    its name.

    Args:
        dataset: see `data.layouts.open_dataset`.
        segmenter: a network or a classical method.
        data: name of the data set, for the record.
        min_share: objects that cover less of their photograph are left out.
        limit: only the first so many photographs, for a quick look; None for all.
        shard: the part to evaluate; None for all. `shards.merge` joins them.
        workers, ray: who shares the photographs, see `workers.shared_out`. With one process,
            objects are kept in `<output>.partial` one by one; else photograph by photograph.
        protocol, seed, output, overwrite: see `evaluate`.

    Returns:
        The results, in the order of the data set.

    Raises:
        InputError: see `evaluate` and `Segmenter.build`; or a number below 1.
    """
    for name, number in (("limit", limit), ("workers", workers)):
        if number is not None and number < 1:
            raise InputError(f"`{name}` must be 1 or more. Received {number}.")
    if output is not None:
        check_writable(output, overwrite)
    shard = shard or Shard()
    images = dataset.images[:limit]
    positions = shard.positions(len(images))
    name, segment = segmenter.build()
    description = describe_run(data, name, seed, protocol)
    description |= {"photographs": len(images), "min_share": min_share}
    description |= {"shard": [shard.index, shard.count]}
    run = _OngoingRun(description, output, overwrite)
    task = Task(dataset, segmenter, protocol, min_share, seed, frozenset(run.finished))
    if workers == 1 and ray is None:
        results = (task.results(position, segment) for position in positions)
    else:
        results = shared_out(task.start, positions, workers, ray)
    run.collect(results, len(positions), "photographs")
    return run.results()


class _OngoingRun:
    """The objects of a run as they come, kept on disk meanwhile; see `evaluate`.

    Attributes:
        finished: {name: result} of the objects that the run had finished before.
    """

    def __init__(
        self, description: dict[str, Any], output: str | Path | None, overwrite: bool
    ) -> None:
        self._description, self._output, self._overwrite = description, output, overwrite
        self._partial = None
        if output is not None:
            check_writable(output, overwrite)
            self._partial = PartialResults(Path(f"{output}.partial"), description)
        self.finished = self._partial.finished if self._partial else {}
        self._done: dict[str, ObjectResult] = {}
        self._num_failed = self._num_counted = 0
        self._sum_of_last_ious = 0.0

    def collect(
        self, results: Iterable[Iterable[ObjectResult]], total: int | None, unit: str
    ) -> None:
        """Take the objects of one photograph (or one object) after the other, with a bar.

        Args:
            results: of objects that are finished, what the partial results say holds.
            total: how many of the `unit` ("objects", "photographs") will come; None if nobody
                knows.
        """
        # These pass in no time, which says nothing of the time left.
        begun = {result.position for result in self.finished.values()}
        with progress_bar(total, len(begun), unit, PROGRESS_SECONDS) as bar:
            for of_one in results:
                is_begun = False
                for result in map(self._taken, of_one):
                    is_begun |= result.position in begun
                    if result.failure is not None:
                        line = f"{printable(result.name)} failed: {result.failure}"
                        bar.write(line, file=sys.stderr)
                bar.set_postfix_str(self._so_far(), refresh=False)
                bar.update(0 if is_begun else 1)

    def _taken(self, result: ObjectResult) -> ObjectResult:
        """`result`, or the one of this name that was finished before; it is kept."""
        name = result.name
        if name in self._done:
            raise InputError(
                "Every object must have a name of its own. Rename one of the two. "
                f"Received {name!r} twice."
            )
        if name in self.finished:
            result = self.finished[name]
        elif self._partial:
            self._partial.append(result)
        self._done[name] = result
        if result.failure is not None:
            self._num_failed += 1
        elif result.ious:
            self._num_counted += 1
            self._sum_of_last_ious += result.ious[-1]
        return result

    def _so_far(self) -> str:
        text = f"{self._num_failed} failed"
        if self._num_counted:
            mean = self._sum_of_last_ious / self._num_counted
            text += f", mean IoU after the last click {mean:.1%}"
        return text

    def results(self) -> Results:
        """All of them in the order of the data set, written to the output."""
        if not self._done:
            raise InputError("There must be at least one object to evaluate. Received none.")
        # Sorting is stable: the objects of one photograph come in order.
        objects = sorted(self._done.values(), key=lambda result: result.position)
        results = Results(self._description, tuple(objects))
        if self._partial:
            write_results(results, self._output, self._overwrite)
            self._partial.remove()
        return results
