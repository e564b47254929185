"""`Predictor`: a photograph once, then click by click; the only module here that keeps state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fctsfn_tf.clicks.click import Click, ClickHistory, clicks_from_points
from fctsfn_tf.clicks.click_maps import (
    CLICK_ENCODINGS,
    DISKS_AND_PREVIOUS,
    DISTANCES,
    DistanceMaps,
    draw_disk,
)
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.graph_cut import graph_cut
from fctsfn_tf.images.image_io import as_rgb, read_image
from fctsfn_tf.networks.encode_once import compiled_parts, named_inputs
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import DEFAULT_PRESET, load_preset
from fctsfn_tf.predict.views import View, is_cut_off, next_view, whole_view


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is known of the object after a click; the arrays are read-only.

    Attributes:
        probability: (H, W) float32 in [0, 1], at the photograph's own size.
        mask: (H, W) bool. In both, the pixel of every positive click is object and that of every
            negative click is not; of two clicks on one pixel the later one counts.
        encode_seconds: spent in the image part for this click. 0 where it had run already; the
            first click carries what `set_image` spent. The first call for a network includes its
            compilation.
        click_seconds: spent on everything else that this click needed.
    """

    probability: np.ndarray
    mask: np.ndarray
    encode_seconds: float
    click_seconds: float


@dataclass(frozen=True, eq=False)
class _Layer:
    """The network's answer in one view, (view.height, view.width) float32."""

    view: View
    probability: np.ndarray


@dataclass(frozen=True, eq=False)
class _State:
    """All that one click left behind, at the network's size: undo and redo rebuild the rest.

    `layers` lie on top of each other, the latest last; none is hidden by a later one.
    """

    layers: tuple[_Layer, ...] = ()
    encode_seconds: float = 0.0
    click_seconds: float = 0.0


class Predictor:
    """Segments an object in a photograph from clicks.

        predictor = Predictor.from_preset()
        predictor.set_image("photo.jpg")
        prediction = predictor.add_click(x=320, y=200, label=1)
        prediction = predictor.predict([(320, 200), (40, 60)], [1, 0])  # the same and one more

    The image part of the network runs once per view: when the image is set, and again when the view
    zooms in on the object (`PredictorConfig.zoom_in`). After the first click on an object the
    network may look again (`PredictorConfig.look_again`). Points are (x, y) in pixels of the
    photograph, x to the right and y down.

    Several users: the network keeps no state, so give each user a Predictor over the same model:
    `model, config = load_preset("compact")` once, then `Predictor(model, config)` per user. They
    share the weights and the compiled functions; each adds only its photograph and features. They
    may run in different threads; one Predictor serves one thread at a time.

    Memory per Predictor for a photograph of N pixels: 3N bytes for the photograph and 5N for the
    latest prediction, 5N more while the next one is made, N for a start mask: 14N, or 700 MB for 50
    megapixels. The rest does not grow with the photograph: features of two views (tens of MB) and
    at most 4 × working_size² bytes per click (0.6 MB). A graph cut takes several times more.
    """

    def __init__(self, model: keras.Model, config: PredictorConfig) -> None:
        """
        Args:
            model: a network as docs/architecture.md describes it ("Conventions"). Its weights may
                change later; its layers may not.
            config: how photographs and clicks are brought to it.

        Raises:
            InputError: the network cannot be split, or reads other click maps than `config` says.
        """
        self.config = config
        self._encode, self._click = compiled_parts(model)
        channels = named_inputs(model)["click_maps"].shape[-1]
        expected = CLICK_ENCODINGS[config.click_encoding]
        if channels != expected:
            raise InputError(
                f"The click encoding '{config.click_encoding}' has {expected} channels, the click "
                "maps of the network must have as many. Use the configuration the network was "
                f"trained with. Received '{model.name}' with {channels}."
            )
        self._image: np.ndarray | None = None

    @classmethod
    def from_preset(
        cls,
        preset: str | Path = DEFAULT_PRESET,
        *,
        graph_cut: bool | None = None,
        threshold: float | None = None,
    ) -> Predictor:
        """A Predictor with a network of its own; see `presets.load_preset`.

        Args:
            preset: a name, a directory or "hf://owner/name".
            graph_cut, threshold: override the preset's setting; None keeps it.

        Raises:
            InputError: no such preset, a damaged one, or a threshold outside of [0, 1).
        """
        model, config = load_preset(preset)
        overrides = {"graph_cut": graph_cut, "threshold": threshold}
        given = {name: value for name, value in overrides.items() if value is not None}
        return cls(model, replace(config, **given))

    # ---- What holds now ------------------------------------------------------------------------

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the photograph in pixels."""
        return self._need_image().shape[:2]

    @property
    def image(self) -> np.ndarray:
        """The photograph as it is read, (H, W, 3) uint8 RGB; read-only."""
        image = self._need_image().view()
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
                array (see `image_io.as_rgb`), which is copied.

        Raises:
            InputError: it cannot be read. The previous photograph then stays.
        """
        if isinstance(image, str | Path):
            pixels = read_image(image)
        else:
            pixels = as_rgb(image)
            pixels = pixels.copy() if np.may_share_memory(pixels, image) else pixels
        whole = whole_view(*pixels.shape[:2], self.config)
        features, seconds = self._encoded(pixels, whole)
        self._image, self._whole = pixels, whole
        self._features = {whole: features}
        self._unreported_seconds = seconds
        self._start_from(None)

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
        image = self._need_image()
        if mask is None:
            return self._start_from(None)
        if self.config.click_encoding != DISKS_AND_PREVIOUS:
            raise InputError(
                "To start from a mask, the network must read a previous probability. Take one with "
                f"the click encoding '{DISKS_AND_PREVIOUS}', such as '{DEFAULT_PRESET}'. Received "
                f"one with '{self.config.click_encoding}'."
            )
        return self._start_from(_start_mask(mask, *image.shape[:2]))

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

    def add_click(self, x: float, y: float, label: int) -> Prediction:
        """The result after one more click; it ends the chance to redo.

        Args:
            x, y: in pixels of the photograph.
            label: 1 (on the object) or 0 (not on it).

        Raises:
            InputError: as `predict`; nothing has changed then.
        """
        (click,) = clicks_from_points([(x, y)], [label], *self.image_size)
        if not self._history.clicks:
            self._check_first(click)
        return self._add(click)

    def undo(self) -> Prediction | None:
        """The result without the latest click, exactly as it was; None if nothing is left.

        Raises:
            InputError: no image, or no click to undo.
        """
        self._need_image()
        self._history.undo()
        self._prediction = self._restored()
        return self._prediction

    def redo(self) -> Prediction:
        """The result with the latest undone click again, exactly as it was.

        Raises:
            InputError: no image, or no click to redo.
        """
        self._need_image()
        self._history.redo()
        self._prediction = self._restored()
        return self._prediction

    def reset(self) -> Prediction | None:
        """Forget all clicks, undone ones too: back to the start mask (returned as a prediction), or
        to nothing (None). `set_mask(None)` drops the mask as well.

        Raises:
            InputError: no image.
        """
        self._need_image()
        return self._start_from(self._mask)

    # ---- How it is done ------------------------------------------------------------------------

    def _start_from(self, mask: np.ndarray | None) -> Prediction | None:
        self._mask = mask
        self._history = ClickHistory()
        # states[k] is what the first k clicks led to, undone clicks included.
        self._states = [_State()]
        self._maps: _ClickMaps | None = None
        self._prediction = self._restored()
        return self._prediction

    def _restored(self) -> Prediction | None:
        """The prediction of the clicks that hold now, rebuilt from what they left behind."""
        state = self._states[len(self._history)]
        if not state.layers and self._mask is None:
            return None
        clicks = self._history.clicks
        probability = self._rendered(state.layers, clicks)
        mask = self._mask_of(probability, clicks)
        return Prediction(probability, mask, state.encode_seconds, state.click_seconds)

    def _add(self, click: Click) -> Prediction:
        """One more click; state changes only when all went well."""
        started = time.perf_counter()
        clicks = (*self._history.clicks, click)
        layers, encode_seconds = self._states[len(self._history)].layers, 0.0
        known = None if self._prediction is None else self._prediction.probability
        for _ in range(1 + self.config.look_again if known is None else 1):
            layers, seconds = self._looked_at(clicks, layers, known)
            encode_seconds += seconds
            known = self._rendered(layers, clicks)
        mask = self._mask_of(known, clicks)
        click_seconds = time.perf_counter() - started - encode_seconds

        encode_seconds += self._unreported_seconds
        self._unreported_seconds = 0.0
        self._history.add(click)
        del self._states[len(clicks) :]
        self._states.append(_State(layers, encode_seconds, click_seconds))
        self._prediction = Prediction(known, mask, encode_seconds, click_seconds)
        return self._prediction

    def _looked_at(
        self, clicks: tuple[Click, ...], layers: tuple[_Layer, ...], known: np.ndarray | None
    ) -> tuple[tuple[_Layer, ...], float]:
        """The layers with the network's next answer on top, and the seconds that encoding took.

        Args:
            known: (H, W), the probability so far, of which `layers` are the answers; or None.
        """
        view = self._whole
        if known is not None:
            present = layers[-1].view if layers else self._whole
            view = next_view(present, known, clicks, self.config)
        answer, encode_seconds = self._answer(view, clicks, layers, known)
        if is_cut_off(view, answer.probability, *self.image_size):
            # The features of the whole photograph are there, so this costs one more click part.
            answer, _ = self._answer(self._whole, clicks, layers, known)
        hidden = answer.view.box.contains
        kept = (layer for layer in layers if not hidden(layer.view.box))
        return (*kept, answer), encode_seconds

    def _answer(
        self,
        view: View,
        clicks: tuple[Click, ...],
        layers: tuple[_Layer, ...],
        known: np.ndarray | None,
    ) -> tuple[_Layer, float]:
        """The network's answer in a view, and the seconds that encoding the view took now."""
        features, encode_seconds = self._features_of(view)
        maps = self._click_maps(view, clicks, layers, known)
        return _Layer(view, self._network_probability(features, maps)), encode_seconds

    def _features_of(self, view: View) -> tuple[list, float]:
        """The image features of a view, and the seconds that they took now."""
        if view in self._features:
            return self._features[view], 0.0
        features, seconds = self._encoded(self._image, view)
        # Two are kept: those of the whole photograph and of the latest box.
        self._features = {self._whole: self._features[self._whole], view: features}
        return features, seconds

    def _encoded(self, pixels: np.ndarray, view: View) -> tuple[list, float]:
        started = time.perf_counter()
        # Keras returns a list of one output as that output.
        features = keras.tree.flatten(
            self._encode(ops.convert_to_tensor(view.image_in(pixels)[None]))
        )
        for feature in features:
            # Devices and JAX work in the background; fetching a number waits for them.
            ops.convert_to_numpy(feature[:1, :1, :1])
        return features, time.perf_counter() - started

    def _click_maps(
        self,
        view: View,
        clicks: tuple[Click, ...],
        layers: tuple[_Layer, ...],
        known: np.ndarray | None,
    ) -> np.ndarray:
        """The maps of all clicks in a view, (1, height, width, C): the last one added in place
        where the maps of the ones before are there."""
        if self._maps is None or (self._maps.view, self._maps.clicks) != (view, clicks[:-1]):
            self._maps = _ClickMaps(view, self.config.click_encoding)
        for click in clicks[len(self._maps.clicks) :]:
            self._maps.add(click)
        if self.config.click_encoding == DISKS_AND_PREVIOUS and known is not None:
            same_view = bool(layers) and layers[-1].view == view
            self._maps.maps[..., 2] = (
                layers[-1].probability if same_view else view.probability_in(known)
            )
        return self._maps.maps[None]

    def _network_probability(self, features: list, maps: np.ndarray) -> np.ndarray:
        """The click part's answer as a probability, (height, width) float32."""
        logits = ops.convert_to_numpy(self._click([*features, ops.convert_to_tensor(maps)]))
        logits = logits[0, :, :, 0].astype(np.float32)
        if np.isnan(logits).any():
            raise InputError(
                "The network must return finite logits. Its weights are damaged or its training "
                "has diverged: load others. Received NaN."
            )
        # The sigmoid, written so that no logit overflows.
        return 0.5 + 0.5 * np.tanh(0.5 * logits)

    def _rendered(self, layers: tuple[_Layer, ...], clicks: tuple[Click, ...]) -> np.ndarray:
        """The probability at the photograph's size, (H, W), clicked pixels on their side."""
        if self._mask is not None:
            probability = self._mask.astype(np.float32)
        else:
            # The first click saw the whole photograph, so the lowest layer covers it.
            probability = np.empty(self._image.shape[:2], np.float32)
        for layer in layers:
            layer.view.paste(layer.probability, probability)
        for click in clicks:
            probability[click.pixel] = float(click.is_positive)
        probability.setflags(write=False)
        return probability

    def _mask_of(self, probability: np.ndarray, clicks: tuple[Click, ...]) -> np.ndarray:
        """The mask, (H, W) bool; both ways of making it keep the clicked pixels' side."""
        if clicks and self.config.graph_cut:
            mask = graph_cut(probability, self._image, clicks)
        else:
            mask = probability > self.config.threshold
        mask.setflags(write=False)
        return mask

    def _need_image(self) -> np.ndarray:
        if self._image is None:
            raise InputError("There is no image yet. Call `set_image` first.")
        return self._image

    def _check_first(self, click: Click) -> None:
        if not click.is_positive and self._mask is None:
            raise InputError(
                "The first click must be positive (label 1): click on the object, or start from a "
                f"mask with `set_mask`. Received label 0 at x={click.col}, y={click.row}."
            )


class _ClickMaps:
    """The click maps of one view, (height, width, C) float32, to which clicks are added in place.

    Channels: see "Conventions" in docs/architecture.md.
    """

    def __init__(self, view: View, click_encoding: str) -> None:
        self.view = view
        self.clicks: tuple[Click, ...] = ()
        if click_encoding == DISTANCES:
            self._distances = DistanceMaps(view.height, view.width)
            self.maps = self._distances.maps
        else:
            self._distances = None
            channels = CLICK_ENCODINGS[click_encoding]
            self.maps = np.zeros((view.height, view.width, channels), np.float32)

    def add(self, click: Click) -> None:
        """One more click, in pixels of the photograph."""
        inside = self.view.click_in(click)
        if self._distances is not None:
            self._distances.add(inside)
        else:
            draw_disk(self.maps, inside)
        self.clicks = (*self.clicks, click)


def _start_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """A mask from outside as bool (height, width); see `Predictor.set_mask`."""
    mask = np.asarray(mask)
    if mask.shape != (height, width):
        raise InputError(
            f"A start mask must be as large as the image, ({height}, {width}). Resize it by "
            f"nearest neighbour. Received shape {mask.shape}."
        )
    if mask.dtype.kind not in "buif":
        raise InputError(f"A start mask must hold bools or numbers. Received {mask.dtype}.")
    if not mask.any():
        raise InputError(
            "A start mask must hold at least one pixel of the object. Leave it out to start from "
            "nothing. Received an empty mask."
        )
    # Only arrays of numbers pay for the search for a second object.
    if mask.dtype != bool and not np.isin(mask, (0, mask.max())).all():
        raise InputError(
            "A start mask must hold one object: 0 and one other value. Choose one, for example "
            f"`mask == {mask.max()}`. Received more values, from {mask.min()} to {mask.max()}."
        )
    return mask.astype(bool)
