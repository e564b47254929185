"""A release has one version number, and one command that writes it wherever it stands."""

import shutil
from pathlib import Path

import pytest
from load_script import load_script

import fctsfn_tf

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script():
    return load_script("set_version")


def test_every_file_has_the_version_of_the_package(script):
    assert script.numbers() == {place: {fctsfn_tf.__version__} for place in script.PLACES}


def test_one_command_writes_another_version_everywhere(script, tmp_path):
    for place in script.PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    script.set_version("12.0.3rc1", tmp_path)
    assert script.numbers(tmp_path) == {place: {"12.0.3rc1"} for place in script.PLACES}
    for place in script.PLACES:
        before = (ROOT / place).read_text("utf-8").splitlines()
        after = (tmp_path / place).read_text("utf-8").splitlines()
        changed = [line for line, other in zip(after, before, strict=True) if line != other]
        assert changed
        assert all("12.0.3rc1" in line for line in changed)
        assert len(changed) == (2 if place.endswith("lock.json") else 1)


def test_a_file_without_a_number_is_named(script, tmp_path):
    for place in script.PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("nothing")
    with pytest.raises(SystemExit, match=r"fctsfn_tf/__init__\.py has no version number"):
        script.set_version("1.0.0", tmp_path)


def test_what_is_no_version_is_refused(script):
    with pytest.raises(SystemExit, match="Received next"):
        script.main(["next"])
