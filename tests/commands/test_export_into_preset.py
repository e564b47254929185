"""`fctsfn export --into-preset`; what it writes is tested in tests/predict/test_presets.py."""

from pathlib import Path

import pytest
from command_line import fails

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands import cli
from fctsfn_tf.predict import presets


@pytest.mark.parametrize(("named", "expected"), [([], "the default"), (["--preset=x"], "x")])
def test_parts_go_into_the_preset(tmp_path, light, monkeypatch, capsys, named, expected):
    files = [tmp_path / "image.tflite", tmp_path / "click.tflite"]
    for file in files:
        file.write_bytes(bytes(1_000_000))
    asked = []
    monkeypatch.setattr(presets, "add_litert_parts", lambda preset: asked.append(preset) or files)
    assert cli.main(["export", "--format", "litert", "--into-preset", *named]) == 0
    assert asked == [expected]
    assert capsys.readouterr().out == f"wrote {files[0]} and {files[1]}, 2.0 MB\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--into-preset", "LiteRT parts in float32"),
        ("--into-preset --format litert --dtype uint8", "LiteRT parts in float32"),
        ("--into-preset --format litert --output x", "not allowed with"),
        ("--format litert", "one of the arguments --output --into-preset is required"),
    ],
)
def test_what_does_not_fit_together(monkeypatch, capsys, options, expected):
    monkeypatch.setattr(shared, "import_quietly", lambda: pytest.fail("network loaded"))
    assert expected in fails(capsys, "export", *options.split())
    assert not Path("x").exists()
