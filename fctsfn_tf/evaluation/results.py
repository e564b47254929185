"""What came out of an evaluation, object by object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import harmful_clicks, number_of_clicks
from fctsfn_tf.files import printable

# IoUs of NoC@80 … NoC@95: the paper's are 85 % and 90 % (§4.1), the literature's 80 to 95 %.
TARGETS = (0.80, 0.85, 0.90, 0.95)


@dataclass(frozen=True)
class ObjectResult:
    """What happened on one object.

    Attributes:
        name: of the sample.
        position: which photograph of the data set it lies in, from 0.
        clicks: the robot user's clicks, in order.
        ious: IoU in [0, 1] after click 1, 2, …: `max_clicks` numbers, or fewer if the object was
            left at `until`. Where nothing was left to correct, no more clicks are made and the last
            IoU holds for the rest.
        boundary_ious: Boundary IoU after each of them.
        decidability: index of Eq. 2 after each of them; infinite where all responses of a side
            are equal. Empty unless the protocol asks for it.
        seconds: wall-clock time of each click, from the click to the mask, less `encode_seconds`.
            The first for the first object of all includes what a network compiles.
        encode_seconds: time of each click that went into the image part of a network; 0 for methods
            without one, and where the object before lies in the same view of the same image.
        robot_seconds: time that all of the robot user's choices and the measures took.
        failure: why the object cannot be counted; None if it can.
    """

    name: str
    position: int = 0
    clicks: tuple[Click, ...] = ()
    ious: tuple[float, ...] = ()
    boundary_ious: tuple[float, ...] = ()
    decidability: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    encode_seconds: tuple[float, ...] = ()
    robot_seconds: float = 0.0
    failure: str | None = None


@dataclass(frozen=True)
class Results:
    """An evaluation: `run` says of what and how (JSON values), `objects` what came out."""

    run: dict[str, Any]
    objects: tuple[ObjectResult, ...]

    @property
    def counted(self) -> list[ObjectResult]:
        """The objects that did not fail."""
        return [result for result in self.objects if result.failure is None]

    @property
    def targets(self) -> list[float]:
        """The IoUs of `TARGETS` up to which the objects were clicked."""
        until = self.run["protocol"]["until"]
        return [target for target in TARGETS if until is None or target <= until]

    @property
    def finished(self) -> float:
        """The IoU at which an object counts as done: the last of `TARGETS`, or `until` if less."""
        until = self.run["protocol"]["until"]
        return TARGETS[-1] if until is None else min(until, TARGETS[-1])

    def harmful_clicks(self, result: ObjectResult) -> tuple[int, int]:
        """Of one object: how many clicks lowered its IoU, and of how many after the first; see
        `metrics.harmful_clicks`."""
        # Where nothing was left to correct, the last IoU is repeated without a click.
        return harmful_clicks(result.ious[: len(result.clicks)], self.finished)

    def clicks_to(self, target: float) -> list[int]:
        """NoC@target of each counted object."""
        return [
            number_of_clicks(result.ious, target, self.run["protocol"]["max_clicks"])
            for result in self.counted
        ]

    def ious_after(self, num_clicks: int) -> list[float]:
        """IoU of each counted object after so many clicks.

        Raises:
            InputError: an object was left before.
        """
        short = [result.name for result in self.counted if len(result.ious) < num_clicks]
        if short:
            raise InputError(
                f"The IoU after {num_clicks} clicks needs objects that are clicked so often. "
                f"Evaluate without `until`. Received {len(short)} that were left before, the first "
                f"{printable(short[0])}."
            )
        return [result.ious[num_clicks - 1] for result in self.counted]


def percent(target: float) -> str:
    """An IoU as names and tables have it: 0.9 → "90"."""
    return f"{target:.0%}"[:-1]
