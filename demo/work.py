"""One photograph as a visitor works on it: the object being clicked, those before it, and all that
can be undone.

Work that nobody touches for a while can sleep: what is large is left away, the photograph remains
as its file, and at the next touch everything is there again as it was.
"""

from __future__ import annotations

import io
import pickle
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.graph_cut import graph_cut
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.predictor import Prediction, Predictor

# How many steps can be undone; a step is a few hundred bytes, and an object's mask once.
MAX_STEPS = 300


@dataclass(frozen=True)
class Photograph:
    """The file that is open.

    Attributes:
        name: of the file, as the visitor knows it.
        content: its bytes.
        digest: SHA-256 of them.
        number: differs from that of every other photograph opened by anybody since the start.
        size: (height, width) in pixels.
        example: the name of the example that it is, or None.
    """

    name: str
    content: bytes
    digest: str
    number: int
    size: tuple[int, int]
    example: str | None = None

    @property
    def stem(self) -> str:
        """Its name without what its kind of file adds."""
        return Path(self.name).stem

    @property
    def num_pixels(self) -> int:
        return self.size[0] * self.size[1]

    def read(self) -> np.ndarray:
        """Its pixels, (H, W, 3) uint8 RGB."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"photograph{Path(self.name).suffix}"
            path.write_bytes(self.content)
            return read_image(path)


class FinishedObject(NamedTuple):
    name: str
    packed_mask: np.ndarray  # np.packbits of the mask, an eighth of a byte per pixel


@dataclass(frozen=True, eq=False)
class Step:
    """What holds between two steps of the visitor.

    Attributes:
        objects: finished before the present one.
        clicks: on the present object, oldest first.
        packed_start: `np.packbits` of the mask that the present object starts from, or None.
        candidate: which of the first click's `Prediction.candidates` was taken, counted from 1; 0
            for the best answer.
    """

    objects: tuple[FinishedObject, ...] = ()
    clicks: tuple[Click, ...] = ()
    packed_start: np.ndarray | None = None
    candidate: int = 0


class Work:
    """Serves one thread at a time; `SessionStore.use` sees to that."""

    def __init__(
        self,
        photograph: Photograph,
        image: np.ndarray,
        preset: str,
        make_predictor: Callable[[str], Predictor],
    ) -> None:
        """
        Args:
            photograph: the file.
            image: its pixels.
            preset: name of the network.
            make_predictor: name of a network → a new `Predictor` over it.
        """
        self.photograph = photograph
        self.preset = preset
        self._make_predictor = make_predictor
        started = time.perf_counter()
        self._predictor: Predictor | None = make_predictor(preset)
        self._predictor.set_image(image)
        self.encode_seconds = time.perf_counter() - started  # that reading the photograph took
        self._asleep: _Asleep | None = None  # what is left of the predictor meanwhile
        self._now = Step()
        self._past: list[Step] = []
        self._future: list[Step] = []
        self._rule: tuple[float, bool] | None = None
        self._mask: np.ndarray | None = None  # under `_rule`

    # ---- What holds now ------------------------------------------------------------------------

    @property
    def image(self) -> np.ndarray:
        """The photograph, (H, W, 3) uint8 RGB."""
        return self._awake().image

    @property
    def clicks(self) -> tuple[Click, ...]:
        """On the present object, oldest first."""
        return self._now.clicks

    @property
    def objects(self) -> tuple[FinishedObject, ...]:
        """Finished before the present one."""
        return self._now.objects

    @property
    def starts_from_mask(self) -> bool:
        """Whether the present object started from a mask."""
        return self._now.packed_start is not None

    @property
    def candidate(self) -> int:
        """Which of the masks that the first click may have meant is shown; 0 for the best one."""
        return self._now.candidate

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back that `redo` makes again."""
        return bool(self._future)

    @property
    def prediction(self) -> Prediction | None:
        """Of the present object, as the predictor gave it."""
        return self._awake().prediction

    def mask(self, threshold: float, cuts_graph: bool) -> np.ndarray | None:
        """Of the present object, bool (H, W), under this rule; None while there is nothing.

        Raises:
            InputError: a graph cut without PyMaxflow.
        """
        prediction = self.prediction
        if prediction is None:
            return None
        if self._mask is None or self._rule != (threshold, cuts_graph):
            if cuts_graph and self.clicks:
                parameters = self._predictor.config.graph_cut_parameters
                self._mask = graph_cut(prediction.probability, self.image, self.clicks, parameters)
            elif threshold == self._predictor.config.threshold:
                self._mask = prediction.mask
            else:
                self._mask = prediction.probability > threshold
            self._rule = threshold, cuts_graph
        return self._mask

    def object_masks(self) -> list[np.ndarray]:
        """The masks of the finished objects, each bool (H, W)."""
        return [unpacked(one.packed_mask, self.photograph.size) for one in self.objects]

    # ---- What the visitor does -----------------------------------------------------------------

    def set_clicks(self, clicks: tuple[Click, ...]) -> None:
        """These clicks instead of the present ones.

        Raises:
            InputError: see `Predictor.predict`; nothing has changed then.
        """
        if clicks != self.clicks:
            candidate = self.candidate if clicks[:1] == self.clicks[:1] else 0
            self._change(replace(self._now, clicks=clicks, candidate=candidate))

    def choose(self, candidate: int) -> None:
        """Another of the masks that the first click may have meant; 0 is the best one.

        Raises:
            InputError: there is none of this number. There are some after a first click alone.
        """
        prediction = self.prediction
        most = 0 if prediction is None else len(prediction.candidates)
        if type(candidate) is not int or not 0 <= candidate <= most:
            raise InputError(
                "Other masks can be chosen after a first click, with a network that has them: from "
                f"0 to {most} here. Received {candidate!r:.40}."
            )
        if candidate != self.candidate:
            self._change(replace(self._now, candidate=candidate))

    def remove_click(self, index: int) -> None:
        """Take one click out, whichever it is.

        Raises:
            InputError: there is no such click, or a negative one would become the first.
        """
        if not 0 <= index < len(self.clicks):
            raise InputError("This click is gone already. Choose one of those shown.")
        self.set_clicks(self.clicks[:index] + self.clicks[index + 1 :])

    def start_from(self, mask: np.ndarray | None, clicks: tuple[Click, ...]) -> None:
        """Start the present object anew, from a mask, bool (H, W), and clicks.

        Raises:
            InputError: see `Predictor.set_mask`, `Predictor.predict`; nothing has changed then.
        """
        packed = None if mask is None else np.packbits(mask)
        self._change(Step(self.objects, clicks, packed))

    def reset(self) -> None:
        """Forget the clicks on the present object, and the mask it started from."""
        self._change(Step(self.objects))

    def start_over(self) -> None:
        """Forget all objects and clicks."""
        self._change(Step())

    def finish(self, name: str, mask: np.ndarray) -> None:
        """Keep a mask, bool (H, W), under a name and start on another object."""
        finished = FinishedObject(name, np.packbits(mask))
        self._change(Step((*self.objects, finished)))

    def remove_object(self) -> None:
        """Drop the latest finished object.

        Raises:
            InputError: there is none.
        """
        if not self.objects:
            raise InputError("There is no finished object to remove. “Next object” finishes one.")
        self._change(replace(self._now, objects=self.objects[:-1]))

    def undo(self) -> None:
        """Take the latest step back, whatever it was.

        Raises:
            InputError: there is none.
        """
        if not self._past:
            raise InputError("There is nothing to undo.")
        step = self._past[-1]
        self._bring_to(step)
        self._future.append(self._now)
        self._now = self._past.pop()

    def redo(self) -> None:
        """Make the latest step again that was undone.

        Raises:
            InputError: there is none.
        """
        if not self._future:
            raise InputError("There is nothing to make again.")
        step = self._future[-1]
        self._bring_to(step)
        self._past.append(self._now)
        self._now = self._future.pop()

    def forget_future(self) -> None:
        """What was undone does not come back: something else was done."""
        self._future.clear()

    def set_preset(self, preset: str) -> None:
        """Another network: reads the photograph anew and makes the same clicks again.

        Raises:
            InputError: no such network, or it cannot do what was done; then the old one stays.
        """
        predictor = self._make_predictor(preset)
        predictor.set_image(self.image)
        _bring(predictor, self._now, self.photograph.size)
        self._predictor, self.preset, self._mask = predictor, preset, None

    # ---- Sleeping ------------------------------------------------------------------------------

    @property
    def is_awake(self) -> bool:
        """Whether it takes the memory of an open photograph."""
        return self._predictor is not None

    @property
    def num_bytes(self) -> int:
        """What it takes while it sleeps, about."""
        steps = [*self._past, self._now, *self._future]
        masks = {id(one.packed_mask): one.packed_mask.nbytes for s in steps for one in s.objects}
        starts = [s.packed_start for s in steps if s.packed_start is not None]
        masks |= {id(start): start.nbytes for start in starts}
        asleep = 0 if self._asleep is None else len(self._asleep.content)
        return len(self.photograph.content) + asleep + sum(masks.values())

    def sleep(self) -> None:
        """Leave away all that can be made again."""
        if self._predictor is not None:
            self._asleep = _Asleep(self._predictor)
            self._predictor, self._mask = None, None

    def _awake(self) -> Predictor:
        """The predictor; made again where the work slept."""
        if self._predictor is None:
            self._predictor = self._asleep.awakened(self.photograph.read())
            self._asleep = None
        return self._predictor

    # ---- How it is done ------------------------------------------------------------------------

    def _change(self, step: Step) -> None:
        """Go on to another step; it can be undone."""
        self._bring_to(step)
        self._past = [*self._past, self._now][-MAX_STEPS:]
        self._now = step
        self._future.clear()

    def _bring_to(self, step: Step) -> None:
        """The predictor to where a step has it; where that fails, to where it was."""
        predictor = self._awake()
        try:
            _bring(predictor, step, self.photograph.size, self._now)
        except InputError:
            _bring(predictor, self._now, self.photograph.size)
            raise
        self._mask = None


class _Asleep:
    """A predictor without its photograph, its network and what both can make again."""

    def __init__(self, predictor: Predictor) -> None:
        file = io.BytesIO()
        pickler = _Pickler(file, predictor.image.shape)
        pickler.dump(predictor)
        self.content = file.getvalue()
        self._engine = pickler.engine

    def awakened(self, image: np.ndarray) -> Predictor:
        """The predictor, on its photograph as it was."""
        unpickler = pickle.Unpickler(io.BytesIO(self.content))
        left_out = {"image": image, "engine": self._engine}
        unpickler.persistent_load = left_out.__getitem__
        return unpickler.load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, image_shape: tuple[int, ...]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.engine: Engine | None = None
        self._image_shape = image_shape

    def persistent_id(self, thing: Any) -> str | None:
        """The names of what is left out."""
        if isinstance(thing, Engine):
            self.engine = thing
            return "engine"
        if isinstance(thing, np.ndarray) and thing.shape == self._image_shape:
            return "image"
        return None


def _bring(
    predictor: Predictor, step: Step, size: tuple[int, int], before: Step | None = None
) -> None:
    """A predictor to where a step has it; `before` is where it is, if that is known."""
    if before is None or step.packed_start is not before.packed_start:
        start = step.packed_start
        predictor.set_mask(None if start is None else unpacked(start, size))
    points = [(click.col, click.row) for click in step.clicks]
    labels = [int(click.is_positive) for click in step.clicks]
    first, first_before = ((one.candidate, one.clicks[:1]) for one in (step, before or Step()))
    if before is None or first != first_before:
        predictor.reset()
        if step.candidate:
            first_answer = predictor.predict(points[:1], labels[:1])
            # Another network may have fewer, or none.
            if step.candidate <= len(first_answer.candidates):
                predictor.choose(step.candidate - 1)
    if step.clicks:
        predictor.predict(points, labels)


def unpacked(packed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask, bool (height, width) = `size`, that `np.packbits` packed."""
    flat = np.unpackbits(packed, count=size[0] * size[1])
    return flat.view(bool).reshape(size)
