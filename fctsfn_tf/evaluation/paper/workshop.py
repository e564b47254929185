"""Where the results behind the paper's tables and figures come from: files, or evaluated now.

Results lie in one directory as `<data set>_<method>_<protocol>.json`. What is missing there is
evaluated where the data is at hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from fctsfn_tf.data.benchmark_sets import BENCHMARK_SETS, open_benchmark_set
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.paper.reported import DECIDABILITY_CLICKS, FIGURES, SETS, TABLES
from fctsfn_tf.evaluation.protocol import PROTOCOLS, Protocol
from fctsfn_tf.evaluation.result_files import read_results
from fctsfn_tf.evaluation.results import Results
from fctsfn_tf.evaluation.runner import evaluate_dataset
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.shards import Shard, merge

# The paper's names of the classical methods; OpenCV's stands beside them.
CLASSICAL = {"GC": "gc", "GM": "gm", "RW": "rw", "ESC": "esc", "GSC": "gsc"}
EXTRA_METHODS = {"OpenCV GrabCut": "grabcut"}
# The paper's networks: what `Workshop.presets` may name.
NETWORKS = tuple(
    dict.fromkeys(
        method
        for known in (*TABLES.values(), *FIGURES.values())
        for method in known.methods
        if method not in CLASSICAL and method not in getattr(known, "quoted", ())
    )
)


@dataclass(frozen=True)
class Workshop:
    """Where data and results lie, and how what is missing is evaluated.

    Attributes:
        data: holds the data sets in folders of their names in `BENCHMARK_SETS`; None evaluates
            nothing.
        results: directory of the results files, read and written.
        protocol: a key of `protocol.PROTOCOLS`.
        presets: {the paper's name of a network: preset with its trained weights}.
        shipped: presets that get a column of their own.
        until, limit, workers, shard: see `Protocol` and `evaluate_dataset`.
    """

    data: Path | None
    results: Path
    protocol: str = "paper"
    presets: dict[str, str] = field(default_factory=dict)
    shipped: tuple[str, ...] = ()
    until: float | None = None
    limit: int | None = None
    workers: int = 1
    shard: Shard = field(default_factory=Shard)

    def segmenter_of(self, method: str) -> Segmenter | None:
        """What computes a column; None where its weights were not given."""
        if method in CLASSICAL or method in EXTRA_METHODS:
            return Segmenter((CLASSICAL | EXTRA_METHODS)[method])
        if method in self.presets:
            return Segmenter(self.presets[method])
        return Segmenter(method) if method in self.shipped else None

    def sets(self) -> list[str]:
        """The paper's data sets, then others that lie in `data` or have results."""
        found = list(SETS)
        for name in BENCHMARK_SETS:
            has_data = self.data is not None and (self.data / name).is_dir()
            has_results = any(self.results.glob(f"{name}_*_{self.protocol}*.json*"))
            if name not in found and (has_data or has_results):
                found.append(name)
        return found


def results_of(workshop: Workshop, name: str, method: str, choice: str | None = None) -> Results:
    """The results of one method on one data set, from their file or evaluated now.

    Args:
        name: a key of `BENCHMARK_SETS`.
        method: as the paper or the workshop calls it.
        choice: to measure the decidability index in this setting, at up to 10 clicks.

    Raises:
        InputError: they are missing and cannot be made, or are of other weights than the preset
            that stands for the method; the message says why.
    """
    path = _path(workshop, name, method, choice)
    segmenter = workshop.segmenter_of(method)
    if path.exists():
        return _of_these_weights(read_results(path), path, segmenter)
    has_data = workshop.data is not None and (workshop.data / name).is_dir()
    shards = _shards(path)
    if len(shards) == _count(shards) or (shards and not has_data):
        merged = merge([read_results(shard) for shard in shards], is_whole=False)
        return _of_these_weights(merged, shards[0], segmenter)
    if segmenter is None:
        raise InputError("no trained weights (name them with --preset NAME=DIR)")
    if not has_data:
        raise InputError("no results, and no data in --data to make them" + _partly(path))
    index, count = workshop.shard.index, workshop.shard.count
    own = path if count == 1 else path.with_name(f"{path.stem}.{index}-of-{count}.json")
    if own not in shards:
        results = evaluate_dataset(
            open_benchmark_set(name, workshop.data),
            segmenter,
            protocol_of(workshop, segmenter, choice),
            data=name,
            min_share=BENCHMARK_SETS[name].min_share,
            limit=workshop.limit,
            shard=workshop.shard,
            workers=workshop.workers,
            output=own,
        )
        if own == path:
            return results
    shards = _shards(path)
    if len(shards) < count:
        raise InputError(f"{len(shards)} of {count} shards are there")
    return merge([read_results(shard) for shard in shards])


def _of_these_weights(results: Results, path: Path, segmenter: Segmenter | None) -> Results:
    """The results, if what the segmenter names has the weights that made them.

    Raises:
        InputError: they are of other weights, or there is no such preset.
    """
    model = results.run["model"]
    # Classical methods have no weights, and without a preset there is nothing to compare with.
    if segmenter is None or segmenter.is_classical or "@" not in model:
        return results
    named = segmenter.weights_name
    if f"@{named.rpartition('@')[2]}" not in model:
        raise InputError(
            f"{path.name} holds results of {model.partition(',')[0]}, not of the preset "
            f"{named}. Name the preset that made them, or another directory with --results"
        )
    return results


def _shards(path: Path) -> list[Path]:
    """The files of the shards of what shall be in `path`."""
    return sorted(path.parent.glob(f"{path.stem}.*-of-*.json"))


def _count(shards: list[Path]) -> int:
    """Into how many the shards divide the data, as their names say; −1 without any."""
    return int(shards[0].stem.rpartition("-")[2]) if shards else -1


def _path(workshop: Workshop, name: str, method: str, choice: str | None) -> Path:
    known = (CLASSICAL | EXTRA_METHODS).get(method, method)
    words = [name, re.sub(r"[^\w⁻]+", "-", Path(known).name), workshop.protocol, choice]
    return workshop.results / f"{'_'.join(word for word in words if word)}.json"


def _partly(path: Path) -> str:
    partial = Path(f"{path}.partial")
    if partial.exists():
        done = len(partial.read_bytes().splitlines()) - 1
        return f"; {done} objects are evaluated, the rest is not"
    return ""


def protocol_of(workshop: Workshop, segmenter: Segmenter, choice: str | None = None) -> Protocol:
    """How a column is evaluated: the workshop's protocol, with the cut that goes with a network.

    Args:
        workshop: has the protocol's name.
        segmenter: what is evaluated.
        choice: see `results_of`.

    Raises:
        InputError: the segmenter names no preset.
    """
    protocol = replace(PROTOCOLS[workshop.protocol], until=workshop.until)
    if protocol.graph_cut is not None:
        # The classical methods cut by themselves, or were published without a cut.
        cut = None if segmenter.is_classical else segmenter.graph_cut
        protocol = replace(protocol, graph_cut=cut)
    if choice is not None:
        most = max(DECIDABILITY_CLICKS)
        protocol = replace(
            protocol, until=None, max_clicks=most, choice=choice, measures_decidability=True
        )
    return protocol
