"""docs/architecture.md is true: the rooms, who imports whom, and which libraries.

Also that no file names a package registry's host or a path of somebody's machine.
"""

import ast
import os
import re
import sys
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "fctsfn_tf"
MOST_FOLDERS, MOST_FILES = 10, 6
# What lies beside the rooms; every room may import these, and they import one another in order.
BESIDE = ("errors", "files", "progress")
# The library's name in docs/architecture.md → the module it is imported as.
IMPORT_NAMES = {
    "numpy": "numpy",
    "Pillow": "PIL",
    "OpenCV": "cv2",
    "PyMaxflow": "maxflow",
    "tifffile": "tifffile",
    "pillow-heif": "pillow_heif",
    "keras": "keras",
    "TensorFlow": "tensorflow",
    "JAX": "jax",
    "torch": "torch",
    "huggingface_hub": "huggingface_hub",
    "LiteRT": "ai_edge_litert",
    "Ray": "ray",
    "SciPy": "scipy",
    "scikit-image": "skimage",
    "KerasHub": "keras_hub",
    "rembg": "rembg",
    "Matplotlib": "matplotlib",
    "scikit-learn": "sklearn",
    "tensorflow-datasets": "tensorflow_datasets",
}


class Room(NamedTuple):
    """A row of the table. Libraries are named as they are imported."""

    first_file: str
    libraries: frozenset[str]  # anywhere in the room; those of the rooms above count, too
    optional: frozenset[str]  # inside functions only
    own: dict[str, str]  # module that is nothing without a library → that library


class Imported(NamedTuple):
    name: str  # dotted
    line: int
    in_function: bool


def import_names(libraries: str) -> frozenset[str]:
    return frozenset(IMPORT_NAMES[name] for name in libraries.split(", ") if name)


def read_rooms(text: str) -> dict[str, Room]:
    """The rooms of the table, from top to bottom."""
    rooms, everywhere = {}, frozenset()
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\| `([\w.]+)` \|([^|]*)\|$", text, re.MULTILINE)
    for name, first_file, notes in rows:
        shared, *alone = notes.strip().split("; ")
        always, _, optional = shared.partition("+")
        everywhere |= import_names(always.strip())
        own = {}
        for note in alone:
            library, module = re.fullmatch(r"(\S+) in `(\w+)\.py` alone", note).groups()
            own[f"{name}.{module}"] = IMPORT_NAMES[library]
        rooms[name] = Room(first_file, everywhere, import_names(optional.strip()), own)
    return rooms


def module_name(path: Path) -> str:
    """Path inside the package → dotted name; that of a package is its folder's."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {
    module_name(path): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE
}


def read_imports(source: str) -> list[Imported]:
    """Every import statement, in functions too; `from fctsfn_tf.a import b` names fctsfn_tf.a.b if
    that is a module."""
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
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        imported += [Imported(name, node.lineno, id(node) in inside) for name in names]
    return imported


def complaints(module: str, source: str, rooms: dict[str, Room]) -> list[str]:
    """What a module imports against the rules, a line each."""
    room = module.partition(".")[0]
    allowed_rooms = [*list(rooms)[: list(rooms).index(room) + 1], *BESIDE, "__version__"]
    own = {name: library for one in rooms.values() for name, library in one.own.items()}
    libraries, optional = rooms[room].libraries, rooms[room].optional
    found = []
    for name, line, in_function in read_imports(source):
        top, *rest = name.split(".")
        place = f"{module}:{line} imports"
        if top == PACKAGE.name:
            if rest[0] not in allowed_rooms:
                found.append(f"{place} {name}, which is not in a room above")
            if ".".join(rest[:2]) in own and ".".join(rest[:2]) != module:
                found.append(f"{place} {name}, which needs a library")
        elif top in optional and top not in libraries:
            if not in_function:
                found.append(f"{place} {top} outside of a function")
        elif top not in {*libraries, own.get(module), *sys.stdlib_module_names}:
            found.append(f"{place} {top}, which its room does not name")
    return found


def circle(sources: dict[str, str]) -> list[str]:
    """Modules of which each imports the next when it is loaded, the first one again last."""
    graph = {}
    for module, source in sources.items():
        names = [
            imported.name.removeprefix(f"{PACKAGE.name}.")
            for imported in read_imports(source)
            if not imported.in_function and imported.name.startswith(f"{PACKAGE.name}.")
        ]
        candidates = {name for full in names for name in (full, full.rpartition(".")[0])}
        graph[module] = candidates & sources.keys() - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="module")
def rooms() -> dict[str, Room]:
    return read_rooms((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))


def test_every_room_is_in_the_table_and_every_row_is_a_room(rooms):
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*rooms, "presets"}
    assert len(folders) <= MOST_FOLDERS


def test_few_files_lie_beside_the_rooms():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {f"{name}.py" for name in ("__init__", "__main__", *BESIDE)} | {"py.typed"}
    assert len(files) <= MOST_FILES


def test_every_room_says_in_three_lines_what_it_is(rooms):
    for name, room in rooms.items():
        text = ast.get_docstring(ast.parse(SOURCES[name]))
        assert "\n\nIn: " in text, name
        assert " Out: " in text, name
        assert f"Open first: `{room.first_file}`" in text, name
        assert (PACKAGE / name / room.first_file).is_file()


@pytest.mark.parametrize("module", SOURCES)
def test_module_imports_only_what_its_room_allows(module, rooms):
    assert complaints(module, SOURCES[module], rooms) == []


def test_no_two_modules_import_each_other():
    assert circle(SOURCES) == []


def test_what_lies_beside_the_rooms_imports_no_room():
    for index, name in enumerate(BESIDE):
        imported = read_imports((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
        own = {one.name.split(".")[1] for one in imported if one.name.startswith(PACKAGE.name)}
        assert own <= set(BESIDE[:index])


def test_the_package_itself_imports_no_library():
    imported = read_imports((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    tops = {name.partition(".")[0] for name, _, _ in imported}
    assert tops - sys.stdlib_module_names == {PACKAGE.name}


def test_the_backends_are_never_imported_by_the_whole_package(rooms):
    everywhere = frozenset().union(*(room.libraries for room in rooms.values()))
    assert everywhere == import_names("numpy, Pillow, OpenCV, keras")


TABLE = """
| room | in → out | open first | libraries |
|---|---|---|---|
| `first/` | this → that | `a.py` | numpy |
| `second/` | this → that | `b.py` | keras + TensorFlow, JAX |
| `third/` | this → that | `c.py` | + SciPy; torch in `alone.py` alone |
| `fourth/` | this → that | `d.py` | + JAX |
"""


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("first.a", "import numpy as np\nfrom fctsfn_tf.first.x import y", None),
        ("first.a", "from fctsfn_tf import __version__\nfrom fctsfn_tf.errors import E", None),
        ("first.a", "from fctsfn_tf.second.b import x", "not in a room above"),
        ("first.a", "def f():\n    from fctsfn_tf import third", "not in a room above"),
        ("first.a", "import json, keras.ops", "imports keras, which its room does not name"),
        ("second.b", "from fctsfn_tf.first import a\nimport numpy.linalg", None),
        ("second.b", "def f():\n    import tensorflow as tf", None),
        ("second.b", "import tensorflow as tf", "outside of a function"),
        ("third.c", "import keras, numpy\ndef f():\n    import scipy.io", None),
        ("third.c", "def f():\n    import jax", "imports jax, which its room does not name"),
        ("third.c", "import torch", "imports torch, which its room does not name"),
        ("third.alone", "import torch", None),
        ("fourth.d", "from fctsfn_tf.third import alone", "which needs a library"),
        ("fourth.d", "from fctsfn_tf.third.alone import x", "which needs a library"),
    ],
)
def test_the_rules_see_what_breaks_them(module, source, complaint):
    found = complaints(module, source, read_rooms(TABLE))
    assert (complaint is None and not found) or (complaint in found[0] and len(found) == 1)


def test_a_circle_is_seen():
    sources = {
        "r.a": "from fctsfn_tf.r.b import x",
        "r.b": "from fctsfn_tf.r import c",
        "r.c": "def f():\n    from fctsfn_tf.r.a import y",
    }
    assert circle(sources) == []
    sources["r.c"] = "from fctsfn_tf.r.a import y"
    assert set(circle(sources)) == {"r.a", "r.b", "r.c"}


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
