"""What counts as an epoch, and that Keras calls a dataset as `epoch_counter` says it does."""

import keras
import numpy as np
import pytest

from fctsfn_tf.training.epoch_counter import EpochCounter

FIT = "start end"
FIT_UNBUILT = "start begin end"
EPOCH = "begin end"


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (f"{FIT} {EPOCH} {EPOCH}", 2),
        (f"{FIT_UNBUILT} {EPOCH}", 1),
        (f"{FIT} {EPOCH} {FIT} {EPOCH}", 2),
        (f"{FIT_UNBUILT} {EPOCH} {FIT_UNBUILT} {EPOCH}", 2),
        (f"{FIT} begin {FIT} {EPOCH}", 1),  # broken off
        (f"{FIT} {EPOCH} begin {FIT_UNBUILT} {EPOCH}", 2),
        (f"{FIT} {EPOCH} end {EPOCH}", 2),  # validation within `fit`
        ("start begin end", 0),  # `predict`
        (f"start begin end {FIT} {EPOCH}", 1),
    ],
)
def test_what_is_counted(calls, expected):
    counter = EpochCounter()
    for call in calls.split():
        getattr(counter, call)()
    assert counter.epoch == expected


def test_it_goes_on_from_what_it_was_set_to():
    counter = EpochCounter()
    counter.epoch = 5
    for call in f"{FIT_UNBUILT} {EPOCH}".split():
        getattr(counter, call)()
    assert counter.epoch == 6


class Recorder(keras.utils.PyDataset):
    """Three batches, and the calls that Keras made."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.calls.append(index)
        return np.ones((1, 2), "float32"), np.ones((1, 1), "float32")

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")

    @property
    def use_multiprocessing(self):
        self.calls.append("start")
        return False

    def taken(self):
        """The calls so far, without those for batches."""
        calls, self.calls = self.calls, []
        return " ".join(call for call in calls if isinstance(call, str))


def compiled(model=None):
    model = model or keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_keras_calls_as_is_said():
    data, validation, model = Recorder(), Recorder(), compiled()
    options = {"shuffle": False, "verbose": 0}
    for _ in range(2):
        model.fit(data, epochs=2, **options)
        assert data.taken() in (f"{first} {EPOCH} {EPOCH}" for first in (FIT, FIT_UNBUILT))
        compiled(model)
    model.fit(data, validation_data=validation, epochs=2, **options)
    data.taken()
    assert validation.taken() == f"{FIT} {EPOCH} end {EPOCH}"
    model.fit(data, epochs=1, **options)
    assert data.taken() == f"{FIT} {EPOCH}"
    model.evaluate(data, verbose=0)
    assert data.taken() == f"{FIT} {EPOCH}"
    model.predict(data, verbose=0)
    assert data.taken() == f"start {EPOCH}"


def test_keras_asks_for_the_batches_of_an_epoch_within_it():
    data, model = Recorder(), compiled()
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    end = ["begin", 0, 1, 2, "end"]
    assert data.calls[-10:] == 2 * end
