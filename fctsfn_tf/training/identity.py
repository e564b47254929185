"""What a run depends on, as JSON, and in which fields two runs differ.

A recipe may get a field that checkpoints from before do not know. It is then the same recipe where
the field has its default, because that is what the run was made with.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

NOTHING = "nothing"


def described(value: Any) -> Any:
    """JSON of dataclasses (with the names of their classes), dictionaries, tuples and scalars."""
    if is_dataclass(value):
        parts = {field.name: described(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__name__, **parts}
    if isinstance(value, dict):
        return {key: described(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [described(part) for part in value]
    return value


def differences(found: Any, present: Any, name: str = "") -> list[str]:
    """The fields that differ, with both values: ["recipe.momentum (0.9, not 0.99)"].

    Args:
        found: what `described` once returned, by way of a file; or, in files from before there was
            a `described`, the `repr` of a dataclass.
        present: what it would be called with now.
        name: of both.
    """
    if is_dataclass(present) and isinstance(found, str):
        return [] if found == repr(present) else [name]
    if not isinstance(found, dict) or not (is_dataclass(present) or isinstance(present, dict)):
        now = described(present)
        return [] if found == now else [f"{name} ({found!s:.60}, not {now!s:.60})"]
    now, known = present, found
    if is_dataclass(present):
        now = {"class": type(present).__name__} | vars(present)
        known = _defaults(present) | found
        if known.get("class") != now["class"]:
            return [f"{name} ({known.get('class')}, not {now['class']})"]
    return [
        difference
        for key in sorted(now.keys() | known.keys())
        for difference in differences(
            known.get(key, NOTHING), now.get(key, NOTHING), f"{name}.{key}" if name else key
        )
    ]


def _defaults(value: Any) -> dict[str, Any]:
    """{field: its default, described}, of those fields of a dataclass that have one."""

    def default(field: Field) -> Any:
        return field.default if field.default_factory is MISSING else field.default_factory()

    found = {field.name: default(field) for field in fields(value)}
    return {name: described(one) for name, one in found.items() if one is not MISSING}
