"""Training of the compact network: previous mask, clicks on its own errors, frozen backbone.

Everything random of step i is drawn from a generator seeded with (seed, i), so a run that was
interrupted and resumed sees the same photographs and clicks as one that was not.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from fctsfn_tf.annotated_images import MIN_OBJECT_SHARE, AnnotatedImage, Sample
from fctsfn_tf.augmentation import random_view
from fctsfn_tf.click_maps import draw_disk
from fctsfn_tf.compact import is_backbone
from fctsfn_tf.dataset_layouts import open_dataset
from fctsfn_tf.encode_once import split
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write
from fctsfn_tf.layers import BilinearUpsampling, RepeatBatch
from fctsfn_tf.losses import IGNORED, NormalizedFocalLoss, SoftIoULoss
from fctsfn_tf.mask_formats import VOID
from fctsfn_tf.metrics import iou
from fctsfn_tf.recipes import CompactRecipe
from fctsfn_tf.simulation import error_click, imperfect_mask, initial_clicks

# An object must show at least this many pixels in a view to be clicked.
MIN_VIEW_PIXELS = 100
# Views prepared ahead of the step that needs them.
PREFETCH = 4
CHECKPOINT_NAME = "checkpoint.npz"
LOG_NAME = "log.jsonl"


@dataclass
class Batch:
    """What one step trains on: B photographs, B·M clicked objects (M per photograph, in order).

    Attributes:
        images: (B, S, S, 3) float32 RGB in [0, 255].
        gt_masks, ignores: (B·M, S, S) bool.
    """

    images: np.ndarray
    gt_masks: np.ndarray
    ignores: np.ndarray


class TrainingViews:
    """Batches of random views as a function of (seed, step), so that any step can be had again."""

    def __init__(
        self, sets: dict[str, list[AnnotatedImage]], recipe: CompactRecipe, seed: int
    ) -> None:
        weights = dict(recipe.set_weights)
        self._images = [image for name in sorted(sets) for image in sets[name]]
        self._weights = np.concatenate(
            [np.full(len(sets[name]), weights.get(name, 1.0)) for name in sorted(sets)]
        )
        self._weights /= self._weights.sum()
        self._recipe = recipe
        self._seed = seed

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        recipe = self._recipe
        rng = np.random.default_rng([self._seed, step])
        size, num_images = recipe.views[rng.integers(len(recipe.views))]
        images, gt_masks, ignores = [], [], []
        while len(images) < num_images:
            pair = self._images[rng.choice(len(self._images), p=self._weights)]
            view = _clickable_view(*pair.read(), size, recipe, rng)
            if view is None:
                continue
            image, labels, ids = view
            images.append(image)
            for _ in range(recipe.objects_per_image):
                chosen = ids[rng.integers(len(ids))]
                gt_mask = labels == chosen
                if len(ids) > 1 and rng.random() < recipe.merge_probability:
                    gt_mask |= labels == ids[rng.integers(len(ids))]
                gt_masks.append(gt_mask)
                ignores.append(labels == VOID)
        return Batch(np.stack(images).astype(np.float32), np.stack(gt_masks), np.stack(ignores))


def _clickable_view(
    image: np.ndarray,
    labels: np.ndarray,
    size: int,
    recipe: CompactRecipe,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, list[int]] | None:
    """A view with its label map and the ids large enough to be clicked; None if there is none."""
    ids = _object_ids(labels, MIN_OBJECT_SHARE)
    if not ids:
        return None
    areas = np.sqrt([np.count_nonzero(labels == label) for label in ids])
    chosen = ids[rng.choice(len(ids), p=areas / areas.sum())]
    others = [label for label in range(1, VOID) if label != chosen and (labels == label).any()]
    masks = tuple(labels == label for label in others)
    sample = Sample("", image, labels == chosen, labels == VOID, masks)
    view = random_view(sample, size, size, recipe.augmentation, rng).sample
    view_labels = np.where(view.ignore, VOID, 0).astype(np.uint8)
    for label, mask in zip((chosen, *others), (view.gt_mask, *view.other_masks), strict=True):
        view_labels[mask] = label
    visible = _object_ids(view_labels, MIN_VIEW_PIXELS / view_labels.size)
    return (view.image, view_labels, visible) if visible else None


def _object_ids(labels: np.ndarray, min_share: float) -> list[int]:
    """Ids of the objects that cover at least `min_share` of the label map, in rising order."""
    counts = np.bincount(labels.ravel(), minlength=256)
    least = max(1, min_share * labels.size)
    return [label for label in range(1, VOID) if counts[label] >= least]


def read_training_sets(
    data: str | Path, recipe: CompactRecipe, held_out: set[str]
) -> dict[str, list[AnnotatedImage]]:
    """The data sets of the recipe that are present, without the held-out images.

    Args:
        data: a folder with one folder per data set, each of `images/` and `labels/`.
        held_out: stems that must not be trained on, whatever set they occur in.

    Raises:
        InputError: none of the recipe's sets is there.
    """
    sets = {}
    for name, _ in recipe.set_weights:
        if (Path(data) / name).is_dir():
            sets[name] = list(open_dataset(Path(data) / name).without(held_out).images)
    if not sets:
        names = ", ".join(name for name, _ in recipe.set_weights)
        raise InputError(f"{data} holds none of the recipe's data sets. Expected some of: {names}.")
    return sets


def held_out_stems(splits: Path | None) -> set[str]:
    """The list "val" of a JSON file of splits: stems that must not be trained on; none of None.

    Raises:
        InputError: the file is not JSON or has no such list.
    """
    if splits is None:
        return set()
    try:
        return set(json.loads(splits.read_text())["val"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{splits} must be a JSON file with a list 'val' of image stems. Received: {error!r}"
        ) from None


class CompactTrainer:
    """The compact network, cut where it is frozen, with its optimiser and its checkpoint.

    Args:
        network: of `compact_network`; its backbone stays as it is.
        recipe: numbers of the run.
        seed: of everything random after the network's initial weights.
    """

    def __init__(self, network: keras.Model, recipe: CompactRecipe, seed: int) -> None:
        self.network = network
        self.recipe = recipe
        self.seed = seed
        self.step = 0
        for layer in network.layers:
            layer.trainable = not is_backbone(layer)
        coarse = BilinearUpsampling(8, name="coarse_up")(network.get_layer("coarse_score").output)
        self._image_part, self._click_part = split(
            keras.Model(network.input, [network.output, coarse], name="with_coarse_score")
        )
        # The image part runs once per photograph, however many objects are clicked in it.
        image = keras.Input((None, None, 3), name="image")
        click_maps = keras.Input((None, None, 3), name="click_maps")
        repeat = RepeatBatch(recipe.objects_per_image)
        features = [repeat(feature) for feature in self._image_part(image)]
        self._trained = keras.Model(
            [image, click_maps], self._click_part([*features, click_maps]), name="trained"
        )
        self.optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                0.0,
                recipe.steps - recipe.warmup,
                warmup_target=recipe.learning_rate,
                warmup_steps=recipe.warmup,
            ),
            weight_decay=recipe.weight_decay,
            global_clipnorm=recipe.clip_norm,
            use_ema=True,
            ema_momentum=recipe.average_decay,
            name="adam_w",  # part of the variables' paths in the checkpoint
        )
        self.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        focal, soft_iou = NormalizedFocalLoss(), SoftIoULoss()

        def fine_loss(y_true, y_pred):  # noqa: ANN001, ANN202
            return focal(y_true, y_pred) + recipe.iou_weight * soft_iou(y_true, y_pred)

        self._trained.compile(
            self.optimizer,
            loss=[fine_loss, focal],
            loss_weights=[1.0, recipe.coarse_weight],
            jit_compile=False,
        )
        self.optimizer.build(self._trained.trainable_variables)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step: simulated clicks, roll-outs on the network's own errors, one update.

        Returns:
            loss, and the mean IoU of the last roll-out (NaN without one).
        """
        rng = np.random.default_rng([self.seed, self.step, 1])
        maps, rolled_iou = self._clicked_maps(batch, rng)
        target = batch.gt_masks.astype(np.float32)
        target[batch.ignores] = IGNORED
        target = target[..., None]
        loss = self._trained.train_on_batch([batch.images, maps], [target, target])
        self.step += 1
        return {"loss": float(np.ravel(loss)[0]), "rolled_iou": rolled_iou}

    def _clicked_maps(self, batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """(B·M, S, S, 3) click maps after the initial clicks and the roll-outs, and the IoU."""
        simulation = self.recipe.simulation
        maps = np.zeros((*batch.gt_masks.shape, 3), np.float32)
        for index, (gt_mask, ignore) in enumerate(zip(batch.gt_masks, batch.ignores, strict=True)):
            if rng.random() < simulation.start_mask_probability:
                mask = imperfect_mask(gt_mask, rng)
                maps[index, ..., 2] = mask
                click = error_click(mask, gt_mask, ignore, rng)
                clicks = [] if click is None else [click]
            else:
                clicks = initial_clicks(gt_mask, ignore, simulation, rng)
            for click in clicks:
                draw_disk(maps[index], click)
        num_rollouts = rng.choice(len(simulation.rollouts), p=simulation.rollouts)
        ious, features = [np.nan], []
        if num_rollouts:
            features = [
                np.repeat(feature, self.recipe.objects_per_image, axis=0)
                for feature in self._image_part.predict_on_batch(batch.images)
            ]
        for _ in range(num_rollouts):
            logits, _ = self._click_part.predict_on_batch([*features, maps])
            ious = []
            for index in range(len(maps)):
                mask = logits[index, ..., 0] > 0
                gt_mask, ignore = batch.gt_masks[index], batch.ignores[index]
                ious.append(iou(mask, gt_mask, ignore))
                maps[index, ..., 2] = _sigmoid(logits[index, ..., 0])
                click = error_click(mask, gt_mask, ignore, rng)
                if click is not None:
                    draw_disk(maps[index], click)
        return maps, float(np.mean(ious))

    def save(self, directory: Path) -> None:
        """Everything needed to go on: weights, optimiser, step."""
        arrays = {f"network/{v.path}": np.asarray(v) for v in self.network.variables}
        arrays |= {f"optimizer/{v.path}": np.asarray(v) for v in self.optimizer.variables}
        arrays["step"] = np.asarray(self.step)
        atomic_write(
            directory / CHECKPOINT_NAME, lambda file: np.savez(file, **arrays), overwrite=True
        )

    def resume(self, directory: Path) -> bool:
        """Go on from the checkpoint of a directory; False if it has none."""
        path = directory / CHECKPOINT_NAME
        if not path.exists():
            return False
        with np.load(path) as arrays:
            for prefix, variables in (
                ("network", self.network.variables),
                ("optimizer", self.optimizer.variables),
            ):
                for variable in variables:
                    variable.assign(arrays[f"{prefix}/{variable.path}"])
            self.step = int(arrays["step"])
        return True

    def use_averaged_weights(self, views: TrainingViews, num_batches: int = 100) -> None:
        """Put the moving average of the weights into the network, to save it as the result.

        The statistics of BatchNorm belong to the weights they were collected with, so they are
        collected anew, over batches that training has not seen.
        """
        self.optimizer.finalize_variable_values(self._trained.trainable_variables)
        for step in range(self.recipe.steps, self.recipe.steps + num_batches):
            batch = views.batch(step)
            maps, _ = self._clicked_maps(batch, np.random.default_rng([self.seed, step, 1]))
            self._trained([batch.images, maps], training=True)


def train_compact(
    trainer: CompactTrainer,
    views: TrainingViews,
    directory: Path,
    checkpoint_every: int = 250,
    stop_at: float | None = None,
) -> None:
    """Train to the recipe's last step, or go on where an earlier call was interrupted.

    Args:
        directory: for the checkpoint and a log, one JSON line per 50 steps.
        checkpoint_every: steps between checkpoints.
        stop_at: `time.monotonic()` at which to stop early, with a checkpoint; None never.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if trainer.resume(directory):
        print(f"Resuming at step {trainer.step}.", file=sys.stderr)
    total, began, first = trainer.recipe.steps, time.monotonic(), trainer.step
    losses: deque[float] = deque(maxlen=200)
    rolled: deque[float] = deque(maxlen=200)
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead: deque[Future[Batch]] = deque()
        while trainer.step < total:
            while len(ahead) < PREFETCH and trainer.step + len(ahead) < total:
                ahead.append(pool.submit(views.batch, trainer.step + len(ahead)))
            result = trainer.train_step(ahead.popleft().result())
            losses.append(result["loss"])
            rolled.append(result["rolled_iou"])
            if trainer.step % 50 == 0:
                speed = (time.monotonic() - began) / (trainer.step - first)
                line = {
                    "step": trainer.step,
                    "loss": round(float(np.mean(losses)), 4),
                    "rolled_iou": round(float(np.nanmean(rolled)), 4),
                    "seconds_per_step": round(speed, 3),
                }
                with (directory / LOG_NAME).open("a") as log:
                    log.write(json.dumps(line) + "\n")
                minutes = speed * (total - trainer.step) / 60
                print(f"{line}  {minutes:.0f} min left", file=sys.stderr, flush=True)
            stop = stop_at is not None and time.monotonic() > stop_at
            if trainer.step % checkpoint_every == 0 or trainer.step == total or stop:
                trainer.save(directory)
            if stop:
                for future in ahead:
                    future.cancel()
                return


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))
