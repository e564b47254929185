"""What each visitor of the demo has open, and the limits under which all share one machine.

One network per preset serves everybody; a visitor has a `Predictor` of their own over it
(`work.py`), so that nobody sees another's photograph, clicks or mask. Nothing here knows of Gradio.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from grabcut import GrabCutPredictor
from work import FinishedObject, Photograph, Work

from fctsfn_tf.clicks.click import Click, clicks_from_points
from fctsfn_tf.clicks.click_maps import DISKS_AND_PREVIOUS
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import sha256_of
from fctsfn_tf.images.annotation_files import coco_json
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.images.mask_files import read_mask
from fctsfn_tf.images.png_files import cutout_png, index_png, mask_png
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.predictor import Prediction, Predictor
from fctsfn_tf.predict.preset_engine import load_engine
from fctsfn_tf.predict.preset_files import preset_config, preset_names

MEGAPIXEL = 1_000_000
MEGABYTE = 1_000_000
MAX_NAME_LENGTH = 60
# Photographs that a visitor can go back to by undoing that another one was opened.
MAX_EARLIER = 2
# The method beside the presets.
GRABCUT = "grabcut"


@dataclass(frozen=True)
class Limits:
    """What a visitor, and all together, may take; for a free Space of 2 cores and 16 GB.

    Attributes:
        photograph_pixels: of one photograph; 25 megapixels are what current phones take. It takes
            at most 14 bytes a pixel while it is clicked, and 9 while it waits for the next click.
        awake_pixels: of the photographs that are kept ready together; the others sleep, the one
            that was left alone for longest first, and take the bytes of their file, of their masks
            and 0.6 MB a click. It takes a second to wake 24 megapixels.
        total_bytes: that sleeping photographs take together.
        sessions: visitors with an open photograph.
        busy_seconds: a visitor who was here within this keeps the photograph whatever comes. Beyond
            total_bytes and sessions, the one who was away for longest gives room; where all are
            busy, whoever comes is asked to come later.
        clicks: on one object.
        objects: in one photograph.
        idle_seconds: after which a photograph is put away.
        left_seconds: the same once its page was closed; time enough to load the page again.
        running: pieces of work at once; the network uses both cores by itself.
        waiting: pieces of work that may wait for their turn.
        waiting_per_session: the same for one visitor.
    """

    photograph_pixels: int = 25 * MEGAPIXEL
    awake_pixels: int = 75 * MEGAPIXEL
    total_bytes: int = 500 * MEGABYTE
    sessions: int = 200
    busy_seconds: float = 2 * 60
    clicks: int = 100
    objects: int = 50
    idle_seconds: float = 15 * 60
    left_seconds: float = 10
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


def network_names() -> list[str]:
    """What `Networks.predictor` takes: the shipped presets, and GrabCut."""
    return [*preset_names(), GRABCUT]


class Networks:
    """The networks of the presets, each loaded at its first use and then shared; and GrabCut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[Engine, PredictorConfig]] = {}

    def threshold(self, name: str) -> float:
        """At which the mask of a network is meant to be cut off."""
        return (
            GrabCutPredictor.config.threshold if name == GRABCUT else preset_config(name).threshold
        )

    def reads_masks(self, name: str) -> bool:
        """Whether a network can start from a mask."""
        return name != GRABCUT and preset_config(name).click_encoding == DISKS_AND_PREVIOUS

    def predictor(self, name: str) -> Predictor | GrabCutPredictor:
        """A new `Predictor` over the network of a shipped preset, which makes no graph cut itself.

        Raises:
            InputError: no such preset.
        """
        # Names alone: a path or an address from a visitor must not be followed.
        if name not in network_names():
            names = ", ".join(network_names())
            raise InputError(f"The preset must be one of {names}. Received {name!r:.60}.")
        if name == GRABCUT:
            return GrabCutPredictor()
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_engine(name)
            engine, config = self._loaded[name]
        return Predictor(engine, replace(config, graph_cut=False))

    def warm_up(self, name: str) -> None:
        """Load a network before anybody waits for it."""
        predictor = self.predictor(name)
        predictor.set_image(np.zeros((240, 320, 3), np.uint8))
        predictor.predict([(160, 120)], [1])


class Session:
    """What a visitor has open: a photograph, and those before it that undoing leads back to.

    Serves one thread at a time; `SessionStore.use` sees to that.
    """

    _numbers = iter(range(1, 2**62))

    def __init__(
        self,
        networks: Networks,
        limits: Limits,
        preset: str,
        admit: Callable[[int], None] = lambda num_bytes: None,
    ) -> None:
        """
        Args:
            admit: is called with the bytes of a photograph before it is opened; an InputError of
                its refuses it.
        """
        self.threshold = networks.threshold(preset)
        self.graph_cut = False
        self.shows_probability = False  # kept for the page
        self.last_event: str | None = None  # that was carried out; kept for the page
        self._networks = networks
        self._limits = limits
        self._admit = admit
        self._preset = preset  # of the next photograph
        # Oldest first; behind `_present` those whose opening was undone.
        self._works: list[Work] = []
        self._present = -1

    # ---- What holds now ------------------------------------------------------------------------

    @property
    def photograph(self) -> Photograph | None:
        """That is open."""
        return self._work.photograph if self._works else None

    @property
    def preset(self) -> str:
        """The name of the network."""
        return self._work.preset if self._works else self._preset

    @property
    def image(self) -> np.ndarray:
        """The photograph, (H, W, 3) uint8 RGB."""
        return self._opened().image

    @property
    def encode_seconds(self) -> float:
        """That reading the photograph took."""
        return self._opened().encode_seconds

    @property
    def clicks(self) -> tuple[Click, ...]:
        """On the present object, oldest first."""
        return self._work.clicks if self._works else ()

    @property
    def objects(self) -> tuple[FinishedObject, ...]:
        """Finished before the present one."""
        return self._work.objects if self._works else ()

    @property
    def starts_from_mask(self) -> bool:
        """Whether the present object started from a mask."""
        return bool(self._works) and self._work.starts_from_mask

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back; opening a photograph over another one is one."""
        return bool(self._works) and (self._work.can_undo or self._present > 0)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back that `redo` makes again."""
        return bool(self._works) and (self._work.can_redo or self._present < len(self._works) - 1)

    @property
    def candidate(self) -> int:
        """Which of the masks that the first click may have meant is shown; 0 for the best one."""
        return self._work.candidate if self._works else 0

    @property
    def prediction(self) -> Prediction | None:
        """Of the present object, as the predictor gave it."""
        return self._work.prediction if self._works else None

    @property
    def mask(self) -> np.ndarray | None:
        """Of the present object, bool (H, W), under the visitor's threshold or graph cut."""
        return self._work.mask(self.threshold, self.graph_cut) if self._works else None

    def object_masks(self) -> list[np.ndarray]:
        """The finished objects' masks, each bool (H, W)."""
        return self._opened().object_masks()

    # ---- What the visitor does -----------------------------------------------------------------

    def open(self, path: str | Path, name: str | None = None, example: str | None = None) -> None:
        """Start on the photograph in a file. Undoing leads back to the one before.

        Args:
            path: of the file, which is not needed afterwards.
            name: of the photograph; that of the file where None.
            example: see `Photograph`.

        Raises:
            InputError: it cannot be read or is too large, or there is no room for it just now. What
                was open stays.
        """
        path = Path(path)
        name = _short(name or "") or path.name
        self._admit(path.stat().st_size if path.is_file() else 0)
        try:
            image = read_image(path)
        except InputError as error:  # where it lies on this machine is nobody's business
            told = str(error).replace(str(path), path.name).replace(path.name, name)
            raise InputError(told) from None
        height, width = image.shape[:2]
        if height * width > self._limits.photograph_pixels:
            raise InputError(
                f"A photograph may have {self._limits.photograph_pixels // MEGAPIXEL} megapixels "
                f"here. Scale it down, or use the package on your own machine. Received "
                f"{width} × {height}."
            )
        number = next(self._numbers)
        content, size = path.read_bytes(), (height, width)
        photograph = Photograph(name, content, sha256_of(path), number, size, example)
        work = Work(photograph, image, self.preset, self._networks.predictor)
        self.sleep()
        if self._works:
            self._work.forget_future()
        earlier = self._works[: self._present + 1][-MAX_EARLIER:]
        self._works, self._present = [*earlier, work], len(earlier)

    def open_once(self, path: str | Path, name: str | None = None) -> None:
        """`open`, unless the same file is open already; then its clicks and features stay."""
        if self.photograph is None or self.photograph.digest != sha256_of(path):
            self.open(path, name)
            self._works, self._present = self._works[-1:], 0  # a program does not go back

    def click(self, x: float, y: float, label: int) -> None:
        """One more click on the present object; see `Predictor.add_click`."""
        work = self._opened()
        self._check_number(len(self.clicks) + 1)
        if work.prediction is None and label == 0:
            raise InputError("Click on the object first, then on what does not belong to it.")
        (click,) = clicks_from_points([(x, y)], [label], *work.photograph.size)
        work.set_clicks((*self.clicks, click))

    def set_clicks(self, points: list, labels: list) -> None:
        """These clicks instead of the present ones; see `Predictor.predict`."""
        work = self._opened()
        for given in (points, labels):
            if not isinstance(given, list):
                raise InputError(
                    "Points and labels must be lists: points [[x, y], …], labels [1, 0, …]. "
                    f"Received {type(given).__name__}."
                )
            self._check_number(len(given))
        clicks = clicks_from_points(points, labels, *work.photograph.size)
        if not clicks and work.prediction is None:
            raise InputError(
                "A mask needs a click. Give at least one point on the object. Received none."
            )
        work.set_clicks(clicks)

    def remove_click(self, index: int) -> None:
        """Take one click out, whichever it is; see `Work.remove_click`."""
        self._opened().remove_click(index)

    def choose(self, candidate: int) -> None:
        """Another of the masks that the first click may have meant; see `Work.choose`."""
        self._opened().choose(candidate)

    def undo(self) -> None:
        """Take the latest step back, whatever it was."""
        work = self._opened()
        if work.can_undo or self._present == 0:
            work.undo()
        else:
            self._go_to(self._present - 1)

    def redo(self) -> None:
        """Make the latest step again that was undone."""
        work = self._opened()
        if work.can_redo or self._present == len(self._works) - 1:
            work.redo()
        else:
            self._go_to(self._present + 1)

    def reset(self) -> None:
        """Forget the clicks on the present object."""
        self._opened().reset()

    def start_from_mask(self, path: str | Path, name: str | None = None) -> None:
        """Start the present object from the mask in a file.

        Raises:
            InputError: see `mask_files.read_mask`, `Predictor.set_mask`.
        """
        path = Path(path)
        work = self._opened()
        try:
            mask = read_mask(path, *work.photograph.size)
        except InputError as error:
            told = str(error).replace(str(path), path.name)
            raise InputError(told.replace(path.name, _short(name or "") or path.name)) from None
        work.start_from(mask, ())

    def start_from_box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Start the present object from a box around it.

        A network that reads a mask starts from the ellipse in the box; then comes a click in the
        middle and one beside each side. Chosen on photographs of training sets, out of several ways
        with and without a mask, its shape the box's or GrabCut's, and clicks on either side.

        Raises:
            InputError: no numbers, no area, or beyond the photograph.
        """
        work = self._opened()
        height, width = work.photograph.size
        corners = clicks_from_points([(x0, y0), (x1, y1)], [1, 1], height, width)
        (top, left), (bottom, right) = (click.pixel for click in corners)
        if left >= right or top >= bottom:
            raise InputError("A box must have an area. Drag from one corner to the opposite one.")
        col, row = (left + right) // 2, (top + bottom) // 2
        across, down = (right - left) // 8 + 2, (bottom - top) // 8 + 2
        beside = [(left - across, row), (right + across, row), (col, top - down)]
        beside.append((col, bottom + down))
        inside = [(x, y) for x, y in beside if 0 <= x < width and 0 <= y < height]
        clicks = clicks_from_points([(col, row), *inside], [1] + [0] * len(inside), height, width)
        mask = np.zeros((height, width), np.uint8)
        radii = max(1, (right - left) // 2), max(1, (bottom - top) // 2)
        cv2.ellipse(mask, (col, row), radii, 0, 0, 360, 1, cv2.FILLED)
        work.start_from(
            mask.view(bool) if self._networks.reads_masks(self.preset) else None, clicks
        )

    def start_over(self) -> None:
        """Forget all objects and clicks."""
        self._opened().start_over()

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
        self._work.finish(_short(name), mask)

    def remove_object(self) -> None:
        """Drop the latest finished object."""
        self._opened().remove_object()

    def set_rule(self, threshold: float, graph_cut: bool) -> None:
        """How the mask is made of the probability from now on, the present one too.

        Raises:
            InputError: a threshold outside of [0, 1), or PyMaxflow is not installed.
        """
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise InputError(f"The threshold must be a number. Received {threshold!r:.40}.")
        if not 0 <= threshold < 1:
            raise InputError(f"The threshold must lie in [0, 1). Received {threshold!r:.40}.")
        if not isinstance(graph_cut, bool):
            raise InputError(f"`graph_cut` must be true or false. Received {graph_cut!r:.40}.")
        before = self.threshold, self.graph_cut
        self.threshold, self.graph_cut = threshold, graph_cut
        try:
            self.mask  # noqa: B018 (made now, so that a rule that cannot be used does not stay)
        except InputError:
            self.threshold, self.graph_cut = before
            raise

    def set_preset(self, preset: str) -> None:
        """Another network: reads the photograph anew and makes the same clicks again."""
        if preset == self.preset:
            return
        if self._works:
            self._work.set_preset(preset)
        else:
            self._networks.predictor(preset)  # refuses a name that is none
        self._preset = preset

    # ---- What the visitor takes along ----------------------------------------------------------

    def file(self, kind: str, name: str) -> bytes:
        """A file of all objects, the present one included.

        Args:
            kind: "mask", "cutout", "index" or "coco", as `png_files` and so on write them.
            name: of the present object.

        Raises:
            InputError: there is no object yet.
        """
        masks, names = self.object_masks(), [one.name for one in self.objects]
        if self.mask is not None or not masks:
            masks.append(self._present_mask())
            names.append(_short(name))
        if kind == "index":
            return index_png(masks)
        if kind == "coco":
            return coco_json(masks, self.photograph.name, names)
        union = np.logical_or.reduce(masks)
        if kind == "cutout":
            return cutout_png(self.image, union)
        return mask_png(union)

    # ---- Room ----------------------------------------------------------------------------------

    @property
    def awake_pixels(self) -> int:
        """Of the photographs that are kept ready."""
        return sum(work.photograph.num_pixels for work in self._works if work.is_awake)

    @property
    def num_bytes(self) -> int:
        """That it takes while it sleeps, about."""
        return sum(work.num_bytes for work in self._works)

    def sleep(self) -> None:
        """Leave away all that can be made again."""
        for work in self._works:
            work.sleep()

    @property
    def _work(self) -> Work:
        return self._works[self._present]

    def _opened(self) -> Work:
        if not self._works:
            raise InputError("There is no photograph yet. Open one, or choose an example.")
        return self._work

    def _go_to(self, number: int) -> None:
        self.sleep()
        self._present = number

    def _check_number(self, number: int) -> None:
        if number > self._limits.clicks:
            raise InputError(
                f"An object may have {self._limits.clicks} clicks here. Undo some, or go on to the "
                f"next object. Received {number}."
            )

    def _present_mask(self) -> np.ndarray:
        mask = self._opened().mask(self.threshold, self.graph_cut)
        if mask is None or not mask.any():
            raise InputError("There is no mask yet. Click on the object first.")
        return mask


class SessionStore:
    """The sessions of all visitors, by a key that only the visitor knows.

    A visitor without a photograph takes no place: whoever sends nothing but requests moves nobody.
    """

    def __init__(self, networks: Networks, limits: Limits, preset: str) -> None:
        self.limits = limits
        self._networks = networks
        self._preset = preset
        self._lock = threading.Lock()
        # With a photograph; the one that was used last stands last.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._arriving: dict[str, _Entry] = {}  # without one, while something is done for them
        self._turn = Turn(
            limits.running,
            limits.waiting,
            "Very many people are clicking just now. Please try again in a few seconds.",
        )

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def use(self, key: str, is_visit: bool = True) -> Iterator[Session]:
        """The visitor's session, made if need be, for this thread alone while the block runs.

        Args:
            is_visit: False if it does not say that a visitor who left is there again.

        Raises:
            InputError: the visitor, or all together, have too much under way.
        """
        with self._lock:
            entry = self._entries.get(key) or self._arriving.get(key)
            if entry is None:
                session = Session(
                    self._networks, self.limits, self._preset, lambda size: self._admit(key, size)
                )
                entry = self._arriving[key] = _Entry(session, self.limits)
            entry.num_users += 1
            if is_visit:
                entry.left = None
        try:
            with entry.turn, self._turn:
                with self._lock:
                    entry.is_running = True
                try:
                    yield entry.session
                finally:
                    with self._lock:
                        entry.is_running = False
                        self._used(key, entry)
        finally:
            with self._lock:
                entry.num_users -= 1
                if entry.num_users == 0:
                    self._arriving.pop(key, None)

    def left(self, key: str) -> None:
        """The visitor has closed the page, or loads it again."""
        with self._lock:
            if key in self._entries:
                self._entries[key].left = time.monotonic()

    def came(self, key: str) -> None:
        """The visitor has opened the page, perhaps again."""
        with self._lock:
            if key in self._entries:
                self._entries[key].left = None

    def close(self, key: str) -> None:
        """Forget a visitor's photograph and masks; what is under way for them ends first."""
        with self._lock:
            self._entries.pop(key, None)

    def close_idle(self) -> None:
        """Forget what nobody has touched for `Limits.idle_seconds`, or who left."""
        now = time.monotonic()
        with self._lock:
            for key, entry in list(self._entries.items()):
                is_idle = entry.used < now - self.limits.idle_seconds
                has_left = entry.left is not None and entry.left < now - self.limits.left_seconds
                if (is_idle or has_left) and entry.num_users == 0:
                    del self._entries[key]

    def _used(self, key: str, entry: _Entry) -> None:
        """Something was done for a visitor: they count from now on if they have a photograph; and
        photographs go to sleep, the one left alone for longest first, until the limit holds."""
        entry.used = time.monotonic()
        if entry.session.photograph is not None and key in self._arriving:
            self._entries[key] = self._arriving.pop(key)
        if key in self._entries:
            self._entries.move_to_end(key)
        awake = sum(one.session.awake_pixels for one in self._entries.values())
        for other in self._entries.values():
            if awake <= self.limits.awake_pixels:
                return
            # Who waits for a turn does so without what makes the photograph large.
            if not other.is_running and other is not entry:
                awake -= other.session.awake_pixels
                other.session.sleep()

    def _admit(self, key: str, num_bytes: int) -> None:
        """Put away who was away for longest until another photograph has room.

        Raises:
            InputError: all that are left were here a moment ago.
        """
        with self._lock:
            while self._is_full(key, num_bytes):
                away = (one for one in self._entries if one != key)
                oldest = next(away, None)
                if oldest is None:
                    return
                entry = self._entries[oldest]
                is_busy = time.monotonic() - entry.used < self.limits.busy_seconds
                if entry.num_users or is_busy:
                    raise InputError(
                        "Very many people have a photograph open just now. Please try again in a "
                        "few minutes."
                    )
                del self._entries[oldest]

    def _is_full(self, key: str, num_bytes: int) -> bool:
        others = [entry.session for other, entry in self._entries.items() if other != key]
        needed = sum(session.num_bytes for session in others) + num_bytes
        return len(others) >= self.limits.sessions or needed > self.limits.total_bytes


class _Entry:
    def __init__(self, session: Session, limits: Limits) -> None:
        self.session = session
        self.used = time.monotonic()
        self.num_users = 0  # pieces of work that run or wait for this visitor
        self.is_running = False
        self.left: float | None = None  # when the page was closed
        self.turn = Turn(
            1,
            limits.waiting_per_session,
            "Your clicks come faster than they can be answered. Please wait a moment.",
        )


def _short(name: str) -> str:
    """An object's name as it goes into a file: printable, and of bounded length."""
    return "".join(sign for sign in name if sign.isprintable()).strip()[:MAX_NAME_LENGTH]
