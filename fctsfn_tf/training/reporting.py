"""What a run says while it goes: the numbers of its steps, its log, its bar."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import atomic_write
from fctsfn_tf.progress import progress_bar
from fctsfn_tf.training.run_state import RunState

LOG_NAME = "log.jsonl"


class StepNumbers:
    """The numbers of the steps, which join the state's sums when somebody looks at them."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._unread: list[tuple[int, dict[str, Any]]] = []
        self.last: dict[str, float] = {}

    def append(self, step: int, numbers: dict[str, Any]) -> None:
        """Add those of a step, "loss" among them; they may be on an accelerator yet."""
        self._unread.append((step, numbers))

    def read(self) -> dict[str, float]:
        """The numbers of the last step, when all are done.

        Raises:
            InputError: a loss is infinite or no number.
        """
        state, unread, self._unread = self._state, self._unread, []
        for step, numbers in unread:
            self.last = {key: float(numbers[key]) for key in sorted(numbers)}
            if not np.isfinite(self.last["loss"]):
                raise InputError(
                    "The loss must stay finite. Take a lower learning rate and start the run "
                    "afresh, or go on from its last checkpoint. "
                    f"Received {self.last['loss']} at step {step}."
                )
            state.num_summed += 1
            for key, value in self.last.items():
                state.sums[key] = state.sums.get(key, 0.0) + value
        return self.last

    def means(self) -> dict[str, float]:
        """The means since the last call, and an empty sum for the next."""
        self.read()
        state = self._state
        means = {key: value / state.num_summed for key, value in state.sums.items()}
        state.sums, state.num_summed = {}, 0
        return means


class RunBar:
    """The run's progress bar; numbers are read only when it is drawn.

    The time left is by the mean of all steps, with what validations take, but without those that
    compile: the first of each size.

    Args:
        steps: of the whole run.
        done: those before.
    """

    def __init__(self, steps: int, done: int) -> None:
        self._bar = progress_bar(steps, done, smoothing=0)
        self._sizes: set[tuple[int, ...]] = set()

    def __enter__(self) -> RunBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    @contextmanager
    def step(self, size: tuple[int, ...], numbers: StepNumbers) -> Iterator[None]:
        """Around a step on arrays of this size."""
        bar, started = self._bar, time.time()
        yield
        if bar.disable:
            return
        if size not in self._sizes:
            self._sizes.add(size)
            bar.start_t += time.time() - started
            bar.initial += 1
            # Before its start, tqdm would take it for a bar that was never drawn.
            bar.last_print_t = max(bar.last_print_t, bar.start_t)
        if time.time() - bar.last_print_t >= bar.mininterval:  # it is drawn with the update
            last = numbers.read()
            shown = [f"{key} {last[key]:.4g}" for key in ("loss", "iou") if key in last]
            bar.set_postfix_str(", ".join(shown), refresh=False)
        bar.update()


class RunLog:
    """The run's log; what lies after the step at which it goes on is made again.

    `keras.callbacks.CSVLogger` belongs to `fit` and takes no line back.
    """

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
