"""The compact network ready to be trained, and the moving average of its weights as the result."""

from __future__ import annotations

import keras

from fctsfn_tf.networks.compact import freeze_backbone, freeze_backbone_norm, is_backbone
from fctsfn_tf.networks.layers import BilinearUpsampling
from fctsfn_tf.progress import progress_bar
from fctsfn_tf.training.candidate_clicks import CandidateClicks
from fctsfn_tf.training.candidate_losses import CandidateLoss
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.iterative_clicks import IterativeClicks
from fctsfn_tf.training.losses import (
    AuxiliaryLoss,
    NormalizedFocalAndIoULoss,
    NormalizedFocalLoss,
)
from fctsfn_tf.training.optimizers import compact_optimizer
from fctsfn_tf.training.recipes import CompactLiteRecipe, CompactRecipe
from fctsfn_tf.training.streaming_metrics import MaskIoU


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
    if isinstance(recipe, CompactLiteRecipe):
        model = _candidate_clicks(network, recipe, seed)
    else:
        model = _iterative_clicks(network, recipe, seed)
    backbone = [layer.name for layer in network.layers if is_backbone(layer)]
    optimizer = compact_optimizer(recipe, backbone)
    model.compile(
        optimizer,
        loss=_loss(recipe),
        metrics=[MaskIoU()],
        jit_compile=jit_compile(),
    )
    optimizer.build(model.trainable_variables)
    return model


def _iterative_clicks(network: keras.Model, recipe: CompactRecipe, seed: int) -> IterativeClicks:
    score = network.get_layer("coarse_score").output
    coarse = BilinearUpsampling(8, dtype="float32", name="coarse_up")(score)
    return IterativeClicks(
        network,
        recipe.input.clicks.rollouts,
        recipe.input.objects_per_image,
        auxiliary=coarse,
        seed=seed,
    )


def _candidate_clicks(
    network: keras.Model, recipe: CompactLiteRecipe, seed: int
) -> CandidateClicks:
    loss = CandidateLoss(
        recipe.iou_weight,
        recipe.coarse_weight,
        recipe.candidate_weight,
        recipe.predicted_iou_weight,
    )
    clicks = recipe.input.clicks
    return CandidateClicks(network, loss, clicks.rollouts, recipe.input.objects_per_image, seed)


def _loss(recipe: CompactRecipe) -> keras.losses.Loss | None:
    """None where the model brings its own, of several outputs."""
    if isinstance(recipe, CompactLiteRecipe):
        return None
    return AuxiliaryLoss(
        NormalizedFocalAndIoULoss(recipe.iou_weight), NormalizedFocalLoss(), recipe.coarse_weight
    )


def use_averaged_weights(
    model: IterativeClicks, batches: ClickDataset, recipe: CompactRecipe, step: int
) -> None:
    """Put the moving average of the weights into the network.

    The statistics of BatchNorm belong to the weights they were collected with, so they are
    collected anew, over batches that training has not seen; Keras averages weights alone. A network
    without BatchNorm that learns, such as the paper's TSLFN, is done with at once.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    if any(_collects(layer) for layer in model.network.layers):
        collect_statistics(model, batches, recipe.statistics_batches, step)


def collect_statistics(
    model: IterativeClicks, batches: ClickDataset, count: int, first: int = 0
) -> None:
    """Let BatchNorm see `count` batches from number `first` on; no weight moves."""
    # Compiled steps. Called by itself the model would not be compiled, and JAX would compile the
    # loop of clicks again in each batch.
    model.compile(keras.optimizers.SGD(0.0), model.loss, jit_compile=jit_compile())
    with progress_bar(count, unit="batches") as bar:
        bar.set_description_str("statistics of BatchNorm")
        for number in range(first, first + count):
            inputs, target = batches.batch(*divmod(number, len(batches)))
            model.train_on_batch(inputs, target)
            bar.update()


def _collects(layer: keras.layers.Layer) -> bool:
    """Whether it is a BatchNorm whose statistics training changes."""
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable


def jit_compile() -> bool | str:
    """TensorFlow's XLA is off: it makes training on CPUs slower and its first step much slower."""
    return False if keras.backend.backend() == "tensorflow" else "auto"
