"""A checkpoint holds everything a step reads, and is refused where it does not fit."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.training.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint


def small_model(units=3):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def train(model, steps):
    x = np.ones((2, 4), "float32")
    return [float(model.train_on_batch(x, np.ones((2, 3)))) for _ in range(steps)]


def test_weights_optimiser_and_random_state_return(tmp_path):
    model = small_model()
    train(model, 2)
    save_checkpoint(tmp_path, model, {"step": 2})
    expected = train(model, 3)
    again = small_model()
    assert load_checkpoint(tmp_path, again) == {"step": 2}
    assert train(again, 3) == expected  # dropout included
    for one, other in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_there_may_be_none(tmp_path):
    assert load_checkpoint(tmp_path, small_model()) is None


def test_what_a_killed_writer_left_is_removed(tmp_path):
    left, other = tmp_path / f".{'0a' * 8}.tmp", tmp_path / ".mine.tmp"
    left.touch()
    other.touch()
    load_checkpoint(tmp_path, small_model())
    assert not left.exists()
    assert other.exists()


def test_another_model_s_or_half_a_checkpoint_is_refused(tmp_path):
    save_checkpoint(tmp_path, small_model(), {})
    with pytest.raises(InputError, match="same network and optimiser"):
        load_checkpoint(tmp_path, small_model(units=5))
    path = tmp_path / CHECKPOINT_NAME
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="no whole checkpoint"):
        load_checkpoint(tmp_path, small_model())
