"""What a person gets who installs the package: names, metadata, locked versions, package data."""

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from packaging.requirements import Requirement

import fctsfn_tf
from fctsfn_tf.networks import saved_classes
from fctsfn_tf.networks.fctsfn import FCTSFN, TSLFN
from fctsfn_tf.training.losses import NormalizedFocalAndIoULoss
from fctsfn_tf.training.optimizers import CaffeSGD
from fctsfn_tf.training.streaming_metrics import MaskIoU

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "fctsfn_tf"
LOCKS = {
    "run.txt": (),
    "docs.txt": ("docs",),
    "test.txt": ("tensorflow", "graph-cut", "docs", "test"),
    "jax.txt": ("jax", "graph-cut", "test"),
}
# jax.txt has no TensorFlow, and so nothing that reads data for it.
WITHOUT_TENSORFLOW = ("tensorflow", "tensorflow-datasets")

# The shipped weights twice, as a network for Keras and as parts for LiteRT.
MAX_WHEEL_BYTES = 12_000_000

# Modules that are nothing without a library of their own, and the program.
WITH_A_LIBRARY = ("tfds_builders", "__main__")


def run_python(code: str, **variables: str) -> str:
    """What a fresh interpreter prints for `code`."""
    command = [sys.executable, "-c", code]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    result = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert result.returncode == 0, result.stderr
    return result.stdout


def module_names() -> list[str]:
    """Every module that can be imported with the libraries that are always there, dotted."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = (".".join(path.parts) for path in paths if path.name not in WITH_A_LIBRARY)
    return sorted(name.removesuffix(".__init__") for name in names)


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.split("\n") if line]


def locked(name: str) -> dict[str, str]:
    """{package: version} of a lock, whose every line must be exact."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    versions = {}
    for line in lines:
        if not line.startswith("#"):
            match = re.fullmatch(r"([\w.-]+)==([\w.+-]+)", line)
            assert match, f"{name}: {line} is not name==version"
            versions[match.group(1).lower()] = match.group(2)
    return versions


# Names


def test_importing_the_package_loads_no_library():
    code = "import sys, fctsfn_tf; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(ast.literal_eval(run_python(code)))
    assert "fctsfn_tf" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "torch", "cv2", "PIL", "maxflow", "numpy"}


@pytest.mark.parametrize("name", fctsfn_tf.__all__)
def test_public_name_is_what_its_module_defines(name):
    value = getattr(fctsfn_tf, name)
    assert value is getattr(import_module(value.__module__), name)


def test_public_names_type_checker_imports_and_look_up_agree():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imports = {
        alias.name: node.module.removeprefix("fctsfn_tf.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("fctsfn_tf.")
        for alias in node.names
        if alias.name != "saved_classes"
    }
    assert imports == fctsfn_tf._MODULES
    assert sorted(imports) == sorted(fctsfn_tf.__all__)
    assert set(fctsfn_tf.__all__) <= set(dir(fctsfn_tf))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Predicter'"):
        fctsfn_tf.Predicter  # noqa: B018


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        ("losses", "training.losses"),
        ("image_io", "images.image_io"),
        ("model", "networks.fctsfn"),
        ("baselines", "evaluation.baselines"),
        ("tfds_builders", "data.tfds_builders"),
    ],
)
def test_a_module_is_found_under_its_earlier_name(earlier, now):
    if earlier == "tfds_builders":
        pytest.importorskip("tensorflow_datasets")
    with pytest.warns(DeprecationWarning, match=f"import fctsfn_tf.{now} instead"):
        module = import_module(f"fctsfn_tf.{earlier}")
    assert module is import_module(f"fctsfn_tf.{now}")
    assert module.__spec__.name == module.__name__ == f"fctsfn_tf.{now}"
    assert sys.modules.pop(f"fctsfn_tf.{earlier}") is module


def test_every_earlier_name_leads_to_a_module():
    for room, modules in fctsfn_tf._EARLIER.items():
        for module in modules.split():
            assert find_spec(f"fctsfn_tf.{room}.{module.partition(':')[0]}"), module


def test_graph_cut_is_the_module_before_and_after_use():
    assert callable(import_module("fctsfn_tf.images.graph_cut").graph_cut)
    assert fctsfn_tf.images.graph_cut is sys.modules["fctsfn_tf.images.graph_cut"]


def test_every_module_imports_without_the_optional_libraries():
    modules, backend = module_names(), keras.backend.backend()
    absent = {"maxflow", "huggingface_hub", "matplotlib", "scipy", "sklearn"}
    absent |= {"tensorflow", "jax", "torch"} - {backend}
    if find_spec("jax"):
        absent -= {"jax", "scipy"}  # Keras itself imports them where JAX is installed
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(absent)!r}))\n"
        f"from importlib import import_module\n"
        f"for name in {modules!r}: import_module(name)\n"
        "print(len(sys.modules))"
    )
    assert int(run_python(code, KERAS_BACKEND=backend)) > len(modules)


def test_a_module_that_needs_a_library_says_how_to_get_it():
    code = (
        "import sys; sys.modules['tensorflow_datasets'] = None\n"
        "try: import fctsfn_tf.data.tfds_builders\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install 'fctsfn-tf[datasets]'" in run_python(code)


# Saved models


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """A folder of networks as `.keras` files, beside each its weights in an `.npz`."""
    networks = {
        "fctsfn": FCTSFN(alpha=1 / 32),
        "compact": FCTSFN("mobilenet_v2", alpha=0.35),
        "compiled": TSLFN(alpha=1 / 32),
    }
    networks["compiled"].compile(
        CaffeSGD(1e-3), NormalizedFocalAndIoULoss(), metrics=[MaskIoU()], jit_compile=False
    )
    directory = tmp_path_factory.mktemp("saved")
    for name, network in networks.items():
        network.save(directory / f"{name}.keras")
        np.savez(directory / f"{name}.npz", *network.get_weights())
    return directory


@pytest.mark.parametrize(
    ("first_lines", "names"),
    [
        ("import fctsfn_tf, keras", ("fctsfn", "compact", "compiled")),
        ("import keras, fctsfn_tf", ("fctsfn", "compact", "compiled")),
        ("from fctsfn_tf import Predictor; import keras", ("compact", "compiled")),
        ("from fctsfn_tf.networks import weight_files; import keras", ("compiled",)),
    ],
)
def test_saved_models_load_in_a_new_process(first_lines, names, saved_models):
    if keras.backend.backend() == "jax" and first_lines != "import fctsfn_tf, keras":
        pytest.skip("what is told to Keras and when does not depend on its backend")
    code = (
        f"{first_lines}\n"
        "import numpy as np\n"
        f"for name in {names}:\n"
        f"    file = {str(saved_models)!r} + '/' + name\n"
        "    network = keras.models.load_model(file + '.keras')\n"
        "    with np.load(file + '.npz') as archive:\n"
        "        for one, other in zip(network.get_weights(), archive.values(), strict=True):\n"
        "            np.testing.assert_array_equal(one, other)\n"
        "image, maps, target = (np.ones((1, 32, 32, channels)) for channels in (3, 2, 1))\n"
        "names = [type(x).__name__ for x in (network.optimizer, network.loss)]\n"
        "names += network.evaluate([image, maps], target, verbose=0, return_dict=True)\n"
        "print(*names)"
    )
    printed = run_python(code, KERAS_BACKEND=keras.backend.backend())
    assert printed.split() == ["CaffeSGD", "NormalizedFocalAndIoULoss", "iou", "loss"]


def test_keras_is_told_of_the_classes_without_importing_them():
    code = (
        "import importlib.util, sys, fctsfn_tf\n"
        "importlib.util.find_spec('keras')\n"  # only looking for Keras must not be taken for it
        "import keras\n"
        "print(sorted(name for name in sys.modules if name.startswith('fctsfn_tf.')))\n"
        "print(sorted(name for name in keras.saving.get_custom_objects() if '>' in name))"
    )
    modules, names = run_python(code, KERAS_BACKEND=keras.backend.backend()).splitlines()
    assert ast.literal_eval(modules) == ["fctsfn_tf.networks", "fctsfn_tf.networks.saved_classes"]
    every = [name for names in saved_classes.CLASSES.values() for name in names]
    assert ast.literal_eval(names) == sorted(f"fctsfn_tf>{name}" for name in every)


def test_the_classes_that_keras_is_told_of_are_those_that_there_are():
    code = (
        "from importlib import import_module\n"
        f"for name in {module_names()!r}: import_module(name)\n"
        "import keras\n"
        "found = keras.saving.get_custom_objects().items()\n"
        "print({name: getattr(one, '__module__', None) for name, one in found if '>' in name})"
    )
    found = ast.literal_eval(run_python(code, KERAS_BACKEND=keras.backend.backend()))
    assert found == {
        f"fctsfn_tf>{name}": f"fctsfn_tf.{module}"
        for module, names in saved_classes.CLASSES.items()
        for name in names
    }


# Metadata


def test_version_is_the_same_everywhere():
    assert setup_cfg()["metadata"]["version"] == "attr: fctsfn_tf.__version__"
    version = re.escape(fctsfn_tf.__version__)
    assert re.search(rf"(?m)^version: {version}$", (ROOT / "CITATION.cff").read_text("utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"(?m)^## \[{version}\]", changelog)


def test_the_command_exists():
    entry = setup_cfg()["options.entry_points"]["console_scripts"].strip()
    name, target = entry.split(" = ")
    module, function = target.split(":")
    assert name == "fctsfn"
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_locks_satisfy_the_ranges(name, extras):
    config, versions = setup_cfg(), locked(name)
    wanted = requirements(config["options"]["install_requires"])
    for extra in extras:
        wanted += requirements(config["options.extras_require"][extra])
    for requirement in wanted:
        if name == "jax.txt" and requirement.name in WITHOUT_TENSORFLOW:
            continue
        assert requirement.name.lower() in versions, f"{requirement} is not in {name}"
        version = versions[requirement.name.lower()]
        assert requirement.specifier.contains(version), f"{version} is not {requirement}"


def test_the_test_lock_adds_to_the_run_lock_and_jax_has_no_tensorflow():
    assert locked("run.txt").items() <= locked("test.txt").items()
    assert not [name for name in locked("jax.txt") if name.startswith("tensorflow")]


# Package data


def test_wheel_holds_modules_presets_and_types_and_nothing_else(tmp_path):
    pytest.importorskip("setuptools", minversion="77", reason="setuptools builds the wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "fctsfn_tf", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    preset = tmp_path / "fctsfn_tf" / "presets" / "made-up" / "deeper"
    preset.mkdir(parents=True)
    (preset / "config.json").write_text(json.dumps({}))
    code = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("fctsfn_tf-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = tmp_path / "fctsfn_tf"
    files = {p.relative_to(tmp_path).as_posix() for p in package.rglob("*") if p.is_file()}
    assert packed == files
    assert wheel.stat().st_size < MAX_WHEEL_BYTES
