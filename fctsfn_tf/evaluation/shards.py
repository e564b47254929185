"""A data set in parts, for several machines, and the results of the parts joined to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.results import Results


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a data set, for a machine of its own: every `count`-th
    photograph from number `index` on, counted from 1.

    Raises:
        InputError: `index` is not in 1 … `count`.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(
                f"A shard must be one of 1/{self.count} … {self.count}/{self.count}. "
                f"Received {self.index}/{self.count}."
            )

    def positions(self, num_images: int) -> range:
        """Its photographs' numbers, from 0."""
        return range(self.index - 1, num_images, self.count)


def merge(shards: Sequence[Results], is_whole: bool = True) -> Results:
    """The shards of one evaluation as the evaluation.

    Args:
        shards: of one data set, model and protocol.
        is_whole: False to join those that there are, for a look before the rest is done.

    Raises:
        InputError: they belong to different evaluations, one is missing, or one comes twice.
    """
    if not shards:
        raise InputError("There must be at least one results file to merge. Received none.")
    runs = [{**results.run, "shard": None, "num_cpus": None} for results in shards]
    for run in runs[1:]:
        different = [key for key in run if run[key] != runs[0].get(key)]
        if different:
            raise InputError(
                "The shards must be of one evaluation. Evaluate all of them with the same options "
                f"and versions. Received different {', '.join(different)}."
            )
    found = sorted(results.run["shard"][0] for results in shards)
    count = shards[0].run["shard"][1]
    expected = list(range(1, count + 1))
    is_complete = found == expected or not (is_whole or len(set(found)) < len(found))
    if not is_complete or any(results.run["shard"][1] != count for results in shards):
        raise InputError(
            f"To merge, each of the {count} shards must be there once. Received "
            f"{', '.join('{}/{}'.format(*results.run['shard']) for results in shards)}."
        )
    objects = [result for results in shards for result in results.objects]
    # Sorting is stable: the objects of one photograph lie in one shard, in order.
    objects.sort(key=lambda result: result.position)
    cpus = max(results.run["num_cpus"] for results in shards)
    # Of a part, the first number of the shard says how many of them there are.
    shard = [1, 1] if found == expected else [len(found), count]
    return Results({**shards[0].run, "shard": shard, "num_cpus": cpus}, tuple(objects))
