"""The networks of the paper's Section 4, carried out stage by stage, each from the one before.

    tslfn = train_tslfn(data, "runs/tslfn", weights="imagenet")      32s → 16s → 8s, §3.3
    fctsfn = train_msrn(data, "runs/msrn", tslfn)                    on the frozen TSLFN, §3.3
    fctsfn = train_practical(data, "runs/fctsfn", weights="imagenet")   in hours instead

A stage that has ended is not built again when the same call is repeated: its preset stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.click_network import what_builds
from fctsfn_tf.networks.fctsfn import (
    FC_FILTERS,
    FCTSFN,
    MSRN_PREFIXES,
    REFINING_KERNELS,
    SSFCN,
    TSLFN,
    TSLFNMinus,
    freeze_tslfn,
    scaled,
)
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.networks.weight_files import load_variables
from fctsfn_tf.predict.preset_files import read_settings
from fctsfn_tf.predict.presets import load_preset
from fctsfn_tf.training.checkpoints import read_state
from fctsfn_tf.training.compact_training import (
    collect_statistics,
    jit_compile,
    use_averaged_weights,
)
from fctsfn_tf.training.identity import differences
from fctsfn_tf.training.iterative_clicks import IterativeClicks
from fctsfn_tf.training.loop import BEST_NAME, never
from fctsfn_tf.training.losses import NormalizedFocalAndIoULoss, SummedCrossEntropy
from fctsfn_tf.training.optimizers import paper_optimizer, practical_optimizer
from fctsfn_tf.training.recipes import (
    MSRN_STAGE,
    PRACTICAL_STAGES,
    TSLFN_STAGES,
    PaperRecipe,
    PracticalRecipe,
)
from fctsfn_tf.training.stages import TrainingData, run_stage, tell_left_out
from fctsfn_tf.training.streaming_metrics import MaskIoU
from fctsfn_tf.training.trained_preset import PRESET_NAME, save_trained

# Networks with strides: what they are called in presets → their builders.
STRIDED = {"TSLFN": TSLFN, "SSFCN": SSFCN, "TSLFNMinus": TSLFNMinus}
# The MSRN's last layer.
REFINED_SCORE = "refined_score"
# Of BatchNorm while an MSRN's first statistics are collected, so that some dozens of batches do.
FIRST_MOMENTUM = 0.9


def train_tslfn(
    data: TrainingData,
    directory: str | Path,
    *,
    stages: Mapping[int, PaperRecipe] = TSLFN_STAGES,
    network: str = "TSLFN",
    weights: str | Path | None = None,
    alpha: float = 1.0,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
    **arguments: Any,
) -> keras.Model:
    """Train a TSLFN stage by stage; each starts from the one before, its new score at zero.

    Args:
        data: see `TrainingData`.
        directory: `tslfn_32s`, `tslfn_16s` and `tslfn_8s` in it are the runs of the stages.
        stages: {stride: recipe}, in order; the paper's are 32, 16, 8.
        network: "TSLFN", or "SSFCN" or "TSLFNMinus", which are trained alike (§4.2).
        weights: None for random ones, or VGG16's, see `TSLFN`; of the first stage.
        alpha: see `TSLFN`.
        seed: of everything random.
        should_stop: asked after each step; True ends the run with a checkpoint.
        arguments: others of the network, such as `depth` and `fc_filters`.

    Returns:
        The network of the last stage, with the weights that validated best.

    Raises:
        InputError: an argument that `TSLFN` refuses, data that cannot be used, or a directory that
            holds another run.
        KeyboardInterrupt: after a step at which `should_stop` said so; the same call goes on.

    Source: paper §3.3.

    Examples:
        >>> from fctsfn_tf import TrainingData, open_dataset, train_tslfn
        >>> data = TrainingData(open_dataset("photographs"))
        >>> tslfn = train_tslfn(data, "runs/tslfn", alpha=0.125)
    """
    before: keras.Model | Path | None = None
    for stride, recipe in stages.items():
        run = Path(directory) / f"{network.lower()}_{stride}s"
        build = partial(STRIDED[network], stride=stride, alpha=alpha, **arguments)
        if _has_ended(run, build, recipe, alpha, seed):
            before = run
            continue
        keras.utils.set_random_seed(seed)
        fresh = build(weights=weights if before is None else None)
        if before is not None:
            transfer_stage(_network_of(before), fresh)
        _train_by_the_paper(fresh, data, run, recipe, alpha, seed, should_stop)
        before = fresh
    return _network_of(before)


def train_msrn(
    data: TrainingData,
    directory: str | Path,
    tslfn: keras.Model,
    *,
    recipe: PaperRecipe = MSRN_STAGE,
    alpha: float = 1.0,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
    **arguments: Any,
) -> keras.Model:
    """Train the MSRN on a TSLFN that stays as it is, bit for bit (see `freeze_tslfn`).

    Args:
        directory: the run's own.
        tslfn: a TSLFN at stride 8 of the same `alpha`, from `train_tslfn` or a preset.
        data: see `TrainingData`.
        recipe: what to do; the paper's.
        alpha: see `TSLFN`.
        seed: of everything random.
        should_stop: asked after each step; True ends the run with a checkpoint.
        arguments: others of the network, such as `fc_filters`.

    Returns:
        The FCTSFN, with the weights that validated best.

    Raises:
        InputError: `tslfn` is of another size, or the directory holds another run.
        KeyboardInterrupt: after a step at which `should_stop` said so; the same call goes on.

    Source: paper §3.3.

    Examples:
        >>> from fctsfn_tf import TSLFN, TrainingData, open_dataset, train_msrn
        >>> data = TrainingData(open_dataset("photographs"))
        >>> tslfn = TSLFN(alpha=0.125)  # in earnest: a trained one
        >>> fctsfn = train_msrn(data, "runs/msrn", tslfn, alpha=0.125)
    """
    run = Path(directory)
    fc_filters = _fc_filters(tslfn, alpha)
    build = partial(FCTSFN, **{"alpha": alpha, "fc_filters": fc_filters, **arguments})
    if _has_ended(run, build, recipe, alpha, seed):
        return _network_of(run)
    keras.utils.set_random_seed(seed)
    network = build()
    transfer_stage(tslfn, network)
    freeze_tslfn(network)
    _train_by_the_paper(network, data, run, recipe, alpha, seed, should_stop)
    return network


def train_practical(
    data: TrainingData,
    directory: str | Path,
    *,
    network: str = "FCTSFN",
    stages: Mapping[str, PracticalRecipe] = PRACTICAL_STAGES,
    start: keras.Model | None = None,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
    **arguments: Any,
) -> keras.Model:
    """Train a network of the paper by the practical recipe; each stage goes on from the one before.

    Args:
        directory: every stage has a run of its own in it, by its name.
        network: "FCTSFN", "TSLFN", "SSFCN" or "TSLFNMinus". The stages for an MSRN are FCTSFN's
            alone.
        stages: {name: recipe}, in order.
        start: a trained network of the same `alpha` to go on from, such as a preset's; it stays as
            it is. Of an FCTSFN both parts are taken, of a TSLFN the MSRN begins anew.
        weights: None for random ones, or VGG16's, see `TSLFN`; unless there is a `start`.
        data: see `TrainingData`.
        alpha: see `TSLFN`.
        seed: of everything random.
        should_stop: asked after each step; True ends the run with a checkpoint.
        arguments: others of the network, such as `fc_filters`, or a `stride` other than 8.

    Returns:
        The network with the moving average of its weights.

    Raises:
        InputError: no such network, stages that do not fit it, or see `train_tslfn`.
        KeyboardInterrupt: after a step at which `should_stop` said so; the same call goes on.

    Examples:
        >>> from fctsfn_tf import TrainingData, open_dataset, train_practical
        >>> data = TrainingData(open_dataset("photographs"))
        >>> tslfn = train_practical(data, "runs/practical", network="TSLFN", alpha=0.125)
    """
    chosen = practical_stages(network, stages)
    if start is not None:
        arguments.setdefault("fc_filters", _fc_filters(start, alpha))
    elif next(iter(chosen.values())).learns == "msrn":
        raise InputError(
            "An MSRN refines a trained TSLFN. Give one as `start` (fctsfn train: --start), or a "
            f"stage that learns it first. Received {', '.join(chosen)}."
        )
    before: keras.Model | Path | None = None
    for name, recipe in chosen.items():
        run = Path(directory) / name
        is_whole = network == "FCTSFN" and recipe.learns == "msrn"
        builder = FCTSFN if is_whole else STRIDED["TSLFN" if network == "FCTSFN" else network]
        build = partial(builder, alpha=alpha, **arguments)
        if _has_ended(run, build, recipe, alpha, seed):
            before = run
            continue
        keras.utils.set_random_seed(seed)
        is_first = before is None and start is None
        fresh = build(weights=weights if is_first else None)
        if is_first:
            _tell_clicks_apart(fresh, recipe.click_gain)
        sources = [start] if start is not None else []
        if before is not None:
            sources.append(_network_of(before))
        new = [set(transfer_stage(source, fresh).new) for source in sources]
        if is_whole:
            if REFINED_SCORE in set.intersection(*new) and read_state(run) is None:
                _let_score_through(fresh)
                _collect_first_statistics(fresh, data, recipe, seed)
                _read_score(fresh)
            _keep_statistics(fresh)
        _train_practically(fresh, data, run, recipe, alpha, seed, should_stop)
        before = fresh
    return _network_of(before)


def practical_stages(
    network: str,
    stages: Mapping[str, PracticalRecipe] = PRACTICAL_STAGES,
) -> dict[str, PracticalRecipe]:
    """Those that a network has to go through.

    Args:
        network, stages: see `train_practical`.

    Raises:
        InputError: there is none.
    """
    wanted = {"tslfn", "msrn"} if network == "FCTSFN" else {"tslfn"}
    found = {name: recipe for name, recipe in stages.items() if recipe.learns in wanted}
    if not found:
        raise InputError(
            f"There must be a stage for {network} to learn in. Give `stages` with `learns` "
            f"{' or '.join(sorted(wanted))}. Received {', '.join(stages) or 'none'}."
        )
    return found


def _network_of(result: keras.Model | Path) -> keras.Model:
    """What a stage made; or, of one that had ended before, the directory of its run → its preset's
    network."""
    return load_preset(result / PRESET_NAME)[0] if isinstance(result, Path) else result


def _has_ended(
    run: Path,
    build: partial[keras.Model],
    recipe: PaperRecipe | PracticalRecipe,
    alpha: float,
    seed: int,
) -> bool:
    """Whether a run of this network and recipe came to its end and left its preset.

    A run of another network or recipe is none of these: it is refused when it is begun.
    """
    preset = run / PRESET_NAME
    found = read_state(run)
    if found is None or not found["run"]["is_finished"] or not preset.exists():
        return False
    left = read_settings(preset)
    if left["builder"] != build.func.__name__:
        return False
    if what_builds(build.func, **left["arguments"]) != what_builds(build.func, **build.keywords):
        return False
    settings = {"recipe": recipe, "alpha": alpha, "seed": seed}
    return not differences({name: found["settings"].get(name) for name in settings}, settings)


def _fc_filters(tslfn: keras.Model, alpha: float) -> int:
    """The `fc_filters` that a TSLFN was built with.

    Raises:
        InputError: it is none of the paper's networks.
    """
    if all(layer.name != "fc7" for layer in tslfn.layers):
        raise InputError(
            "The paper's networks go on from one of theirs. Give a preset that was trained as one. "
            f"Received '{tslfn.name}'."
        )
    filters = tslfn.get_layer("fc7").filters
    return FC_FILTERS if scaled(FC_FILTERS, alpha) == filters else round(filters / alpha)


def _tell_clicks_apart(network: keras.Model, gain: float) -> None:
    """Let the interaction stream start stronger and with opposite signs for the two kinds of click.

    See `PracticalRecipe.click_gain`.
    """
    for layer in network.layers:
        if layer.name == "block1_conv1_interaction":
            gains = np.float32([gain, -gain])[:, None]
            layer.kernel.assign(ops.convert_to_numpy(layer.kernel) * gains)


def _let_score_through(network: keras.Model) -> None:
    """Let a quarter of a new MSRN's refining filters pass on the score of its TSLFN.

    They come in pairs, for the foreground logits (score 1 − score 0) and their opposite, since a
    ReLU keeps the positive part of each. All others keep He's initialisation (paper §3.3).
    """
    signs = np.float32([1, -1] * _passing_pairs(network))
    for number, size in enumerate(REFINING_KERNELS, start=1):
        layer = network.get_layer(f"refine{number}")
        kernel = ops.convert_to_numpy(layer.kernel).copy()  # (size, size, inputs, filters)
        kernel[..., : len(signs)] = 0
        middle = kernel[size // 2, size // 2]
        if number == 1:  # the two scores come last
            middle[-1, : len(signs)], middle[-2, : len(signs)] = signs, -signs
        else:
            for first in range(0, len(signs), 2):
                middle[first : first + 2, first : first + 2] = [[1, -1], [-1, 1]]
        layer.kernel.assign(kernel)
    _read_score(network)


def _read_score(network: keras.Model) -> None:
    """Let the last layer read the passing filters alone, so that it gives the TSLFN's answer.

    What BatchNorm, with its statistics as they are, does to the score on its way is undone.
    """
    signs = np.float32([1, -1] * _passing_pairs(network))
    if not len(signs):
        return
    # Where the logits x come out as slope · x + shift.
    slope, shift = 1.0, 0.0
    for name in ("score_bn", *(f"refine{n}_bn" for n in range(1, 1 + len(REFINING_KERNELS)))):
        norm = network.get_layer(name)
        mean = ops.convert_to_numpy(norm.moving_mean)
        deviation = np.sqrt(ops.convert_to_numpy(norm.moving_variance)[0] + norm.epsilon)
        mean = mean[1] - mean[0] if name == "score_bn" else mean[0]
        slope, shift = slope / deviation, (shift - mean) / deviation
    last = network.get_layer(REFINED_SCORE)
    kernel = np.zeros(last.kernel.shape, np.float32)
    kernel[0, 0, : len(signs)] = np.stack([-signs, signs], axis=1) / (len(signs) * slope)
    last.kernel.assign(kernel)
    last.bias.assign(np.float32([shift, -shift]) / (2 * slope))


def _passing_pairs(network: keras.Model) -> int:
    """Pairs of filters that pass the score on; none where there are fewer than eight filters."""
    return network.get_layer(REFINED_SCORE).kernel.shape[2] // 8


def _collect_first_statistics(
    network: keras.Model, data: TrainingData, recipe: PracticalRecipe, seed: int
) -> None:
    """Those of a new MSRN's BatchNorm, over batches as its stage will see them."""
    norms = _norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = FIRST_MOMENTUM
    model = practical_training_model(network, recipe, seed)
    collect_statistics(model, data.batches(recipe.input, seed), recipe.statistics_batches)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _keep_statistics(network: keras.Model) -> None:
    """Let BatchNorm compute in training what it computes in use.

    Over the four views of a batch it would move the score up and down, by how large their objects
    happen to be.
    """
    for norm in _norms(network):
        norm.trainable = False


def _norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Those of the MSRN; its TSLFN has none."""
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]


def _train_by_the_paper(
    network: keras.Model,
    data: TrainingData,
    run: Path,
    recipe: PaperRecipe,
    alpha: float,
    seed: int,
    should_stop: Callable[[], bool],
) -> None:
    """Train a network in place and leave a preset of it."""
    network.compile(
        paper_optimizer(recipe),
        loss=SummedCrossEntropy(),
        metrics=[MaskIoU()],
        jit_compile=jit_compile(),
    )
    network.optimizer.build(network.trainable_variables)
    stage = run_stage(network, network, data, run, recipe, alpha, seed, should_stop)
    if stage.state.best_score is not None:
        load_variables(network, run / BEST_NAME)
    save_trained(run, network, stage.config, stage.state, "float32")
    tell_left_out(stage.batches)


def _train_practically(
    network: keras.Model,
    data: TrainingData,
    run: Path,
    recipe: PracticalRecipe,
    alpha: float,
    seed: int,
    should_stop: Callable[[], bool],
) -> None:
    """Train a network in place and leave a preset of it."""
    model = practical_training_model(network, recipe, seed)
    stage = run_stage(model, network, data, run, recipe, alpha, seed, should_stop)
    use_averaged_weights(model, stage.batches, recipe, stage.state.step)
    save_trained(run, network, stage.config, stage.state, "float32")
    tell_left_out(stage.batches)


def practical_training_model(
    network: keras.Model, recipe: PracticalRecipe, seed: int = 0
) -> IterativeClicks:
    """A network of the paper compiled with the practical recipe: `fit` it on `recipe.input`.

    Batches hold each photograph once (`repeat_images=False`). Layers of the network are made
    untrainable, and their dropout is the recipe's from now on.
    """
    if recipe.learns == "msrn":
        freeze_tslfn(network)
    factors = {}
    for layer in network.layers:
        if _is_frozen(layer, recipe):
            layer.trainable = False
        factors[layer.name] = _factor(layer.name, recipe)
        if isinstance(layer, keras.layers.Dropout):
            is_refining = layer.name.startswith(MSRN_PREFIXES)
            layer.rate = recipe.refining_dropout if is_refining else recipe.dropout
    clicks = recipe.input.clicks
    model = IterativeClicks(network, clicks.rollouts, recipe.input.objects_per_image, seed=seed)
    optimizer = practical_optimizer(recipe, factors)
    model.compile(
        optimizer,
        loss=NormalizedFocalAndIoULoss(recipe.iou_weight),
        metrics=[MaskIoU()],
        jit_compile=jit_compile(),
    )
    optimizer.build(model.trainable_variables)
    return model


def _is_frozen(layer: keras.layers.Layer, recipe: PracticalRecipe) -> bool:
    """Whether a layer stays as it is: a convolution of the image stream's lower blocks.

    The image half of a convolution that fuses both streams, which has no bias, is none of these.
    """
    if not isinstance(layer, keras.layers.Conv2D) or not layer.use_bias:
        return False
    frozen = tuple(f"block{block}_" for block in range(1, recipe.frozen_blocks + 1))
    return layer.name.startswith(frozen) and layer.name.endswith("_image")


def _factor(name: str, recipe: PracticalRecipe) -> float:
    """A layer's learning rate over the recipe's; of fc6, which is large, half."""
    if name.startswith("block") and name.endswith("_interaction"):
        return recipe.interaction_factor
    if name.startswith("block"):
        return recipe.vgg16_factor
    if name.startswith("score_pool4"):
        return recipe.pool4_factor
    if name.startswith("score_pool3"):
        return recipe.pool3_factor
    return 0.5 if name.startswith("fc6") else 1.0
