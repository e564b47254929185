"""The demo: click an object in a photograph and get its mask. Run it with: python demo/app.py

It is a Hugging Face Space (README.md beside this file says how). What a visitor has open lies in
`sessions.py`, what the page shows of it comes from `pictures.py`, and the page's own part is
`editor.html`, `editor.css` and `editor.js` around the canvas of `web/src/canvas/`. All positions
are (x, y) in pixels of the photograph.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pictures
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from sessions import Limits, Networks, Session, SessionStore

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import file_kind
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, preset_config, preset_names

HERE = Path(__file__).resolve().parent
# In a Space the photographs and the canvas lie beside this file, in a checkout in their own places.
EXAMPLES_FOLDER, CANVAS_FOLDER = (
    next(folder for folder in places if folder.is_dir())
    for places in (
        (HERE / "examples", HERE.parent / "examples"),
        (HERE / "canvas", HERE.parent / "web" / "src" / "canvas"),
    )
)
# Each imports only from those before it.
CANVAS_FILES = ("place.js", "overlay.js", "marks.js", "gestures.js", "stage.js")
# Photograph → what it shows, and suggested clicks (x, y, label).
EXAMPLES = {
    "cat.jpg": ("a cat", [(220, 120, 1), (100, 260, 1)]),
    "coffee.jpg": ("a cup of coffee", [(150, 260, 1), (290, 90, 1)]),
}
# Kind of file that can be saved → its button's words, and the end of its name.
DOWNLOADS = {
    "mask": ("Mask (PNG)", ".mask.png"),
    "cutout": ("Cut-out (PNG)", ".cutout.png"),
    "index": ("Objects (index PNG)", ".objects.png"),
    "coco": ("COCO (JSON)", ".coco.json"),
}
MAX_FILE_SIZE = "50mb"
# Seconds between two looks for what nobody uses any more, on disk and in memory.
SWEEP_SECONDS = 60
# Of Gradio's queue, which carries what is not a click: saving, and calls from programs. Clicks go
# past it, because it adds as much as half a click; `Limits` holds for both.
MAX_QUEUE = 40
QUEUED = {"concurrency_limit": 2, "concurrency_id": "network"}
PAST_QUEUE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
INTRODUCTION = """
# Click an object, get its mask
Open a photograph and click on an object. Where the mask is wrong, click again: on what it misses,
or with the right button on what does not belong to it.
"""

networks = Networks()
store = SessionStore(networks, Limits(), DEFAULT_PRESET)
_serials = itertools.count(1)


# ---- From the page -----------------------------------------------------------------------------


def answer_event(name: str, event: gr.EventData, request: gr.Request) -> dict:
    """Carry out what happened on the page and say what holds now (see `view_of`).

    Args:
        name: of the present object, for COCO.
        event: what editor.js sent, see `act` there.
        request: says whose session it is.
    """
    happened = event._data if isinstance(event._data, dict) else {}
    answer = answered(request, lambda session: carry_out(session, happened, name))
    return {**answer, "answers": happened.get("id")}


def answer_rule(threshold: float, graph_cut: bool, request: gr.Request) -> dict:
    """Another rule for the mask."""
    return answered(request, lambda session: session.set_rule(threshold, graph_cut))


def answer_preset(preset: str, request: gr.Request) -> dict:
    """Another network."""
    return answered(request, lambda session: session.set_preset(preset))


def answered(request: gr.Request, work: Callable[[Session], None]) -> dict[str, Any]:
    """What holds after `work`; where the input cannot be used, a message, and nothing changes."""
    message, view = None, {}
    try:
        with visitor(request) as session:
            photograph, num_objects = session.photograph, len(session.objects)
            try:
                work(session)
            except InputError as error:
                message = str(error)
            view = view_of(session)
            if session.photograph != photograph:
                view["picture"] = pictures.photograph_url(session.image)
                view["suggestions"] = suggested_clicks(session)
            if len(session.objects) != num_objects:
                view["objects"] = pictures.objects_plane(session.object_masks())
    except InputError as error:  # nobody's turn came
        message = str(error)
    return {**view, "serial": next(_serials), "message": message}


def carry_out(session: Session, happened: dict, name: str) -> None:
    """One event of the page.

    Raises:
        InputError: it cannot be carried out, or is none.
    """
    match happened:
        case {"action": "open", "path": str(path)}:
            return session.open(uploaded(path))
        case {"action": "example", "name": str(example)} if example in EXAMPLES:
            return session.open(EXAMPLES_FOLDER / example)
        case {"action": "show", "probability": bool(shows_probability)}:
            session.shows_probability = shows_probability
            return None
    photograph = session.photograph
    if photograph is None or happened.get("photograph") != photograph.number:
        raise InputError(
            "There is no photograph, or it was put away: nobody had touched it for a while, or "
            "others needed the room. Please open one."
        )
    match happened:
        case {"action": "click", "x": x, "y": y, "label": label}:
            return session.click(x, y, label)
        case {"action": "remove click", "index": int(index)}:
            return session.remove_click(index)
        case {"action": "undo"}:
            return session.undo()
        case {"action": "redo"}:
            return session.redo()
        case {"action": "reset"}:
            return session.reset()
        case {"action": "next object"}:
            return session.next_object(name)
        case {"action": "remove object"}:
            return session.remove_object()
    raise InputError("The page sent something that is not understood. Please load it again.")


def view_of(session: Session) -> dict[str, Any]:
    """What the page shows beside the photograph, as editor.js reads it."""
    if session.photograph is None:
        return {"photograph": None}
    height, width = session.image.shape[:2]
    mask, prediction = session.mask, session.prediction
    shows_probability = session.shows_probability and prediction is not None
    return {
        "photograph": {"number": session.photograph.number, "width": width, "height": height},
        "mask": None if mask is None else pictures.mask_plane(mask),
        "probability": (
            pictures.probability_plane(prediction.probability) if shows_probability else None
        ),
        "clicks": [(click.col, click.row, int(click.is_positive)) for click in session.clicks],
        "canRedo": session.can_redo,
        "numObjects": len(session.objects),
        "status": status_of(session),
    }


def suggested_clicks(session: Session) -> list[tuple[int, int, int]]:
    """(x, y, label) that are worth trying on an example; none on another photograph."""
    if session.photograph.path.parent != EXAMPLES_FOLDER:
        return []
    return EXAMPLES[session.photograph.path.name][1]


def status_of(session: Session) -> str:
    """One line of text about the present object and the time it took."""
    prediction = session.prediction
    if prediction is None:
        height, width = session.image.shape[:2]
        milliseconds = session.encode_seconds * 1000
        return f"{width} × {height} pixels, read in {milliseconds:.0f} ms. Click on the object."
    number = len(session.clicks)
    share = np.count_nonzero(session.mask) / session.mask.size
    times = f"the click took {prediction.click_seconds * 1000:.0f} ms"
    if prediction.encode_seconds:
        times = f"reading took {prediction.encode_seconds * 1000:.0f} ms, {times}"
    return f"{number} click{'s' * (number > 1)} · {share:.1%} of the photograph · {times}"


@contextmanager
def visitor(request: gr.Request) -> Iterator[Session]:
    """The session that a request belongs to; one for this request alone where it names none.

    Raises:
        InputError: see `SessionStore.use`.
    """
    key = request.session_hash or secrets.token_hex()
    try:
        with store.use(key) as session:
            yield session
    finally:
        if not request.session_hash:
            store.close(key)


def uploaded(path: str) -> Path:
    """A file that was uploaded; nothing else on this machine.

    Raises:
        InputError: another path.
    """
    folder, real = (Path(os.path.realpath(name)) for name in (get_upload_folder(), path))
    if not real.is_relative_to(folder) or file_kind(real) != "file":
        raise InputError("This file was not uploaded, or is gone. Please open it again.")
    return real


# ---- Files, and calls from programs ------------------------------------------------------------


def save(kind: str, name: str, request: gr.Request) -> str:
    """The path of a file of all objects, for the page to download (see `Session.file`)."""
    try:
        with visitor(request) as session:
            content = session.file(kind, name)
            stem = session.photograph.path.stem
    except InputError as error:
        raise gr.Error(str(error), title="Nothing to save", print_exception=False) from None
    return saved(content, stem + DOWNLOADS[kind][1])


def segment(
    photograph: str,
    points: list,
    labels: list,
    preset: str,
    threshold: float,
    graph_cut: bool,
    request: gr.Request,
) -> tuple[str, dict[str, Any]]:
    """The mask of the object that was clicked.

    The photograph is read once per client and file: the same one with one more click costs a click.

    Args:
        photograph: a JPEG, PNG, WebP, TIFF, BMP or GIF file of at most 25 megapixels.
        points: [[x, y], …] in pixels of the upright photograph, from its top left; at most 100.
        labels: [1, 0, …] per point: 1 on the object, 0 not on it. The first one must be 1.
        preset: see /presets.
        threshold: a pixel belongs to the mask where its probability is above this, in [0, 1).
        graph_cut: true for a graph cut instead of the threshold.

    Returns:
        A PNG of the photograph's size, 255 on the object and 0 elsewhere; and what it came to:
        {"width", "height", "object_pixels", "encode_seconds", "click_seconds"}.
    """
    return called(request, "mask", photograph, points, labels, preset, threshold, graph_cut)


def cut_out(
    photograph: str,
    points: list,
    labels: list,
    preset: str,
    threshold: float,
    graph_cut: bool,
    request: gr.Request,
) -> tuple[str, dict[str, Any]]:
    """The object that was clicked, as an RGBA PNG that is transparent elsewhere.

    Arguments and the second result are those of /segment.
    """
    return called(request, "cutout", photograph, points, labels, preset, threshold, graph_cut)


def called(
    request: gr.Request,
    kind: str,
    photograph: str,
    points: list,
    labels: list,
    preset: str,
    threshold: float,
    graph_cut: bool,
) -> tuple[str, dict[str, Any]]:
    """What a program asked for: the path of a file of `kind`, and numbers (see `segment`)."""
    try:
        if photograph is None:
            raise InputError("There is no photograph. Give a file: handle_file('photo.jpg').")
        with visitor(request) as session:
            session.set_preset(preset)
            session.open_once(photograph)
            session.set_rule(threshold, graph_cut)
            session.set_clicks(points, labels)
            content = session.file(kind, "")
            height, width = session.image.shape[:2]
            stem, prediction = session.photograph.path.stem, session.prediction
            info = {
                "width": width,
                "height": height,
                "object_pixels": int(np.count_nonzero(session.mask)),
                "encode_seconds": prediction.encode_seconds,
                "click_seconds": prediction.click_seconds,
            }
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None
    return saved(content, stem + DOWNLOADS[kind][1]), info


def saved(content: bytes, name: str) -> str:
    """The path of a file that the visitor may fetch: its folder's name is a hash of the content."""
    return save_bytes_to_cache(content, name, get_upload_folder())


# ---- The page ----------------------------------------------------------------------------------


def build() -> gr.Blocks:
    """The page and its endpoints."""
    with gr.Blocks(
        title="Click an object, get its mask",
        analytics_enabled=False,
        delete_cache=(SWEEP_SECONDS, int(store.limits.idle_seconds)),
    ) as page:
        gr.Markdown(INTRODUCTION, elem_id="introduction")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                canvas = gr.HTML(
                    {},
                    html_template=(HERE / "editor.html").read_text("utf-8"),
                    css_template=joined(CANVAS_FOLDER / "stage.css", HERE / "editor.css"),
                    js_on_load=script(),
                    apply_default_css=False,
                    examples=example_buttons(),
                )
            with gr.Column(scale=1, min_width=260):
                preset, rule = settings()
                name = downloads()
        canvas.act(answer_event, name, canvas, trigger_mode="multiple", **PAST_QUEUE)
        preset.change(answer_preset, preset, canvas, **PAST_QUEUE)
        for part in rule:
            part.change(answer_rule, rule, canvas, trigger_mode="always_last", **PAST_QUEUE)
        endpoints([preset, *rule])
        page.unload(leave)
    return page


def script() -> str:
    """What gr.HTML runs: the canvas and the page's own part, as the body of one function.

    That is no module, so the canvas' imports and exports are left out.
    """
    text = joined(*(CANVAS_FOLDER / name for name in CANVAS_FILES), HERE / "editor.js")
    return re.sub(r"^(import [^;]*;\n|export )", "", text, flags=re.MULTILINE)


def joined(*files: Path) -> str:
    """The text of files, one after the other."""
    return "\n".join(file.read_text("utf-8") for file in files)


def example_buttons() -> list[dict[str, str]]:
    """What editor.html shows of the examples."""
    return [
        {
            "name": name,
            "what": what,
            "picture": pictures.thumbnail_url(read_image(EXAMPLES_FOLDER / name)),
        }
        for name, (what, _) in EXAMPLES.items()
    ]


def settings() -> tuple[gr.Dropdown, list[gr.Component]]:
    """The choice of the network, and [threshold, graph cut]: how a mask is made of its answer."""
    with gr.Accordion("Settings"):
        preset = gr.Dropdown(
            preset_names(), value=DEFAULT_PRESET, label="Network", interactive=True
        )
        threshold = gr.Slider(
            0.05,
            0.95,
            value=preset_config(DEFAULT_PRESET).threshold,
            step=0.05,
            label="Threshold",
            info="Higher: only what is surer.",
        )
        graph_cut = gr.Checkbox(False, label="Graph cut", info="Follows edges; slower.")
    return preset, [threshold, graph_cut]


def downloads() -> gr.Textbox:
    """The buttons that save files of all objects; returns the name of the present one."""
    with gr.Accordion("Download"):
        name = gr.Textbox(label="Name of the object, for COCO", placeholder="object", max_length=60)
        # The file is made when it is asked for; a hidden button then carries it to the browser.
        carrier = gr.DownloadButton(visible="hidden", elem_id="carrier")
        for kind, (words, _) in DOWNLOADS.items():
            gr.Button(words, size="md").click(
                save, [gr.State(kind), name], carrier, api_visibility="private", **QUEUED
            ).success(None, js="() => document.querySelector('#carrier').click()")
    return name


def endpoints(rule: list[gr.Component]) -> None:
    """What programs call: /segment, /cut_out and /presets."""
    with gr.Column(visible=False):
        photograph = gr.File(label="Photograph", type="filepath")
        points, labels = gr.JSON(label="Points"), gr.JSON(label="Labels")
        file, info = gr.File(label="File"), gr.JSON(label="Numbers")
        for function in (segment, cut_out):
            gr.Button().click(
                function,
                [photograph, points, labels, *rule],
                [file, info],
                api_name=function.__name__,
                **QUEUED,
            )
    gr.api(preset_names, api_name="presets", queue=False)


def leave(request: gr.Request) -> None:
    """A visitor has closed the page."""
    store.close(request.session_hash)


def sweep() -> None:
    """Put away what nobody touches, for ever."""
    while True:
        time.sleep(SWEEP_SECONDS)
        store.close_idle()


def main() -> None:
    # Loading the network takes as long as the page: whoever comes earlier waits for it there.
    for work in (sweep, lambda: networks.warm_up(DEFAULT_PRESET)):
        threading.Thread(target=work, daemon=True).start()
    page = build().queue(max_size=MAX_QUEUE, api_open=False)
    # No font of somebody else's server; and texts dark enough to read (WCAG asks for 4.5 : 1).
    theme = gr.themes.Default(
        primary_hue="sky",
        neutral_hue="slate",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    ).set(body_text_color_subdued="*neutral_600", block_info_text_color="*neutral_600")
    page.launch(
        theme=theme,
        css=(HERE / "page.css").read_text("utf-8"),
        max_file_size=MAX_FILE_SIZE,
        footer_links=["api", "gradio"],
        run_history=False,
        ssr_mode=False,
    )


if __name__ == "__main__":
    main()
