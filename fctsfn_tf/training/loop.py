"""The one loop of all training runs: steps, validation, a log, checkpoints, and going on from them.

A run lives in a directory:

    checkpoint.npz   everything that the next step depends on; see `checkpoints`
    best.npz         the network's weights at the best validation so far
    log.jsonl        a JSON line every `LOG_EVERY` steps and at each validation

What a step sees is a function of the seed and its number, so a run that was killed and goes on from
its checkpoint ends with the numbers of one that was not.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write, printable
from fctsfn_tf.networks.weight_files import save_variables
from fctsfn_tf.progress import progress_bar
from fctsfn_tf.training.checkpoints import load_checkpoint, save_checkpoint
from fctsfn_tf.training.click_dataset import Batch, ClickDataset
from fctsfn_tf.training.recipes import Schedule

LOG_NAME = "log.jsonl"
BEST_NAME = "best.npz"
LOG_EVERY = 50
# Batches made ahead of the step that needs them, per thread.
PREFETCH = 2
# The number of `validate` that decides which weights are best.
SCORE = "val_click_iou"


@dataclass
class RunState:
    """Where a run stands.

    Attributes:
        step: steps done.
        best_step, best_score: of the best validation; 0 and None before the first.
        bad_validations: how many there were since.
        sums, num_summed: of the numbers of the steps since the last line of the log.
        is_finished: whether the schedule, or the lack of gain, has ended the run.
    """

    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    bad_validations: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    num_summed: int = 0
    is_finished: bool = False


def run_training(
    model: keras.Model,
    data: ClickDataset,
    schedule: Schedule,
    directory: Path,
    settings: dict[str, Any],
    network: keras.Model,
    validate: Callable[[], dict[str, float]] | None = None,
) -> RunState:
    """Train to the end of the schedule, or go on where an earlier call was interrupted.

    Ctrl-C (SIGINT) and SIGTERM let the present step end, write a checkpoint and raise
    KeyboardInterrupt; a second one does not wait.

    Args:
        model: compiled; `train_on_batch` is called on it.
        data: its `batch(epoch, index)` are the steps, one epoch after the other; `data.num_workers`
            threads make them ahead.
        schedule: when to validate, to save and to end.
        directory: of this run alone; it is created.
        settings: JSON values that decide on the run; a checkpoint of others is refused.
        network: whose weights `BEST_NAME` holds.
        validate: numbers of the network as it stands, `SCORE` among them, the higher the better.

    Returns:
        Where the run stands at its end.

    Raises:
        InputError: the directory belongs to another run, the loss is no number any more, or see
            `ClickDataset.batch` and `atomic_write`.
        KeyboardInterrupt: see above.
    """
    directory.mkdir(parents=True, exist_ok=True)
    state = _resumed(directory, model, settings)
    if state.is_finished:
        return state
    log = _Log(directory / LOG_NAME, state.step)
    bar = progress_bar(schedule.steps, state.step)
    with bar, _stop_signals() as stop, _batches(data, state.step, schedule.steps) as batches:
        for inputs, target in batches:
            numbers = _step(model, inputs, target, state)
            bar.set_postfix_str(_shown(numbers), refresh=False)
            bar.update()
            if state.step % LOG_EVERY == 0 or state.step == schedule.steps:
                log.append(state.step, _means(state))
            is_last = state.step == schedule.steps
            if validate is not None and (is_last or state.step % schedule.validate_every == 0):
                numbers = validate()
                log.append(state.step, numbers)
                _keep_best(numbers[SCORE], state, network, directory)
            state.is_finished = is_last or state.bad_validations == schedule.patience
            if state.is_finished or stop or state.step % schedule.checkpoint_every == 0:
                save_checkpoint(directory, model, {"run": asdict(state), "settings": settings})
            if state.is_finished:
                break
            if stop:
                raise KeyboardInterrupt
    return state


def _step(model: keras.Model, inputs: dict, target: np.ndarray, state: RunState) -> dict:
    """One step of the optimiser; its numbers join the state's sums.

    Raises:
        InputError: the loss is infinite or no number.
    """
    numbers = model.train_on_batch(inputs, target, return_dict=True)
    numbers = {key: float(numbers[key]) for key in sorted(numbers)}
    if not np.isfinite(numbers["loss"]):
        raise InputError(
            "The loss must stay finite. Take a lower learning rate and start the run afresh, or go "
            f"on from its last checkpoint. Received {numbers['loss']} at step {state.step + 1}."
        )
    state.step += 1
    state.num_summed += 1
    for key, value in numbers.items():
        state.sums[key] = state.sums.get(key, 0.0) + value
    return numbers


def _means(state: RunState) -> dict[str, float]:
    """The means since the last call, and an empty sum for the next."""
    means = {key: value / state.num_summed for key, value in state.sums.items()}
    state.sums, state.num_summed = {}, 0
    return means


def _shown(numbers: dict[str, float]) -> str:
    """What fits behind the bar: the sum of all losses, and the IoU."""
    return ", ".join(f"{key} {numbers[key]:.4g}" for key in ("loss", "iou") if key in numbers)


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
    if found["settings"] != settings:
        keys = sorted(settings.keys() | found["settings"].keys())
        different = [key for key in keys if settings.get(key) != found["settings"].get(key)]
        raise InputError(
            f"{printable(directory)} holds another run. Repeat its first command to go on with it, "
            f"or name another directory. Received another {', '.join(different)}."
        )
    state = RunState(**found["run"])
    if not state.is_finished:
        print(f"{printable(directory)}: going on at step {state.step}", file=sys.stderr)
    return state


@contextmanager
def _batches(data: ClickDataset, first: int, end: int) -> Iterator[Iterator[Batch]]:
    """The batches of the steps from `first` on, made ahead by threads."""
    pool = ThreadPoolExecutor(max_workers=max(1, data.num_workers))
    ahead: deque[Future[Batch]] = deque()

    def batches() -> Iterator[Batch]:
        steps = iter(range(first, end))
        while True:
            while len(ahead) < PREFETCH * max(1, data.num_workers):
                step = next(steps, None)
                if step is None:
                    break
                ahead.append(pool.submit(data.batch, *divmod(step, len(data))))
            if not ahead:
                return
            yield ahead.popleft().result()

    try:
        yield batches()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list to which SIGINT and SIGTERM are appended; the second of them is not held back.

    Only the main thread may listen to signals; in others the list stays empty.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for listened, handler in before.items():
            signal.signal(listened, handler)
        print("stopping after this step; once more to stop at once", file=sys.stderr)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, receive)
    except ValueError:
        pass
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Log:
    """The run's log; what lies after the step at which it goes on is made again."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        kept = [line for line in read_log(path) if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        atomic_write(path, lambda file: file.write(text.encode()), overwrite=True)

    def append(self, step: int, numbers: dict[str, float]) -> None:
        """Add a line: the step, and the numbers to six digits."""
        line = {"step": step} | {key: float(f"{value:.6g}") for key, value in numbers.items()}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The lines of a run's log, in order; none where there is no log.

    A run that was killed may have left half a line, which is left out.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]
