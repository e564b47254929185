"""docs/architecture.md is true: the list of modules, who imports whom, and which libraries.

Also that no file names a package registry's host or a path of somebody's machine.
"""

import ast
import os
import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "fctsfn_tf"
# The library's name in docs/architecture.md → the module it is imported as.
IMPORT_NAMES = {
    "numpy": "numpy",
    "Pillow": "PIL",
    "OpenCV": "cv2",
    "PyMaxflow": "maxflow",
    "keras": "keras",
    "TensorFlow": "tensorflow",
    "JAX": "jax",
    "torch": "torch",
    "huggingface_hub": "huggingface_hub",
    "SciPy": "scipy",
    "scikit-image": "skimage",
    "KerasHub": "keras_hub",
    "Matplotlib": "matplotlib",
    "scikit-learn": "sklearn",
    "tensorflow-datasets": "tensorflow_datasets",
}


def module_name(path: str) -> str:
    """Path inside the package, without .py → dotted name; that of a package is its folder's."""
    return path.removesuffix("/__init__").replace("/", ".")


MODULE_PATHS = {
    module_name(path.relative_to(PACKAGE).with_suffix("").as_posix()): path
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
}
MODULE_NAMES = sorted(MODULE_PATHS)


class Row(NamedTuple):
    """A module's row: import names allowed anywhere in it, and inside its functions only."""

    libraries: frozenset[str]
    optional: frozenset[str]
    own: frozenset[str] = frozenset()  # "here only": the module is nothing without


class Imported(NamedTuple):
    name: str  # dotted
    line: int
    in_function: bool


def read_rows(text: str) -> dict[str, Row]:
    """The modules of the list in docs/architecture.md, from top to bottom."""
    block = re.search(r"```\nfctsfn_tf/\n(.*?)```", text, re.DOTALL).group(1)
    rows, everywhere = {}, frozenset()
    for line in block.splitlines():
        module = re.match(r"  ([\w/]+)\.py\b", line)
        if module is None:
            continue
        note = re.search(r"  \(([^()]*)\)$", line)
        optional = own = frozenset()
        for part in note.group(1).split("; ") if note else ():
            if part.startswith("+"):
                optional = import_names(part.removeprefix("+"))
            elif part.endswith(" here only"):
                own = import_names(part.removesuffix(" here only"))
            else:
                assert part.endswith(" from here"), f"Cannot read the note ({part}) of: {line}"
                everywhere |= import_names(part.removesuffix(" from here"))
        rows[module_name(module.group(1))] = Row(everywhere, optional, own)
    return rows


def import_names(libraries: str) -> frozenset[str]:
    return frozenset(IMPORT_NAMES[library] for library in libraries.split(", "))


def read_imports(source: str) -> list[Imported]:
    """Every import statement, in functions too; `from fctsfn_tf import x` names fctsfn_tf.x."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: import absolutely"
            package = node.module == PACKAGE.name
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if package
                else [node.module]
            )
        else:
            continue
        imported += [Imported(name, node.lineno, id(node) in inside) for name in names]
    return imported


def complaints(module: str, source: str, rows: dict[str, Row]) -> list[str]:
    """What `source` imports against the rules, a line each."""
    above = list(rows)[: list(rows).index(module)]
    row = rows[module]
    found = []
    for name, line, in_function in read_imports(source):
        top, _, rest = name.partition(".")
        if top == PACKAGE.name:
            if rest in rows and rows[rest].own:
                found.append(f"{module}.py:{line} imports {name}, which needs a library")
            if rest not in [*above, "__version__"]:
                found.append(f"{module}.py:{line} imports {name}, which is not in a row above")
        elif top in row.optional and not in_function:
            found.append(f"{module}.py:{line} imports {top} outside of a function")
        elif top not in row.libraries | row.optional | row.own | sys.stdlib_module_names:
            found.append(f"{module}.py:{line} imports {top}, which its row does not name")
    return found


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return read_rows((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))


def test_every_module_is_in_the_list_and_every_row_is_a_module(rows):
    assert sorted(rows) == MODULE_NAMES


@pytest.mark.parametrize("module", MODULE_NAMES)
def test_module_imports_only_what_its_row_allows(module, rows):
    source = MODULE_PATHS[module].read_text(encoding="utf-8")
    assert complaints(module, source, rows) == []


def test_the_package_itself_imports_no_library():
    imported = read_imports((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    tops = {name.partition(".")[0] for name, _, _ in imported}
    assert tops - sys.stdlib_module_names == {PACKAGE.name}


def test_the_backends_are_never_imported_by_the_whole_package(rows):
    everywhere = frozenset().union(*(row.libraries for row in rows.values()))
    assert everywhere == import_names("numpy, Pillow, OpenCV, keras")


LIST = """
```
fctsfn_tf/
  first.py    the first (Eq. 1)
  second.py   the second  (numpy from here)
  third.py    the third  (keras from here; +TensorFlow, JAX)
  fourth.py   the fourth
  alone.py    alone  (torch here only)
  pack/fifth.py      the fifth
  pack/__init__.py   the package
```
"""


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("second", "import numpy as np\nfrom fctsfn_tf.first import x", None),
        ("second", "from fctsfn_tf import __version__, first", None),
        ("second", "from fctsfn_tf.third import x", "not in a row above"),
        ("second", "def f():\n    from fctsfn_tf import third", "not in a row above"),
        ("second", "from fctsfn_tf.second import x", "not in a row above"),
        ("first", "import json, numpy.linalg", "imports numpy, which its row does not name"),
        ("third", "def f():\n    import tensorflow as tf", None),
        ("third", "import tensorflow as tf", "outside of a function"),
        ("fourth", "import keras, numpy", None),
        ("fourth", "def f():\n    import jax", "imports jax, which its row does not name"),
        ("fourth", "from fctsfn_tf.pack.fifth import x", "not in a row above"),
        ("alone", "import torch", None),
        ("pack.fifth", "from fctsfn_tf import alone", "which needs a library"),
        ("pack.fifth", "from fctsfn_tf.fourth import x", None),
        ("pack.fifth", "from fctsfn_tf.pack import x", "not in a row above"),
        ("pack", "from fctsfn_tf.pack.fifth import x", None),
    ],
)
def test_the_rules_see_what_breaks_them(module, source, complaint):
    found = complaints(module, source, read_rows(LIST))
    assert (complaint is None and not found) or (complaint in found[0] and len(found) == 1)


FORBIDDEN = re.compile(
    "|".join(
        (
            r"pypi\.org",
            r"pythonhosted\.org",
            r"registry\.(?:npmjs|yarnpkg)",
            r"index-url",
            r"file://",
            r"(?<![\w.~-])/(?:home|Users|root|work|opt)/\w",
        )
    )
)


def repository_files() -> list[Path]:
    """The files of the checkout, less this one, what .gitignore names and git's own."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]

    def is_ignored(name: str) -> bool:
        return name == ".git" or any(fnmatch(name, pattern) for pattern in ignored)

    files = []
    for directory, subdirectories, names in os.walk(ROOT):
        subdirectories[:] = [name for name in subdirectories if not is_ignored(name)]
        files += [Path(directory, name) for name in names if not is_ignored(name)]
    return [path for path in files if path != Path(__file__).resolve()]


def test_no_file_names_a_registry_host_or_a_path_of_a_machine():
    found = []
    for path in repository_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # pictures and weights
        found += [
            f"{path.relative_to(ROOT)}:{number} {match.group()}"
            for number, line in enumerate(lines, start=1)
            if (match := FORBIDDEN.search(line))
        ]
    assert found == []


def test_the_search_for_hosts_sees_some():
    for text in ("pip install --index-url x", "https://pypi.org/simple", "cd /home/anna"):
        assert FORBIDDEN.search(text)
    for text in ("docs/work/plan", "https://doi.org/10.1016/x", "a/root/b", "/workshop"):
        assert not FORBIDDEN.search(text)
