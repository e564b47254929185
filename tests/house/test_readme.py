"""The pages tell the truth: their Python runs, their commands parse, paths and names exist."""

import inspect
import json
import re
import shlex
import shutil
import sys
import types
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from fctsfn_tf.commands import cli
from fctsfn_tf.networks.fctsfn import TSLFN
from fctsfn_tf.predict.preset_files import preset_facts
from fctsfn_tf.predict.presets import load_preset, save_preset
from fctsfn_tf.training import recipes

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "demo/README.md",
    "docs/evaluation.md",
    "docs/paper.md",
    "docs/releasing.md",
    "docs/start.md",
    "docs/training.md",
    "examples/README.md",
]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def command_lines(pages: list[str]) -> list[list[str]]:
    """The words of every command of the pages, without comments."""
    return [
        words
        for page in pages
        for block in blocks(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if (words := shlex.split(line, comments=True))
    ]


COMMANDS = command_lines(PAGES)
(PREDICTOR_EXAMPLE,) = blocks("README.md", "python")
(START_EXAMPLE,) = blocks("docs/start.md", "python")
(NETWORK_EXAMPLE,) = blocks("docs/paper.md", "python")
TRAINING_EXAMPLE = blocks("docs/training.md", "python")[0]


def test_the_predictor_example_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(PREDICTOR_EXAMPLE, names)
    prediction = names["prediction"]
    assert prediction.mask.shape == (300, 451)
    assert prediction.mask[120, 220]
    assert not prediction.mask[60, 430]
    assert str(prediction.mask.shape) in capsys.readouterr().out


def test_the_predictor_example_is_eight_lines():
    assert code_lines(PREDICTOR_EXAMPLE) <= 8


def test_the_example_of_the_first_steps_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(START_EXAMPLE, {})


def test_the_readme_is_short_and_has_the_commands_that_set_everything_up():
    assert len(text_of("README.md").splitlines()) < 110
    commands = [words[:2] for words in command_lines(["README.md"])]
    assert ["python3", "scripts/quickstart.py"] in commands
    assert ["python3", "scripts/test.py"] in commands


def test_the_network_example_runs():
    names = {}
    exec(NETWORK_EXAMPLE, names)
    assert len(names["click_part"].inputs) > len(names["image_part"].inputs) == 1


def code_lines(example: str) -> int:
    return len([line for line in example.splitlines() if line])


@pytest.fixture
def photographs(shapes_directory, tmp_path, monkeypatch):
    """A working directory with photographs/, and views small enough for a test."""
    (tmp_path / "photographs").symlink_to(shapes_directory)
    monkeypatch.chdir(tmp_path)
    for name in ("COMPACT_INPUT", "MSRN_INPUT"):
        small = replace(getattr(recipes, name), views=((64, 64, 8),), objects_per_image=1)
        monkeypatch.setattr(recipes, name, small)


def test_the_training_example_runs_in_less_than_ten_lines(
    photographs, eager_steps, no_litert_parts
):
    assert code_lines(TRAINING_EXAMPLE) < 10
    names = {}
    with eager_steps(), no_litert_parts():
        exec(TRAINING_EXAMPLE, names)
    assert len(names["model"].history.history["iou"]) == 10
    names["predictor"].set_image("photographs/images/0.png")
    assert names["predictor"].add_click(40, 30, 1).mask.shape == (60, 90)


def test_the_fit_example_of_the_training_page_runs(photographs, eager_steps, no_litert_parts):
    example = next(text for text in blocks("docs/training.md", "python") if "callbacks=[" in text)
    names = {}
    with eager_steps(), no_litert_parts():
        exec(example, names)
    assert len(names["model"].history.history["val_click_iou"]) == 3
    assert Path("best.weights.h5").is_file()


def test_a_preset_goes_to_the_hub_as_the_training_page_shows_it(
    monkeypatch, tmp_path, no_litert_parts
):
    (example,) = (text for text in blocks("docs/training.md", "python") if "upload_folder" in text)
    sent = {}

    class HfApi:
        """The Hub: what is sent to it can be had from it."""

        def create_repo(self, repo_id, exist_ok):
            sent[repo_id] = tmp_path / "hub"

        def upload_folder(self, repo_id, folder_path):
            shutil.copytree(folder_path, sent[repo_id])

    def snapshot_download(repository, allow_patterns):
        return str(sent[repository])

    hub = types.SimpleNamespace(HfApi=HfApi, snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.chdir(tmp_path)
    with no_litert_parts():
        save_preset(TSLFN(32, alpha=1 / 64), "mine")
        exec(example, {})
    (name,) = set(re.findall(r"hf://[\w/]+", text_of("docs/training.md")))
    loaded, _ = load_preset(name)
    assert loaded.built_by["builder"] == "TSLFN"


def test_the_hub_takes_what_the_training_page_gives_it():
    hub = pytest.importorskip("huggingface_hub")
    inspect.signature(hub.HfApi.create_repo).bind(None, "you/mine", exist_ok=True)
    inspect.signature(hub.HfApi.upload_folder).bind(None, repo_id="you/mine", folder_path="mine")


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if words[0] == "fctsfn"], ids=" ".join
)
def test_fctsfn_commands_parse(words):
    arguments = cli._parser().parse_args(words[1:])
    assert arguments.run is not None


def test_commands_name_files_that_exist():
    named = {
        word for words in COMMANDS for word in words if re.match(r"(scripts|tests|\.ci)/", word)
    }
    assert {"scripts/quickstart.py", "scripts/test.py"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_programs_that_pages_name_exist():
    pages = {*PAGES, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))}
    named = {
        name
        for page in pages - {"CHANGELOG.md"}  # tells of those that are gone, too
        for name in re.findall(r"(?<![\w/])(?:scripts|tests|benchmarks)/[\w/]+\.py", text_of(page))
    }
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    targets = re.findall(r"(?<!!)\[[^]]*\]\(([^)]+)\)", text_of(page))
    local = [target for target in targets if not target.startswith("https://")]
    folder = (ROOT / page).parent
    files = [target.split("#")[0] for target in local]
    assert [target for target in files if not (folder / target).exists()] == []


def test_pictures_exist_and_are_small():
    still, moving = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text_of("README.md"))
    assert (ROOT / still).stat().st_size < 300_000
    assert (ROOT / moving).stat().st_size < 1_000_000


@pytest.mark.parametrize("script", ["make_readme_pictures", "make_figures"])
def test_pictures_are_of_the_shipped_preset(script):
    facts = json.loads((ROOT / "docs" / "images" / f"{script}.json").read_text("utf-8"))
    again = f"the preset has changed: run python scripts/{script}.py"
    assert facts["weights_sha256"] == preset_facts().weights_sha256, again


def test_the_map_of_the_figure_names_things_that_exist():
    section = text_of("docs/paper.md").split("## From Fig. 2")[1].split("\n## ")[0]
    names = re.findall(r"`([a-z_]+)\.(\w+)`", section)
    assert len(names) > 15
    for module, name in names:
        (path,) = (ROOT / "fctsfn_tf").rglob(f"{module}.py")
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert hasattr(import_module(dotted), name), f"{module}.{name}"


def test_bundled_photographs_are_small_and_named_with_their_licence():
    photographs = sorted((ROOT / "examples").glob("*.jpg"))
    assert photographs
    assert sum(path.stat().st_size for path in photographs) < 300_000
    page = text_of("examples/README.md")
    assert [path.name for path in photographs if f"| `{path.name}` |" not in page] == []
