"""What web/ has from Python is up to date; the tests of web/ themselves run by `npm test` there."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from fctsfn_tf.evaluation.metrics import iou
from fctsfn_tf.images.run_lengths import decode_rle

WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.fixture(scope="module")
def golden():
    """The module web/tests/golden.py, which is no part of the package."""
    spec = spec_from_file_location("golden", WEB / "tests" / "golden.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_same(now, stored, path="golden.json"):
    """The same structure, numbers within a rounding of the other."""
    if isinstance(stored, dict):
        assert now.keys() == stored.keys(), path
        for key in stored:
            assert_same(now[key], stored[key], f"{path}[{key}]")
    elif isinstance(stored, list) and stored and isinstance(stored[0], int | float):
        assert len(now) == len(stored), path
        np.testing.assert_allclose(now, stored, atol=2e-5, err_msg=path)
    elif isinstance(stored, list):
        assert len(now) == len(stored), path
        for index, (one, other) in enumerate(zip(now, stored, strict=True)):
            assert_same(one, other, f"{path}[{index}]")
    else:
        assert now == stored, path


def test_the_steps_that_javascript_is_compared_with_are_those_of_python(golden):
    stored = json.loads((WEB / "tests" / "golden.json").read_text())
    assert_same(json.loads(json.dumps(golden.golden())), stored)


def test_the_masks_that_the_page_is_compared_with_are_those_of_python(golden):
    stored = json.loads((WEB / "tests" / "photographs.json").read_text())
    now = golden.photographs()
    assert [one["file"] for one in now] == [one["file"] for one in stored]
    assert len(stored) == 10
    for one, other in zip(now, stored, strict=True):
        assert (one["size"], one["clicks"]) == (other["size"], other["clicks"])
        for counts, other_counts in zip(one["masks"], other["masks"], strict=True):
            masks = [
                decode_rle({"size": one["size"], "counts": text}, *one["size"])
                for text in (counts, other_counts)
            ]
            assert iou(*masks) > 0.999, f"{one['file']}: write web/tests/photographs.json anew"


def test_photographs_are_named_with_their_licence():
    page = (WEB / "tests" / "photographs" / "README.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in (WEB / "tests" / "photographs").glob("*.jpg"))
    assert re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE) == files


def test_the_links_of_the_readme_lead_to_files():
    text = (WEB / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    assert len(targets) > 5
    assert [target for target in targets if not (WEB / target).exists()] == []
