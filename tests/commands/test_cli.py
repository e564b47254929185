import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import fails

from fctsfn_tf.commands import arguments, cli
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict import litert_engine
from fctsfn_tf.predict.predictor import Predictor


def test_benchmark(monkeypatch, light, capsys):
    calls = []
    fake = SimpleNamespace(
        benchmark_table=lambda **given: calls.append(given) or "a table", HEIGHT=3, WIDTH=4, RUNS=5
    )
    monkeypatch.setitem(sys.modules, "fctsfn_tf.evaluation.benchmark.benchmark_table", fake)
    peers = SimpleNamespace(PEERS={"peer": None})
    monkeypatch.setitem(sys.modules, "fctsfn_tf.evaluation.benchmark.peers", peers)
    assert cli.main(["benchmark"]) == 0
    assert capsys.readouterr().out == "a table\n"
    assert cli.main(["benchmark", "compact", "--size", "96x128", "--runs", "0", "--peers"]) == 0
    assert calls == [
        {"names": None},
        {"names": ["compact"], "height": 96, "width": 128, "runs": 0, "peers": ["peer"]},
    ]
    capsys.readouterr()
    shell = SimpleNamespace(shell_table=lambda *given: f"whole programs {given}")
    monkeypatch.setitem(sys.modules, "fctsfn_tf.evaluation.benchmark.shell_to_mask", shell)
    assert cli.main(["benchmark", "--peers"]) == 0
    assert capsys.readouterr().out == "a table\n\nwhole programs (3, 4, 5)\n"
    assert cli.main(["benchmark", "--size", "96x128", "--runs", "1", "--peers"]) == 0
    assert capsys.readouterr().out == "a table\n\nwhole programs (96, 128, 1)\n"
    for size in ("96", "axb", "1x2x3", "-1x4"):
        fails(capsys, "benchmark", f"--size={size}")


def test_help_and_version_import_nothing_heavy():
    program = (
        "import sys; from fctsfn_tf.commands import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print({'numpy', 'cv2', 'PIL', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    for argument in (["--help"], ["--version"], ["segment", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *argument], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "set()"
        assert done.stderr == ""


def test_keras_is_imported_without_its_greetings():
    program = (
        "import sys; from fctsfn_tf.commands import arguments\n"
        "arguments.import_quietly()\n"
        "print('keras' in sys.modules)"
    )
    variables = dict(os.environ)
    variables.pop(arguments.TENSORFLOW_LOG_LEVEL, None)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.skipif(not litert_engine.is_installed(), reason="LiteRT is not here")
def test_segment_on_litert_needs_no_keras_and_says_nothing(tmp_path):
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['keras', 'tensorflow']))\n"
        "from fctsfn_tf.commands import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    photograph = Path(cli.__file__).parents[2] / "examples" / "cat.jpg"
    command = ["segment", photograph, "--positive", "220,120", "--mask", tmp_path / "mask.png"]
    variables = dict(os.environ)
    variables.pop(arguments.TENSORFLOW_LOG_LEVEL, None)
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, env=variables
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "mask.png").exists()


@pytest.mark.parametrize(
    ("given", "engine"),
    [([], None), (["--engine=keras"], "keras"), (["--engine=litert"], "litert")],
)
def test_the_engine_that_is_asked_for(monkeypatch, given, engine):
    asked = []

    def from_preset(preset, **settings):
        asked.append(settings)
        raise InputError("far enough")

    monkeypatch.setattr(Predictor, "from_preset", from_preset)
    photograph = str(Path(cli.__file__).parents[2] / "examples" / "cat.jpg")
    mask = ["--mask", "not_written.png", "--threshold", "0.4"]
    assert cli.main(["segment", photograph, "--positive", "1,2", *mask, *given]) == 2
    assert asked == [{"graph_cut": None, "threshold": 0.4, "engine": engine}]


def test_a_command_that_needs_keras_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(arguments, "find_spec", lambda name: None)
    error = fails(capsys, "export", "--output", "not_written")
    assert "pip install 'fctsfn-tf[tensorflow]'" in error


def test_the_module_is_the_command(tmp_path):
    command = [sys.executable, "-m", "fctsfn_tf", "segment", "none.png", "--positive", "1,2"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("fctsfn: error: There is no file none.png")
    assert done.stderr.count("\n") == 1
