"""scripts/average_presets.py: the mean of several trainings of one network."""

import sys

import numpy as np
import pytest
from load_script import load_script

from fctsfn_tf import TSLFN, PredictorConfig, load_preset, save_preset

script = load_script("average_presets")
SIZES = (32, 64)


@pytest.fixture(scope="module")
def directories(tmp_path_factory, no_litert_parts):
    """Two trainings of a network, how photographs are brought to each, and a wider network."""
    root = tmp_path_factory.mktemp("presets")
    rng = np.random.default_rng(0)
    with no_litert_parts():
        for name, alpha, size in (("a", 0.02, SIZES[0]), ("b", 0.02, SIZES[1]), ("c", 0.04, 99)):
            model = TSLFN(alpha=alpha)
            model.set_weights([rng.random(one.shape) for one in model.get_weights()])
            save_preset(model, root / name, PredictorConfig("distances", working_size=size))
    return root


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["average_presets.py", *map(str, arguments)])
    return script.main()


def test_the_mean_of_two(directories, tmp_path, monkeypatch, no_litert_parts):
    shares = (f"{directories / 'a'}=0.25", f"{directories / 'b'}=0.75")
    with no_litert_parts():
        assert run(monkeypatch, tmp_path / "mean", *shares) == 0
    (a, _), (b, _), (mean, config) = map(
        load_preset, (directories / "a", directories / "b", tmp_path / "mean")
    )
    assert config.working_size == SIZES[0]
    for one, other, found in zip(a.get_weights(), b.get_weights(), mean.get_weights(), strict=True):
        np.testing.assert_allclose(found, 0.25 * one + 0.75 * other, atol=1e-3)  # float16 files


@pytest.mark.parametrize(
    ("others", "message"),
    [(("b=0.4",), "sum up to 1"), (("b=-1", "b=1.5"), "above 0"), (("c=0.5",), "one network")],
)
def test_what_has_no_mean(directories, tmp_path, monkeypatch, capsys, others, message):
    shares = [f"{directories / one}" for one in ("a=0.5", *others)]
    assert run(monkeypatch, tmp_path / "mean", *shares) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_a_share_is_a_number(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "compact")
    assert "PRESET=SHARE is expected" in capsys.readouterr().err
