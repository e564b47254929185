"""The compact network's recipe carried out: it learns, its backbone slower; averages count."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import compact_network, is_backbone
from fctsfn_tf.networks.compact_lite import compact_lite_network
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.training import stages as training
from fctsfn_tf.training.candidate_clicks import CandidateClicks
from fctsfn_tf.training.compact_training import compact_training_model, use_averaged_weights
from fctsfn_tf.training.recipes import (
    COMPACT_INPUT,
    CompactLiteRecipe,
    CompactRecipe,
    Schedule,
)
from fctsfn_tf.training.stages import TrainingData, predictor_config, train_compact

SCHEDULE = Schedule(steps=6, validate_every=3, patience=None, checkpoint_every=2)
# Clicks on the network's own errors are tested in test_iterative_clicks.py; here they would take
# most of the time.
INPUT = replace(
    COMPACT_INPUT, views=((64, 64, 2),), clicks=replace(COMPACT_INPUT.clicks, rollouts=(1.0,))
)


def arrays(model):
    return {v.path: ops.convert_to_numpy(v) for v in model.weights}


@pytest.fixture(scope="module")
def data(shapes_directory):
    return TrainingData(open_dataset(shapes_directory), [])


def tiny_network():
    """The layers that training looks for, and BatchNorm in the backbone and after it."""
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    seen = layers.Conv2D(4, 8, 8, name="Conv1")(layers.Rescaling(1 / 255)(image))
    seen = layers.BatchNormalization(name="bn_Conv1")(seen)
    seen = layers.Identity(name="image_features_all")(seen)
    x = layers.Add()([seen, layers.Conv2D(4, 8, 8, name="clicked")(click_maps)])
    x = layers.BatchNormalization(name="fused_bn")(x)
    score = layers.Conv2D(1, 1, name="coarse_score")(x)
    return keras.Model([image, click_maps], BilinearUpsampling(8)(score))


@pytest.mark.parametrize("factor", [0.0, 0.1])
def test_the_compact_network_learns_and_its_backbone_slower_or_not_at_all(data, factor):
    keras.utils.set_random_seed(0)
    if keras.config.backend() == "jax":
        pytest.skip("JAX compiles it for two minutes; test_candidate_clicks.py learns there")
    recipe = CompactRecipe(
        input=INPUT, schedule=SCHEDULE, learning_rate=3e-3, backbone_factor=factor
    )
    network = compact_network(alpha=0.35)
    model = compact_training_model(network, recipe)
    model.run_eagerly = True  # three steps are quicker than the compilation of one
    before = arrays(network)
    batches = data.batches(recipe.input, seed=0)
    losses = [model.train_on_batch(*batches.batch(0, 0), return_dict=True) for _ in range(3)]
    assert losses[-1]["loss"] < losses[0]["loss"]
    assert "iou" in losses[0]
    for layer in network.layers:
        moves = is_backbone(layer) and factor > 0 and not layer.name.endswith(("_BN", "bn_Conv1"))
        for variable in layer.weights:
            is_same = np.array_equal(before[variable.path], ops.convert_to_numpy(variable))
            assert is_same != moves or not is_backbone(layer)
    kernel = network.get_layer("coarse_score").kernel
    last = ops.convert_to_numpy(kernel)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    averaged, start = ops.convert_to_numpy(kernel), before[kernel.path]
    assert 0 < np.abs(averaged - start).mean() < np.abs(last - start).mean()


def test_the_averaged_weights_get_statistics_of_their_own(data):
    recipe = CompactRecipe(input=INPUT, schedule=SCHEDULE, statistics_batches=2)
    network = tiny_network()
    model = compact_training_model(network, recipe)
    before = arrays(network)
    averages = model.optimizer._model_variables_moving_average
    for average, variable in zip(averages, model.trainable_variables, strict=True):
        average.assign(2 * ops.convert_to_numpy(variable))
    learnt = {variable.path for variable in model.trainable_variables}
    use_averaged_weights(model, data.batches(recipe.input, seed=0), recipe, step=0)
    after = arrays(network)
    for path in learnt:
        np.testing.assert_array_equal(after[path], 2 * before[path])
    moved = {path for path in after.keys() - learnt if (after[path] != before[path]).any()}
    # In inference mode that of the backbone stays as it was.
    assert {path.split("/")[-2] for path in moved} == {"fused_bn"}
    assert all(path.endswith(("moving_mean", "moving_variance")) for path in moved)


def test_a_compact_run_goes_on_from_a_network(data, tmp_path, monkeypatch):
    class Begun(Exception):
        """Holds the weights with which a run began."""

    def begin(model, batches, schedule, directory, settings, network, validate, should_stop):
        raise Begun(network, arrays(network))

    monkeypatch.setattr(training, "run_training", begin)
    start = compact_network(alpha=0.35)
    with pytest.raises(Begun) as begun:
        train_compact(data, tmp_path / "run", start=start, alpha=0.35)
    network, found = begun.value.args
    assert network is not start
    assert all(np.array_equal(value, found[path]) for path, value in arrays(start).items())


@pytest.mark.parametrize("known", [None, PredictorConfig(look_again=1, working_size=320)])
def test_a_run_answers_as_the_preset_that_it_started_from(data, tmp_path, monkeypatch, known):
    start = compact_network(alpha=0.35)
    start.predictor_settings = known and asdict(known)
    ended = SimpleNamespace(step=0)
    monkeypatch.setattr(training, "run_training", lambda *arguments: ended)
    monkeypatch.setattr(training, "use_averaged_weights", lambda *arguments: None)
    left = []
    monkeypatch.setattr(training, "save_trained", lambda *arguments: left.extend(arguments))
    recipe = CompactRecipe(input=INPUT, schedule=SCHEDULE)
    train_compact(data, tmp_path / "run", start=start, recipe=recipe, alpha=0.35)
    assert left[2] == (known or predictor_config(INPUT))


def test_a_run_on_efficientnet_lite2_builds_that_network_by_its_recipe(data, tmp_path, monkeypatch):
    class Begun(Exception):
        """Holds what a run begins with."""

    def begin(model, batches, schedule, directory, settings, network, validate, should_stop):
        raise Begun(model, network, settings["recipe"], batches.batch(0, 0)[0])

    monkeypatch.setattr(training, "run_training", begin)
    start = compact_lite_network()
    recipe = replace(CompactLiteRecipe(), backbone_factor=0.0)
    recipe = replace(recipe, input=replace(recipe.input, views=((64, 64, 2),)))
    with pytest.raises(Begun) as begun:
        train_compact(data, tmp_path / "run", start=start, recipe=recipe)
    model, network, found, inputs = begun.value.args
    assert isinstance(model, CandidateClicks)
    assert found == recipe
    assert inputs["hidden_area"].shape == (6,)
    assert len(network.outputs) == 3
    assert not any(layer.trainable for layer in network.layers if is_backbone(layer))
    expected = arrays(start)
    assert all(np.array_equal(value, expected[path]) for path, value in arrays(network).items())


def test_recipe_and_backbone_belong_together(data, tmp_path):
    with pytest.raises(InputError, match="must be one of"):
        train_compact(data, tmp_path / "run", backbone="vgg16")
    with pytest.raises(InputError, match="by a CompactLiteRecipe"):
        train_compact(data, tmp_path / "run", recipe=CompactLiteRecipe())
