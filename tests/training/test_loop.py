"""The loop over a model whose losses are scripted: when it looks, saves, stops and goes on."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.training import loop
from fctsfn_tf.training.checkpoints import CHECKPOINT_NAME
from fctsfn_tf.training.loop import BEST_NAME, run_training
from fctsfn_tf.training.recipes import MSRN_STAGE, Schedule
from fctsfn_tf.training.reporting import LOG_NAME

IS_JAX = keras.backend.backend() == "jax"


class Batches:
    """Three batches an epoch; which ones were asked for, and Ctrl-C in the place of one."""

    num_workers = 1

    def __init__(self, interrupted_at=None):
        self.asked, self.interrupted_at = [], interrupted_at

    def __len__(self):
        return 3

    def batch(self, epoch, index):
        if (epoch, index) == self.interrupted_at:
            raise KeyboardInterrupt
        self.asked.append((epoch, index))
        return np.full((2, 1), epoch * 3 + index, "float32"), np.zeros((2, 1), "float32")


class Number:
    """A loss that says when it is read."""

    def __init__(self, value, read):
        self.value, self.read = value, read

    def __float__(self):
        self.read.append(self.value)
        return float(self.value)


def scripted(losses):
    """A model to loop over: the loss is the next of these, and the one weight counts the steps.

    A loss that is an exception is raised.
    """
    losses = iter(losses)
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.compile("sgd")
    network.optimizer.build(network.trainable_variables)
    network.get_layer(index=0).kernel.assign([[0.0]])

    def train_on_batch(inputs, target, return_dict):
        loss = next(losses)
        if isinstance(loss, BaseException):
            raise loss
        kernel = network.get_layer(index=0).kernel
        kernel.assign(kernel + 1)
        return {"loss": loss}

    network.train_on_batch = train_on_batch
    return network


def steps_of(network):
    return int(ops.convert_to_numpy(network.get_layer(index=0).kernel)[0, 0])


def looped(directory, losses, scores=(), *, data=None, settings=None, should_stop=None, **schedule):
    """Where a run stands after it saw these losses and these validations."""
    network = losses if isinstance(losses, keras.Model) else scripted(losses)
    scores = iter(scores)
    schedule = {"steps": 8, "validate_every": 99, "checkpoint_every": 99, **schedule}
    options = {} if should_stop is None else {"should_stop": should_stop}
    return run_training(
        network,
        data or Batches(),
        Schedule(**{"patience": 2, **schedule}),
        directory,
        settings or {},
        network,
        lambda: {"val_click_iou": next(scores)},
        **options,
    )


def test_a_run_ends_after_validations_without_a_gain_and_keeps_the_best(tmp_path):
    state = looped(tmp_path, range(9), (0.1, 0.3, 0.2, 0.3, 0.9), validate_every=1)
    assert (state.step, state.best_step, state.best_score) == (4, 2, 0.3)
    assert state.is_finished
    assert (tmp_path / BEST_NAME).is_file()


def test_a_loss_that_is_no_number_ends_the_run_with_the_step_s_number(tmp_path):
    losses = (2.0, 1.0, float("nan"), *range(9))
    with pytest.raises(InputError, match="Received nan at step 3"):
        looped(tmp_path, losses, validate_every=10)


@pytest.mark.parametrize("look", ["checkpoint_every", "validate_every"])
def test_nothing_is_kept_of_a_run_whose_loss_is_no_number(tmp_path, look):
    losses = (1.0, float("inf"), *range(9))
    with pytest.raises(InputError, match="Received inf at step 2"):
        looped(tmp_path, losses, (0.5, 0.6), **{look: 3})
    assert [path.name for path in tmp_path.iterdir()] == [LOG_NAME]


def test_the_log_means_over_the_steps_since_its_last_line(tmp_path, monkeypatch):
    monkeypatch.setattr("fctsfn_tf.training.loop.LOG_EVERY", 2)
    looped(tmp_path, range(9), (0.5, 0.5), validate_every=8)
    lines = [json.loads(line) for line in (tmp_path / LOG_NAME).read_text().splitlines()]
    assert [line["loss"] for line in lines if "loss" in line] == [0.5, 2.5, 4.5, 6.5]


def test_numbers_are_read_only_where_somebody_looks(tmp_path, monkeypatch):
    monkeypatch.setattr("fctsfn_tf.training.loop.LOG_EVERY", 3)
    monkeypatch.setenv("TQDM_DISABLE", "1")  # the bar looks, too
    read, read_before_step = [], []

    def numbers():
        for value in range(9):
            read_before_step.append(len(read))
            yield Number(value, read)

    looped(tmp_path, numbers(), (0.5, 0.6), steps=7, validate_every=5)
    assert read_before_step == [0, 0, 0, 3, 3, 5, 6]
    assert read == [*range(7)]


@pytest.mark.skipif(IS_JAX, reason="on JAX Keras reads them itself")
def test_a_step_gives_tensors_and_trains_as_train_on_batch_does():
    def trained(step):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)]
        )
        model.compile("adam", "mse", metrics=["mae"], jit_compile=False)
        rng = np.random.default_rng(0)
        batches = [
            (rng.random((n, 3), "float32"), rng.random((n, 2), "float32")) for n in (4, 2, 4)
        ]
        return model, [step(model, *batch) for batch in batches]

    model, numbers = trained(loop._step)
    expected_model, expected = trained(
        lambda model, x, y: model.train_on_batch(x, y, return_dict=True)
    )
    assert [{k: float(v) for k, v in one.items()} for one in numbers] == expected
    assert all(keras.ops.is_tensor(value) for one in numbers[1:] for value in one.values())
    for one, other in zip(model.get_weights(), expected_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_come_in_order_over_the_epochs_and_not_beyond_the_end(tmp_path):
    data = Batches()
    looped(tmp_path, range(9), (0.5,), data=data, steps=5)
    assert data.asked == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_it_stops_after_the_step_if_it_should_and_goes_on_with_the_next(tmp_path):
    answers = iter([False, False, True])
    network = scripted(range(9))
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path, network, should_stop=lambda: next(answers))
    assert steps_of(network) == 3
    data, network = Batches(), scripted(range(3, 9))
    state = looped(tmp_path, network, (0.5,), data=data)
    assert (state.step, steps_of(network)) == (8, 8)
    assert data.asked[0] == (1, 0)
    lines = [json.loads(line) for line in (tmp_path / LOG_NAME).read_text().splitlines()]
    assert lines[0] == {"step": 8, "loss": 3.5}


def test_a_run_that_has_ended_is_not_stopped(tmp_path):
    assert looped(tmp_path, range(9), (0.5,), steps=1, should_stop=lambda: True).is_finished


def test_ctrl_c_between_two_steps_writes_a_checkpoint(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path, range(9), data=Batches(interrupted_at=(1, 1)))
    network = scripted(range(9))
    looped(tmp_path, network, (0.5,), steps=5)
    assert steps_of(network) == 5
    assert json.loads((tmp_path / LOG_NAME).read_text().splitlines()[0])["loss"] == 6 / 5


def test_ctrl_c_within_a_step_leaves_the_last_checkpoint(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path, (0, 1, 2, KeyboardInterrupt()), checkpoint_every=2)
    network = scripted(range(2, 9))
    looped(tmp_path, network, (0.5,), steps=3)
    assert steps_of(network) == 3
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path / "other", (0, KeyboardInterrupt()))
    assert not (tmp_path / "other" / CHECKPOINT_NAME).exists()


def test_another_run_is_refused_with_the_fields_that_differ(tmp_path):
    looped(tmp_path, range(9), (0.5,), steps=1, settings={"recipe": MSRN_STAGE, "seed": 1})
    looped(tmp_path, range(9), steps=1, settings={"recipe": MSRN_STAGE, "seed": 1})
    with pytest.raises(InputError, match=r"Received another seed \(1, not 2\)\."):
        looped(tmp_path, range(9), steps=1, settings={"recipe": MSRN_STAGE, "seed": 2})


def test_a_checkpoint_with_the_representation_of_a_recipe_goes_on(tmp_path):
    looped(tmp_path, range(9), (0.5,), steps=1, settings={"recipe": repr(MSRN_STAGE)})
    assert looped(tmp_path, (), steps=1, settings={"recipe": MSRN_STAGE}).step == 1
