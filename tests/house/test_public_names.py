"""Every public name has an example in its docstring that runs, and a place in the API reference."""

import doctest
import re
from dataclasses import replace
from pathlib import Path

import pytest

import fctsfn_tf
from fctsfn_tf.training import paper_stages, recipes, stages

ROOT = Path(__file__).resolve().parents[2]
VIEW = (64, 96, 1)
ONE_STEP = recipes.Schedule(steps=1, validate_every=1, patience=None, checkpoint_every=1)


def small(recipe):
    """A recipe of one step on one small view, without clicks on the network's own errors."""
    seen = recipe.input.seen_in(VIEW)
    if hasattr(recipe, "statistics_batches"):
        recipe = replace(recipe, statistics_batches=1)
        seen = replace(seen, clicks=replace(seen.clicks, rollouts=(1.0,)))
    return replace(recipe, schedule=ONE_STEP, input=seen)


@pytest.fixture
def working_directory(tmp_path, monkeypatch, shapes_directory):
    """With examples/ and photographs/, and recipes that end after a step."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "photographs").symlink_to(shapes_directory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipes, "MSRN_INPUT", recipes.MSRN_INPUT.seen_in((64, 96, 4)))
    compact = small(recipes.CompactRecipe())
    monkeypatch.setattr(stages, "CompactRecipe", lambda: compact)
    for all_stages in (recipes.TSLFN_STAGES, recipes.PRACTICAL_STAGES):
        for name, recipe in list(all_stages.items()):
            monkeypatch.setitem(all_stages, name, small(recipe))
    for name in (16, 8):
        monkeypatch.delitem(recipes.TSLFN_STAGES, name)
    for name in list(recipes.PRACTICAL_STAGES)[1:]:
        monkeypatch.delitem(recipes.PRACTICAL_STAGES, name)
    defaults = paper_stages.train_msrn.__kwdefaults__
    monkeypatch.setitem(defaults, "recipe", small(defaults["recipe"]))


def examples_of(name: str) -> list[doctest.DocTest]:
    """The examples in the docstring of a public name and in those of its public methods."""
    value = getattr(fctsfn_tf, name)
    return [test for test in doctest.DocTestFinder().find(value, name, globs={}) if test.examples]


@pytest.mark.parametrize("name", fctsfn_tf.__all__)
def test_the_example_of_a_public_name_runs(name, working_directory, eager_steps, no_litert_parts):
    tests = examples_of(name)
    used = "".join(example.source for test in tests for example in test.examples)
    assert re.search(rf"\b{name}\b", used), f"the docstring of {name} has no example of it"
    for test in tests:
        told = []
        with eager_steps(), no_litert_parts():
            failed, _ = doctest.DocTestRunner().run(test, out=told.append, clear_globs=False)
        assert failed == 0, "".join(told)


def test_every_public_name_is_in_the_api_reference_once():
    pages = (path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    names = re.findall(r"(?m)^::: fctsfn_tf\.(\w+)$", "\n".join(pages))
    assert sorted(names) == sorted(fctsfn_tf.__all__)
