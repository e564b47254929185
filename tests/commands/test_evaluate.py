"""`fctsfn evaluate`, and what joins and compares its results."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from command_line import fails

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands import cli
from fctsfn_tf.commands.evaluate import BASELINE_NAMES, CHOICE_NAMES, DATASET_NAMES
from fctsfn_tf.data import benchmark_sets
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import runner
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS
from fctsfn_tf.evaluation.protocol import CHOICES, PROTOCOLS, Protocol
from fctsfn_tf.evaluation.result_files import read_results, write_results
from fctsfn_tf.evaluation.results import ObjectResult, Results
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.evaluation.shards import Shard
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS
from fctsfn_tf.predict import preset_engine

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def evaluations(monkeypatch):
    """The arguments of each call of `evaluate_dataset`, which answers perfectly, or with NaN."""
    calls = []
    gt_mask = np.zeros((HEIGHT, WIDTH), bool)
    gt_mask[10:30, 10:40] = True
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    sample = Sample("only", image, gt_mask, np.zeros_like(gt_mask))

    def evaluate_dataset(dataset, segmenter, protocol, **options):
        calls.append((dataset, segmenter, protocol, options))
        value = np.nan if segmenter.name == "broken" else 1.0
        answer = lambda *_: np.where(gt_mask, value, 0.0)  # noqa: E731
        return runner.evaluate([sample], answer, protocol, data="d", model="m")

    monkeypatch.setattr(runner, "evaluate_dataset", evaluate_dataset)
    monkeypatch.setattr(benchmark_sets, "open_benchmark_set", lambda *given: given)
    return calls


def test_evaluate(tmp_path, light, evaluations, capsys):
    assert cli.main(["evaluate", "--data", "folder"]) == 0
    ((dataset, segmenter, protocol, options),) = evaluations
    assert dataset == (None, Path("folder"), None, None)
    assert segmenter == Segmenter("the default")
    assert protocol == PROTOCOLS["ritm"]
    assert (options["data"], options["min_share"]) == ("folder", MIN_OBJECT_SHARE)
    assert (options["limit"], options["shard"], options["workers"]) == (None, None, 1)
    assert "| 90 % | 1.00 | 1.00 … 1.00 | 0 |" in capsys.readouterr().out


def test_evaluate_with_every_option(tmp_path, light, evaluations):
    names = {name: tmp_path / f"r.{name}" for name in ("output", "markdown", "csv")}
    given = (
        "--dataset voc2012 --data DIR --split train --model x --no-zoom-in --flip --look-again 2 "
        "--look-closer 3 --keep-far --engine keras"
    )
    more = "--protocol paper --no-graph-cut --max-clicks 3 --until 0.9 --jitter --seed 5"
    last = "--limit 2 --shard 2/3 --workers 4 --decidability all-positive --force"
    files = [f"--{name}={path}" for name, path in names.items()]
    assert cli.main(["evaluate", *f"{given} {more} {last}".split(), *files]) == 0
    ((dataset, segmenter, protocol, options),) = evaluations
    assert dataset == ("voc2012", Path("DIR"), "train", None)
    settings = {"zoom_in": False, "is_flipped": True, "look_again": 2, "look_closer": 3}
    assert segmenter == Segmenter("x", engine="keras", keep_far=True, **settings)
    assert protocol == Protocol(
        "paper",
        max_clicks=3,
        until=0.9,
        is_jittered=True,
        choice="all-positive",
        measures_decidability=True,
    )
    assert options == {
        "data": "voc2012",
        "min_share": 0.0,
        "limit": 2,
        "shard": Shard(2, 3),
        "workers": 4,
        "ray": None,
        "seed": 5,
        "output": names["output"],
        "overwrite": True,
    }
    assert "mean clicks (NoC)" in names["markdown"].read_text()
    assert names["csv"].read_text().splitlines()[1].startswith("only,,1,1,1")


@pytest.mark.parametrize(
    ("given", "workers", "ray"),
    [("--ray", None, "auto"), ("--ray 10.0.0.5:6379 --workers 3", 3, "10.0.0.5:6379")],
)
def test_evaluate_on_a_cluster(light, evaluations, monkeypatch, given, workers, ray):
    monkeypatch.setattr("fctsfn_tf.predict.workers.find_spec", lambda name: name)
    assert cli.main(["evaluate", "--data", "folder", *given.split()]) == 0
    ((*_, options),) = evaluations
    assert (options["workers"], options["ray"]) == (workers, ray)


def test_workers_that_cannot_be(light, evaluations, monkeypatch, capsys):
    assert "must be 1 or more" in fails(capsys, "evaluate", "--data=folder", "--workers=0")
    monkeypatch.setattr("fctsfn_tf.predict.workers.find_spec", lambda name: None)
    assert "fctsfn-tf[ray]" in fails(capsys, "evaluate", "--data=folder", "--ray")
    assert not evaluations


@pytest.fixture
def splits(tmp_path):
    """A file of --splits by its content."""

    def write(content):
        path = tmp_path / "splits.json"
        path.write_text(content)
        return path

    return write


def test_evaluate_what_training_holds_out(
    shapes_directory, splits, light, evaluations, monkeypatch
):
    dataset = open_dataset(shapes_directory)
    monkeypatch.setattr(benchmark_sets, "open_benchmark_set", lambda *given: dataset)
    path = splits('{"train": ["1"], "val": ["2", "5"]}')
    assert cli.main(["evaluate", "--data", "d", "--splits", str(path)]) == 0
    assert [image.image_path.stem for image in evaluations[0][0].images] == ["2", "5"]


@pytest.mark.parametrize("content", ["no", "[]", '{"train": []}', '{"val": 3}', '{"val": ["x"]}'])
def test_splits_without_photographs_are_refused(shapes_directory, splits, content):
    with pytest.raises(InputError, match="list 'val'"):
        shared.validation_names(splits(content), [open_dataset(shapes_directory)])


def test_evaluate_a_classical_method_needs_no_network(monkeypatch, evaluations):
    monkeypatch.setattr(shared, "start_quietly", lambda *given: pytest.fail("network loaded"))
    for options in ("", "--protocol paper", "--protocol paper --graph-cut"):
        assert cli.main(["evaluate", "--data", "d", "--model", "gsc", *options.split()]) == 0
    ritm, paper = PROTOCOLS["ritm"], PROTOCOLS["paper"]
    assert [call[1] for call in evaluations] == [Segmenter("gsc")] * 3
    assert [call[2] for call in evaluations] == [ritm, Protocol("paper"), paper]


def test_a_protocol_cuts_as_the_preset_says(monkeypatch, light, evaluations):
    cut = replace(DEFAULT_PARAMETERS, smoothness=3.0)
    monkeypatch.setattr(Segmenter, "graph_cut", cut)
    for options in ("--protocol paper", "--graph-cut", "--protocol paper --no-graph-cut"):
        assert cli.main(["evaluate", "--data", "d", "--model", "x", *options.split()]) == 0
    ritm, paper = PROTOCOLS["ritm"], PROTOCOLS["paper"]
    expected = [replace(paper, graph_cut=cut), replace(ritm, graph_cut=cut), Protocol("paper")]
    assert [call[2] for call in evaluations] == expected


def test_names_in_the_help_are_those_that_exist():
    assert tuple(BASELINES) == BASELINE_NAMES
    assert tuple(benchmark_sets.BENCHMARK_SETS) == DATASET_NAMES
    assert CHOICES == CHOICE_NAMES
    assert preset_engine.ENGINES == shared.ENGINE_NAMES


def test_evaluate_help_gives_the_radius_of_the_seeds(capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    (radius,) = re.findall(r"radius (\d+) pixels", " ".join(capsys.readouterr().out.split()))
    assert float(radius) == SEED_RADIUS


def test_evaluate_with_failures_is_not_quite_ok(light, evaluations, capsys):
    assert cli.main(["evaluate", "--data", "d", "--model", "broken"]) == 1
    assert "only: click 1: The probability must be finite" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-clicks", "0"],
        ["--until", "nan"],
        ["--seed", "-1"],
        ["--output", "."],
        ["--csv", "."],
        ["--shard", "3/2"],
        ["--shard", "1"],
        ["--dataset", "coco2"],
    ],
)
def test_evaluate_checks_before_the_network_is_loaded(monkeypatch, capsys, arguments):
    monkeypatch.setattr(shared, "start_quietly", lambda *given: pytest.fail("network loaded"))
    fails(capsys, "evaluate", "--data", "data", *arguments)


def test_compare_and_merge(tmp_path, light, evaluations, capsys):
    run = {"data": "d", "model": "m", "seed": 0, "num_cpus": 2, "versions": {}}
    run["protocol"] = asdict(PROTOCOLS["ritm"])
    paths = [str(tmp_path / f"{index}.json") for index in (1, 2)]
    for index, path in enumerate(paths, 1):
        result = ObjectResult(f"o{index}", index, ious=(0.9,) * 20)
        write_results(Results({**run, "shard": [index, 2]}, (result,)), path)
    whole = str(tmp_path / "whole.json")
    assert cli.main(["merge", *paths, "--output", whole]) == 0
    assert [result.name for result in read_results(whole).objects] == ["o1", "o2"]
    capsys.readouterr()
    assert cli.main(["compare", paths[0], whole]) == 0
    assert "1 objects that count in both; of a 0 and of b 1 are left out" in capsys.readouterr().out
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "d.json").write_bytes(Path(whole).read_bytes())
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "2 objects that count in both; of a 0 and of b 0 are left out" in capsys.readouterr().out
    fails(capsys, "compare", *paths)
    fails(capsys, "compare", str(tmp_path / "a"), str(tmp_path / "nowhere"))
    fails(capsys, "merge", paths[0], "--output", str(tmp_path / "other.json"))
    fails(capsys, "merge", *paths, "--output", whole)
