"""Training on several devices and processes gives the losses of training on one.

Each way runs in processes of its own, because devices and workers are set before a backend starts.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
# None of them takes longer, even on a busy machine; one that hangs shall not hang the tests.
SECONDS = 900
# What all of them train: the same network on the same batches of four.
COMMON = """
import json, sys
from dataclasses import replace
import keras
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.training.compact_training import jit_compile
from fctsfn_tf.training.losses import SummedCrossEntropy
from fctsfn_tf.networks.fctsfn import TSLFN
from fctsfn_tf.training.recipes import MSRN_INPUT
from fctsfn_tf.training.streaming_metrics import MaskIoU

def compiled():
    keras.utils.set_random_seed(0)
    model = TSLFN(32, alpha=1 / 64)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # its numbers differ from device to device
    optimizer = keras.optimizers.SGD(1e-5)
    model.compile(optimizer, SummedCrossEntropy(), metrics=[MaskIoU()], jit_compile=jit_compile())
    return model

data = ClickDataset(open_dataset(sys.argv[1]), replace(MSRN_INPUT, views=((32, 64, 4),)))

def report(model, batches, **options):
    history = model.fit(batches, epochs=3, verbose=0, **options).history
    kernel = keras.ops.convert_to_numpy(model.get_layer("score").kernel)
    print(json.dumps({"loss": history["loss"], "learned": kernel.ravel().tolist()}))
"""
# Prints what one device learns, then what two do.
MIRRORED = """
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
report(compiled(), data, shuffle=False)
data.epoch = 0
with strategy.scope():
    model = compiled()
report(model, data.as_tf_dataset(epochs=3), steps_per_epoch=len(data))
"""
# A worker must know its team before anything else of TensorFlow runs.
WORKER_FIRST = """
from fctsfn_tf.training.clusters import multi_worker_strategy
strategy = multi_worker_strategy()
"""
WORKER = """
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    model = compiled()
report(model, data.as_tf_dataset(epochs=3), steps_per_epoch=len(data))
"""
# As above.
DATA_PARALLEL = """
assert len(keras.distribution.list_devices()) == 2
report(compiled(), data, shuffle=False)
data.epoch = 0
keras.distribution.set_distribution(keras.distribution.DataParallel())
report(compiled(), data, shuffle=False)
"""


@pytest.fixture
def start(shapes_directory):
    """Starts a process that trains; none of them outlives the test."""
    processes = []

    def start_one(program, first="", **variables):
        command = [sys.executable, "-c", first + COMMON + program, str(shapes_directory)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes))
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.wait()


def histories_of(process):
    output, messages = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, messages
    return [json.loads(line) for line in output.splitlines() if line.startswith('{"loss"')]


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def assert_same(history, expected):
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)
    largest = np.abs(expected["learned"]).max()  # the score starts at zero
    assert largest > 0
    np.testing.assert_allclose(history["learned"], expected["learned"], atol=1e-3 * largest)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute")
def test_two_devices_and_two_workers_of_tensorflow(start):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    configs = [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    one_and_mirrored = start(MIRRORED)
    team = [start(WORKER, WORKER_FIRST, TF_CONFIG=config) for config in configs]
    expected, mirrored = histories_of(one_and_mirrored)
    assert_same(mirrored, expected)
    for worker in team:
        (history,) = histories_of(worker)
        assert_same(history, expected)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="keras.distribution runs on JAX")
def test_two_devices_of_jax(start):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    # XLA takes a thread per core, and a device that waits for the other one holds its thread: where
    # there are two cores, the other one may find none, and both wait until XLA gives up.
    one, two = histories_of(start(DATA_PARALLEL, XLA_FLAGS=flags, PJRT_NPROC="8"))
    assert_same(two, one)
