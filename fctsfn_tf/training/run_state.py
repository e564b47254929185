"""Where a training run stands, as its checkpoint keeps it: `RunState`."""

from __future__ import annotations

from dataclasses import dataclass, field


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
