"""A recipe carried out: `run_stage`, and the compact network's, `train_compact`.

    data = TrainingData(open_dataset("photographs"))
    network = train_compact(data, "runs/mine")

A stage has a directory, in which it goes on if the same call is repeated (see `loop`), and leaves
its result there as a preset: `Predictor.from_preset("runs/mine/preset")`. The paper's networks have
several: `paper_stages`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import keras

from fctsfn_tf.clicks.click_maps import DISTANCES
from fctsfn_tf.data.annotated_images import Dataset, Sample
from fctsfn_tf.data.image_cache import ImageCache
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.compact_lite import compact_lite_network
from fctsfn_tf.networks.stage_transfer import transfer_stage
from fctsfn_tf.predict.config import PAPER_CONFIG, PredictorConfig
from fctsfn_tf.training.callbacks import ClickEvaluation
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.compact_training import (
    compact_training_model,
    use_averaged_weights,
)
from fctsfn_tf.training.loop import never, run_training
from fctsfn_tf.training.recipes import (
    ClickInput,
    CompactLiteRecipe,
    CompactRecipe,
    PaperAugmentationConfig,
    PaperRecipe,
    PracticalRecipe,
    WholePhotographConfig,
)
from fctsfn_tf.training.run_state import RunState
from fctsfn_tf.training.trained_preset import save_trained

# Backbones of the compact network, by whether it has candidates.
BACKBONES = ("mobilenet_v2", "efficientnet_lite2")
# Clicks on each validation object.
VALIDATION_CLICKS = 5


@dataclass(frozen=True)
class TrainingData:
    """What is trained on and what is validated on.

    Attributes:
        datasets: of `open_dataset`, one or several.
        validation: objects that a robot user clicks now and then; none of the photographs should
            be trained on. Without any, nothing is validated and no run ends early.
        weights: how often each data set is drawn, see `ClickDataset`.
        unusable: "stop" or "skip", see `ClickDataset`.
        cache: where decoded photographs are kept, see `ClickDataset`.
        workers: threads that make batches.

    Examples:
        >>> from fctsfn_tf import TrainingData, open_dataset
        >>> dataset = open_dataset("photographs")
        >>> held_out = {"7"}  # names of files, without their ending
        >>> validation = list(dataset.only(held_out).samples())
        >>> data = TrainingData(dataset.without(held_out), validation)
        >>> len(data.validation)
        2
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


def train_compact(
    data: TrainingData,
    directory: str | Path,
    *,
    recipe: CompactRecipe | None = None,
    backbone: str = "mobilenet_v2",
    weights: str | Path | None = "imagenet",
    start: keras.Model | None = None,
    alpha: float = 1.0,
    seed: int = 0,
    should_stop: Callable[[], bool] = never,
) -> keras.Model:
    """Train the compact network: previous mask, clicks on its own errors, a slow backbone.

    Args:
        directory: the run's own.
        recipe: None for `CompactRecipe()`, or `CompactLiteRecipe()` on EfficientNet-Lite2.
        backbone: "mobilenet_v2" for `compact_network`, or "efficientnet_lite2" for
            `compact_lite_network`; unless there is a `start`.
        weights: of the backbone, see there; unless there is a `start`.
        start: a trained compact network to go on from, such as a preset's; it stays as it is. How
            a preset brings photographs and clicks to it is kept.
        alpha: MobileNetV2's width, see `compact_network`.
        data: see `TrainingData`.
        seed: of everything random.
        should_stop: asked after each step; True ends the run with a checkpoint.

    Returns:
        The network with the moving average of its weights.

    Raises:
        InputError: `start` or `weights` cannot be used, or the directory holds another run.
        KeyboardInterrupt: after a step at which `should_stop` said so; the same call goes on.

    Source: the recipes of the literature since 2021, above all RITM (Sofiiuk et al. 2021); see
    `CompactRecipe`.

    Examples:
        >>> from fctsfn_tf import TrainingData, open_dataset, train_compact
        >>> data = TrainingData(open_dataset("photographs"))
        >>> model = train_compact(data, "runs/mine", weights=None, alpha=0.35)

        Its preset is then in `runs/mine/preset`. `start=load_preset()[0]` goes on from the shipped
        network and needs far fewer steps.
    """
    if start is not None:
        # Networks with candidates have several outputs.
        backbone, weights = BACKBONES[len(start.outputs) > 1], None
    _check_backbone(backbone, recipe)
    is_lite = backbone == BACKBONES[True]
    recipe = recipe or (CompactLiteRecipe() if is_lite else CompactRecipe())
    keras.utils.set_random_seed(seed)
    if is_lite:
        network = compact_lite_network(backbone_weights=weights)
    else:
        network = compact_network(backbone_weights=weights, alpha=alpha)
    if start is not None:
        transfer_stage(start, network)
        network.predictor_settings = getattr(start, "predictor_settings", None)
    model = compact_training_model(network, recipe, seed)
    directory = Path(directory)
    stage = run_stage(model, network, data, directory, recipe, alpha, seed, should_stop)
    use_averaged_weights(model, stage.batches, recipe, stage.state.step)
    save_trained(directory, network, stage.config, stage.state, "float16")
    tell_left_out(stage.batches)
    return network


def _check_backbone(backbone: str, recipe: CompactRecipe | None) -> None:
    if backbone not in BACKBONES:
        raise InputError(
            f"The backbone must be one of {', '.join(BACKBONES)}. Received {backbone!r:.40}."
        )
    if recipe and isinstance(recipe, CompactLiteRecipe) != (backbone == BACKBONES[True]):
        raise InputError(
            "EfficientNet-Lite2 is trained by a CompactLiteRecipe, MobileNetV2 by a CompactRecipe. "
            f"Received a {type(recipe).__name__} for {backbone}."
        )


@dataclass(frozen=True)
class Stage:
    """A stage that has ended.

    Attributes:
        state: where its run stands.
        batches: what it was trained on.
        config: how photographs and clicks are brought to its network.
    """

    state: RunState
    batches: ClickDataset
    config: PredictorConfig


def run_stage(
    model: keras.Model,
    network: keras.Model,
    data: TrainingData,
    directory: Path,
    recipe: CompactRecipe | PaperRecipe | PracticalRecipe,
    alpha: float,
    seed: int,
    should_stop: Callable[[], bool],
) -> Stage:
    """Train a compiled model, of which the network is a part, to the end of a recipe's schedule.

    It is validated, and answers afterwards, as its `predictor_settings` say; without any, as suits
    the recipe's views. What a run depends on beside this is its initial weights.

    Args:
        directory: the run's own.
        raises: see `run_training`.
    """
    config = _config_for(network, recipe)
    batches = data.batches(recipe.input, seed)
    settings = {
        "recipe": recipe,
        "alpha": alpha,
        "seed": seed,
        "batches_per_epoch": len(batches),
    }
    validate = None
    if data.validation:
        evaluation = ClickEvaluation(data.validation, config, VALIDATION_CLICKS)
        validate = partial(evaluation.evaluate, network)
    state = run_training(
        model, batches, recipe.schedule, directory, settings, network, validate, should_stop
    )
    return Stage(state, batches, config)


def _config_for(
    network: keras.Model, recipe: CompactRecipe | PaperRecipe | PracticalRecipe
) -> PredictorConfig:
    known = getattr(network, "predictor_settings", None)
    if known is not None:
        return PredictorConfig(**known)
    config = predictor_config(recipe.input)
    if isinstance(recipe, PracticalRecipe):
        return replace(
            config,
            working_size=recipe.working_size,
            zoom_in=False,
            graph_cut_smoothness=PAPER_CONFIG.graph_cut_smoothness,
        )
    return config


def predictor_config(config: ClickInput) -> PredictorConfig:
    """How photographs and clicks are brought to a network that was trained on these views.

    The paper's networks see whole photographs at their own size, see `PAPER_CONFIG`; the
    compact one, which was trained on objects at all scales, zooms in.
    """
    size = max(max(height, width) for height, width, _ in config.views)
    if isinstance(config.augmentation, WholePhotographConfig | PaperAugmentationConfig):
        paper = replace(PAPER_CONFIG, click_encoding=config.click_encoding)
        is_shrunk = isinstance(config.augmentation, WholePhotographConfig)
        return replace(paper, working_size=size) if is_shrunk else paper
    return PredictorConfig(
        click_encoding=config.click_encoding,
        working_size=size,
        zoom_in=config.click_encoding != DISTANCES,
    )


def tell_left_out(batches: ClickDataset) -> None:
    """Print which photographs were skipped, if any."""
    if batches.left_out:
        print(batches.summary_of_left_out())
