"""The demo: click an object in a photograph and get its mask. Run it with: python demo/app.py

It is a Hugging Face Space (README.md beside this file says how). What a visitor has open lies in
`sessions.py` and `work.py`, what the page shows of it comes from `pictures.py`, what programs call
stands in `api.py`, and the page's own part is `editor.html`, `editor.css` and `editor.js` around
the canvas of `web/src/canvas/`. All positions are (x, y) in pixels of the photograph.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import threading
import time
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import Any

import uploads  # before Gradio, which it tells where files belong

# isort: split
import gradio as gr
import numpy as np
import pictures
from api import Endpoints
from bodies import BodyLimit
from sessions import GRABCUT, Limits, Networks, Session, SessionStore, network_names
from starlette.middleware import Middleware

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, preset_facts, preset_names

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
# What they show, and clicks (x, y, label) to try: scripts/make_demo_pictures.py chooses them.
EXAMPLES = json.loads((HERE / "examples.json").read_text("utf-8"))["examples"]
# Network → what the page calls it; another one has its own name.
NETWORK_TITLES = {
    DEFAULT_PRESET: "compact: small and quick",
    "fctsfn": "FCTSFN: the paper's",
    GRABCUT: "GrabCut: OpenCV's, to compare",
}
# Kind of file that can be saved → the end of its name.
DOWNLOADS = {
    "mask": ".mask.png",
    "cutout": ".cutout.png",
    "index": ".objects.png",
    "coco": ".coco.json",
}
MAX_FILE_BYTES = 50_000_000
# Of every other request: 50 objects with 100 clicks each take less.
MAX_REQUEST_BYTES = 250_000
# Seconds between two looks for what nobody uses any more, on disk and in memory.
SWEEP_SECONDS = 5
MAX_PAGES = 10_000
MAX_EVENT_NAME = 80
# Threads that serve requests: more than can wait for their turn (`Limits`, `api.WAITING`).
MAX_THREADS = 80
MAX_QUEUE = 40
# Of glibc's mallopt (malloc.h): from which size on memory is the system's, and how many stores of
# smaller pieces the threads share.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
MMAP_BYTES, ARENAS = 1_000_000, 2
# Gradio's queue adds as much as half a click: only saving goes through it. `Limits` holds for all.
IN_QUEUE = {"concurrency_limit": 2, "show_progress": "hidden", "api_visibility": "private"}
PAST_QUEUE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
NOT_UNDERSTOOD = "The page sent something that is not understood. Please load it again."
INTRODUCTION = """
# Click an object, get its mask
Click on what a mask misses, or with the right button on what does not belong to it.
"""
ABOUT = """
- **Paper**: [Hu et al. (2019), A fully convolutional two-stream fusion network for interactive
image segmentation](https://doi.org/10.1016/j.neunet.2018.10.009)
- **Code**: {code}, Apache-2.0. The graph cut is PyMaxflow's, under the GPL. GrabCut is OpenCV's,
Apache-2.0.
- **Weights**: trained on research data; see the model card before you use masks for anything but
research.
- **Programs and agents**: “Use via API” at the foot of the page.
"""

networks = Networks()
store = SessionStore(networks, Limits(), DEFAULT_PRESET)
# Gradio's name of a page that is open → the visitor's key, the page that came last standing last.
_pages: OrderedDict[str, str] = OrderedDict()


# ---- From the page -----------------------------------------------------------------------------


def answer(event: Any) -> dict[str, Any]:
    """Carry out what happened on the page and say what holds now (see `view_of`).

    Where it cannot be carried out, "message" says why, and nothing has changed. An event that comes
    a second time, because the page had no answer, is not carried out again.

    Args:
        event: what editor.js sent, see `act` there.
    """
    try:
        return _answer(event)
    except InputError as error:  # nobody's turn came
        return {"message": str(error), "isToBeSentAgain": True}
    except Exception:  # the page shall stay alive, whatever happened
        traceback.print_exc()
        return {"message": "Something went wrong here. Please try again, or load the page again."}


def _answer(event: Any) -> dict[str, Any]:
    message, key = None, _key_of(event)
    if key is None:
        return {"message": NOT_UNDERSTOOD}
    with store.use(key, is_visit=event.get("action") != "look") as session:
        photograph, objects = session.photograph, session.objects
        name = str(event.get("id"))[:MAX_EVENT_NAME]
        is_repeated = name == session.last_event
        if not is_repeated:
            try:
                carry_out(session, event)
            except InputError as error:
                message = str(error)
            session.last_event = name
        view = view_of(session)
        now = session.photograph
        if now is not None and (now != photograph or event.get("photograph") != now.number):
            view["picture"] = pictures.photograph_url(session.image)
            view["suggestions"] = EXAMPLES[now.example]["clicks"] if now.example else []
            objects = None
        if now is not None and (session.objects is not objects or is_repeated):
            view["objects"] = pictures.objects_plane(session.object_masks())
    return {**view, "message": message}


def carry_out(session: Session, event: dict[str, Any]) -> None:
    """One event of the page.

    Raises:
        InputError: it cannot be carried out, or is none.
    """
    match event:
        case {"action": "look"}:
            return None
        case {"action": "open", "path": str(path), "name": str(name)}:
            file = uploads.uploaded(path)
            try:
                return session.open(file, name)
            finally:
                uploads.delete(file)
        case {"action": "example", "name": str(example)} if example in EXAMPLES:
            return session.open(EXAMPLES_FOLDER / example, example=example)
        case {"action": "show", "probability": bool(shows_probability)}:
            session.shows_probability = shows_probability
            return None
        case {"action": "rule", "threshold": threshold, "graphCut": graph_cut}:
            return session.set_rule(threshold, graph_cut)
        case {"action": "network", "name": str(name)}:
            return session.set_preset(name)
    photograph = session.photograph
    if photograph is None or event.get("photograph") != photograph.number:
        raise InputError(
            "There is no photograph, or it was put away: nobody had touched it for a while. Please "
            "open one."
        )
    match event:
        case {"action": "click", "x": x, "y": y, "label": label}:
            return session.click(x, y, label)
        case {"action": "remove click", "index": int(index)}:
            return session.remove_click(index)
        case {"action": "choose", "candidate": candidate}:
            return session.choose(candidate)
        case {"action": "undo"}:
            return session.undo()
        case {"action": "redo"}:
            return session.redo()
        case {"action": "reset"}:
            return session.reset()
        case {"action": "next object", "name": str(name)}:
            return session.next_object(name)
        case {"action": "remove object"}:
            return session.remove_object()
        case {"action": "box", "x0": x0, "y0": y0, "x1": x1, "y1": y1}:
            return session.start_from_box(x0, y0, x1, y1)
        case {"action": "start mask", "path": str(path), "name": str(name)}:
            file = uploads.uploaded(path)
            try:
                return session.start_from_mask(file, name)
            finally:
                uploads.delete(file)
    raise InputError(NOT_UNDERSTOOD)


def view_of(session: Session) -> dict[str, Any]:
    """What the page shows beside the photograph, as editor.js reads it."""
    settings = {
        "network": session.preset,
        "threshold": session.threshold,
        "graphCut": session.graph_cut,
        "probability": session.shows_probability,
    }
    if session.photograph is None:
        return {"photograph": None, "settings": settings}
    height, width = session.photograph.size
    mask, prediction = session.mask, session.prediction
    shows_probability = session.shows_probability and prediction is not None
    return {
        "photograph": {"number": session.photograph.number, "width": width, "height": height},
        "mask": None if mask is None else pictures.mask_plane(mask),
        "probability": (
            pictures.probability_plane(prediction.probability) if shows_probability else None
        ),
        "candidate": session.candidate,
        "numCandidates": 0 if prediction is None else len(prediction.candidates),
        "clicks": [(click.col, click.row, int(click.is_positive)) for click in session.clicks],
        "canUndo": session.can_undo,
        "canRedo": session.can_redo,
        "canReset": bool(session.clicks) or session.starts_from_mask,
        "numObjects": len(session.objects),
        "status": status_of(session),
        "settings": settings,
    }


def status_of(session: Session) -> str:
    """One line of text about the present object and the time it took."""
    prediction, number = session.prediction, len(session.clicks)
    if prediction is None:
        height, width = session.photograph.size
        milliseconds = session.encode_seconds * 1000
        return f"{width} × {height} pixels, read in {milliseconds:.0f} ms. Click on the object."
    share = np.count_nonzero(session.mask) / session.mask.size
    if number == 0:
        return f"start mask · {share:.1%} of the photograph"
    times = f"the click took {prediction.click_seconds * 1000:.0f} ms"
    if prediction.encode_seconds:
        times = f"reading took {prediction.encode_seconds * 1000:.0f} ms, {times}"
    return f"{number} click{'s' * (number > 1)} · {share:.1%} of the photograph · {times}"


def _key_of(event: Any) -> str | None:
    """The visitor's key, as the store knows it: never one of a program. None where it is none."""
    match event:
        case {"key": str(key)} if 16 <= len(key) <= 64:
            return f"page {key}"
    return None


def arrived(event: gr.EventData, request: gr.Request) -> None:
    """A page was opened, and says its visitor's key."""
    key = _key_of({"key": event.key})
    if key is not None:
        _pages[request.session_hash] = key
        store.came(key)
    while len(_pages) > MAX_PAGES:
        _pages.popitem(last=False)


def left(request: gr.Request) -> None:
    """A page was closed. The visitor may have it open again already."""
    key = _pages.pop(request.session_hash, None)
    if key is None:
        store.close(request.session_hash)  # a program
    elif key not in _pages.values():
        store.left(key)


def save(event: gr.EventData) -> str:
    """The path of a file of all objects, for the page to download (see `Session.file`)."""
    try:
        kind = event.kind if event.kind in DOWNLOADS else "mask"
        with store.use(_key_of({"key": event.key}) or "") as session:
            content = session.file(kind, str(event.name))
            stem = session.photograph.stem
    except InputError as error:
        raise gr.Error(str(error), title="Nothing to save", print_exception=False) from None
    return str(uploads.saved(content, stem + DOWNLOADS[kind]))


# ---- The page ----------------------------------------------------------------------------------


def build() -> gr.Blocks:
    """The page and its endpoints."""
    with gr.Blocks(title="Click an object, get its mask", analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION, elem_id="introduction")
        canvas = gr.HTML(
            {},
            html_template=(HERE / "editor.html").read_text("utf-8"),
            css_template=joined(CANVAS_FOLDER / "stage.css", HERE / "editor.css"),
            js_on_load=script(),
            apply_default_css=False,
            server_functions=[answer],
            examples=example_buttons(),
            networks=[
                {"name": name, "title": NETWORK_TITLES.get(name, name)} for name in network_names()
            ],
        )
        # The file is made when it is asked for; a hidden button then carries it to the browser.
        carrier = gr.DownloadButton(visible="hidden", elem_id="carrier")
        canvas.save(save, None, carrier, **IN_QUEUE).success(
            None, js="() => document.querySelector('#carrier').click()"
        )
        canvas.arrive(arrived, None, None, **PAST_QUEUE)
        with gr.Accordion("Paper, code, model card, licences", open=False):
            gr.Markdown(ABOUT.format(code=code_link()))
            for name in preset_names():
                with gr.Accordion(f"Model card of {name}", open=False):
                    gr.Markdown(preset_facts(name).model_card)
        Endpoints(store).add()
        page.unload(left)
    return page


def code_link() -> str:
    """Where the code can be read: in the Space that this is, or the package's name."""
    space = os.environ.get("SPACE_ID")
    if space is None:
        return "the package `fctsfn_tf`"
    return f"[the package `fctsfn_tf`](https://huggingface.co/spaces/{space}/tree/main)"


def script() -> str:
    """What gr.HTML runs: the canvas and the page's own part, as the body of one function.

    That is no module, so the canvas' imports and exports are left out.
    """
    text = joined(*(CANVAS_FOLDER / name for name in CANVAS_FILES), HERE / "editor.js")
    return re.sub(r"^(import [^;]*;\n|export )", "", text, flags=re.MULTILINE)


def joined(*files: Path) -> str:
    """The text of files, one after the other."""
    return "\n".join(file.read_text("utf-8") for file in files)


def example_buttons() -> list[dict[str, Any]]:
    """What editor.html shows of the examples."""
    buttons = []
    for name, example in EXAMPLES.items():
        image = read_image(EXAMPLES_FOLDER / name)
        picture = pictures.thumbnail_url(image)
        size = {"height": image.shape[0], "width": image.shape[1]}
        buttons.append({"name": name, "what": example["what"], "picture": picture, **size})
    return buttons


def sweep() -> None:
    """Put away what nobody touches, for ever."""
    while True:
        time.sleep(SWEEP_SECONDS)
        try:
            store.close_idle()
            uploads.sweep()
        except OSError:  # of the disk; the next time may do better
            traceback.print_exc()


def give_memory_back() -> None:
    """Have large arrays go back to the system as soon as nobody needs them.

    glibc keeps what was freed, for each thread its own, so that ten photographs would take the
    memory of thirty.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # other libraries have none
            libc.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
            libc.mallopt(M_ARENA_MAX, ARENAS)


def main() -> None:
    give_memory_back()
    # Loading the network takes a moment: whoever comes earlier waits for it there.
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
    limit = Middleware(
        BodyLimit,
        json_bytes=MAX_REQUEST_BYTES,
        upload_bytes=MAX_FILE_BYTES + 10_000,  # and what is around the file
        has_room=lambda: uploads.num_bytes() < uploads.MAX_BYTES,
    )
    page.launch(
        theme=theme,
        css=(HERE / "page.css").read_text("utf-8"),
        max_file_size=MAX_FILE_BYTES,
        footer_links=["api", "gradio"],
        run_history=False,
        ssr_mode=False,
        mcp_server=True,
        max_threads=MAX_THREADS,
        app_kwargs={"middleware": [limit]},
    )


if __name__ == "__main__":
    main()
