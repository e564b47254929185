"""The recipes carried out: stages follow each other, what is frozen stays, and training learns."""

import re
from dataclasses import replace
from functools import wraps
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.fctsfn import FCTSFN, MSRN_PREFIXES, SSFCN, TSLFN, freeze_tslfn
from fctsfn_tf.networks.weight_files import load_variables
from fctsfn_tf.predict.config import PAPER_CONFIG
from fctsfn_tf.predict.predictor import Prediction
from fctsfn_tf.predict.presets import load_preset
from fctsfn_tf.training import paper_stages
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.compact_training import use_averaged_weights
from fctsfn_tf.training.loop import BEST_NAME
from fctsfn_tf.training.optimizers import paper_optimizer
from fctsfn_tf.training.paper_stages import (
    practical_stages,
    practical_training_model,
    train_msrn,
    train_practical,
    train_tslfn,
)
from fctsfn_tf.training.recipes import (
    MSRN_STAGE,
    PRACTICAL_STAGES,
    TSLFN_STAGES,
    Schedule,
)
from fctsfn_tf.training.reporting import LOG_NAME, read_log
from fctsfn_tf.training.stages import TrainingData
from fctsfn_tf.training.trained_preset import PRESET_NAME

ALPHA = 1 / 64
SCHEDULE = Schedule(steps=6, validate_every=3, patience=None, checkpoint_every=2)
PREDICTOR = replace(PAPER_CONFIG, working_size=96, enlarge=True)


def small(recipe, **changes):
    """A recipe with tiny views and few steps."""
    changes = {"schedule": SCHEDULE, "learning_rate": 1e-7, **changes}
    return replace(recipe, input=recipe.input.seen_in((64, 96, 2)), **changes)


def arrays(model):
    return {v.path: ops.convert_to_numpy(v) for v in model.weights}


@pytest.fixture(scope="module")
def data(shapes_directory):
    dataset = open_dataset(shapes_directory)
    held_out = {"7"}
    validation = list(dataset.only(held_out).samples())
    return TrainingData(dataset.without(held_out), validation)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory, eager_steps, no_litert_parts):
    """The four stages, one after the other."""
    directory = tmp_path_factory.mktemp("run")
    stages = {stride: small(recipe) for stride, recipe in TSLFN_STAGES.items()}
    recipe = small(MSRN_STAGE, learning_rate=1e-5)
    with eager_steps(), no_litert_parts():
        tslfn = train_tslfn(data, directory, stages=stages, alpha=ALPHA)
        before = arrays(tslfn)
        fctsfn = train_msrn(data, directory / "msrn", tslfn, recipe=recipe, alpha=ALPHA)
    return directory, before, fctsfn


def test_each_stage_leaves_a_preset_that_the_next_one_started_from(run):
    directory, _, _ = run
    presets = [load_preset(directory / f"tslfn_{n}s" / PRESET_NAME) for n in (32, 16, 8)]
    networks = [network for network, _ in presets]
    fctsfn, config = load_preset(directory / "msrn" / PRESET_NAME)
    assert {config for _, config in presets} == {replace(PREDICTOR, enlarge=False)}
    # The MSRN predicts at full resolution, whatever the views it learnt from.
    assert config == PAPER_CONFIG
    assert config.working_size == 640
    assert not config.enlarge
    for before, after in pairwise([*networks, fctsfn]):
        new = {layer.name for layer in after.layers} - {layer.name for layer in before.layers}
        assert new
    # The kernels moved within a stage, but stayed near those of the stage before.
    first, second = (network.get_layer("block1_conv1_image").kernel for network in networks[:2])
    moved = np.abs(ops.convert_to_numpy(first) - ops.convert_to_numpy(second)).max()
    assert 0 < moved < 0.1


def test_msrn_s_tslfn_stays_bit_for_bit_and_msrn_learns(run):
    _, before, fctsfn = run
    trained = {layer.name for layer in fctsfn.layers if layer.name.startswith(MSRN_PREFIXES)}
    seen = 0
    for path, array in arrays(fctsfn).items():
        if path.split("/")[-2] not in trained:
            np.testing.assert_array_equal(array, before[path])
            seen += 1
    assert seen == len(before)
    shift = fctsfn.get_layer("refine1_bn").beta
    assert np.abs(ops.convert_to_numpy(shift)).max() > 0


def test_a_frozen_tslfn_computes_in_training_what_it_computes_in_use():
    network = FCTSFN(alpha=ALPHA)
    rng = np.random.default_rng(0)
    for weight in network.get_layer("score").weights:
        weight.assign(rng.normal(size=weight.shape))
    score = keras.Model(network.input, network.get_layer("score_up").output)
    inputs = {
        "image": rng.uniform(0, 255, (1, 32, 64, 3)).astype("float32"),
        "click_maps": rng.uniform(0, 255, (1, 32, 64, 2)).astype("float32"),
    }

    def difference():
        one, other = (ops.convert_to_numpy(score(inputs, training=t)) for t in (True, False))
        return np.abs(one - other).max()

    assert difference() > 0
    freeze_tslfn(network)
    assert difference() == 0
    assert network.get_layer("refine1_dropout").rate > 0
    with pytest.raises(InputError, match="Only an FCTSFN"):
        freeze_tslfn(TSLFN(alpha=ALPHA))


def test_the_log_holds_losses_and_validations(run):
    directory, _, _ = run
    lines = read_log(directory / "msrn" / LOG_NAME)
    assert [line["step"] for line in lines] == [3, 6, 6]
    assert {"loss", "iou"} <= lines[1].keys()
    assert {"val_iou@1", "val_iou@5", "val_click_iou", "val_noc@85"} <= lines[2].keys()
    assert all(0 <= line["val_click_iou"] <= 1 for line in lines if "val_click_iou" in line)


def test_the_same_call_again_changes_nothing_and_another_is_refused(run, data):
    directory, _, fctsfn = run
    tslfn, _ = load_preset(directory / "tslfn_8s" / PRESET_NAME)
    recipe = small(MSRN_STAGE, learning_rate=1e-5)
    again = train_msrn(data, directory / "msrn", tslfn, recipe=recipe, alpha=ALPHA)
    for path, array in arrays(fctsfn).items():
        np.testing.assert_array_equal(array, arrays(again)[path])
    other = replace(recipe, momentum=0.9)
    with pytest.raises(
        InputError, match=r"holds another run.*another recipe\.momentum \(0\.99, not 0\.9\)"
    ):
        train_msrn(data, directory / "msrn", tslfn, recipe=other, alpha=ALPHA)


def test_the_learning_rate_drops_where_the_recipe_says():
    optimizer = paper_optimizer(MSRN_STAGE)
    rates = []
    for step in (0, 9_999, 10_000, 20_000):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, [1e-8, 1e-8, 1e-9, 1e-10], rtol=1e-4)
    assert (optimizer.momentum, optimizer.nesterov) == (0.99, True)
    assert paper_optimizer(TSLFN_STAGES[8]).nesterov is False


def test_click_evaluation_counts_what_the_robot_user_needs(data):
    class Oracle:
        """A predictor that knows the object after two clicks."""

        def __init__(self, network, config):
            pass

        def set_image(self, image):
            self.image = image

        def predict(self, points, labels):
            (sample,) = (s for s in data.validation if s.gt_mask[points[0][1], points[0][0]])
            known = sample.gt_mask if len(points) > 1 else np.zeros_like(sample.gt_mask)
            return Prediction(known.astype("float32"), known, 0.0, 0.0)

    evaluation = ClickEvaluation(data.validation, PREDICTOR, max_clicks=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fctsfn_tf.training.callbacks.Predictor", Oracle)
        numbers = evaluation.evaluate(None)
    assert numbers["val_iou@1"] == 0
    assert numbers["val_iou@2"] == numbers["val_iou@3"] == 1
    assert numbers["val_noc@90"] == 2
    np.testing.assert_allclose(numbers["val_click_iou"], 2 / 3)
    with pytest.raises(InputError, match="at least one object"):
        ClickEvaluation([], PREDICTOR)


def test_best_weights_are_what_a_stage_returns(run):
    directory, _, fctsfn = run
    best = FCTSFN(alpha=ALPHA)
    load_variables(best, directory / "msrn" / BEST_NAME)
    for one, other in zip(best.weights, fctsfn.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


PRACTICAL = {
    "coarse": replace(
        PRACTICAL_STAGES["views_224"],
        input=PRACTICAL_STAGES["views_224"].input.seen_in((64, 64, 1)),
        schedule=Schedule(2, 2, None, 2),
        learning_rate=1e-3,
        statistics_batches=1,
        working_size=96,
    ),
}
PRACTICAL["refined"] = replace(PRACTICAL["coarse"], learns="msrn")


@pytest.fixture(scope="module")
def practical(data, tmp_path_factory, eager_steps, no_litert_parts):
    """An FCTSFN by the practical recipe, and where its runs lie."""
    if keras.config.backend() == "jax":
        pytest.skip("JAX compiles clicks on errors for minutes; test_iterative_clicks.py has them")
    directory = tmp_path_factory.mktemp("practical")
    with eager_steps(), no_litert_parts():
        network = train_practical(data, directory, stages=PRACTICAL, alpha=ALPHA, fc_filters=256)
    return directory, network


def last_two(path):
    """A variable's layer and name."""
    return "/".join(path.split("/")[-2:])


def test_the_practical_recipe_trains_what_each_stage_is_for(practical):
    directory, network = practical
    coarse, config = load_preset(directory / "coarse" / PRESET_NAME)
    refined, _ = load_preset(directory / "refined" / PRESET_NAME)
    assert network.get_layer("fc7").filters == round(256 * ALPHA)
    assert (config.working_size, config.zoom_in, config.enlarge) == (96, False, True)
    assert config.graph_cut_smoothness == PAPER_CONFIG.graph_cut_smoothness
    before, after = arrays(coarse), arrays(refined)
    before = {last_two(path): array for path, array in before.items()}
    after = {last_two(path): array for path, array in after.items()}
    for path, array in after.items():
        if path in before:  # the TSLFN stays as it is under an MSRN
            np.testing.assert_array_equal(array, before[path])
    keras.utils.set_random_seed(0)
    fresh = TSLFN(alpha=ALPHA, fc_filters=256)
    moved = {
        variable.path.split("/")[-2]
        for variable in fresh.weights
        if (ops.convert_to_numpy(variable) != before[last_two(variable.path)]).any()
    }
    lower = {
        layer.name for layer in fresh.layers if re.match(r"block[123]_conv\d_image", layer.name)
    }
    assert not moved & lower
    assert {"block4_conv1_image", "block1_conv1_interaction", "fc6", "score"} <= moved


def test_a_network_without_batchnorm_collects_no_statistics():
    network = TSLFN(alpha=ALPHA)
    network.compile(keras.optimizers.AdamW(use_ema=True))
    network.optimizer.build(network.trainable_variables)
    model = SimpleNamespace(
        network=network,
        optimizer=network.optimizer,
        trainable_variables=network.trainable_variables,
    )
    use_averaged_weights(model, None, PRACTICAL["coarse"], step=0)  # draws from no batches


def test_a_stage_that_has_ended_is_not_built_again(practical, data, monkeypatch):
    directory, network = practical

    def never_again(build):
        @wraps(build)
        def built(*arguments, **named):
            raise AssertionError("built again")

        return built

    monkeypatch.setattr(paper_stages, "FCTSFN", never_again(FCTSFN))
    monkeypatch.setitem(paper_stages.STRIDED, "TSLFN", never_again(TSLFN))
    again = train_practical(data, directory, stages=PRACTICAL, alpha=ALPHA, fc_filters=256)
    for path, array in arrays(network).items():
        np.testing.assert_array_equal(array, arrays(again)[path])
    with pytest.raises(AssertionError, match="built again"):
        train_practical(data, directory, stages=PRACTICAL, alpha=ALPHA, fc_filters=256, seed=1)


def test_a_trained_network_goes_on(practical, data, tmp_path, monkeypatch):
    _, network = practical
    begun = []

    def begin(fresh, *arguments):
        begun.append({last_two(path): array for path, array in arrays(fresh).items()})

    monkeypatch.setattr(paper_stages, "_train_practically", begin)
    train_practical(data, tmp_path, stages=PRACTICAL, start=network, alpha=ALPHA)
    tslfn, whole = begun  # with the filters of the network that goes on
    assert len(tslfn) < len(whole)
    for path, array in arrays(network).items():
        np.testing.assert_array_equal(whole[last_two(path)], array)
    for path, array in tslfn.items():
        np.testing.assert_array_equal(array, whole[path])


def test_the_lower_image_stream_alone_is_frozen():
    recipe = PRACTICAL["coarse"]
    for network, frozen in ((SSFCN(alpha=ALPHA), 0), (TSLFN(alpha=ALPHA), 7)):
        practical_training_model(network, recipe)
        still = [layer.name for layer in network.layers if not layer.trainable]
        assert len(still) == frozen, still
    with pytest.raises(InputError, match="a stage for SSFCN"):
        practical_stages("SSFCN", {"refined": PRACTICAL["refined"]})


class Begun(Exception):
    """Holds the network with which a run began."""


@pytest.fixture
def stops_at_the_start(monkeypatch):
    def begin(network, *arguments):
        raise Begun(network)

    monkeypatch.setattr(paper_stages, "_train_practically", begin)


def test_an_msrn_starts_at_the_answer_of_its_tslfn(data, tmp_path, stops_at_the_start, eager_steps):
    keras.utils.set_random_seed(5)
    start = TSLFN(alpha=1 / 8, fc_filters=64)
    for layer in start.layers:
        if layer.name.startswith("score_") and layer.weights:
            # The two scores are opposite, as those that start at zero stay.
            scores = keras.random.normal((*layer.kernel.shape[:-1], 1), seed=5)
            layer.kernel.assign(ops.concatenate([-scores, scores], axis=-1))
    stages = {"refined": replace(PRACTICAL["refined"], statistics_batches=2)}
    with eager_steps(), pytest.raises(Begun) as begun:
        train_practical(data, tmp_path, stages=stages, start=start, alpha=1 / 8)
    (whole,) = begun.value.args
    norms = {
        layer.name: layer
        for layer in whole.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert len(norms) == 11
    for name, norm in norms.items():
        assert not norm.trainable, name
        assert norm.momentum == 0.99, name
        assert float(ops.max(ops.abs(norm.moving_mean))) > 0, name
    practical_training_model(whole, stages["refined"])
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0, 255, (2, 64, 96, n)).astype("float32") for n in (3, 2)]
    before = ops.convert_to_numpy(start(inputs))
    assert before.std() > 0
    for training in (False, True):
        after = ops.convert_to_numpy(whole(inputs, training=training))
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-4 * before.std())


def test_an_msrn_has_a_tslfn_before_it(data, tmp_path):
    stages = {"refined": PRACTICAL["refined"], "coarse": PRACTICAL["coarse"]}
    with pytest.raises(InputError, match="An MSRN refines a trained TSLFN"):
        train_practical(data, tmp_path, stages=stages, alpha=ALPHA)


def test_a_trained_msrn_goes_on_as_it_is(data, tmp_path, stops_at_the_start):
    before = FCTSFN(alpha=1 / 8, fc_filters=64)
    stages = {"refined": PRACTICAL["refined"]}
    with pytest.raises(Begun) as begun:
        train_practical(data, tmp_path, stages=stages, start=before, alpha=1 / 8)
    found = arrays(begun.value.args[0])
    for path, array in arrays(before).items():
        np.testing.assert_array_equal(found[path], array)


@pytest.mark.parametrize("build", [TSLFN, SSFCN])
def test_the_two_kinds_of_click_start_apart(build, data, tmp_path, stops_at_the_start):
    with pytest.raises(Begun) as begun:
        train_practical(
            data, tmp_path, network=build.__name__, stages=PRACTICAL, alpha=ALPHA, seed=3
        )
    keras.utils.set_random_seed(3)
    name, gain = "block1_conv1_interaction", PRACTICAL["coarse"].click_gain
    as_built = ops.convert_to_numpy(build(alpha=ALPHA).get_layer(name).kernel)
    found = ops.convert_to_numpy(begun.value.args[0].get_layer(name).kernel)
    np.testing.assert_allclose(found[:, :, 0], gain * as_built[:, :, 0])
    np.testing.assert_allclose(found[:, :, 1], -gain * as_built[:, :, 1])


def test_the_interaction_stream_has_a_rate_of_its_own():
    recipe = replace(PRACTICAL["coarse"], vgg16_factor=0.2, interaction_factor=3.0)
    rates = practical_training_model(TSLFN(alpha=ALPHA), recipe).optimizer.slower
    streams = {name: rate for name, rate in rates.items() if name.startswith("block")}
    assert {rate for name, rate in streams.items() if name.endswith("_interaction")} == {3.0}
    assert {rate for name, rate in streams.items() if not name.endswith("_interaction")} == {0.2}
    assert len([name for name in streams if name.endswith("_interaction")]) > 10
    # One stream alone: the half of its first convolution that reads the clicks.
    rates = practical_training_model(SSFCN(alpha=ALPHA), recipe).optimizer.slower
    assert [name for name, rate in rates.items() if rate == 3.0] == ["block1_conv1_interaction"]


@pytest.mark.parametrize(
    ("network", "changed"),
    [("SSFCN", {}), ("FCTSFN", {"fc_filters": 128}), ("TSLFN", {"depth": 3})],
)
def test_a_stage_of_another_network_is_refused(practical, data, network, changed):
    """Its name is the same, and so is its recipe."""
    directory, _ = practical
    arguments = {"fc_filters": 256, **changed}
    with pytest.raises(InputError, match="must come from the same network"):
        train_practical(
            data, directory, network=network, stages=PRACTICAL, alpha=ALPHA, **arguments
        )
