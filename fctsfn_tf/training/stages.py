"""The recipes carried out: TSLFN 32s → 16s → 8s, MSRN on the frozen TSLFN, the compact network.

    data = TrainingData(open_dataset("photographs"))
    tslfn = train_tslfn(data, "runs/tslfn", weights="imagenet")
    fctsfn = train_msrn(data, "runs/msrn", tslfn)

Each stage has a directory, in which it goes on if the same call is repeated (see `training_loop`),
and leaves its result there as a preset: `Predictor.from_preset("runs/msrn/preset")`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras

from fctsfn_tf.clicks.click_maps import DISTANCES
from fctsfn_tf.data.annotated_images import Dataset, Sample
from fctsfn_tf.data.image_cache import ImageCache
from fctsfn_tf.networks.compact import (
    compact_network,
    freeze_backbone,
    freeze_backbone_norm,
    is_backbone,
)
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN, freeze_tslfn
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.networks.weight_files import load_variables
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import save_preset
from fctsfn_tf.progress import progress_bar
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.iterative_clicks import IterativeClicks
from fctsfn_tf.training.loop import BEST_NAME, RunState, run_training
from fctsfn_tf.training.losses import (
    AuxiliaryLoss,
    NormalizedFocalAndIoULoss,
    NormalizedFocalLoss,
    SummedCrossEntropy,
)
from fctsfn_tf.training.optimizers import CaffeSGD, SlowerAdamW, cosine_after_warmup
from fctsfn_tf.training.recipes import (
    MSRN_STAGE,
    TSLFN_STAGES,
    ClickInput,
    CompactRecipe,
    PaperRecipe,
)
from fctsfn_tf.training.streaming_metrics import MaskIoU

PRESET_NAME = "preset"
# Clicks on each validation object.
VALIDATION_CLICKS = 5


@dataclass(frozen=True)
class TrainingData:
    """What is trained on and what is validated on.

    Attributes:
        datasets: of `open_dataset`, one or several.
        validation: objects that a robot user clicks now and then; none of the photographs should
            be trained on. Without any, nothing is validated and no run ends early.
        weights, unusable, cache, workers: see `ClickDataset`.
    """

    datasets: Dataset | Sequence[Dataset]
    validation: Sequence[Sample] = ()
    weights: Sequence[float] | None = None
    unusable: Literal["stop", "skip"] = "stop"
    cache: ImageCache | None = None
    workers: int = 1

    def batches(self, config: ClickInput, seed: int) -> ClickDataset:
        """The batches of a run; each photograph's view comes once, however many objects it has."""
        return ClickDataset(
            self.datasets,
            config,
            seed=seed,
            weights=self.weights,
            unusable=self.unusable,
            repeat_images=False,
            cache=self.cache,
            workers=self.workers,
        )


def train_tslfn(
    data: TrainingData,
    directory: str | Path,
    *,
    stages: Mapping[int, PaperRecipe] = TSLFN_STAGES,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    seed: int = 0,
) -> keras.Model:
    """Train the TSLFN stage by stage; each starts from the one before, its new score at zero.

    Args:
        data: see `TrainingData`.
        directory: `tslfn_32s`, `tslfn_16s` and `tslfn_8s` in it are the runs of the stages.
        stages: {stride: recipe}, in order; the paper's are 32, 16, 8.
        weights: None for random ones, or VGG16's, see `TSLFN`; of the first stage.
        alpha: see `TSLFN`.
        seed: of everything random.

    Returns:
        The network of the last stage, with the weights that validated best.

    Raises:
        InputError: see `TSLFN` and `run_training`.
        KeyboardInterrupt: see `run_training`.

    Source: paper §3.3.
    """
    network = None
    for stride, recipe in stages.items():
        keras.utils.set_random_seed(seed)
        before, network = network, TSLFN(stride, weights=weights, alpha=alpha)
        weights = None
        if before is not None:
            transfer_stage(before, network)
        arguments = {"stride": stride, "alpha": alpha}
        run = Path(directory) / f"tslfn_{stride}s"
        _train_paper_stage(network, "TSLFN", arguments, data, run, recipe, seed)
    return network


def train_msrn(
    data: TrainingData,
    directory: str | Path,
    tslfn: keras.Model,
    *,
    recipe: PaperRecipe = MSRN_STAGE,
    alpha: float = 1.0,
    seed: int = 0,
) -> keras.Model:
    """Train the MSRN on a TSLFN that stays as it is, bit for bit (see `freeze_tslfn`).

    Args:
        directory: the run's own.
        tslfn: a TSLFN at stride 8 of the same `alpha`, from `train_tslfn` or a preset.
        data, alpha, seed, raises: see `train_tslfn`.

    Returns:
        The FCTSFN, with the weights that validated best.

    Source: paper §3.3.
    """
    keras.utils.set_random_seed(seed)
    network = FCTSFN(alpha=alpha)
    transfer_stage(tslfn, network)
    freeze_tslfn(network)
    run = Path(directory)
    _train_paper_stage(network, "FCTSFN", {"alpha": alpha}, data, run, recipe, seed)
    return network


def train_compact(
    data: TrainingData,
    directory: str | Path,
    *,
    recipe: CompactRecipe | None = None,
    weights: str | Path | None = "imagenet",
    start: keras.Model | None = None,
    alpha: float = 1.0,
    seed: int = 0,
) -> keras.Model:
    """Train the compact network: previous mask, clicks on its own errors, a slow backbone.

    Args:
        directory: the run's own.
        recipe: None for `CompactRecipe()`.
        weights: of the backbone, see `compact_network`; unless there is a `start`.
        start: a trained compact network to go on from, such as a preset's; it stays as it is.
        alpha: the backbone's width, see `compact_network`.
        data, seed, raises: see `train_tslfn`.

    Returns:
        The network with the moving average of its weights.

    Source: the recipes of the literature since 2021, above all RITM (Sofiiuk et al. 2021); see
    `CompactRecipe`.
    """
    recipe = recipe or CompactRecipe()
    keras.utils.set_random_seed(seed)
    network = compact_network(
        backbone_weights=weights if start is None else None,
        alpha=alpha,
    )
    if start is not None:
        transfer_stage(start, network)
    model = compact_training_model(network, recipe, seed)
    batches = data.batches(recipe.input, seed)
    predictor = predictor_config(recipe.input)
    settings = _settings(recipe, alpha, seed, batches)
    validate = _validation(network, data, predictor)
    directory = Path(directory)
    state = run_training(model, batches, recipe.schedule, directory, settings, network, validate)
    _use_averaged_weights(model, batches, recipe, state)
    arguments = {"alpha": alpha}
    _save_result(directory, network, "compact_network", arguments, predictor, state, "float16")
    _tell_left_out(batches)
    return network


def compact_training_model(
    network: keras.Model, recipe: CompactRecipe, seed: int = 0
) -> IterativeClicks:
    """The compact network compiled with a recipe: `fit` it on batches of `recipe.input`.

    Batches hold each photograph once (`repeat_images=False`).
    """
    if recipe.backbone_factor == 0:
        freeze_backbone(network)
    else:
        freeze_backbone_norm(network)
    score = network.get_layer("coarse_score").output
    coarse = BilinearUpsampling(8, dtype="float32", name="coarse_up")(score)
    model = IterativeClicks(
        network,
        recipe.input.clicks.rollouts,
        recipe.input.objects_per_image,
        auxiliary=coarse,
        seed=seed,
    )
    warmup = round(recipe.warmup_share * recipe.schedule.steps)
    optimizer = SlowerAdamW(
        cosine_after_warmup(recipe.learning_rate, recipe.schedule.steps, warmup),
        [layer.name for layer in network.layers if is_backbone(layer)],
        recipe.backbone_factor,
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
        use_ema=True,
        ema_momentum=recipe.average_decay,
        name="adam_w",
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer,
        loss=AuxiliaryLoss(
            NormalizedFocalAndIoULoss(recipe.iou_weight),
            NormalizedFocalLoss(),
            recipe.coarse_weight,
        ),
        metrics=[MaskIoU()],
        jit_compile=_jit_compile(),
    )
    optimizer.build(model.trainable_variables)
    return model


def _train_paper_stage(
    network: keras.Model,
    builder: str,
    arguments: dict[str, Any],
    data: TrainingData,
    directory: Path,
    recipe: PaperRecipe,
    seed: int,
) -> None:
    """Train a network of the paper by a recipe, in place, and leave a preset of it."""
    network.compile(
        paper_optimizer(recipe),
        loss=SummedCrossEntropy(),
        metrics=[MaskIoU()],
        jit_compile=_jit_compile(),
    )
    network.optimizer.build(network.trainable_variables)
    batches = data.batches(recipe.input, seed)
    predictor = predictor_config(recipe.input)
    settings = _settings(recipe, arguments["alpha"], seed, batches)
    validate = _validation(network, data, predictor)
    state = run_training(network, batches, recipe.schedule, directory, settings, network, validate)
    if state.best_score is not None:
        load_variables(network, directory / BEST_NAME)
    _save_result(directory, network, builder, arguments, predictor, state, "float32")
    _tell_left_out(batches)


def predictor_config(config: ClickInput) -> PredictorConfig:
    """How photographs and clicks are brought to a network that was trained on these views.

    The paper's networks see whole photographs; the compact one, which was trained on objects at all
    scales, zooms in.
    """
    size = max(max(height, width) for height, width, _ in config.views)
    return PredictorConfig(
        click_encoding=config.click_encoding,
        working_size=size,
        zoom_in=config.click_encoding != DISTANCES,
    )


def paper_optimizer(recipe: PaperRecipe) -> CaffeSGD:
    """The optimiser of a stage, with the drops of its learning rate."""
    rate: Any = recipe.learning_rate
    if recipe.drops:
        rates = [rate * 0.1**drop for drop in range(len(recipe.drops) + 1)]
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(list(recipe.drops), rates)
    return CaffeSGD(
        rate,
        recipe.momentum,
        recipe.nesterov,
        recipe.decay,
        recipe.bias_factor,
        name="caffe_sgd",
    )


def _settings(recipe: Any, alpha: float, seed: int, batches: ClickDataset) -> dict[str, Any]:
    """What a run depends on beside its initial weights; see `run_training`."""
    return {"recipe": repr(recipe), "alpha": alpha, "seed": seed, "batches_per_epoch": len(batches)}


def _validation(network: keras.Model, data: TrainingData, config: PredictorConfig) -> Any:
    """A function that measures the network on the validation objects; None without any."""
    if not data.validation:
        return None
    evaluation = ClickEvaluation(data.validation, config, VALIDATION_CLICKS)
    return lambda: evaluation.evaluate(network)


def _use_averaged_weights(
    model: IterativeClicks, batches: ClickDataset, recipe: CompactRecipe, state: RunState
) -> None:
    """Put the moving average of the weights into the network.

    The statistics of BatchNorm belong to the weights they were collected with, so they are
    collected anew, over batches that training has not seen.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # Compiled steps that move no weight. Called by itself the model would not be compiled, and
    # JAX would compile the loop of clicks again in each batch.
    model.compile(keras.optimizers.SGD(0.0), model.loss, jit_compile=_jit_compile())
    with progress_bar(recipe.statistics_batches, unit="batches") as bar:
        bar.set_description_str("statistics of BatchNorm")
        for number in range(recipe.statistics_batches):
            inputs, target = batches.batch(*divmod(state.step + number, len(batches)))
            model.train_on_batch(inputs, target)
            bar.update()


def _save_result(
    directory: Path,
    network: keras.Model,
    builder: str,
    arguments: dict[str, Any],
    config: PredictorConfig,
    state: RunState,
    dtype: str,
) -> None:
    """Leave the network as a preset, unless an earlier call has done so."""
    preset = directory / PRESET_NAME
    if preset.exists():
        return
    lines = [f"# {network.name}", "", f"After {state.step} steps; not measured on test data yet."]
    if state.best_score is not None:
        lines.append(f"Best validation: {state.best_score:.1%} mean IoU at step {state.best_step}.")
    save_preset(preset, network, builder, arguments, config, "\n".join(lines) + "\n", dtype)


def _tell_left_out(batches: ClickDataset) -> None:
    if batches.left_out:
        print(batches.summary_of_left_out())


def _jit_compile() -> bool | str:
    """TensorFlow's XLA is off: it makes training on CPUs slower and its first step much slower."""
    return False if keras.backend.backend() == "tensorflow" else "auto"
