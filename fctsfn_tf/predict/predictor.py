"""`Predictor`: a photograph once, then click by click; the only module here that keeps state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, wraps
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fctsfn_tf.clicks.click import (
    Click,
    ClickHistory,
    clicks_from_points,
    latest_of_pixels,
)
from fctsfn_tf.clicks.click_maps import CLICK_ENCODINGS, DISKS_AND_PREVIOUS
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.graph_cut import graph_cut
from fctsfn_tf.images.image_io import as_rgb, read_image
from fctsfn_tf.images.jpeg_photograph import open_jpeg
from fctsfn_tf.images.minimum_cut import check_installed
from fctsfn_tf.predict.answer_layers import Layer, on_top, previous_in, probability_of, rendered
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.first_look import Meaning, first_look
from fctsfn_tf.predict.merging import merged
from fctsfn_tf.predict.photograph import Photograph
from fctsfn_tf.predict.preset_engine import load_engine
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET
from fctsfn_tf.predict.start_mask import start_mask
from fctsfn_tf.predict.view_click_maps import ViewClickMaps
from fctsfn_tf.predict.views import View, is_cut_off, next_view

if TYPE_CHECKING:  # importing Keras takes seconds, and another engine does without
    import keras

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _one_at_a_time(method: _Method) -> _Method:
    """A method of `Predictor` that waits until a call in another thread has ended."""

    @wraps(method)
    def locked(self: Predictor, *arguments: object, **named: object) -> object:
        with self._lock:
            return method(self, *arguments, **named)

    return locked


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mask that a first click may have meant; it is made when it is first asked for.

    Attributes:
        predicted_iou: the IoU that the network expects with the object that was meant, in [0, 1].
    """

    predicted_iou: float
    _meaning: Meaning = field(repr=False)
    _clicks: tuple[Click, ...] = field(repr=False)
    _size: tuple[int, int] = field(repr=False)
    _threshold: float = field(repr=False)

    @cached_property
    def mask(self) -> np.ndarray:
        """(H, W) bool, read-only; by the threshold, also where the answer is cut by a graph cut."""
        mask = rendered(self._meaning.layers, self._clicks, *self._size, None) > self._threshold
        mask.setflags(write=False)
        return mask


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is known of the object after a click; the arrays are read-only.

    Attributes:
        probability: (H, W) float32 in [0, 1], at the photograph's own size. In it as in the mask,
            the pixel of every positive click is object and that of every negative click is not; of
            two clicks on one pixel the later one counts.
        encode_seconds: spent in the image part for this click. 0 where it had run already; the
            first click carries what `set_image` spent. The first call for a network includes its
            compilation.
        click_seconds: spent on everything else that this click needed, but for the mask, which is
            made when it is first asked for.
        candidates: after a first click, what else it may have meant, the best first; empty for
            networks without candidates. `Predictor.choose` takes one of them instead.

    Examples:
        >>> from fctsfn_tf import Prediction, Predictor
        >>> predictor = Predictor.from_preset()
        >>> predictor.set_image("examples/cat.jpg")
        >>> prediction = predictor.add_click(x=220, y=120, label=1)
        >>> isinstance(prediction, Prediction)
        True
        >>> prediction.mask.shape, prediction.mask.dtype.name
        ((300, 451), 'bool')
        >>> prediction.probability.dtype.name, float(prediction.probability[120, 220])
        ('float32', 1.0)
    """

    probability: np.ndarray
    _mask: np.ndarray | Callable[[], np.ndarray] = field(repr=False)
    encode_seconds: float
    click_seconds: float
    candidates: tuple[Candidate, ...] = ()

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool. A graph cut takes its time when this is first asked for, not before."""
        if callable(self._mask):
            mask = self._mask()
            mask.setflags(write=False)
            object.__setattr__(self, "_mask", mask)
        return self._mask

    def __getstate__(self) -> dict[str, Any]:
        """With the mask itself, not with the photograph that it is made from."""
        return {**self.__dict__, "_mask": self.mask}


@dataclass(frozen=True, eq=False)
class _State:
    """All that one click left behind, at the network's size: undo and redo rebuild the rest.

    `layers` lie on top of each other, the latest last; none is hidden by a later one.
    `meanings` are what else the click may have meant.
    """

    layers: tuple[Layer, ...] = ()
    predicted_iou: float = 0.0
    meanings: tuple[Meaning, ...] = ()
    encode_seconds: float = 0.0
    click_seconds: float = 0.0

    @property
    def all_meanings(self) -> tuple[Meaning, ...]:
        """The one that is shown first; none where there are no others."""
        return (Meaning(self.layers, self.predicted_iou), *self.meanings) if self.meanings else ()


class Predictor:
    """Segments an object in a photograph from clicks.

    The image part of the network runs once per view: when the image is set, and again when the view
    zooms in on the object (`PredictorConfig.zoom_in`). After the first click on an object the
    network may look again (`PredictorConfig.look_again`). Points are (x, y) in pixels of the
    photograph, x to the right and y down.

    Several users: the network keeps no state, so give each user a Predictor over the same one:
    `engine, config = load_engine("compact")` once, then `Predictor(engine, config)` per user. They
    share the weights; each adds only its photograph and features. They may run in different
    threads. Calls of one Predictor from several threads wait for each other, and a thread that
    goes on after another one has set another photograph gets an error, never that one's mask: a
    program that hands photographs from thread to thread makes a Predictor for each. A Predictor can
    be copied and pickled (with its network), and goes on in a forked process on LiteRT.

    Memory per Predictor for a photograph of N pixels: 3N bytes for the photograph and 5N for the
    latest prediction, 5N more while the next one is made, N for a start mask: 14N, or 700 MB for 50
    megapixels. The rest does not grow with the photograph: features of two views (tens of MB) and
    at most 4 × working_size² bytes per click (0.6 MB). A graph cut takes 3N more for a while.

    Examples:
        >>> from fctsfn_tf import Predictor
        >>> predictor = Predictor.from_preset()
        >>> predictor.set_image("examples/cat.jpg")
        >>> prediction = predictor.add_click(x=220, y=120, label=1)
        >>> prediction = predictor.predict([(220, 120), (430, 60)], [1, 0])  # and one beside it
        >>> bool(prediction.mask[120, 220]), bool(prediction.mask[60, 430])
        (True, False)
        >>> prediction = predictor.undo()
        >>> len(predictor.clicks)
        1
    """

    def __init__(self, model: keras.Model | Engine, config: PredictorConfig) -> None:
        """
        Args:
            model: a Keras network as docs/architecture.md describes it ("Conventions"), of which
                the weights may change later, the layers may not; or what runs one, such as
                `load_engine` returns.
            config: how photographs and clicks are brought to it.

        Raises:
            InputError: the network cannot be split, reads other click maps than `config` says, or
                `config` asks for a graph cut and PyMaxflow is not installed.
        """
        if config.graph_cut:
            check_installed()
        self.config = config
        self._engine = model if isinstance(model, Engine) else _keras_engine(model)
        expected = CLICK_ENCODINGS[config.click_encoding]
        if self._engine.num_click_maps != expected:
            raise InputError(
                f"The click encoding '{config.click_encoding}' has {expected} channels, the click "
                "maps of the network must have as many. Use the configuration the network was "
                f"trained with. Received '{self._engine.name}' with {self._engine.num_click_maps}."
            )
        self._photograph: Photograph | None = None
        self._prepare_for_threads()

    @classmethod
    def from_preset(
        cls,
        preset: str | Path = DEFAULT_PRESET,
        *,
        graph_cut: bool | None = None,
        threshold: float | None = None,
        engine: str | None = None,
    ) -> Predictor:
        """A Predictor with a network of its own.

        Args:
            preset: a name, a directory or "hf://owner/name".
            graph_cut: overrides the preset's setting; None keeps it.
            threshold: overrides the preset's, in [0, 1); None keeps it.
            engine: "litert" or "keras"; None for LiteRT where it can, see `load_engine`.

        Raises:
            InputError: no such preset, a damaged one, a threshold outside of [0, 1), or see
                `load_engine`.
        """
        loaded, config = load_engine(preset, engine)
        overrides = {"graph_cut": graph_cut, "threshold": threshold}
        given = {name: value for name, value in overrides.items() if value is not None}
        return cls(loaded, replace(config, **given))

    # ---- What holds now ------------------------------------------------------------------------

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the photograph in pixels."""
        return self._need_image().size

    @property
    def image(self) -> np.ndarray:
        """The photograph as it is read, (H, W, 3) uint8 RGB; read-only."""
        image = self._need_image().pixels.view()
        image.setflags(write=False)
        return image

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks that hold now, oldest first, as (row, col)."""
        self._need_image()
        return self._history.clicks

    @property
    def prediction(self) -> Prediction | None:
        """The result of these clicks; None without clicks and start mask."""
        self._need_image()
        return self._prediction

    # ---- What the user does --------------------------------------------------------------------

    def set_image(self, image: np.ndarray | str | Path) -> None:
        """Start on a photograph: forget clicks and start mask, and run the image part at once, so
        that the first click is as quick as the others.

        Args:
            image: a path (see `image_io.read_image`; turned upright as its EXIF data says), or an
                array (see `image_io.as_rgb`), which is copied. Of a large JPEG file no more is
                decoded than the network looks at, until `image` or a graph cut needs all pixels.

        Raises:
            InputError: it cannot be read. The previous photograph then stays.
        """
        if isinstance(image, str | Path):
            source = open_jpeg(image) or read_image(image)
        else:
            source = as_rgb(image)
            source = source.copy() if np.may_share_memory(source, image) else source
        with self._lock:
            self._photograph = Photograph(source, self._engine, self.config)
            self._unreported_seconds = self._photograph.encode_seconds
            self._number += 1
            self._seen.number = self._number
            self._start_from(None)

    @_one_at_a_time
    def set_mask(self, mask: np.ndarray | None) -> Prediction | None:
        """Start from an existing mask; forgets the clicks. The first click may then be negative.

        Args:
            mask: (H, W) bool, or numbers of which 0 is background and one other value the object;
                None to start from nothing.

        Returns:
            The mask as a prediction, or None.

        Raises:
            InputError: no image, another size, an empty mask, several objects, or a network that
                does not read a previous probability.
        """
        self._need_image()
        if mask is None:
            return self._start_from(None)
        if self.config.click_encoding != DISKS_AND_PREVIOUS:
            raise InputError(
                "To start from a mask, the network must read a previous probability. Take one with "
                f"the click encoding '{DISKS_AND_PREVIOUS}', such as '{DEFAULT_PRESET}'. Received "
                f"one with '{self.config.click_encoding}'."
            )
        return self._start_from(start_mask(mask, *self.image_size))

    @_one_at_a_time
    def predict(self, points: Sequence | np.ndarray, labels: Sequence | np.ndarray) -> Prediction:
        """The result of these clicks, made one after the other in this order.

        Costs only the clicks after the first one that differs from the present clicks: a list that
        is extended by a click costs one click.

        Args:
            points: (N, 2) of (x, y) in pixels of the photograph, N at least 1.
            labels: (N,) of 1 (on the object) or 0 (not on it).

        Raises:
            InputError: no image, no clicks, a click outside, a first click that is negative without
                a start mask (nothing has changed then), or a network that returns NaN (the clicks
                before that stay).
        """
        clicks = clicks_from_points(points, labels, *self.image_size)
        if not clicks:
            raise InputError(
                "A prediction needs a click. Give at least one point on the object, or call "
                "`reset` to remove all clicks. Received none."
            )
        self._check_first(clicks[0])
        pairs = zip(clicks, self.clicks, strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if kept < len(self._history):
            while len(self._history) > kept:
                self._history.undo()
            self._prediction = self._restored()
        for click in clicks[kept:]:
            self._add(click)
        return self._prediction

    @_one_at_a_time
    def add_click(self, x: float, y: float, label: int) -> Prediction:
        """The result after one more click; it ends the chance to redo.

        Args:
            x: in pixels of the photograph, to the right.
            y: in pixels of the photograph, down.
            label: 1 (on the object) or 0 (not on it).

        Raises:
            InputError: as `predict`; nothing has changed then.
        """
        (click,) = clicks_from_points([(x, y)], [label], *self.image_size)
        if not self._history.clicks:
            self._check_first(click)
        return self._add(click)

    @_one_at_a_time
    def choose(self, number: int) -> Prediction:
        """The result with another of the present prediction's `candidates`, which changes places
        with what was shown; further clicks go on from there.

        Args:
            number: its place among them, from 0.

        Raises:
            InputError: no image, or no such candidate: there are some after a first click alone.
        """
        self._need_image()
        state = self._states[len(self._history)]
        if not 0 <= number < len(state.meanings):
            raise InputError(
                "A candidate must be one of the present prediction's. There are some after the "
                f"first click, with networks that have them. Received {number} of "
                f"{len(state.meanings)}."
            )
        chosen = state.meanings[number]
        others = list(state.meanings)
        others[number] = Meaning(state.layers, state.predicted_iou)
        state = replace(
            state,
            layers=chosen.layers,
            predicted_iou=chosen.predicted_iou,
            meanings=tuple(others),
        )
        del self._states[len(self._history) :]
        self._states.append(state)
        self._history = ClickHistory(self._history.clicks)
        self._prediction = self._restored()
        return self._prediction

    @_one_at_a_time
    def undo(self) -> Prediction | None:
        """The result without the latest click, exactly as it was; None if nothing is left.

        Raises:
            InputError: no image, or no click to undo.
        """
        self._need_image()
        self._history.undo()
        self._prediction = self._restored()
        return self._prediction

    @_one_at_a_time
    def redo(self) -> Prediction:
        """The result with the latest undone click again, exactly as it was.

        Raises:
            InputError: no image, or no click to redo.
        """
        self._need_image()
        self._history.redo()
        self._prediction = self._restored()
        return self._prediction

    @_one_at_a_time
    def reset(self) -> Prediction | None:
        """Forget all clicks, undone ones too: back to the start mask (returned as a prediction), or
        to nothing (None). `set_mask(None)` drops the mask as well.

        Raises:
            InputError: no image.
        """
        self._need_image()
        return self._start_from(self._mask)

    # ---- Threads and copies --------------------------------------------------------------------

    def _prepare_for_threads(self) -> None:
        self._lock = threading.RLock()
        # Photographs are numbered; each thread keeps the number of the one that it works on.
        self._number = 0
        self._seen = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to this process, and the prediction, which the rest tells."""
        with self._lock:
            left_out = ("_lock", "_number", "_seen", "_prediction")
            return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare_for_threads()
        if self._photograph is not None:
            self._prediction = self._restored()

    # ---- How it is done ------------------------------------------------------------------------

    def _start_from(self, mask: np.ndarray | None) -> Prediction | None:
        self._mask = mask
        self._history = ClickHistory()
        # states[k] is what the first k clicks led to, undone clicks included.
        self._states = [_State()]
        self._click_maps = ViewClickMaps(self.config.click_encoding)
        self._prediction = self._restored()
        return self._prediction

    def _restored(self) -> Prediction | None:
        """The prediction of the clicks that hold now, rebuilt from what they left behind."""
        state = self._states[len(self._history)]
        if not state.layers and self._mask is None:
            return None
        clicks = self._history.clicks
        probability = rendered(state.layers, clicks, *self.image_size, self._mask)
        return self._prediction_of(probability, clicks, state)

    def _add(self, click: Click) -> Prediction:
        """One more click; state changes only when all went well."""
        started = time.perf_counter()
        clicks = (*self._history.clicks, click)
        layers, encode_seconds = self._states[len(self._history)].layers, 0.0
        known = None if self._prediction is None else self._prediction.probability
        is_further = known is not None and self.config.keep_far
        counting = latest_of_pixels(clicks)
        meanings: Sequence[Meaning] = ()
        if before := self._before(clicks, counting):
            layers, meanings = before.layers, before.all_meanings
            known = rendered(layers, clicks, *self.image_size, self._mask)
        else:
            for _ in range(1 + self.config.look_again if known is None else 1):
                if known is None and self._engine.num_candidates:
                    photograph, engine = self._photograph, self._engine
                    meanings, seconds = first_look(photograph, engine, click, self.config)
                    layers = meanings[0].layers
                else:
                    layers, seconds = self._looked_at(counting, layers, known, is_further)
                encode_seconds += seconds
                known = rendered(layers, clicks, *self.image_size, self._mask)
        click_seconds = time.perf_counter() - started - encode_seconds
        predicted_iou = meanings[0].predicted_iou if meanings else 0.0

        encode_seconds += self._unreported_seconds
        self._unreported_seconds = 0.0
        self._history.add(click)
        del self._states[len(clicks) :]
        state = _State(layers, predicted_iou, tuple(meanings[1:]), encode_seconds, click_seconds)
        self._states.append(state)
        self._prediction = self._prediction_of(known, clicks, state)
        return self._prediction

    def _before(self, clicks: tuple[Click, ...], counting: tuple[Click, ...]) -> _State | None:
        """What the clicks that count led to before, if the latest takes back one on its pixel."""
        *earlier, latest = clicks
        on_it = [click for click in earlier if click.pixel == latest.pixel]
        if not on_it or on_it[-1].is_positive == latest.is_positive:
            return None
        for count in range(1, len(clicks)):
            if {*latest_of_pixels(clicks[:count])} == {*counting}:
                return self._states[count]
        return None

    def _looked_at(
        self,
        clicks: tuple[Click, ...],
        layers: tuple[Layer, ...],
        known: np.ndarray | None,
        keeps_far: bool,
    ) -> tuple[tuple[Layer, ...], float]:
        """The layers with the network's next answer on top, and the seconds that encoding took.

        Args:
            known: (H, W), the probability so far, of which `layers` are the answers; or None.
            keeps_far: whether it is merged with what is known, see `merging`.
        """
        whole = view = self._photograph.whole
        if known is not None:
            present = layers[-1].view if layers else whole
            view = next_view(present, known, clicks, self.config)
        answer, encode_seconds = self._answer(view, clicks, layers, known)
        if is_cut_off(view, answer.probability, *self.image_size):
            # The features of the whole photograph are there, so this costs one more click part.
            answer, _ = self._answer(whole, clicks, layers, known)
        if keeps_far:
            before = previous_in(answer.view, layers, known)
            click = answer.view.click_in(clicks[-1])
            answer = Layer(answer.view, merged(answer.probability, before, click))
        return on_top(layers, answer), encode_seconds

    def _answer(
        self,
        view: View,
        clicks: tuple[Click, ...],
        layers: tuple[Layer, ...],
        known: np.ndarray | None,
    ) -> tuple[Layer, float]:
        """The network's answer in a view, and the seconds that encoding the view took now."""
        features, encode_seconds = self._photograph.features_of(view)
        maps = self._click_maps.of(view, clicks)
        if self.config.click_encoding == DISKS_AND_PREVIOUS and known is not None:
            maps[..., 2] = previous_in(view, layers, known)
        return Layer(view, probability_of(self._engine.click(features, maps))), encode_seconds

    def _prediction_of(
        self, probability: np.ndarray, clicks: tuple[Click, ...], state: _State
    ) -> Prediction:
        mask = partial(_mask_of, probability, clicks, self._photograph, self.config)
        candidates = tuple(
            Candidate(one.predicted_iou, one, clicks, self.image_size, self.config.threshold)
            for one in state.meanings
        )
        return Prediction(probability, mask, state.encode_seconds, state.click_seconds, candidates)

    def _need_image(self) -> Photograph:
        if self._photograph is None:
            raise InputError("There is no image yet. Call `set_image` first.")
        seen = self._seen.__dict__.setdefault("number", self._number)
        if seen != self._number:
            raise InputError(
                "Another thread has set another photograph in this Predictor meanwhile. Give each "
                "thread a Predictor of its own over the same network (`engine, config = "
                "load_engine()`, then `Predictor(engine, config)`), or call `set_image` again. "
                f"Received a call from {threading.current_thread().name}."
            )
        return self._photograph

    def _check_first(self, click: Click) -> None:
        if not click.is_positive and self._mask is None:
            raise InputError(
                "The first click must be positive (label 1): click on the object, or start from a "
                f"mask with `set_mask`. Received label 0 at x={click.col}, y={click.row}."
            )


def _mask_of(
    probability: np.ndarray,
    clicks: tuple[Click, ...],
    photograph: Photograph,
    config: PredictorConfig,
) -> np.ndarray:
    """The mask, (H, W) bool; both ways of making it keep the clicked pixels' side."""
    if clicks and config.graph_cut:
        return graph_cut(probability, photograph.pixels, clicks, config.graph_cut_parameters)
    return probability > config.threshold


def _keras_engine(model: keras.Model) -> Engine:
    from fctsfn_tf.predict.keras_engine import KerasEngine

    return KerasEngine(model)
