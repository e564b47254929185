"""scripts/environment.py: environments that repeat, heal and never touch what is not theirs."""

import json

import pytest
from load_script import load_script


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """scripts/environment.py on a checkout of its own, with the commands it would run."""
    module = load_script("environment")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "setup.cfg").write_text("[metadata]")
    for lock in ("run.txt", "test.txt"):
        (tmp_path / "requirements" / lock).write_text(lock)
    module.commands = []
    module.fails_at = None

    def succeeds(*command):
        module.commands.append(" ".join(map(str, command)))
        if "venv" in command:
            (tmp_path / ".venv" / "made").touch()
        return module.fails_at is None or module.fails_at not in module.commands[-1]

    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "_succeeds", succeeds)
    return module


def test_second_run_does_nothing(checkout):
    directory = checkout.prepare(".venv", ["run.txt"])
    assert directory == checkout.ROOT / ".venv"
    assert ["-m venv" in command for command in checkout.commands] == [True, False, False]
    checkout.commands.clear()
    assert checkout.prepare(".venv", ["run.txt"]) == directory
    assert checkout.commands == []


def test_another_lock_is_added_and_then_both_are_there(checkout):
    checkout.prepare(".venv", ["run.txt"])
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt", "test.txt"])
    assert len(checkout.commands) == 2
    assert "test.txt" in checkout.commands[0]
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt"])
    checkout.prepare(".venv", ["run.txt", "test.txt"])
    assert checkout.commands == []


@pytest.mark.parametrize("changed", ["setup.cfg", "requirements/run.txt"])
def test_changed_requirements_make_it_anew(checkout, changed):
    directory = checkout.prepare(".venv", ["run.txt"])
    (directory / "left over").touch()
    (checkout.ROOT / changed).write_text("other")
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt"])
    assert "-m venv" in checkout.commands[0]
    assert not (directory / "left over").exists()


@pytest.mark.parametrize("step", ["-m venv", "-m pip install -r", "--editable"])
def test_interrupted_set_up_heals(checkout, step):
    checkout.fails_at = step
    with pytest.raises(SystemExit) as stopped:
        checkout.prepare(".venv", ["run.txt"])
    assert "run the same command again" in " ".join(str(stopped.value).split())
    directory = checkout.ROOT / ".venv"
    (directory / "half").mkdir()
    (directory / "half" / "file").touch()
    checkout.fails_at = None
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt"])
    assert len(checkout.commands) == 3
    assert not (directory / "half").exists()


def test_interrupted_addition_heals(checkout):
    checkout.prepare(".venv", ["run.txt"])
    checkout.fails_at = "test.txt"
    with pytest.raises(SystemExit):
        checkout.prepare(".venv", ["run.txt", "test.txt"])
    checkout.fails_at = None
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt"])
    assert "-m venv" in checkout.commands[0]


def test_an_environment_of_the_persons_own_stays(checkout):
    own = checkout.ROOT / ".venv"
    own.mkdir()
    (own / "pyvenv.cfg").write_text("mine")
    with pytest.raises(SystemExit, match=r"\.venv exists and was not made by this script"):
        checkout.prepare(".venv", ["run.txt"])
    assert (own / "pyvenv.cfg").read_text() == "mine"
    assert checkout.commands == []


def test_damaged_stamp_counts_as_interrupted(checkout):
    directory = checkout.prepare(".venv", ["run.txt"])
    (directory / checkout.STAMP).write_text('{"run.txt": ')
    checkout.commands.clear()
    checkout.prepare(".venv", ["run.txt"])
    assert len(checkout.commands) == 3
    assert list(json.loads((directory / checkout.STAMP).read_text())) == ["run.txt"]


def test_wrong_python_is_told_which_one(checkout, monkeypatch):
    monkeypatch.setattr(checkout.sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 to 3\.13"):
        checkout.prepare(".venv", ["run.txt"])


def test_variables_that_change_programs_are_dropped(checkout, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KEPT", "1")
    variables = checkout.clean_variables(KERAS_BACKEND="jax")
    assert not {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"} & variables.keys()
    assert (variables["KERAS_BACKEND"], variables["KEPT"]) == ("jax", "1")
