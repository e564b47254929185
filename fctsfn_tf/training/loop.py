"""The one loop of all training runs: steps, validation, a log, checkpoints, and going on from them.

A run lives in a directory:

    checkpoint.npz   everything that the next step depends on; see `checkpoints`
    best.npz         the network's weights at the best validation so far
    log.jsonl        a JSON line every `LOG_EVERY` steps and at each validation

What a step sees is a function of the seed and its number, so a run that was killed and goes on from
its checkpoint ends with the numbers of one that was not. Keras' `fit` with callbacks does not do
that: it goes on with an epoch, not in the midst of one; at its end it puts the moving average of
the weights in their place, from where nothing goes on; and its metrics are means over an epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.networks.weight_files import save_variables
from fctsfn_tf.training.batch_maker import Batch
from fctsfn_tf.training.checkpoints import load_checkpoint, save_checkpoint
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.identity import described, differences
from fctsfn_tf.training.recipes import Schedule
from fctsfn_tf.training.reporting import LOG_NAME, RunBar, RunLog, StepNumbers
from fctsfn_tf.training.run_state import RunState
from fctsfn_tf.training.working_ahead import WorkAhead

BEST_NAME = "best.npz"
LOG_EVERY = 50
# Batches made ahead of the step that needs them, per thread.
PREFETCH = 2
# The number of `validate` that decides which weights are best.
SCORE = "val_click_iou"


def never() -> bool:
    """No."""
    return False


def run_training(
    model: keras.Model,
    data: ClickDataset,
    schedule: Schedule,
    directory: Path,
    settings: dict[str, Any],
    network: keras.Model,
    validate: Callable[[], dict[str, float]] | None = None,
    should_stop: Callable[[], bool] = never,
) -> RunState:
    """Train to the end of the schedule, or go on where an earlier call was interrupted.

    Args:
        model: compiled.
        data: its `batch(epoch, index)` are the steps, one epoch after the other; `data.num_workers`
            threads make them ahead.
        schedule: when to validate, to save and to end.
        directory: of this run alone; it is created.
        settings: what decides on the run, see `identity.described`; a checkpoint of others is
            refused.
        network: whose weights `BEST_NAME` holds.
        validate: numbers of the network as it stands, `SCORE` among them, the higher the better.
        should_stop: asked after each step. If so, a checkpoint is written and KeyboardInterrupt
            raised; `stop_signals` is one that listens to Ctrl-C.

    Returns:
        Where the run stands at its end.

    Raises:
        InputError: the directory belongs to another run, the loss is no number any more, or see
            `ClickDataset.batch` and `atomic_write`.
        KeyboardInterrupt: see `should_stop`. Without it Ctrl-C does not wait for anything: a
            checkpoint is written if no step or validation was cut short, and the last one stands
            otherwise.
    """
    directory.mkdir(parents=True, exist_ok=True)
    state = _resumed(directory, model, settings)
    if state.is_finished:
        return state
    log = RunLog(directory / LOG_NAME, state.step)
    numbers = StepNumbers(state)

    def save() -> None:
        numbers.read()
        run = {"run": asdict(state), "settings": described(settings)}
        save_checkpoint(directory, model, run)

    batches = _batches(data, schedule.steps)
    with RunBar(schedule.steps, state.step) as bar, closing(batches):
        while state.step < schedule.steps and not state.is_finished:
            try:
                inputs, target = batches(*divmod(state.step, len(data)))
            except KeyboardInterrupt:
                save()
                raise
            with bar.step(target.shape, numbers):
                step_numbers = _step(model, inputs, target)
                state.step += 1
                numbers.append(state.step, step_numbers)
            is_last = state.step == schedule.steps
            if state.step % LOG_EVERY == 0 or is_last:
                log.append(state.step, numbers.means())
            if validate is not None and (is_last or state.step % schedule.validate_every == 0):
                numbers.read()
                validation = validate()
                log.append(state.step, validation)
                _keep_best(validation[SCORE], state, network, directory)
            state.is_finished = is_last or state.bad_validations == schedule.patience
            is_stopped = should_stop()
            if state.is_finished or is_stopped or state.step % schedule.checkpoint_every == 0:
                save()
            if is_stopped and not state.is_finished:
                raise KeyboardInterrupt
    return state


def _batches(data: ClickDataset, steps: int) -> WorkAhead[Batch]:
    """The batch of (epoch, index), while threads make those of the next steps."""

    def following(epoch: int, index: int) -> tuple[int, int] | None:
        step = epoch * len(data) + index + 1
        return divmod(step, len(data)) if step < steps else None

    workers = max(1, data.num_workers)
    return WorkAhead(data.batch, following, workers, max_ready=PREFETCH * workers)


def _step(model: keras.Model, inputs: dict[str, np.ndarray], target: np.ndarray) -> dict[str, Any]:
    """One step of the optimiser; its numbers, which nobody has waited for yet.

    This is Keras' `train_on_batch` without its end, where it reads the numbers and so has an
    accelerator stand still until the next step is sent to it. On JAX, where only Keras can put the
    model's state back in its place, and for the first step, which builds, it is `train_on_batch`.
    """
    if keras.backend.backend() == "jax" or model.train_function is None:
        return model.train_on_batch(inputs, target, return_dict=True)
    model.reset_metrics()
    return model.train_function([(inputs, target, None)])


def _keep_best(score: float, state: RunState, network: keras.Model, directory: Path) -> None:
    """Keep the network's weights if this validation was the best one."""
    if state.best_score is None or score > state.best_score:
        state.best_score, state.best_step, state.bad_validations = score, state.step, 0
        save_variables(network, directory / BEST_NAME, overwrite=True)
    else:
        state.bad_validations += 1


def _resumed(directory: Path, model: keras.Model, settings: dict[str, Any]) -> RunState:
    """Where the run of a directory stands, with the model set to it; the start of a new one."""
    found = load_checkpoint(directory, model)
    if found is None:
        return RunState()
    if different := differences(found["settings"], settings):
        raise InputError(
            f"{printable(directory)} holds another run. Repeat its first command to go on with it, "
            f"or name another directory. Received another {', '.join(different)}."
        )
    state = RunState(**found["run"])
    if not state.is_finished:
        print(f"{printable(directory)}: going on at step {state.step}", file=sys.stderr)
    return state
