"""How the robot user clicks, and what counts as the mask: the paper's protocol and RITM's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import MAX_CLICKS
from fctsfn_tf.evaluation.robot_user import jittered, next_click_paper, next_click_ritm
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters, graph_cut

NEXT_CLICK = {"paper": next_click_paper, "ritm": next_click_ritm}
# Which errors the robot user may click (paper §4.2).
CHOICES = ("free-choice", "all-positive", "single-positive")


@dataclass(frozen=True)
class Protocol:
    """How the robot user clicks, and what counts as the mask.

    Attributes:
        rule: "paper" or "ritm": where the next click goes, see `robot_user`.
        threshold: the mask is where the probability is above this (RITM: 0.49).
        graph_cut: parameters to cut the probability with instead (paper §4.1); None for the
            threshold.
        max_clicks: clicks per object (paper §4.1: 20).
        until: None to make all clicks, which the mean IoU after each click needs; or the IoU at
            which an object is left, which is quicker and changes no number of clicks to targets up
            to this one.
        is_jittered: True to move every click as a person's hand would, see `robot_user.jittered`.
        choice: which errors are clicked: "free-choice", all of them; "all-positive", missed object
            alone; "single-positive", that at the first click and false object afterwards. Where no
            such error is left, no more clicks are made.
        measures_decidability: True to measure the decidability index after every click.

    Raises:
        InputError: no such rule, or a number outside its range.
    """

    rule: str = "ritm"
    threshold: float = 0.49
    graph_cut: GraphCutParameters | None = None
    max_clicks: int = MAX_CLICKS
    until: float | None = None
    is_jittered: bool = False
    choice: str = "free-choice"
    measures_decidability: bool = False

    def __post_init__(self) -> None:
        if self.rule not in NEXT_CLICK:
            raise InputError(
                f"`rule` must be one of {', '.join(NEXT_CLICK)}. Received {self.rule!r}."
            )
        if self.choice not in CHOICES:
            raise InputError(
                f"`choice` must be one of {', '.join(CHOICES)}. Received {self.choice!r}."
            )
        if not 0 <= self.threshold < 1:
            raise InputError(f"`threshold` must be in [0, 1). Received {self.threshold!r}.")
        if self.max_clicks < 1:
            raise InputError(f"`max_clicks` must be 1 or more. Received {self.max_clicks!r}.")
        if self.until is not None and not 0 < self.until <= 1:
            raise InputError(
                "`until` must be an IoU in (0, 1], or None to make all clicks. "
                f"Received {self.until!r}."
            )

    def next_click(
        self, mask: np.ndarray, sample: Sample, clicks: Sequence[Click], rng: np.random.Generator
    ) -> Click | None:
        """The robot user's next click; None where nothing is left that it may correct.

        Args:
            mask: (H, W) bool, the present segmentation of `sample`.
            clicks: those made so far.
            rng: draws the jitter.
        """
        if self.choice == "all-positive":
            mask = mask & sample.gt_mask  # hides what is false
        elif self.choice == "single-positive" and clicks:
            mask = mask | sample.gt_mask  # hides what is missed
        click = NEXT_CLICK[self.rule](mask, sample.gt_mask, sample.ignore, clicks)
        if click is not None and self.is_jittered:
            return jittered(click, sample.gt_mask, rng, sample.ignore, clicks)
        return click

    def mask_of(
        self, probability: np.ndarray, image: np.ndarray, clicks: Sequence[Click]
    ) -> np.ndarray:
        """(H, W) bool of a probability (H, W) float, by the threshold or by a cut."""
        if self.graph_cut is None:
            return probability > self.threshold
        return graph_cut(probability, image, clicks, self.graph_cut)


# The paper's (§4.1) and the one that the literature reports since 2021 (RITM).
PROTOCOLS = {
    "paper": Protocol(rule="paper", graph_cut=DEFAULT_PARAMETERS),
    "ritm": Protocol(rule="ritm"),
}
