"""What programs and agents call: /segment, /cut_out, /annotate and /presets.

Types and docstrings are what `gr.api` and the MCP server tell them, a line for each argument. So
annotations are no strings here (no `from __future__ import annotations`).
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict

import gradio as gr
import numpy as np
import uploads
from sessions import Session, SessionStore, Turn, network_names

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, preset_config

Points = list[tuple[float, float]]
Labels = list[Literal[0, 1]]
NetworkName = Literal[tuple(network_names())]
DEFAULT_THRESHOLD = preset_config(DEFAULT_PRESET).threshold
# Programs that are served at once, and that wait: among themselves, so that people wait for two of
# them at most. Not in Gradio's queue, out of which its MCP server hands over no files.
RUNNING, WAITING = 2, 20


class ClickedObject(TypedDict):
    """An object among several: its name, and the clicks on it, as in `segment`."""

    name: str
    points: Points
    labels: Labels


class Endpoints:
    """The functions, over the sessions of a store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._turn = Turn(RUNNING, WAITING, "Very many programs are at work. Please try again.")

    def add(self) -> None:
        """Add them to the page that is being built."""
        for function in (self.segment, self.cut_out, self.annotate):
            gr.api(function, api_name=function.__name__, queue=False)
        gr.api(self.presets, api_name="presets", queue=False)

    def segment(
        self,
        photograph: gr.FileData,
        points: Points,
        labels: Labels,
        preset: NetworkName = DEFAULT_PRESET,
        threshold: float = DEFAULT_THRESHOLD,
        graph_cut: bool = False,
        start_mask: gr.FileData = None,
        request: gr.Request = None,
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """The mask of one object in a photograph, found from clicks on it and beside it.

        Args:
            photograph: a JPEG, PNG, WebP, TIFF, BMP or GIF file of at most 25 megapixels.
            points: the clicks as [[x, y], …] in pixels of the upright photograph, from its top left; at most 100.
            labels: [1, 0, …] per point: 1 on the object, 0 not on it; the first one is 1 unless there is a start mask.
            preset: name of the network.
            threshold: a pixel belongs to the mask where its probability is above this, in [0, 1).
            graph_cut: true for a graph cut, which follows edges, instead of the threshold.
            start_mask: an image of the photograph's size to go on from, white on the object; optional.

        Returns:
            A PNG of the photograph's size, 255 on the object and 0 elsewhere; and the numbers width, height, object_pixels, encode_seconds and click_seconds.
        """  # noqa: E501 (only the first line of each is told)
        settings = preset, threshold, graph_cut
        return self._one(request, "mask", photograph, points, labels, settings, start_mask)

    def cut_out(
        self,
        photograph: gr.FileData,
        points: Points,
        labels: Labels,
        preset: NetworkName = DEFAULT_PRESET,
        threshold: float = DEFAULT_THRESHOLD,
        graph_cut: bool = False,
        start_mask: gr.FileData = None,
        request: gr.Request = None,
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """The object that was clicked, cut out of its background, which is transparent.

        Args:
            photograph: as in segment.
            points: as in segment.
            labels: as in segment.
            preset: as in segment.
            threshold: as in segment.
            graph_cut: as in segment.
            start_mask: as in segment.

        Returns:
            An RGBA PNG of the photograph's size; and the numbers of segment.
        """
        settings = preset, threshold, graph_cut
        return self._one(request, "cutout", photograph, points, labels, settings, start_mask)

    def annotate(
        self,
        photograph: gr.FileData,
        objects: list[ClickedObject],
        preset: NetworkName = DEFAULT_PRESET,
        threshold: float = DEFAULT_THRESHOLD,
        graph_cut: bool = False,
        request: gr.Request = None,
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """The masks of several objects in a photograph, as an index image and as COCO JSON.

        Args:
            photograph: as in segment.
            objects: for each object its name, points and labels; at most 50, later ones lie over earlier ones.
            preset: as in segment.
            threshold: as in segment.
            graph_cut: as in segment.

        Returns:
            A palette PNG of the photograph's size, i on object i (from 1) and 0 elsewhere; and a COCO data set with an annotation for each object.
        """  # noqa: E501
        with _explained(), self._session(request) as session:
            self._open(session, photograph, (preset, threshold, graph_cut))
            session.start_over()
            *others, last = _checked_objects(objects)
            for one in others:
                session.set_clicks(one["points"], one["labels"])
                session.next_object(one["name"])
            session.set_clicks(last["points"], last["labels"])
            index, coco = session.file("index", last["name"]), session.file("coco", last["name"])
            stem = session.photograph.stem
        return _file(index, f"{stem}.objects.png"), json.loads(coco)

    def presets(self) -> list[str]:
        """The names of the networks, for `preset`: presets, and GrabCut to compare with."""
        return network_names()

    def _one(
        self,
        request: gr.Request,
        kind: str,
        photograph: Any,
        points: Any,
        labels: Any,
        settings: tuple[Any, Any, Any],
        start_mask: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A file of `kind` of one object, and numbers (see `segment`)."""
        with _explained(), self._session(request) as session:
            self._open(session, photograph, settings)
            if session.objects or session.starts_from_mask or start_mask is not None:
                session.start_over()
            if start_mask is not None:
                session.start_from_mask(*_sent(start_mask, "start mask"))
            session.set_clicks(points, labels)
            content = session.file(kind, "")
            height, width = session.photograph.size
            prediction = session.prediction
            numbers = {
                "width": width,
                "height": height,
                "object_pixels": int(np.count_nonzero(session.mask)),
                "encode_seconds": prediction.encode_seconds,
                "click_seconds": prediction.click_seconds,
            }
            stem = session.photograph.stem
        return _file(content, f"{stem}.{kind}.png"), numbers

    @contextmanager
    def _session(self, request: gr.Request) -> Iterator[Session]:
        """The session of a client; one for this call alone where nobody can say who calls.

        Raises:
            InputError: see `SessionStore.use`.
        """
        client = getattr(request, "session_hash", None)  # agents have none
        key = client or secrets.token_hex()
        try:
            with self._turn, self._store.use(key) as session:
                yield session
        finally:
            if not client:
                self._store.close(key)

    def _open(self, session: Session, photograph: Any, settings: tuple[Any, Any, Any]) -> None:
        preset, threshold, graph_cut = settings
        session.set_preset(preset)
        session.open_once(*_sent(photograph, "photograph"))
        session.set_rule(threshold, graph_cut)


@contextmanager
def _explained() -> Iterator[None]:
    """What cannot be used is an error of one line for the program."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _sent(file: Any, what: str) -> tuple[Path, str]:
    """Where a file lies that came as `gr.FileData`, and its name.

    Raises:
        InputError: it is none, or was not uploaded.
    """
    match file:
        case {"path": str(path)}:
            sent = uploads.uploaded(path)
            name = file.get("orig_name")
            return sent, name if isinstance(name, str) and name else sent.name
    raise InputError(
        f"There is no {what}. Give one file: handle_file('photo.jpg'). Received {file!r:.60}."
    )


def _checked_objects(objects: Any) -> list[ClickedObject]:
    """The objects of `annotate`.

    Raises:
        InputError: they are none.
    """
    if isinstance(objects, list) and objects:
        for one in objects:
            match one:
                case {"name": str(), "points": _, "labels": _}:
                    continue
            break
        else:
            return objects
    raise InputError(
        "Objects must be a list of at least one {'name': …, 'points': [[x, y], …], 'labels': "
        f"[1, 0, …]}}. Received {objects!r:.60}."
    )


def _file(content: bytes, name: str) -> dict[str, Any]:
    return gr.FileData(path=str(uploads.saved(content, name))).model_dump()
