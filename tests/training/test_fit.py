"""Plain `compile` and `fit` on our networks and batches, with Keras' own callbacks."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from fctsfn_tf.clicks.click_maps import DISTANCES
from fctsfn_tf.commands import cli
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN
from fctsfn_tf.predict import litert_engine
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import save_preset
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.compact_training import jit_compile
from fctsfn_tf.training.iterative_clicks import IterativeClicks
from fctsfn_tf.training.losses import NormalizedFocalLoss, SummedCrossEntropy
from fctsfn_tf.training.recipes import COMPACT_INPUT, MSRN_INPUT
from fctsfn_tf.training.streaming_metrics import MaskIoU

ROOT = Path(__file__).resolve().parents[2]
IS_TENSORFLOW = keras.backend.backend() == "tensorflow"
IS_JAX = keras.backend.backend() == "jax"
HAS_TENSORBOARD = IS_TENSORFLOW and find_spec("tensorboard") is not None
ALPHA = 1 / 64
INPUT = replace(MSRN_INPUT, views=((64, 96, 2),))
PREDICTOR = PredictorConfig(click_encoding=DISTANCES, working_size=96, zoom_in=False)


def compiled(model, **options):
    model.compile(
        keras.optimizers.SGD(1e-5),
        SummedCrossEntropy(),
        metrics=[MaskIoU()],
        # JAX compiles clicks for minutes.
        jit_compile=False if isinstance(model, IterativeClicks) else jit_compile(),
        **options,
    )
    return model


def batches(directory, config=INPUT, **options):
    return ClickDataset(open_dataset(directory), config, **options)


@pytest.fixture(scope="module")
def fitted(shapes_directory, tmp_path_factory):
    """A fit with everything, its history, and where its callbacks wrote."""
    directory = tmp_path_factory.mktemp("fit")
    keras.utils.set_random_seed(0)
    callbacks = [
        ClickEvaluation(list(open_dataset(shapes_directory).only({"0"}).samples()), PREDICTOR, 2),
        keras.callbacks.ModelCheckpoint(
            directory / "best.weights.h5",
            monitor="val_click_iou",
            mode="max",
            save_best_only=True,
            save_weights_only=True,
        ),
        keras.callbacks.EarlyStopping("val_click_iou", mode="max", patience=0, min_delta=2),
    ]
    if HAS_TENSORBOARD:
        callbacks.append(keras.callbacks.TensorBoard(directory / "tensorboard"))
    model = compiled(TSLFN(32, alpha=ALPHA))
    history = model.fit(
        batches(shapes_directory),
        validation_data=batches(shapes_directory, is_training=False),
        epochs=5,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )
    return model, history.history, directory


def test_the_clicks_join_the_logs(fitted):
    _, history, _ = fitted
    assert {"loss", "iou", "val_loss", "val_iou", "val_iou@1", "val_iou@2"} <= history.keys()
    assert {"val_click_iou", "val_noc@85", "val_noc@90"} <= history.keys()


def test_early_stopping_and_checkpoints_see_them(fitted):
    model, history, directory = fitted
    assert len(history["loss"]) == 2  # no gain of 2 is possible
    model.load_weights(directory / "best.weights.h5")


@pytest.mark.skipif(not HAS_TENSORBOARD, reason="needs TensorFlow and tensorboard")
def test_tensorboard_is_written(fitted):
    _, _, directory = fitted
    assert list(directory.glob("tensorboard/train/events*"))


@pytest.mark.skipif(not IS_TENSORFLOW, reason="tf.data is TensorFlow's")
def test_a_tf_dataset_gives_the_same_losses(shapes_directory):
    losses = []
    for is_tf in (False, True):
        keras.utils.set_random_seed(0)
        model = compiled(TSLFN(32, alpha=ALPHA))
        data = batches(shapes_directory)
        options = {"steps_per_epoch": len(data)} if is_tf else {"shuffle": False}
        data = data.as_tf_dataset() if is_tf else data
        losses.append(model.fit(data, epochs=2, verbose=0, **options).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.skipif(IS_JAX, reason="long on JAX; test_iterative_clicks.py has the clicks")
def test_iterative_clicks_in_fit(shapes_directory):
    data = ClickDataset(
        open_dataset(shapes_directory).only({"0", "1", "2", "3"}),
        replace(INPUT, objects_per_image=2),
        repeat_images=False,
    )
    model = compiled(IterativeClicks(TSLFN(32, alpha=ALPHA), (0.5, 0.5), objects_per_image=2))
    history = model.fit(data, epochs=1, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    clicks = ClickEvaluation(list(open_dataset(shapes_directory).only({"0"}).samples()), PREDICTOR)
    assert 0 <= clicks.evaluate(model)["val_click_iou"] <= 1


@pytest.fixture
def half_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch has no half-precision gradients on CPUs"
)
@pytest.mark.parametrize(
    ("build", "config", "loss", "scale"),
    [
        pytest.param(lambda: FCTSFN(alpha=ALPHA), INPUT, SummedCrossEntropy(), 2**15, id="paper"),
        pytest.param(
            lambda: compact_network(alpha=0.35),
            replace(COMPACT_INPUT, views=((32, 32, 1),)),
            NormalizedFocalLoss(),
            2**5,
            id="compact",
            marks=pytest.mark.skipif(
                IS_JAX, reason="JAX compiles it for a minute; there the paper's network has to do"
            ),
        ),
    ],
)
def test_mixed_precision_trains_to_finite_numbers(
    half_precision, shapes_directory, build, config, loss, scale
):
    keras.utils.set_random_seed(0)
    model = build()
    # Eagerly: a few steps are quicker than the compilation of one.
    model.compile(keras.optimizers.SGD(1e-6), loss, metrics=[MaskIoU()], run_eagerly=IS_TENSORFLOW)
    model.optimizer.initial_scale = scale  # Keras' own, or one with fewer steps to what is borne
    data = batches(shapes_directory, config)
    score = next(layer for layer in reversed(model.layers) if layer.weights)
    assert score.compute_dtype == "float16"
    before = ops.convert_to_numpy(score.weights[0])
    # Each step in which a gradient is beyond half precision is left out, and the scale halved.
    losses = [float(model.train_on_batch(*data.batch(0, 0))[0]) for _ in range(5)]
    while np.array_equal(before, ops.convert_to_numpy(score.weights[0])) and len(losses) < 20:
        losses.append(float(model.train_on_batch(*data.batch(0, 0))[0]))
    assert np.isfinite(losses).all()
    assert all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in model.weights)
    assert not np.array_equal(before, ops.convert_to_numpy(score.weights[0]))
    inputs, _ = data.batch(0, 1)
    logits = model(inputs)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(logits)).all()


@pytest.fixture
def follow():
    """What has a data set see the epochs that `fit` goes on with, as docs/training.md shows it."""

    def callback(data):
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(data, "epoch", epoch)
        )

    return callback


class BreakOff(keras.callbacks.Callback):
    """Ends the program in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.ends = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.ends:
            raise KeyboardInterrupt


@pytest.mark.skipif(IS_JAX, reason="JAX compiles it for a minute; the parts are tested alone")
def test_backup_and_restore_goes_on(shapes_directory, tmp_path, follow, eager_steps):
    def fit(*more):
        keras.utils.set_random_seed(0)
        data = batches(shapes_directory, replace(INPUT, objects_per_image=2), repeat_images=False)
        model = compiled(IterativeClicks(TSLFN(32, alpha=ALPHA), (0.5, 0.5), objects_per_image=2))
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        callbacks = [backup, follow(data), *more]
        history = model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
        return model, data, history

    with eager_steps():
        with pytest.raises(KeyboardInterrupt):
            fit(BreakOff(1))
        model, data, history = fit()
    assert history.epoch == [1, 2]
    assert data.epoch == 3
    assert int(model.optimizer.iterations) == 3 * len(data)


RESUMES = """
import sys
import keras, fctsfn_tf
from dataclasses import replace
from fctsfn_tf import ClickDataset, open_dataset, recipes
model = keras.models.load_model("last.keras")
config = replace(recipes.MSRN_INPUT, views=((64, 96, 2),), objects_per_image=2)
data = ClickDataset(open_dataset(sys.argv[1]), config, repeat_images=False)
done = int(model.optimizer.iterations) // len(data)
data.epoch = done
history = model.fit(data, epochs=3, initial_epoch=done, shuffle=False, verbose=0)
print(type(model).__name__, history.epoch, data.epoch, int(model.optimizer.iterations))
"""


@pytest.mark.skipif(IS_JAX, reason="JAX compiles it for a minute; the parts are tested alone")
def test_another_process_goes_on_with_clicks_on_its_own_errors(
    shapes_directory, tmp_path, eager_steps
):
    data = batches(shapes_directory, replace(INPUT, objects_per_image=2), repeat_images=False)
    with eager_steps():
        model = compiled(IterativeClicks(TSLFN(32, alpha=ALPHA), (0.5, 0.5), objects_per_image=2))
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "last.keras")
    model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[checkpoint])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", RESUMES, str(shapes_directory)]
    options = {"capture_output": True, "text": True, "check": False}
    done = subprocess.run(command, cwd=tmp_path, env=environment, **options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == f"IterativeClicks [2] 3 {3 * len(data)}"


@pytest.mark.parametrize("engine", ["keras", "litert"])
def test_from_fit_to_the_command_line_in_one_line(fitted, shapes_directory, tmp_path, engine):
    if engine == "litert" and not (IS_TENSORFLOW and litert_engine.is_installed()):
        pytest.skip("LiteRT's parts are made by TensorFlow")
    model, _, _ = fitted
    save_preset(model, tmp_path / "mine")
    photograph, mask = shapes_directory / "images" / "0.png", tmp_path / "mask.png"
    words = ["segment", photograph, "--positive", "40,30", "--mask", mask]
    words += ["--preset", tmp_path / "mine", "--engine", engine]
    assert cli.main([str(word) for word in words]) == 0
    assert Image.open(mask).size == (90, 60)


def test_a_saved_model_goes_on_with_fit_as_if_it_had_not_stopped(shapes_directory, tmp_path):
    def fit(model, data, epochs, initial_epoch=0):
        options = {"epochs": epochs, "initial_epoch": initial_epoch, "shuffle": False}
        return model.fit(data, verbose=0, **options).history["loss"]

    keras.utils.set_random_seed(0)
    model = TSLFN(32, alpha=ALPHA)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # Keras' files hold no random state
    model = compiled(model)
    data = batches(shapes_directory)
    fit(model, data, 1)
    model.save(tmp_path / "last.keras")
    expected = fit(model, data, 3, 1)
    again, data = keras.models.load_model(tmp_path / "last.keras"), batches(shapes_directory)
    data.epoch = 1
    np.testing.assert_allclose(fit(again, data, 3, 1), expected, rtol=1e-4)
