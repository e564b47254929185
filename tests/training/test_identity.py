"""What makes two runs the same one."""

import json
from dataclasses import dataclass, field, make_dataclass, replace

import pytest

from fctsfn_tf.training.identity import described, differences
from fctsfn_tf.training.recipes import (
    COMPACT_INPUT,
    MSRN_STAGE,
    TSLFN_STAGES,
    CompactRecipe,
    PaperClicksConfig,
    Schedule,
)

RECIPES = [CompactRecipe(), MSRN_STAGE, *TSLFN_STAGES.values()]


def filed(value):
    """What comes back of it from a file."""
    return json.loads(json.dumps(described(value), allow_nan=False))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_itself_and_no_other(recipe):
    for other in RECIPES:
        assert (differences(filed(recipe), other) == []) == (recipe == other)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"learning_rate": 3e-4}, ["recipe.learning_rate (0.001, not 0.0003)"]),
        ({"schedule": Schedule(9, 700, None, 250)}, ["recipe.schedule.steps (5600, not 9)"]),
        (
            {"input": replace(COMPACT_INPUT, views=((64, 64, 1),), merge_probability=0)},
            [
                "recipe.input.merge_probability (0.1, not 0)",
                "recipe.input.views ([[256, 256, 4], [320, 320, 3], [384, 384, 2]], "
                "not [[64, 64, 1]])",
            ],
        ),
        (
            {"input": replace(COMPACT_INPUT, clicks=PaperClicksConfig())},
            ["recipe.input.clicks (SimulationConfig, not PaperClicksConfig)"],
        ),
    ],
)
def test_fields_that_differ_are_named_with_both_values(change, expected):
    recipe = CompactRecipe()
    found = differences(filed({"recipe": recipe}), {"recipe": replace(recipe, **change)})
    assert found == expected


def test_other_settings_are_compared_too():
    found = filed({"seed": 1, "alpha": 1.0, "old": 2})
    present = {"seed": 2, "alpha": 1, "new": (3,)}
    expected = ["new (nothing, not [3])", "old (2, not nothing)", "seed (1, not 2)"]
    assert differences(found, present) == expected


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5


@dataclass(frozen=True)
class Before:
    steps: int
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class After:
    steps: int
    inner: Inner = field(default_factory=Inner)
    clip: float = 5.0
    views: tuple = field(default_factory=lambda: ((1, 2),))


def test_a_field_that_did_not_exist_yet_is_fine_at_its_default():
    found = filed(Before(3)) | {"class": "After"}
    assert differences(found, After(3)) == []
    assert differences(found, After(3, clip=1.0)) == ["clip (5.0, not 1.0)"]
    assert differences(found, After(3, views=((2, 2),))) == ["views ([[1, 2]], not [[2, 2]])"]
    assert differences(found, After(4)) == ["steps (3, not 4)"]
    later = make_dataclass("Inner", [("rate", float, 0.5), ("decay", float, 0.1)])
    assert differences(found, After(3, later())) == []
    assert differences(found, After(3, later(decay=0.2))) == ["inner.decay (0.1, not 0.2)"]


def test_a_field_that_does_not_exist_any_more_is_another_recipe():
    found = filed(After(3)) | {"class": "Before"}
    assert differences(found, Before(3)) == [
        "clip (5.0, not nothing)",
        "views ([[1, 2]], not nothing)",
    ]


def test_a_field_without_a_default_must_be_known():
    assert differences({"class": "Before"}, Before(3)) == ["steps (nothing, not 3)"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_representation_that_was_filed_before_still_counts(recipe):
    found = json.loads(json.dumps({"recipe": repr(recipe)}))
    assert differences(found, {"recipe": recipe}) == []
    other = replace(recipe, learning_rate=2.0)
    assert differences(found, {"recipe": other}) == ["recipe"]
