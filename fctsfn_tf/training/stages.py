"""The recipes carried out: TSLFN 32s → 16s → 8s, MSRN on the frozen TSLFN, the compact network.

    data = TrainingData(open_dataset("photographs"))
    tslfn = train_tslfn(data, "runs/tslfn", weights="imagenet")
    fctsfn = train_msrn(data, "runs/msrn", tslfn)

Each stage has a directory, in which it goes on if the same call is repeated (see `loop`), and
leaves its result there as a preset: `Predictor.from_preset("runs/msrn/preset")`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras

from fctsfn_tf.clicks.click_maps import DISTANCES
from fctsfn_tf.data.annotated_images import Dataset, Sample
from fctsfn_tf.data.image_cache import ImageCache
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN, freeze_tslfn
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.networks.weight_files import load_variables
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.compact_training import (
    compact_training_model,
    jit_compile,
    use_averaged_weights,
)
from fctsfn_tf.training.loop import BEST_NAME, never, run_training
from fctsfn_tf.training.losses import SummedCrossEntropy
from fctsfn_tf.training.optimizers import paper_optimizer
from fctsfn_tf.training.recipes import (
    MSRN_STAGE,
    OWN_SIZE_LIMIT,
    TSLFN_STAGES,
    ClickInput,
    CompactRecipe,
    PaperAugmentationConfig,
    PaperRecipe,
    WholePhotographConfig,
)
from fctsfn_tf.training.run_state import RunState
from fctsfn_tf.training.streaming_metrics import MaskIoU
from fctsfn_tf.training.trained_preset import save_trained

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
    should_stop: Callable[[], bool] = never,
) -> keras.Model:
    """Train the TSLFN stage by stage; each starts from the one before, its new score at zero.

    Args:
        data: see `TrainingData`.
        directory: `tslfn_32s`, `tslfn_16s` and `tslfn_8s` in it are the runs of the stages.
        stages: {stride: recipe}, in order; the paper's are 32, 16, 8.
        weights: None for random ones, or VGG16's, see `TSLFN`; of the first stage.
        alpha: see `TSLFN`.
        seed: of everything random.
        should_stop: see `run_training`.

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
        _train_paper_stage(network, "TSLFN", arguments, data, run, recipe, seed, should_stop)
    return network


def train_msrn(
    data: TrainingData,
    directory: str | Path,
    tslfn: keras.Model,
    *,
    recipe: PaperRecipe = MSRN_STAGE,
    alpha: float = 1.0,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
) -> keras.Model:
    """Train the MSRN on a TSLFN that stays as it is, bit for bit (see `freeze_tslfn`).

    Args:
        directory: the run's own.
        tslfn: a TSLFN at stride 8 of the same `alpha`, from `train_tslfn` or a preset.
        data, alpha, seed, should_stop, raises: see `train_tslfn`.

    Returns:
        The FCTSFN, with the weights that validated best.

    Source: paper §3.3.
    """
    keras.utils.set_random_seed(seed)
    network = FCTSFN(alpha=alpha)
    transfer_stage(tslfn, network)
    freeze_tslfn(network)
    arguments = {"alpha": alpha}
    run = Path(directory)
    _train_paper_stage(network, "FCTSFN", arguments, data, run, recipe, seed, should_stop)
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
    should_stop: Callable[[], bool] = never,
) -> keras.Model:
    """Train the compact network: previous mask, clicks on its own errors, a slow backbone.

    Args:
        directory: the run's own.
        recipe: None for `CompactRecipe()`.
        weights: of the backbone, see `compact_network`; unless there is a `start`.
        start: a trained compact network to go on from, such as a preset's; it stays as it is.
        alpha: the backbone's width, see `compact_network`.
        data, seed, should_stop, raises: see `train_tslfn`.

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
    directory = Path(directory)
    state, batches = _run(model, network, data, directory, recipe, alpha, seed, should_stop)
    use_averaged_weights(model, batches, recipe, state.step)
    config = predictor_config(recipe.input)
    arguments = {"alpha": alpha}
    save_trained(directory, network, "compact_network", arguments, config, state, "float16")
    _tell_left_out(batches)
    return network


def _train_paper_stage(
    network: keras.Model,
    builder: str,
    arguments: dict[str, Any],
    data: TrainingData,
    directory: Path,
    recipe: PaperRecipe,
    seed: int,
    should_stop: Callable[[], bool],
) -> None:
    """Train a network of the paper by a recipe, in place, and leave a preset of it."""
    network.compile(
        paper_optimizer(recipe),
        loss=SummedCrossEntropy(),
        metrics=[MaskIoU()],
        jit_compile=jit_compile(),
    )
    network.optimizer.build(network.trainable_variables)
    alpha = arguments["alpha"]
    state, batches = _run(network, network, data, directory, recipe, alpha, seed, should_stop)
    if state.best_score is not None:
        load_variables(network, directory / BEST_NAME)
    config = predictor_config(recipe.input)
    save_trained(directory, network, builder, arguments, config, state, "float32")
    _tell_left_out(batches)


def _run(
    model: keras.Model,
    network: keras.Model,
    data: TrainingData,
    directory: Path,
    recipe: CompactRecipe | PaperRecipe,
    alpha: float,
    seed: int,
    should_stop: Callable[[], bool],
) -> tuple[RunState, ClickDataset]:
    """Train a compiled model, of which the network is a part; where it stands then, and its data.

    What a run depends on beside this is its initial weights.
    """
    batches = data.batches(recipe.input, seed)
    settings = {
        "recipe": recipe,
        "alpha": alpha,
        "seed": seed,
        "batches_per_epoch": len(batches),
    }
    validate = None
    if data.validation:
        config = predictor_config(recipe.input)
        evaluation = ClickEvaluation(data.validation, config, VALIDATION_CLICKS)
        validate = partial(evaluation.evaluate, network)
    state = run_training(
        model, batches, recipe.schedule, directory, settings, network, validate, should_stop
    )
    return state, batches


def predictor_config(config: ClickInput) -> PredictorConfig:
    """How photographs and clicks are brought to a network that was trained on these views.

    The paper's networks see whole photographs at their own size, up to `OWN_SIZE_LIMIT`; the
    compact one, which was trained on objects at all scales, zooms in.
    """
    size = max(max(height, width) for height, width, _ in config.views)
    if isinstance(config.augmentation, WholePhotographConfig | PaperAugmentationConfig):
        is_shrunk = isinstance(config.augmentation, WholePhotographConfig)
        return PredictorConfig(
            click_encoding=config.click_encoding,
            working_size=size if is_shrunk else OWN_SIZE_LIMIT,
            enlarge=False,
            zoom_in=False,
        )
    return PredictorConfig(
        click_encoding=config.click_encoding,
        working_size=size,
        zoom_in=config.click_encoding != DISTANCES,
    )


def _tell_left_out(batches: ClickDataset) -> None:
    if batches.left_out:
        print(batches.summary_of_left_out())
