"""scripts/train_without.py: the compact network's recipe without one of its pieces."""

import json
import sys
from dataclasses import asdict

import pytest
from load_script import load_script

from fctsfn_tf.training import stages
from fctsfn_tf.training.recipes import CompactLiteRecipe

script = load_script("train_without")
RECIPE = CompactLiteRecipe()


def flat(value, name=""):
    """{path: value} of nested settings."""
    if not isinstance(value, dict):
        return {name: value}
    return {key: one for part, inner in value.items() for key, one in flat(inner, part).items()}


@pytest.mark.parametrize(
    ("piece", "changed"),
    [
        ("nothing", {}),
        ("pasting", {"paste_probability": 0.0}),
        ("crops", {"crop_probability": 0.0}),
        ("small-objects", {"area_exponent": 0.5}),
        ("large-views", {"views": ((256, 256, 4), (224, 288, 4), (288, 224, 4))}),
        ("error-clicks", {"rollouts": (1.0,)}),
        ("unsteady-clicks", {"jitter_probability": 0.0}),
        ("backbone-learning", {"backbone_factor": 0.0}),
        ("average", {"average_decay": 0.0}),
    ],
)
def test_one_piece_is_left_out_and_nothing_else(piece, changed):
    before, after = flat(asdict(RECIPE)), flat(asdict(script.WITHOUT[piece](RECIPE)))
    assert {key: value for key, value in after.items() if value != before[key]} == changed


def test_every_piece_is_tested():
    (mark,) = test_one_piece_is_left_out_and_nothing_else.pytestmark
    assert {piece for piece, _ in mark.args[1]} == {*script.WITHOUT}


@pytest.fixture
def run(monkeypatch, tmp_path, shapes_directory):
    """The script on eight photographs, two of them held out, and what it would train with."""
    trained = []
    monkeypatch.setattr(
        stages, "train_compact", lambda *given, **named: trained.append((given, named))
    )
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"val": ["2", "3"]}))

    def run(*words):
        given = ["train_without.py", *words, "--splits", splits, "--output", tmp_path / "run"]
        monkeypatch.setattr(sys, "argv", [str(word) for word in given])
        return script.main(), trained

    return run


def test_with_and_without_differ_in_the_piece_alone(run, shapes_directory):
    options = ("--steps", 7, "--learning-rate", "2e-4", "--data-weights", "1.5", "--seed", 3)
    for piece in ("nothing", "pasting"):
        code, trained = run(piece, shapes_directory, *options)
        assert code == 0
    ((data, _), whole), ((_, _), without) = trained
    names = {image.image_path.stem for one in data.datasets for image in one.images}
    assert names == set("014567")
    assert data.weights == (1.5,)
    assert whole["recipe"].schedule.steps == 7
    assert whole["recipe"].learning_rate == 2e-4
    assert whole["seed"] == without["seed"] == 3
    assert without["recipe"] == script.WITHOUT["pasting"](whole["recipe"])
    assert len(whole["start"].outputs) == len(without["start"].outputs) > 1


def test_what_is_no_data_is_told(run, tmp_path, capsys):
    assert run("pasting", tmp_path / "nowhere")[0] == 2
    assert "train_without: error:" in capsys.readouterr().err


def test_ctrl_c_is_no_traceback(run, shapes_directory, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "train_compact", interrupted)
    assert run("nothing", shapes_directory)[0] == 130
    assert "the same command goes on" in capsys.readouterr().err
