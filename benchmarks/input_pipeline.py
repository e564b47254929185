"""How many times faster than the training step one worker delivers batches.

    python benchmarks/input_pipeline.py DATA

DATA is a data set that `open_dataset` reads, best with photographs of 300 pixels or more. For the
paper's network (MSRN on a frozen TSLFN, 3 × 240 × 320) and the compact one (frozen backbone, 3
photographs of 320 × 320 with two objects each) the same batches are made by one thread and trained
on with all cores, in turn. Prints medians and their ratio: with photographs decoded each time, kept
in memory (`MemoryCache`) and mapped from disk (`DiskCache`).

Times are processor time, which a busy machine changes less; that of the training step is divided by
the number of cores, as if it kept all of them busy to the end. So the true ratio is no lower. The
training step is a plain one: the recipe of the compact network also rolls out clicks. Time: some
minutes; memory: 4 GB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import keras

from fctsfn_tf.data.annotated_images import Dataset
from fctsfn_tf.data.image_cache import DiskCache, MemoryCache
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.networks.compact import compact_network, is_backbone
from fctsfn_tf.networks.fctsfn import FCTSFN, freeze_tslfn
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.losses import NormalizedFocalLoss
from fctsfn_tf.training.recipes import COMPACT_INPUT, MSRN_INPUT, ClickInput

MEMORY_BYTES = 2**30


def paper_network() -> keras.Model:
    """FCTSFN at the paper's size as its last stage trains it: the MSRN alone."""
    network = FCTSFN()
    freeze_tslfn(network)
    return network


def compact() -> keras.Model:
    """The compact network with random weights and its backbone frozen."""
    network = compact_network()
    for layer in network.layers:
        layer.trainable = not is_backbone(layer)
    return network


NETWORKS: dict[str, tuple[Callable[[], keras.Model], ClickInput]] = {
    "compact, 3 × 320 × 320, 6 objects": (
        compact,
        replace(COMPACT_INPUT, views=((320, 320, 3),)),
    ),
    "paper's, 3 × 240 × 320": (paper_network, MSRN_INPUT),
}


def measure(
    dataset: Dataset, model: keras.Model, config: ClickInput, num_batches: int, directory: str
) -> dict[str, float]:
    """Median seconds of a batch under each cache, and of a training step; see the module."""
    inputs = {
        name: ClickDataset(dataset, config, cache=cache)
        for name, cache in (
            ("decoded anew", None),
            ("memory", MemoryCache(MEMORY_BYTES)),
            ("disk", DiskCache(directory)),
        )
    }
    seconds: dict[str, list[float]] = {name: [] for name in (*inputs, "training step")}
    model.train_on_batch(*inputs["decoded anew"].batch(0, 0))  # compiles
    for index in range(num_batches):
        for name, data in inputs.items():
            data.batch(0, index)  # what caches keep is there from here on
            started = time.thread_time()
            batch = data.batch(0, index)
            seconds[name].append(time.thread_time() - started)
        started = time.process_time()
        model.train_on_batch(*batch)
        seconds["training step"].append((time.process_time() - started) / os.cpu_count())
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="data set that open_dataset reads")
    parser.add_argument("--batches", type=int, default=15, help="of each network (default 15)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    dataset = open_dataset(arguments.data)
    print(f"{os.cpu_count()} cores; medians of {arguments.batches} batches of {arguments.data}\n")
    print("| network | photographs | ms per batch, one worker | ms per training step | ratio |")
    print("|---|---|---:|---:|---:|")
    for name, (build, config) in NETWORKS.items():
        model = build()
        model.compile("sgd", NormalizedFocalLoss())
        with tempfile.TemporaryDirectory() as directory:
            medians = measure(dataset, model, config, arguments.batches, directory)
        step = medians.pop("training step")
        for cache, seconds in medians.items():
            print(
                f"| {name} | {cache} | {1000 * seconds:.0f} | {1000 * step:.0f} "
                f"| {step / seconds:.0f}× |",
                flush=True,
            )
        del model


if __name__ == "__main__":
    main()
