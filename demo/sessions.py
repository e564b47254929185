"""What each visitor of the demo has open, and the limits under which all of them share one machine.

One network per preset serves everybody; a visitor has a `Predictor` of their own over it, so that
nobody sees another's photograph, clicks or mask. Nothing here knows of Gradio.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import sha256_of
from fctsfn_tf.images.annotation_files import coco_json
from fctsfn_tf.images.graph_cut import graph_cut
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.images.png_files import cutout_png, index_png, mask_png
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.predictor import Prediction, Predictor
from fctsfn_tf.predict.preset_engine import load_engine
from fctsfn_tf.predict.preset_files import preset_names

MEGAPIXEL = 1_000_000
MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class Limits:
    """What a visitor, and all together, may take; for a free Space of 2 cores and 16 GB.

    Attributes:
        photograph_pixels: of one photograph; 25 megapixels are what current phones take. A visitor
            then takes at most 0.5 GB (14 bytes a pixel for the `Predictor`, one for the mask, an
            eighth per object, and 0.6 MB per click).
        total_pixels: of all open photographs together; beyond that, the one that was left alone
            for longest is put away. 3 GB.
        sessions: visitors with an open photograph, again with the oldest put away.
        clicks: on one object.
        objects: in one photograph.
        idle_seconds: after which a photograph is put away.
        running: pieces of work at once; the network uses both cores by itself.
        waiting: pieces of work that may wait for their turn.
        waiting_per_session: the same for one visitor.
    """

    photograph_pixels: int = 25 * MEGAPIXEL
    total_pixels: int = 200 * MEGAPIXEL
    sessions: int = 40
    clicks: int = 100
    objects: int = 50
    idle_seconds: float = 15 * 60
    running: int = 2
    waiting: int = 30
    waiting_per_session: int = 3


class Turn:
    """Lets `running` threads in at once and `waiting` more wait; used as `with turn:`."""

    def __init__(self, running: int, waiting: int, refusal: str) -> None:
        """
        Args:
            running, waiting: numbers of threads.
            refusal: what everybody else is told.
        """
        self._places = threading.Semaphore(running + waiting)
        self._work = threading.Semaphore(running)
        self._refusal = refusal

    def __enter__(self) -> None:
        """
        Raises:
            InputError: too many wait already.
        """
        if not self._places.acquire(blocking=False):
            raise InputError(self._refusal)
        self._work.acquire()

    def __exit__(self, *_: object) -> None:
        self._work.release()
        self._places.release()


class Networks:
    """The networks of the presets, each loaded at its first use and then shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[Engine, PredictorConfig]] = {}

    def predictor(self, preset: str) -> Predictor:
        """A new `Predictor` over the network of a shipped preset, which makes no graph cut itself.

        Raises:
            InputError: no such preset.
        """
        # Names alone: a path or an address from a visitor must not be followed.
        if preset not in preset_names():
            raise InputError(
                f"The preset must be one of {', '.join(preset_names())}. Received {preset!r:.60}."
            )
        with self._lock:
            if preset not in self._loaded:
                self._loaded[preset] = load_engine(preset)
            engine, config = self._loaded[preset]
        return Predictor(engine, replace(config, graph_cut=False))

    def warm_up(self, preset: str) -> None:
        """Load a network before anybody waits for it."""
        predictor = self.predictor(preset)
        predictor.set_image(np.zeros((240, 320, 3), np.uint8))
        predictor.add_click(160, 120, 1)


@dataclass(frozen=True)
class Photograph:
    """The file that is open.

    Attributes:
        path: where it lay; it may be gone since.
        digest: SHA-256 of its bytes.
        number: differs from that of every other photograph opened by anybody since the start.
    """

    path: Path
    digest: str
    number: int


class FinishedObject(NamedTuple):
    name: str
    packed_mask: np.ndarray  # np.packbits of the mask, an eighth of a byte per pixel


class Session:
    """A photograph, the object being clicked, and the objects finished before it.

    Serves one thread at a time; `SessionStore.use` sees to that.
    """

    _numbers = iter(range(1, 2**62))

    def __init__(self, networks: Networks, limits: Limits, preset: str) -> None:
        self.preset = preset
        self.photograph: Photograph | None = None
        self.objects: list[FinishedObject] = []
        self._networks = networks
        self._limits = limits
        self._predictor = networks.predictor(preset)
        self.threshold = self._predictor.config.threshold
        self.graph_cut = False
        self.encode_seconds = 0.0  # that reading the photograph took
        self.shows_probability = False  # kept for the page
        self._mask: np.ndarray | None = None
        self._num_undone = 0

    # ---- What holds now ------------------------------------------------------------------------

    @property
    def image(self) -> np.ndarray:
        """The photograph, (H, W, 3) uint8 RGB."""
        return self._predictor.image

    @property
    def num_pixels(self) -> int:
        """Of the open photograph; 0 without one."""
        return 0 if self.photograph is None else self.image.shape[0] * self.image.shape[1]

    @property
    def clicks(self) -> tuple[Click, ...]:
        """On the present object, oldest first."""
        return self._predictor.clicks if self.photograph else ()

    @property
    def can_redo(self) -> bool:
        """Whether a click was undone that `redo` makes again."""
        return self._num_undone > 0

    @property
    def prediction(self) -> Prediction | None:
        """Of the present object, as the predictor gave it."""
        return self._predictor.prediction if self.photograph else None

    @property
    def mask(self) -> np.ndarray | None:
        """Of the present object, bool (H, W), under the visitor's threshold or graph cut."""
        prediction = self.prediction
        if prediction is None:
            return None
        if self._mask is None:
            if self.graph_cut:
                self._mask = graph_cut(prediction.probability, self.image, self.clicks)
            else:
                self._mask = prediction.probability > self.threshold
        return self._mask

    def object_masks(self) -> list[np.ndarray]:
        """The finished objects' masks, each bool (H, W)."""
        height, width = self.image.shape[:2]
        return [
            np.unpackbits(one.packed_mask, count=height * width).reshape(height, width).view(bool)
            for one in self.objects
        ]

    # ---- What the visitor does -----------------------------------------------------------------

    def open(self, path: str | Path) -> None:
        """Start on the photograph in a file; clicks and objects of the one before are forgotten.

        Raises:
            InputError: it cannot be read or is too large. What was open stays.
        """
        try:
            image = read_image(path)
        except InputError as error:  # where it lies on this machine is nobody's business
            raise InputError(str(error).replace(str(path), Path(path).name)) from None
        height, width = image.shape[:2]
        if height * width > self._limits.photograph_pixels:
            raise InputError(
                f"A photograph may have {self._limits.photograph_pixels // MEGAPIXEL} megapixels "
                f"here. Scale it down, or use the package on your own machine. Received "
                f"{width} × {height}."
            )
        digest = sha256_of(path)
        started = time.perf_counter()
        # Its own Predictor for each photograph: visitors are served by whichever thread is free.
        predictor = self._networks.predictor(self.preset)
        predictor.set_image(image)
        self._predictor = predictor
        self.encode_seconds = time.perf_counter() - started
        self.photograph = Photograph(Path(path), digest, next(self._numbers))
        self.objects = []
        self._clicks_changed()

    def open_once(self, path: str | Path) -> None:
        """`open`, unless the same file is open already; then its clicks and features stay."""
        if self.photograph is None or self.photograph.digest != sha256_of(path):
            self.open(path)

    def click(self, x: float, y: float, label: int) -> None:
        """One more click on the present object; see `Predictor.add_click`."""
        self._check_photograph()
        self._check_number(len(self.clicks) + 1)
        if not self.clicks and label == 0:
            raise InputError("Click on the object first, then on what does not belong to it.")
        self._predictor.add_click(x, y, label)
        self._clicks_changed()

    def set_clicks(self, points: list, labels: list) -> None:
        """These clicks instead of the present ones; see `Predictor.predict`."""
        self._check_photograph()
        for given in (points, labels):
            if not isinstance(given, list):
                raise InputError(
                    "Points and labels must be lists: points [[x, y], …], labels [1, 0, …]. "
                    f"Received {type(given).__name__}."
                )
            self._check_number(len(given))
        self._predictor.predict(points, labels)
        self._clicks_changed()

    def remove_click(self, index: int) -> None:
        """Take one click out, whichever it is.

        Raises:
            InputError: there is no such click, or a negative one would become the first.
        """
        kept = list(self.clicks)
        if not 0 <= index < len(kept):
            raise InputError("This click is gone already. Choose one of those shown.")
        if index == len(kept) - 1:
            self.undo()
            return
        del kept[index]
        self._predictor.predict(*_points_and_labels(kept))
        self._clicks_changed()

    def undo(self) -> None:
        """Take the latest click back."""
        self._check_photograph()
        self._predictor.undo()
        self._clicks_changed(self._num_undone + 1)

    def redo(self) -> None:
        """Make the latest undone click again."""
        self._check_photograph()
        self._predictor.redo()
        self._clicks_changed(self._num_undone - 1)

    def reset(self) -> None:
        """Forget the clicks on the present object."""
        self._check_photograph()
        self._predictor.reset()
        self._clicks_changed()

    def next_object(self, name: str) -> None:
        """Keep the present mask under a name and start on another object.

        Raises:
            InputError: there is no mask yet, it is empty, or there are too many objects.
        """
        mask = self._present_mask()
        if len(self.objects) >= self._limits.objects:
            raise InputError(
                f"A photograph may have {self._limits.objects} objects here. Download these, then "
                "open the photograph again for others."
            )
        self.objects.append(FinishedObject(_short(name), np.packbits(mask)))
        self.reset()

    def remove_object(self) -> None:
        """Drop the latest finished object."""
        self._check_photograph()
        if not self.objects:
            raise InputError("There is no finished object to remove. “Next object” finishes one.")
        self.objects.pop()

    def set_rule(self, threshold: float, graph_cut: bool) -> None:
        """How the mask is made of the probability from now on, the present one too.

        Raises:
            InputError: a threshold outside of [0, 1), or PyMaxflow is not installed.
        """
        if not isinstance(threshold, int | float) or not 0 <= threshold < 1:
            raise InputError(f"The threshold must lie in [0, 1). Received {threshold!r:.40}.")
        if not isinstance(graph_cut, bool):
            raise InputError(f"`graph_cut` must be true or false. Received {graph_cut!r:.40}.")
        if (threshold, graph_cut) == (self.threshold, self.graph_cut):
            return
        before = self.threshold, self.graph_cut
        self.threshold, self.graph_cut, self._mask = threshold, graph_cut, None
        try:
            self.mask  # noqa: B018 (made now, so that a rule that cannot be used does not stay)
        except InputError:
            self.threshold, self.graph_cut = before
            raise

    def set_preset(self, preset: str) -> None:
        """Another network: reads the photograph anew and makes the same clicks again."""
        if preset == self.preset:
            return
        predictor = self._networks.predictor(preset)
        if self.photograph:
            predictor.set_image(self.image)
            if self.clicks:
                predictor.predict(*_points_and_labels(self.clicks))
        self._predictor, self.preset = predictor, preset
        self._clicks_changed()

    # ---- What the visitor takes along ----------------------------------------------------------

    def file(self, kind: str, name: str) -> bytes:
        """A file of all objects, the present one included.

        Args:
            kind: "mask", "cutout", "index" or "coco", as `png_files` and so on write them.
            name: of the present object.

        Raises:
            InputError: there is no object yet.
        """
        self._check_photograph()
        masks, names = self.object_masks(), [one.name for one in self.objects]
        if self.mask is not None or not masks:
            masks.append(self._present_mask())
            names.append(_short(name))
        if kind == "index":
            return index_png(masks)
        if kind == "coco":
            return coco_json(masks, self.photograph.path.name, names)
        union = np.logical_or.reduce(masks)
        if kind == "cutout":
            return cutout_png(self.image, union)
        return mask_png(union)

    def _clicks_changed(self, num_undone: int = 0) -> None:
        self._mask = None
        self._num_undone = num_undone

    def _check_photograph(self) -> None:
        if self.photograph is None:
            raise InputError("There is no photograph yet. Open one, or choose an example.")

    def _check_number(self, number: int) -> None:
        if number > self._limits.clicks:
            raise InputError(
                f"An object may have {self._limits.clicks} clicks here. Undo some, or go on to the "
                f"next object. Received {number}."
            )

    def _present_mask(self) -> np.ndarray:
        self._check_photograph()
        if self.mask is None or not self.mask.any():
            raise InputError("There is no mask yet. Click on the object first.")
        return self.mask


class SessionStore:
    """The sessions of all visitors, by a key that only the visitor knows."""

    def __init__(self, networks: Networks, limits: Limits, preset: str) -> None:
        self.limits = limits
        self._networks = networks
        self._preset = preset
        self._lock = threading.Lock()
        # The one that was used last stands last.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._turn = Turn(
            limits.running,
            limits.waiting,
            "Very many people are clicking just now. Please try again in a few seconds.",
        )

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def use(self, key: str) -> Iterator[Session]:
        """The visitor's session, made if need be, for this thread alone while the block runs.

        Raises:
            InputError: the visitor, or all together, have too much under way.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = _Entry(self._networks, self.limits, self._preset)
                self._entries[key] = entry
        with entry.turn, self._turn:
            yield entry.session
        with self._lock:
            entry.used = time.monotonic()
            if key in self._entries:
                self._entries.move_to_end(key)
                self._make_room(key)

    def close(self, key: str) -> None:
        """Forget a visitor's photograph and masks; what is under way for them ends first."""
        with self._lock:
            self._entries.pop(key, None)

    def close_idle(self) -> None:
        """Forget what nobody has touched for `Limits.idle_seconds`."""
        oldest = time.monotonic() - self.limits.idle_seconds
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.used < oldest]:
                del self._entries[key]

    def _make_room(self, key: str) -> None:
        """Put away the oldest until the limits hold; the present visitor's stays."""
        while len(self._entries) > self.limits.sessions or (
            sum(entry.session.num_pixels for entry in self._entries.values())
            > self.limits.total_pixels
        ):
            oldest = next(iter(self._entries))
            if oldest == key:
                return
            del self._entries[oldest]


class _Entry:
    def __init__(self, networks: Networks, limits: Limits, preset: str) -> None:
        self.session = Session(networks, limits, preset)
        self.used = time.monotonic()
        self.turn = Turn(
            1,
            limits.waiting_per_session,
            "Your clicks come faster than they can be answered. Please wait a moment.",
        )


def _points_and_labels(clicks: list[Click] | tuple[Click, ...]) -> tuple[list, list]:
    return [(click.col, click.row) for click in clicks], [int(one.is_positive) for one in clicks]


def _short(name: str) -> str:
    """An object's name as it goes into a file: printable, and of bounded length."""
    return "".join(sign for sign in name if sign.isprintable()).strip()[:MAX_NAME_LENGTH]
