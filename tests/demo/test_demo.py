"""The demo as a Space runs it: a folder of its own, an environment from its requirements alone.

Programs call it through gradio_client, people use it in Chromium. Screenshots go to output/.
"""

import ast
import base64
import configparser
import contextlib
import io
import itertools
import json
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from load_script import load_script
from packaging.requirements import Requirement
from PIL import Image

from fctsfn_tf import Predictor
from fctsfn_tf.files import sha256_of
from fctsfn_tf.images.mask_files import read_mask
from fctsfn_tf.images.png_files import mask_png
from fctsfn_tf.predict.preset_files import CONFIG_FILE, PRESETS_DIRECTORY, preset_facts

ROOT = Path(__file__).resolve().parents[2]
# A Space has the package's presets, not the large ones that lie beside it in a checkout.
IN_THE_SPACE = sorted(path.parent.name for path in PRESETS_DIRECTORY.glob(f"*/{CONFIG_FILE}"))
CAT = ROOT / "examples" / "cat.jpg"
CAT_SIZE = (300, 451)
CAT_CLICKS = [(220, 120, 1), (100, 260, 1), (430, 60, 0)]
EXAMPLES = json.loads((ROOT / "demo" / "examples.json").read_text("utf-8"))["examples"]
SCREENSHOTS = ROOT / "output" / "demo"
START_SECONDS = 300
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def requirement_lines(text):
    return [Requirement(line) for line in text.splitlines() if line and line[0] != "#"]


PINS = {
    one.name.lower(): str(one.specifier).removeprefix("==")
    for one in requirement_lines((ROOT / "demo" / "requirements.txt").read_text("utf-8"))
}


# The folder


@pytest.fixture(scope="session")
def space(tmp_path_factory):
    """A Space's folder, with nothing of the checkout around it."""
    folder = tmp_path_factory.mktemp("space")
    load_script("make_space").make_space(folder, "somebody/clicks")
    return folder


def front_matter(folder):
    text = (folder / "README.md").read_text("utf-8")
    lines = text.split("---\n")[1].splitlines()
    return dict(re.findall(r"(\w+): *(.*)", line)[0] for line in lines if ":" in line)


def test_the_space_says_what_hugging_face_asks_for(space):
    matter = front_matter(space)
    assert matter["sdk"] == "gradio"
    assert matter["sdk_version"] == PINS["gradio"]
    assert matter["python_version"] == '"3.11"'
    assert matter["license"] == "apache-2.0"
    assert len(matter["short_description"]) <= 60
    assert (space / matter["app_file"]).is_file()
    address = "https://huggingface.co/spaces/somebody/clicks/resolve/main/"
    assert (space / matter["thumbnail"].removeprefix(address)).is_file()
    assert (ROOT / "demo" / front_matter(ROOT / "demo")["thumbnail"]).stat().st_size < 200_000


def test_the_space_has_all_it_needs_and_nothing_else(space):
    names = {path.name for path in space.iterdir()}
    ours = {path.name for path in (ROOT / "demo").iterdir() if path.name != "__pycache__"}
    assert names == ours | {"fctsfn_tf", "examples", "canvas", "LICENSE"}
    assert not list(space.rglob("*.pyc"))
    assert (space / "fctsfn_tf" / "presets" / "compact" / "weights.npz").is_file()


def test_a_second_time_replaces_what_is_ours_and_nothing_else(tmp_path):
    make_space = load_script("make_space").make_space
    make_space(tmp_path, None)
    (tmp_path / "fctsfn_tf" / "gone.py").touch()
    (tmp_path / "canvas" / "gone.js").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("theirs")
    make_space(tmp_path, None)
    assert not (tmp_path / "fctsfn_tf" / "gone.py").exists()
    assert not (tmp_path / "canvas" / "gone.js").exists()
    assert (tmp_path / ".git" / "config").read_text() == "theirs"
    with pytest.raises(SystemExit, match="folder of its own"):
        make_space(ROOT, None)


def test_the_first_sight_is_that_of_the_shipped_preset():
    made_from = json.loads((ROOT / "demo" / "examples.json").read_text("utf-8"))
    again = "run: python scripts/make_demo_pictures.py"
    assert made_from["weights_sha256"] == preset_facts().weights_sha256, again
    assert made_from["thumbnail_sha256"] == sha256_of(ROOT / "demo" / "thumbnail.jpg"), again


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_suggested_clicks_give_a_mask(name):
    predictor = Predictor.from_preset()
    predictor.set_image(ROOT / "examples" / name)
    clicks = EXAMPLES[name]["clicks"]
    assert clicks[0][2] == 1
    for number in range(1, len(clicks) + 1):
        mask = predictor.predict([c[:2] for c in clicks[:number]], [c[2] for c in clicks[:number]])
        assert 0.1 < mask.mask.mean() < 0.9


def test_the_requirements_are_those_of_the_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    ranges = config["options"]["install_requires"] + config["options.extras_require"]["demo"]
    wanted = {one.name.lower(): one.specifier for one in requirement_lines(ranges)}
    assert wanted.keys() == PINS.keys()
    for name, specifier in wanted.items():
        assert specifier.contains(PINS[name]), f"{name}=={PINS[name]} is not {specifier}"


def canvas_files():
    """The files of the canvas in the order in which app.py joins them, and their texts."""
    (names,) = re.findall(
        r"^CANVAS_FILES = (\(.*?\))$", (ROOT / "demo" / "app.py").read_text(), re.M
    )
    folder = ROOT / "web" / "src" / "canvas"
    return {name: (folder / name).read_text("utf-8") for name in ast.literal_eval(names)}


def test_the_canvas_can_be_one_script():
    files = canvas_files()
    assert set(files) == {path.name for path in (ROOT / "web" / "src" / "canvas").glob("*.js")}
    declared = []
    before = set()
    for name, text in [*files.items(), ("editor.js", (ROOT / "demo/editor.js").read_text("utf-8"))]:
        imported = re.findall(r'^import \{[^}]*\} from "\./(\S+)";$', text, re.M)
        assert len(imported) == len(re.findall(r"^import\b", text, re.M)), name
        assert before >= set(imported), f"{name} is joined before what it imports"
        assert not re.search(r"^export (?!class|const|function)", text, re.M), name
        declared += re.findall(
            r"^(?:export )?(?:async )?(?:class|const|let|function) (\w+)", text, re.M
        )
        before.add(name)
    assert len(declared) == len(set(declared)), "two things of one name would be one"


@pytest.mark.parametrize(
    "file", ["web/src/canvas/stage.css", "demo/editor.css", "demo/editor.html"]
)
def test_gradios_templates_take_the_file_as_it_stands(file):
    text = (ROOT / file).read_text("utf-8")
    assert not re.search(r"`|\$\{|\\", text)  # it goes through a template literal of JavaScript
    assert file.endswith("html") or "{{" not in text


# The running app


@pytest.fixture(scope="module")
def uploads_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def url(space, uploads_folder, tmp_path_factory):
    """The address of the app, run in its folder by an environment of its requirements alone."""
    environment = load_script("environment")
    directory = environment.prepare(".venv-demo", ["../demo/requirements.txt"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = environment.clean_variables(
        GRADIO_SERVER_PORT=str(port), GRADIO_TEMP_DIR=str(uploads_folder)
    )
    log = tmp_path_factory.mktemp("log") / "app.txt"
    with open(log, "wb") as file:
        command = [environment.program(directory, "python"), "app.py"]
        app = subprocess.Popen(command, cwd=space, env=variables, stdout=file, stderr=file)
    try:
        wait_for(port, app, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(30)
    assert "Task exception was never retrieved" not in log.read_text("utf-8")


def wait_for(port, app, log):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert app.poll() is None, log.read_text("utf-8")[-3000:]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(log.read_text("utf-8")[-3000:])


@pytest.fixture(scope="session")
def cat_masks():
    """The package's own masks of the cat after one, two and three clicks."""
    predictor = Predictor.from_preset()
    predictor.set_image(CAT)
    return [predictor.add_click(*click).mask for click in CAT_CLICKS]


def agree(mask, expected):
    """Whether two masks differ by no more than rounding on another machine's libraries."""
    return mask.shape == expected.shape and (mask != expected).mean() < 0.002


# Programs


@pytest.fixture
def client(url, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    return gradio_client.Client(url, verbose=False, download_files=tmp_path)


def segment(client, points, labels, photograph=CAT, api_name="/segment", **options):
    from gradio_client import handle_file

    def file_of(path):
        return handle_file(str(path))

    if isinstance(photograph, list):
        file = [file_of(path) for path in photograph]
    else:
        file = file_of(photograph) if photograph else None
    if "start_mask" in options:
        options["start_mask"] = file_of(options["start_mask"])
    return client.predict(file, points, labels, api_name=api_name, **options)


def test_the_readmes_example_runs(url, cat_masks, monkeypatch, capsys, tmp_path):
    pytest.importorskip("gradio_client")
    text = (ROOT / "demo" / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert example.count("http://127.0.0.1:7860") == 1
    monkeypatch.chdir(ROOT)
    names = {}
    exec(example.replace("http://127.0.0.1:7860", url), names)
    assert agree(read_mask(names["mask"], *CAT_SIZE), cat_masks[1])
    assert str(names["numbers"]["object_pixels"]) in capsys.readouterr().out


def test_a_longer_list_of_clicks_costs_only_the_new_ones(client, cat_masks):
    _, first = segment(client, [[220, 120]], [1])
    assert first["encode_seconds"] > 0
    mask, second = segment(client, [[220, 120], [100, 260]], [1, 1])
    assert second["encode_seconds"] == 0
    assert agree(read_mask(mask, *CAT_SIZE), cat_masks[1])
    assert second["object_pixels"] == read_mask(mask, *CAT_SIZE).sum()


def test_the_other_endpoints(client, cat_masks):
    assert client.predict(api_name="/presets") == [*IN_THE_SPACE, "grabcut"]
    file, _ = segment(client, [[220, 120]], [1], api_name="/cut_out", threshold=0.5)
    assert agree(np.asarray(Image.open(file))[..., 3] > 0, cat_masks[0])
    _, higher = segment(client, [[220, 120]], [1], threshold=0.9)
    assert higher["object_pixels"] < 0.95 * cat_masks[0].sum()
    _, cut = segment(client, [[220, 120]], [1], graph_cut=True)
    assert 0 < abs(int(cut["object_pixels"]) - int(cat_masks[0].sum())) < 0.1 * cat_masks[0].sum()


def test_two_clients_in_turn_never_meet(url, client, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    other = gradio_client.Client(url, verbose=False, download_files=tmp_path / "other")
    coffee = ROOT / "examples" / "coffee.jpg"
    for count in (1, 2):
        mask, cat = segment(client, [[220, 120], [100, 260]][:count], [1, 1][:count])
        assert (cat["width"], cat["height"]) == (451, 300)
        assert read_mask(mask, 300, 451)[120, 220]
        mask, cup = segment(other, [[150, 260], [290, 90]][:count], [1, 1][:count], coffee)
        assert (cup["width"], cup["height"]) == (600, 400)
        assert read_mask(mask, 400, 600)[260, 150]
        assert (cat["encode_seconds"] > 0) == (cup["encode_seconds"] > 0) == (count == 1)


@pytest.mark.parametrize(
    ("points", "labels", "options", "message"),
    [
        ([], [], {}, "needs a click"),
        ([[1, 2]], [0], {}, "first click must be positive"),
        ([[451, 2]], [1], {}, "inside the image"),
        ([["nan", 2]], [1], {}, "must be numbers"),
        ([[1, 2]] * 101, [1] * 101, {}, "100 clicks"),
        ({"x": 1}, [1], {}, "must be lists"),
        ([[1, 2]], [1], {"preset": "/etc"}, "preset must be one of"),
        ([[1, 2]], [1], {"preset": None}, "preset must be one of"),
        ([[1, 2]], [1], {"threshold": 7}, r"must lie in \[0, 1\)"),
        ([[1, 2]], [1], {"threshold": None}, "must be a number"),
        ([[1, 2]], [1], {"graph_cut": "yes"}, "must be true or false"),
        ([[1, 2]], [1], {"photograph": None}, "no photograph"),
        ([[1, 2]], [1], {"photograph": [CAT, CAT]}, "no photograph. Give one file"),
        ([[1, 2]], [1], {"start_mask": CAT}, "cat.jpg has colours"),
        ([[1, 2]], [1], {"photograph": ROOT / "LICENSE"}, "LICENSE is not an image"),
    ],
)
def test_bad_calls_are_told_why(client, points, labels, options, message):
    with pytest.raises(Exception, match=message) as caught:
        segment(client, points, labels, **options)
    assert "Traceback" not in str(caught.value)
    assert str(ROOT) not in str(caught.value)


def test_a_path_is_no_photograph(http):
    body = {"data": [str(CAT), [[1, 2]], [1], "compact", 0.5, False, None]}
    event = http.post("/gradio_api/call/segment", json=body).json()["event_id"]
    assert (
        "There is no photograph. Give one file"
        in http.get(f"/gradio_api/call/segment/{event}").text
    )


def test_a_program_starts_from_a_mask(client, cat_masks, tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(mask_png(cat_masks[1]))
    mask, numbers = segment(client, [[430, 60]], [0], start_mask=path)
    mask = read_mask(mask, *CAT_SIZE)
    assert not mask[60, 430]
    assert (mask & cat_masks[1]).sum() > 0.9 * (mask | cat_masks[1]).sum()
    assert numbers["object_pixels"] == mask.sum()
    mask, _ = segment(client, [[220, 120]], [1])  # and no longer
    assert agree(read_mask(mask, *CAT_SIZE), cat_masks[0])


def test_several_objects_come_as_an_index_and_as_coco(client, cat_masks):
    from gradio_client import handle_file

    objects = [
        {"name": "cat", "points": [[220, 120], [100, 260]], "labels": [1, 1]},
        {"name": "wall", "points": [[430, 60]], "labels": [1]},
    ]
    for _ in range(2):  # the second time over the objects of the first
        file, coco = client.predict(handle_file(str(CAT)), objects, api_name="/annotate")
        index = np.asarray(Image.open(file))
        assert agree(index == 1, cat_masks[1] & (index != 2))
        assert index[60, 430] == 2
        assert [one["name"] for one in coco["categories"]] == ["cat", "wall"]
        assert [one["category_id"] for one in coco["annotations"]] == [1, 2]
        assert coco["images"][0] | {"width": 451, "height": 300} == coco["images"][0]
    for wrong in ([], None, [{"name": "cat"}], [1]):
        with pytest.raises(Exception, match="Objects must be a list"):
            client.predict(handle_file(str(CAT)), wrong, api_name="/annotate")
    with pytest.raises(Exception, match="needs a click"):
        client.predict(
            handle_file(str(CAT)),
            [{**objects[0], "points": [], "labels": []}],
            api_name="/annotate",
        )


def test_the_schemas_say_what_goes_in(http):
    tools = {one["name"]: one for one in http.get("/gradio_api/mcp/schema").json()}
    assert tools.keys() == {"segment", "cut_out", "annotate", "presets"}
    given = tools["segment"]["inputSchema"]["properties"]
    assert given["points"]["items"]["prefixItems"] == [{"type": "number"}] * 2
    assert given["labels"]["items"] == {"enum": [0, 1]}
    assert given["threshold"]["type"] == "number"
    assert given["preset"]["enum"] == [*IN_THE_SPACE, "grabcut"]
    assert given["photograph"]["type"] == given["start_mask"]["type"] == "string"  # an address
    assert tools["segment"]["inputSchema"]["required"] == ["photograph", "points", "labels"]
    for name, one in given.items():
        assert one["description"].endswith((".", "optional.", ")")), name
    (one,) = [tools["annotate"]["inputSchema"]["properties"]["objects"]["items"]]
    assert one["required"] == ["name", "points", "labels"]


def test_an_agent_uses_the_tools(url, cat_masks):
    """Over MCP, by a program in the Space's own environment, which has the client."""
    python = load_script("environment").program(ROOT / ".venv-demo", "python")
    answer = subprocess.run(
        [python, "-c", AGENT, f"{url}/gradio_api/mcp/", CAT], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    kind, picture, numbers, refusal = json.loads(answer.stdout)
    assert kind == "image"
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)))) > 0
    assert agree(mask, cat_masks[0])
    assert f"'object_pixels': {int(mask.sum())}" in numbers
    assert "first click must be positive" in refusal


AGENT = """
import asyncio, base64, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

async def main(url, path):
    photograph = "data:image/jpeg;base64," + base64.b64encode(open(path, "rb").read()).decode()
    async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as agent:
        await agent.initialize()
        asked = {"photograph": photograph, "points": [[220, 120]], "labels": [1]}
        answer = (await agent.call_tool("segment", asked)).content
        refusal = (await agent.call_tool("segment", {**asked, "labels": [0]})).content[0].text
        numbers = [one.text for one in answer if one.type == "text"][-1]
        print(json.dumps([answer[0].type, answer[0].data, numbers, refusal]))

asyncio.run(main(*sys.argv[1:]))
"""


# What nobody may do


@pytest.mark.parametrize(
    "address", ["/gradio_api/component_server/", "/gradio_api/call/segment", "/gradio_api/mcp/"]
)
def test_a_body_that_is_too_long_is_not_parsed(http, address):
    points = b'{"data": [[' + b"[1, 2], " * 1_000_000 + b"[1, 2]]]}"
    headers = {"Content-Type": "application/json"}

    def pieces():
        for start in range(0, len(points), 100_000):
            yield points[start : start + 100_000]

    for content in (points, pieces()):  # with a length, and without
        try:
            answer = http.post(address, content=content, headers=headers)
        except httpx_errors():  # the server has hung up before all was sent
            continue
        assert answer.status_code == 413
        assert "250 kB" in answer.text


def httpx_errors():
    import httpx

    return (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError)


def test_an_upload_that_is_too_long_is_refused(http):
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(10**8)}
    with contextlib.suppress(httpx_errors()):
        answer = http.post("/gradio_api/upload", headers=headers, content=b"x" * 10**8)
        assert answer.status_code == 413
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = http.post("/gradio_api/upload", headers=headers, content=iter([b"--x--"]))
    assert answer.status_code == 411


def test_what_was_sent_is_deleted_once_it_is_read(visitor, uploads_folder):
    path = visitor.upload("unique name 4711.jpg", CAT.read_bytes())
    assert list(uploads_folder.rglob("*4711*"))
    assert visitor.act(action="open", path=path, name="cat.jpg")["photograph"]["width"] == 451
    assert not list(uploads_folder.rglob("*4711*"))
    path = visitor.upload("unique name 4712.jpg", b"no picture")
    assert "cat.jpg is not" in visitor.act(action="open", path=path, name="cat.jpg")["message"]
    assert not list(uploads_folder.rglob("*4712*"))


def test_an_event_that_comes_twice_is_carried_out_once(visitor):
    number = visitor.act(action="example", name="cat.jpg")["photograph"]["number"]
    click = {"action": "click", "x": 220, "y": 120, "label": 1, "photograph": number, "id": "7"}
    first = visitor.act(**click)
    assert "picture" not in first
    again = visitor.act(**click)
    assert again["clicks"] == first["clicks"]
    assert again["mask"] == first["mask"]
    lost = visitor.act(**{**click, "photograph": None, "id": "8", "action": "look"})
    assert lost["picture"].startswith("data:image/jpeg")


SECRETS = ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ"]
SECRETS.append(Path(SECRETS[0]).as_uri())


@pytest.fixture
def http(url):
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=url, timeout=60) as http:
        yield http


@pytest.mark.parametrize("path", [*SECRETS, "app.py", str(CAT)])
def test_no_file_is_readable_that_was_not_sent(http, path):
    answer = http.get(f"/gradio_api/file={path}")
    assert answer.status_code in (403, 404)
    for file in (
        {"path": path, "meta": {"_type": "gradio.FileData"}},
        {"path": "x.png", "url": path, "meta": {"_type": "gradio.FileData"}},
    ):
        body = {"data": [file, [[1, 2]], [1], "compact", 0.5, False]}
        event = http.post("/gradio_api/call/segment", json=body).json()["event_id"]
        text = http.get(f"/gradio_api/call/segment/{event}").text
        assert "event: error" in text
        assert "root:" not in text


class Visitor:
    """Sends what the page sends, without a browser."""

    def __init__(self, http, name):
        self.http, self.key = http, name.rjust(16, "-")[-64:]
        components = http.get("/config").json()["components"]
        self.canvas = next(one["id"] for one in components if one["type"] == "html")
        self.count = itertools.count()

    def post(self, event):
        body = {
            "component_id": self.canvas,
            "fn_name": "answer",
            "data": event,
            "session_hash": self.key,
        }
        headers = {"Content-Type": "application/json"}
        # Python's json writes NaN, which other writers refuse.
        address = "/gradio_api/component_server/"
        return self.http.post(address, content=json.dumps(body), headers=headers)

    def act(self, **event):
        answer = self.post({"id": f"{self.key} {next(self.count)}", "key": self.key, **event})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, name, content):
        files = {"files": (name, content)}
        return self.http.post("/gradio_api/upload", files=files).json()[0]


@pytest.fixture
def visitor(http, request):
    return Visitor(http, request.node.name)


@pytest.mark.parametrize("path", [*SECRETS, str(CAT), "\0", "x" * 5000, ""])
def test_the_page_opens_nothing_that_was_not_sent(visitor, path):
    answer = visitor.act(action="open", path=path, name="x.png")
    assert "not uploaded" in answer["message"]
    assert "root:" not in str(answer)


def bomb():
    """A PNG of 200 megapixels in a few kilobytes."""
    file = io.BytesIO()
    Image.new("1", (20_000, 10_000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.jpg", lambda: b"no picture", r"notes\.jpg is not an image"),
        ("bomb.png", bomb, "more than 52,428,800 pixels"),
        ("cut.jpg", lambda: CAT.read_bytes()[:5000], "broken or cut off"),
        ("empty.png", lambda: b"", "empty"),
    ],
)
def test_files_that_are_no_photographs(visitor, name, content, message):
    visitor.act(action="example", name="cat.jpg")
    answer = visitor.act(action="open", path=visitor.upload(name, content()), name=name)
    assert re.search(message, answer["message"])
    assert "/" not in answer["message"]
    assert answer["photograph"]["width"] == 451


def test_events_that_are_none(visitor):
    number = visitor.act(action="example", name="cat.jpg")["photograph"]["number"]
    for event in (
        {"action": "click", "x": "a", "y": None, "label": [1]},
        {"action": "click", "x": float("nan"), "y": 1, "label": 1},
        {"action": "click"},
        {"action": "remove click", "index": -1},
        {"action": "open"},
        {"action": "example", "name": "../cat.jpg"},
        {"action": "__init__"},
    ):
        answer = visitor.act(photograph=number, **event)
        assert answer["message"]
        assert answer["clicks"] == []
    for event in (None, [1], "click"):
        assert visitor.post(event).json()["message"]


def test_a_photograph_that_was_put_away_takes_no_clicks(http, visitor):
    number = visitor.act(action="example", name="cat.jpg")["photograph"]["number"]
    click = {"action": "click", "x": 220, "y": 120, "label": 1}
    assert visitor.act(**click, photograph=number)["mask"]
    answer = Visitor(http, "somebody else").act(**click, photograph=number)
    assert "put away" in answer["message"]
    assert answer["photograph"] is None
    newer = visitor.act(action="example", name="cat.jpg")["photograph"]["number"]
    assert "put away" in visitor.act(**click, photograph=number)["message"]
    assert visitor.act(**click, photograph=newer)["message"] is None


# People


# Closed after this module: processes that later tests fork would keep its pipes open for ever.
@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser
        browser.close()


class Page:
    """The page in a browser window; (x, y) are pixels of the photograph."""

    def __init__(self, window, url):
        self.window = window
        self.hosts, self.errors, self.sent = set(), [], []
        window.on("request", self._note)
        window.on("pageerror", lambda error: self.errors.append(str(error)))
        window.goto(url)
        window.wait_for_selector(".stage", state="attached")

    def _note(self, request):
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(request.url.split("/")[2])
        if request.url.endswith("/component_server/"):
            self.sent.append(request.post_data_json["data"])

    def text(self, selector):
        return self.window.locator(selector).text_content().strip()

    @contextmanager
    def answered(self):
        """Waits until what the block starts was answered and shown."""
        with self.window.expect_response(lambda one: one.url.endswith("/component_server/")):
            yield
        self.window.wait_for_function("() => !document.querySelector('.stage.busy')")

    def open(self, path):
        with self.answered():
            self.window.set_input_files("input.photo", str(path))

    def at(self, x, y, size):
        """The place on the screen of a pixel's centre, in a photograph of (height, width)."""
        box = self.window.locator(".stage").bounding_box()
        return (
            box["x"] + (x + 0.5) / size[1] * box["width"],
            box["y"] + (y + 0.5) / size[0] * box["height"],
        )

    def click(self, x, y, size=CAT_SIZE, button="left"):
        with self.answered():
            self.window.mouse.click(*self.at(x, y, size), button=button)

    def tap(self, x, y, size=CAT_SIZE):
        self.window.locator(".stage").scroll_into_view_if_needed()
        with self.answered():
            self.window.touchscreen.tap(*self.at(x, y, size))

    def press(self, name):
        with self.answered():
            self.window.get_by_role("button", name=name).click()

    def key(self, key):
        with self.answered():
            self.window.keyboard.press(key)

    def canvas(self):
        """What the canvas shows, as the bytes of a PNG.

        A frame's callbacks run before its observers of sizes do: a canvas whose photograph changed
        just now takes its new size at the end of the first frame.
        """
        url = self.window.evaluate(
            "new Promise(requestAnimationFrame)"
            ".then(() => new Promise(requestAnimationFrame))"
            ".then(() => document.querySelector('.stage').toDataURL())"
        )
        return base64.b64decode(url.split(",")[1])

    def colour(self, x, y, size=CAT_SIZE):
        """The (red, green, blue) that a pixel of the photograph is shown in."""
        picture = np.asarray(Image.open(io.BytesIO(self.canvas())).convert("RGB")).astype(int)
        height, width = picture.shape[:2]
        return picture[int((y + 0.5) / size[0] * height), int((x + 0.5) / size[1] * width)]

    def shot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.window.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def download(self, name):
        with self.window.expect_download() as waiting:
            self.window.get_by_role("button", name=name).click()
        download = waiting.value
        return download.suggested_filename, Path(download.path())


@contextmanager
def opened(browser, url, **options):
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        yield Page(context.new_page(), url)
    finally:
        context.close()


@pytest.fixture(scope="module")
def leaver(browser, url):
    """The key of a visitor who opened a photograph, and closed the page."""
    with opened(browser, url) as page:
        page.open(CAT)
        return page.sent[-1]["key"]


@pytest.mark.usefixtures("leaver")  # who has left when the last test asks
def test_a_visit_at_a_desk(browser, url, cat_masks):
    with opened(browser, url) as page:
        page.open(CAT)
        page.click(220, 120)
        first = page.text(".status")
        assert first.startswith("1 click")
        assert f"{cat_masks[0].mean():.1%}" in first
        page.click(100, 260)
        assert page.text(".status").startswith("2 clicks")
        page.shot("two_clicks")
        page.press("Undo")
        assert page.text(".status").startswith("1 click ·")
        page.press("Redo")
        page.click(430, 60, button="right")
        assert page.sent[-1]["label"] == 0
        page.press("Next object")
        assert page.window.get_by_role("button", name="Next object").is_disabled()
        page.click(430, 60)
        page.shot("second_object")
        name, path = page.download("Objects")
        assert name == "cat.objects.png"
        index = np.asarray(Image.open(path))
        assert index.shape == CAT_SIZE
        assert (index[120, 220], index[260, 100], index[60, 430]) == (1, 1, 2)
        assert agree(index == 1, cat_masks[2] & (index != 2))
        name, path = page.download("COCO")
        assert [one["id"] for one in json.loads(path.read_text())["annotations"]] == [1, 2]
        name, path = page.download("Cut-out")
        np.testing.assert_array_equal(np.asarray(Image.open(path))[..., 3] > 0, index > 0)
        page.press("Remove object")
        page.press("Clear")
        assert page.text(".status").startswith("451 × 300 pixels")
        assert page.hosts == {url.removeprefix("http://")}
        assert page.errors == []


def test_a_visit_on_a_phone(browser, url):
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
    with opened(browser, url, **phone) as page:
        with page.answered():
            page.window.get_by_role("button", name="Example: a cup of coffee").tap()
        clicks = EXAMPLES["coffee.jpg"]["clicks"]
        for _ in clicks:
            page.press("Make the suggested click")
        assert [[one["x"], one["y"], one["label"]] for one in page.sent[-len(clicks) :]] == clicks
        assert page.window.get_by_role("button", name="Make the suggested click").is_hidden()
        page.window.get_by_role("radio", name="Not on it").tap()
        page.tap(20, 20, (400, 600))
        assert page.sent[-1]["label"] == 0
        width = page.window.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1]
        page.shot("phone")
        page.open(CAT)
        page.window.get_by_role("radio", name="On the object").tap()
        page.tap(220, 120)
        assert page.text(".status").startswith("1 click ·")
        page.press("Undo")
        assert page.text(".status").startswith("451 × 300 pixels")
        page.press("Redo")
        page.press("Next object")
        page.tap(430, 60)
        page.shot("phone_second_object")
        _, path = page.download("Objects")
        index = np.asarray(Image.open(path))
        assert (index[120, 220], index[60, 430]) == (1, 2)
        assert page.errors == []


@pytest.mark.parametrize(
    ("size", "zoom"),
    [((900, 400), 1), ((300, 1200), 1.5), ((9, 14), 1), ((3000, 4000), 0.8)],
    ids=["portrait", "panorama, zoomed", "tiny", "12 megapixels, zoomed out"],
)
def test_clicks_land_on_the_pixel_that_was_hit(browser, url, tmp_path, size, zoom):
    height, width = size
    path = tmp_path / "photograph.jpg"
    Image.fromarray(np.full((*size, 3), 128, np.uint8)).save(path)
    with opened(browser, url) as page:
        page.open(path)
        page.window.evaluate(f"document.documentElement.style.zoom = {zoom}")
        page.window.evaluate("window.scrollBy(0, 40)")
        page.window.wait_for_timeout(100)
        shown = page.window.locator(".stage").bounding_box()
        assert shown["width"] / shown["height"] == pytest.approx(width / height, rel=0.02)
        for x, y in [(width // 3, height // 2), (width - 1, height - 1), (0, height // 4)]:
            page.click(x, y, size)
            sent = page.sent[-1]
            assert abs(sent["x"] - x) <= 1.5 * width / shown["width"]
            assert abs(sent["y"] - y) <= 1.5 * height / shown["height"]


def test_zoomed_and_moved_a_click_still_hits_its_pixel(browser, url):
    with opened(browser, url) as page:
        page.open(CAT)
        x, y = page.at(300, 100, CAT_SIZE)
        whole = page.canvas()
        page.window.mouse.move(x, y)
        page.window.mouse.wheel(0, -600)
        assert page.canvas() == whole  # the page scrolls, until somebody works on the photograph
        page.click(220, 120)
        page.window.mouse.move(x, y)
        page.window.mouse.wheel(0, -600)
        page.window.wait_for_timeout(100)
        zoomed = page.canvas()
        page.window.mouse.down()
        page.window.mouse.move(x - 90, y - 60, steps=4)
        page.window.mouse.up()
        assert page.canvas() != zoomed
        assert len(page.sent) == 2
        with page.answered():
            page.window.mouse.click(x - 90, y - 60)
        sent = page.sent[-1]
        assert abs(sent["x"] - 300) <= 1
        assert abs(sent["y"] - 100) <= 1
        page.shot("zoomed")
        page.window.get_by_role("button", name="Whole photo").click()
        page.click(100, 260)
        assert page.sent[-1]["x"] == pytest.approx(100, abs=1)


def test_two_fingers_zoom_and_one_scrolls(browser, url):
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
    with opened(browser, url, **phone) as page:
        page.open(CAT)
        page.window.locator(".stage").scroll_into_view_if_needed()
        touch = page.window.context.new_cdp_session(page.window)

        def fingers(kind, *points):
            places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        def drag_upwards(x, y):
            fingers("touchStart", (x, y))
            for step in range(1, 9):
                fingers("touchMove", (x, y - 15 * step))
            fingers("touchEnd")

        x, y = page.at(220, 120, CAT_SIZE)
        whole = page.canvas()
        fingers("touchStart", (x - 30, y))
        fingers("touchStart", (x - 30, y), (x + 30, y))
        for distance in (40, 50, 60, 75):
            fingers("touchMove", (x - distance, y), (x + distance, y))
        fingers("touchEnd")
        assert page.canvas() != whole
        with page.answered():
            page.window.touchscreen.tap(x, y)
        assert page.sent[-1]["x"] == pytest.approx(220, abs=1)
        assert page.sent[-1]["y"] == pytest.approx(120, abs=1)
        page.shot("phone_zoomed")
        clicked = page.canvas()
        drag_upwards(x, y)
        assert page.canvas() != clicked
        assert page.window.evaluate("scrollY") == 0
        # Chromium makes no click of a tap that follows a drag more quickly than a finger can.
        page.window.wait_for_timeout(1000)
        page.window.get_by_role("button", name="Whole photo").tap()
        page.window.wait_for_function(
            "getComputedStyle(document.querySelector('.stage')).touchAction !== 'none'"
        )
        page.window.evaluate("scrollTo(0, 0)")
        drag_upwards(x, y)
        page.window.wait_for_function("scrollY > 50")
        assert [one["action"] for one in page.sent] == ["open", "click"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_by_day_and_by_night(browser, url, scheme):
    with opened(browser, url, color_scheme=scheme) as page:
        page.shot(f"empty_{scheme}")
        page.press("Example: a cat")
        page.click(220, 120)
        page.click(430, 60, button="right")
        for summary in ("Start from a box or a mask", "Settings"):
            page.window.get_by_text(summary).click()
        page.shot(f"clicks_{scheme}")
        assert contrast(page, ".status") > 4.5
        assert contrast(page, ".help") > 4.5


def contrast(page, selector):
    """WCAG's, of a text with the page behind it."""
    text, behind = page.window.evaluate(
        """selector => [getComputedStyle(document.querySelector(selector)).color,
        getComputedStyle(document.body).backgroundColor]""",
        selector,
    )
    levels = []
    for colour in (text, behind):
        rgb = np.array(re.findall(r"[\d.]+", colour)[:3], float) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        levels.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(levels) / min(levels)


def test_a_double_click_is_one_click(browser, url):
    with opened(browser, url) as page:
        page.open(CAT)
        with page.answered():
            page.window.mouse.dblclick(*page.at(220, 120, CAT_SIZE))
        page.click(100, 260)
        assert [one["action"] for one in page.sent] == ["open", "click", "click"]
        assert page.text(".status").startswith("2 clicks")


@pytest.mark.parametrize(
    "size", [(1366, 768), (1366, 625), (390, 844)], ids=["desk", "laptop", "phone"]
)
def test_in_a_spaces_frame_nothing_grows_or_hides(browser, url, size, tmp_path):
    """Hugging Face shows a Space in a frame that it makes as high as what is in it."""
    path = tmp_path / "portrait.jpg"
    Image.fromarray(np.full((900, 600, 3), 128, np.uint8)).save(path)
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height})
    outer = context.new_page()
    style = "width: 100%; height: 591px; border: 0"
    outer.set_content(f'<body style="margin: 0"><iframe src="{url}" style="{style}">')
    frame = outer.frames[1]
    frame.wait_for_selector(".stage", state="attached")

    def answered(work):
        with outer.expect_response(lambda one: one.url.endswith("/component_server/")):
            work()
        frame.wait_for_function("() => !document.querySelector('.stage.busy')")
        for _ in range(2):  # as Hugging Face's page does
            inner = frame.evaluate("document.documentElement.scrollHeight")
            outer.evaluate(f"document.querySelector('iframe').style.height = '{inner}px'")
            frame.evaluate("new Promise(requestAnimationFrame)")

    heights = []
    for number, x in enumerate([50, 90, 50, 90]):
        if number % 2 == 0:
            answered(lambda: frame.set_input_files("input.photo", str(path)))
            frame.wait_for_selector(".stage:visible")
        answered(lambda x=x: frame.locator(".stage").click(position={"x": x, "y": 50 + x}))
        heights.append(frame.locator(".stage").bounding_box()["height"])
    assert len(set(heights)) == 1
    answered(lambda: frame.get_by_role("button", name="Clear").click())
    answered(lambda: frame.locator(".stage").click(position={"x": 9, "y": 9}, button="right"))
    outer.evaluate("scrollTo(0, 0)")
    stage, *others = [
        frame.locator(selector).first.bounding_box()
        for selector in (".stage", ".message", "button[data-action=undo]", ".opacity", ".examples")
    ]
    name = "-".join(map(str, size))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    outer.screenshot(path=SCREENSHOTS / f"frame_{name}.png")
    context.close()
    assert stage["y"] + stage["height"] < height
    if width > height:
        for box in others:
            assert box["y"] + box["height"] < height
    else:  # the photograph comes first
        message, *below = others
        assert message["y"] < stage["y"] + stage["height"]
        assert all(box["y"] > stage["y"] for box in below)


def test_the_empty_page_invites_a_click(browser, url):
    with opened(browser, url) as page:
        page.shot("empty")
        large = page.window.get_by_role("button", name="Click in an astronaut")
        box = large.locator("img").bounding_box()
        assert box["height"] > 150
        with page.answered():
            page.window.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.55 * box["height"])
        page.window.wait_for_function(
            "() => document.querySelector('.status').textContent.startsWith('1 click')"
        )
        sent = page.sent[-1]
        assert (sent["action"], sent["label"]) == ("click", 1)
        assert abs(sent["x"] - 205) <= 2
        assert abs(sent["y"] - 282) <= 2


def test_a_failed_answer_is_said_at_once_and_nothing_is_lost(browser, url):
    with opened(browser, url) as page:
        page.open(CAT)
        page.window.route("**/component_server/", lambda route: route.fulfill(status=503))
        page.window.mouse.click(*page.at(220, 120, CAT_SIZE))
        page.window.get_by_text("The server does not answer").wait_for()
        page.window.mouse.click(*page.at(100, 260, CAT_SIZE))
        page.window.keyboard.press("Control+z")
        page.window.unroute("**/component_server/")
        page.window.mouse.click(*page.at(60, 200, CAT_SIZE))
        page.window.wait_for_function("() => !document.querySelector('.stage.busy')")
        assert page.text(".status").startswith("2 clicks")
        assert not page.window.locator(".message").is_visible()
        done = list({one["id"]: one for one in page.sent}.values())
        assert [one["action"] for one in done] == ["open", "click", "click", "undo", "click"]


def test_an_answer_that_is_lost_is_not_carried_out_twice(browser, url):
    with opened(browser, url) as page:
        seen = []

        def lose_every_first(route):
            name = route.request.post_data_json["data"]["id"]
            if name in seen:
                route.continue_()
            else:
                seen.append(name)
                route.fetch()
                route.abort()

        page.window.route("**/component_server/", lose_every_first)
        page.window.set_input_files("input.photo", str(CAT))
        page.window.wait_for_selector(".stage:visible")
        page.window.mouse.click(*page.at(220, 120, CAT_SIZE))
        page.window.wait_for_function(
            "() => document.querySelector('.status').textContent.startsWith('1 click ')"
        )
        assert [one["action"] for one in page.sent] == ["open"] * 2 + ["click"] * 2


def test_m_asks_for_another_mask_of_the_first_click(browser, url):
    """The shipped networks have none, so the answers are made to say that there are."""
    with opened(browser, url) as page:
        page.open(CAT)
        page.click(220, 120)
        other = page.window.get_by_role("button", name="Another mask")
        assert other.is_hidden()

        def with_candidates(route):
            sent = route.request.post_data_json["data"]
            answer = route.fetch().json()
            candidate = sent.get("candidate", 0)
            route.fulfill(json={**answer, "message": None, "candidate": candidate, **several})

        several = {"numCandidates": 2}
        page.window.route("**/component_server/", with_candidates)
        page.key("Control+z")
        page.click(220, 120)
        assert other.is_visible()
        for way in (
            lambda: page.key("m"),
            lambda: page.press("Another mask"),
            lambda: page.key("m"),
        ):
            way()
        chosen = [one["candidate"] for one in page.sent if one["action"] == "choose"]
        assert chosen == [1, 2, 0]
        assert page.errors == []


def test_clear_and_examples_can_be_undone_and_a_reload_brings_all_back(browser, url):
    with opened(browser, url) as page:
        page.open(CAT)
        page.click(220, 120)
        page.press("Clear")
        page.window.get_by_label("Show").focus()
        page.key("Control+z")
        assert page.text(".status").startswith("1 click ")
        page.press("Example: a cup of coffee")
        page.click(300, 150, (400, 600))
        coffee = page.sent[-1]["photograph"]
        page.key("Control+z")
        page.window.get_by_label("Opacity").focus()
        page.key("Control+z")
        assert page.text(".status").startswith("1 click ")
        shown = page.canvas()
        with page.answered():
            page.window.reload()
        page.window.wait_for_selector(".stage:visible")
        assert page.text(".status").startswith("1 click ")
        assert page.canvas() == shown
        page.key("Control+y")
        page.key("Control+y")
        assert page.text(".status").startswith("1 click ")
        page.press("Clear")
        assert page.sent[-1]["photograph"] == coffee
        copy = page.window.context.new_page()  # somebody else, even in this browser
        copy.goto(url)
        copy.wait_for_selector(".stage", state="attached")
        assert copy.locator(".status").text_content() == "No photograph yet."


def test_a_box_a_mask_and_what_lies_behind(browser, url, cat_masks, tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(mask_png(cat_masks[1]))
    with opened(browser, url) as page:
        page.open(CAT)
        page.window.get_by_text("Start from a box or a mask").click()
        page.window.get_by_role("button", name="Draw a box").click()
        with page.answered():
            page.window.mouse.move(*page.at(20, 10, CAT_SIZE))
            page.window.mouse.down()
            page.window.mouse.move(*page.at(200, 200, CAT_SIZE), steps=3)
            page.shot("box")
            page.window.mouse.move(*page.at(390, 290, CAT_SIZE), steps=3)
            page.window.mouse.up()
        sent = page.sent[-1]
        box = [sent[name] for name in ("x0", "y0", "x1", "y1")]
        assert np.abs(np.subtract(box, (20, 10, 390, 290))).max() <= 1
        page.key("Control+z")
        with page.answered():
            page.window.set_input_files("input.mask", str(path))
        assert page.text(".status").startswith(f"start mask · {cat_masks[1].mean():.1%}")
        page.window.get_by_label("Show").select_option("cutout")
        squares = page.colour(430, 60)
        page.window.locator("select.background").select_option("colour")
        page.window.get_by_label("Colour of the background").fill("#ff0000")
        assert tuple(page.colour(430, 60)) == (255, 0, 0)
        page.window.set_input_files("input.backdrop", str(ROOT / "examples" / "coffee.jpg"))
        page.window.wait_for_timeout(300)
        assert max(page.colour(430, 60)) < 200 < min(squares)
        page.shot("cutout")
        page.window.get_by_label("Show").select_option("probability")
        assert page.window.locator(".legend").is_visible()
        page.window.get_by_text("Settings").click()
        with page.answered():
            page.window.get_by_label("Network").select_option("grabcut")
        assert "Take a network to go on from a mask" in page.text(".message")
        page.press("Clear")
        with page.answered():
            page.window.get_by_label("Network").select_option("grabcut")
        page.click(220, 120)
        assert page.text(".status").startswith("1 click ")
        assert page.errors == []


def test_the_keyboard_is_enough(browser, url):
    with opened(browser, url) as page:
        page.window.get_by_role("button", name="Example: a cat").focus()
        page.key("Enter")
        page.window.locator(".stage").focus()
        for _ in range(5):
            page.window.keyboard.press("ArrowLeft")
        page.window.keyboard.press("ArrowDown")
        for _ in range(9):
            page.window.keyboard.press("Shift+ArrowUp")  # by a pixel
        page.key("Enter")
        assert (page.sent[-1]["x"], page.sent[-1]["y"], page.sent[-1]["label"]) == (180, 150, 1)
        page.key("Delete")
        assert page.sent[-1]["label"] == 0
        page.key("u")
        page.key("r")
        page.key("Control+z")
        page.key("Control+y")
        assert [one["action"] for one in page.sent[-4:]] == ["undo", "redo", "undo", "redo"]
        page.key("u")
        page.key("o")
        assert page.sent[-1]["action"] == "next object"
        page.key("x")
        name = page.window.get_by_label("Name of the object")
        name.fill("")
        name.press_sequentially("ur")
        assert name.input_value() == "ur"
        assert page.sent[-1]["action"] == "remove object"


def test_marks_views_and_settings(browser, url):
    with opened(browser, url) as page:
        page.open(CAT)
        page.click(220, 120)
        page.click(100, 260)
        page.click(221, 121)  # a mark
        assert page.sent[-1] | {"id": 0} == page.sent[-1] | {"id": 0, "action": "remove click"}
        assert page.text(".status").startswith("1 click ·")
        shown = page.canvas()
        page.window.get_by_text("Settings").click()
        with page.answered():
            page.window.get_by_label("Graph cut").check()
        assert page.canvas() != shown
        with page.answered():
            page.window.get_by_label("Graph cut").uncheck()
        assert page.canvas() == shown
        with page.answered():
            page.window.get_by_label("Threshold").fill("0.9")
        assert page.canvas() != shown
        shown = page.canvas()
        with page.answered():
            page.window.get_by_label("Show").select_option("probability")
        # Dark violet far from the object, light yellow in its middle, which the photograph is not.
        red, green, blue = page.colour(430, 60)
        assert blue > red > green
        red, green, blue = page.colour(200, 200)
        assert min(red, green) > 180
        assert min(red, green) > blue + 30
        page.shot("probability")
        opaque = page.canvas()
        page.window.get_by_label("Opacity").fill("20")
        assert page.canvas() != opaque
        page.window.get_by_label("Opacity").fill("55")
        for view in ("cutout", "photograph"):
            with page.answered() if view == "cutout" else nullcontext():
                page.window.get_by_label("Show").select_option(view)
            assert page.canvas() not in (shown, opaque)
        page.window.get_by_label("Show").select_option("mask")
        assert page.canvas() == shown


def test_an_answer_that_cannot_be_shown_does_not_stop_the_page(browser, url):
    def spoil(route):
        answer = route.fetch()
        content = answer.json()
        content["mask"]["data"] = "AAAA"
        route.fulfill(response=answer, json=content)

    with opened(browser, url) as page:
        page.open(CAT)
        page.window.route("**/component_server/", spoil)
        page.click(220, 120)
        assert "could not be shown" in page.text(".message")
        page.window.unroute("**/component_server/")
        page.click(100, 260)
        assert page.text(".status").startswith("2 clicks")
        assert not page.window.locator(".message").is_visible()


def test_the_page_explains_what_it_cannot_use(browser, url, tmp_path):
    with opened(browser, url) as page:
        page.window.get_by_role("button", name="Mask (PNG)").click()
        page.window.get_by_text("There is no photograph yet").wait_for()
        path = tmp_path / "text.png"
        path.write_text("no picture")
        page.open(path)
        assert "text.png is not an image" in page.text(".message")
        page.open(CAT)
        assert not page.window.locator(".message").is_visible()
        page.click(220, 120, button="right")
        assert "Click on the object first" in page.text(".message")
        page.click(220, 120)
        assert not page.window.locator(".message").is_visible()
        assert page.errors == []


def test_who_leaves_is_forgotten(leaver, http):
    asking = Visitor(http, leaver)
    until = time.monotonic() + 60
    while asking.act(action="look")["photograph"] is not None:
        assert time.monotonic() < until, "the session is still there"
        time.sleep(0.5)
