"""`fctsfn train` from photographs to presets, in tiny networks; and interrupted."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fctsfn_tf import TSLFN
from fctsfn_tf.commands import cli
from fctsfn_tf.predict.presets import load_preset
from fctsfn_tf.training import paper_stages, recipes, stages
from fctsfn_tf.training.reporting import read_log

ROOT = Path(__file__).resolve().parents[2]
TINY = "--alpha 0.015625 --view 32x64x2 --steps 2 --validation-objects 2 --learning-rate 1e-7"


def train(*words):
    return cli.main(["train", *(part for word in words for part in str(word).split())])


@pytest.fixture(scope="module")
def tslfn(shapes_directory, tmp_path_factory, eager_steps, no_litert_parts):
    """The preset of a TSLFN that the command trained."""
    run = tmp_path_factory.mktemp("tslfn")
    with eager_steps(), no_litert_parts():
        assert train("tslfn", shapes_directory, TINY, "--output", run) == 0
    return run / "tslfn_8s" / "preset"


def test_a_tslfn_has_three_stages(tslfn):
    run = tslfn.parents[1]
    assert sorted(path.name for path in run.iterdir()) == ["tslfn_16s", "tslfn_32s", "tslfn_8s"]
    for stride in (32, 16, 8):
        last = read_log(run / f"tslfn_{stride}s" / "log.jsonl")[-1]
        assert last["step"] == 2
        assert 0 <= last["val_click_iou"] <= 1
        assert load_preset(run / f"tslfn_{stride}s" / "preset")[0].count_params() > 0


def test_an_msrn_refines_it_and_the_same_command_again_changes_nothing(
    tslfn, shapes_directory, tmp_path, capsys, eager_steps, no_litert_parts
):
    words = ("msrn", shapes_directory, TINY, "--tslfn", tslfn, "--output", tmp_path)
    with eager_steps(), no_litert_parts():
        assert train(*words) == 0
    preset = tmp_path / "msrn" / "preset"
    assert f"wrote {preset}" in capsys.readouterr().out
    before = (preset / "weights.npz").read_bytes()
    assert train(*words) == 0
    assert (preset / "weights.npz").read_bytes() == before
    assert train(*words, "--seed 1") == 2
    assert "Received another seed (0, not 1)." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("msrn", "Give the TSLFN to refine as --tslfn"),
        ("compact --tslfn x", "Give the TSLFN to refine as --tslfn"),
        ("tslfn --start compact", "Give --start PRESET with compact"),
        ("compact --start compact --weights imagenet", "Give --start PRESET with compact"),
        ("fctsfn --learning-rate 1,2", "one for each of the 4 stages"),
        ("tslfn --stride 16 --learning-rate 1,2,3", "one for each of the 2 stages"),
        ("ssfcn --depth 2", "--depth is for tslfn"),
        ("msrn --tslfn x --fc-filters 9", "--fc-filters is for tslfn, ssfcn, tslfn_minus, fctsfn"),
        ("compact --recipe practical", "--recipe is for tslfn, msrn"),
        ("fctsfn --hold-out 8", "8 would be held out"),
        ("tslfn --backbone efficientnet_lite2", "--backbone is for compact"),
        ("compact --start compact --backbone mobilenet_v2", "without --backbone"),
        ("fctsfn --backbone-factor 0", "--backbone-factor is for compact"),
        ("fctsfn --start compact", "with compact or --recipe practical"),
        ("msrn --tslfn x --recipe practical --start x", "with compact or --recipe practical"),
        ("fctsfn --recipe practical --start compact", "go on from one of theirs"),
        ("fctsfn --recipe practical --stages msrn_224", "An MSRN refines a trained TSLFN"),
        ("fctsfn --stages views_320", "Give --stages with --recipe practical"),
        ("ssfcn --recipe practical --stages msrn_224", "--stages for ssfcn are views_128, "),
    ],
)
def test_what_does_not_go_together_is_refused(words, message, shapes_directory, tmp_path, capsys):
    what, *options = words.split()
    assert train(what, shapes_directory, *options, "--output", tmp_path / "run") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("what", "options", "expected"),
    [
        ("compact", "--steps 9 --learning-rate 0.5", [(9, 0.5)]),
        ("tslfn", "--learning-rate 3,2,1", [(300_000, 3.0), (300_000, 2.0), (950_000, 1.0)]),
        ("tslfn", "--learning-rate 3", [(300_000, 3.0), (300_000, 3.0), (950_000, 3.0)]),
        ("fctsfn", "--steps 5", [(5, 1e-10), (5, 1e-12), (5, 1e-14), (5, 1e-8)]),
    ],
)
def test_options_change_the_recipes(
    what, options, expected, shapes_directory, tmp_path, monkeypatch
):
    carried_out = []

    def tslfn(data, directory, *, stages, **rest):
        carried_out.extend(stages.values())

    def one(*arguments, recipe, **rest):
        carried_out.append(recipe)

    monkeypatch.setattr(paper_stages, "train_tslfn", tslfn)
    monkeypatch.setattr(paper_stages, "train_msrn", one)
    monkeypatch.setattr(stages, "train_compact", one)
    words = (what, shapes_directory, options, "--view 32x64x2 --patience 4", "--output", tmp_path)
    assert train(*words) == 0
    assert [(one.schedule.steps, one.learning_rate) for one in carried_out] == expected
    assert {one.input.views for one in carried_out} == {((32, 64, 2),)}
    assert {one.schedule.patience for one in carried_out} == {4}
    first = {"compact": recipes.CompactRecipe()}.get(what, recipes.TSLFN_STAGES[32])
    assert carried_out[0].input == first.input.seen_in((32, 64, 2))
    unchanged = replace(
        carried_out[0],
        input=first.input,
        schedule=first.schedule,
        learning_rate=first.learning_rate,
    )
    assert unchanged == first


@pytest.mark.parametrize(
    ("options", "policy"), [("", "float32"), ("--precision bfloat16", "mixed_bfloat16")]
)
def test_networks_compute_in_the_precision_that_is_asked_for(
    options, policy, shapes_directory, tmp_path, monkeypatch
):
    seen = []

    def trained(*arguments, **rest):
        network = TSLFN(alpha=1 / 64)
        seen.extend([network.get_layer("fc7").dtype_policy.name, network.outputs[0].dtype])

    monkeypatch.setattr(paper_stages, "train_practical", trained)
    before = keras.config.dtype_policy()
    try:
        words = ("--recipe practical", options, "--output", tmp_path)
        assert train("fctsfn", shapes_directory, *words) == 0
    finally:
        keras.config.set_dtype_policy(before)
    assert seen == [policy, "float32"]


@pytest.mark.parametrize(
    ("what", "options", "network", "names", "rest"),
    [
        ("ssfcn", "--stride 16", "SSFCN", [32, 16], {}),
        ("tslfn_minus", "--stride 32", "TSLFNMinus", [32], {}),
        ("tslfn", "--depth 2 --fc-filters 8", "TSLFN", [32, 16, 8], {"depth": 2, "fc_filters": 8}),
        ("fctsfn", "--recipe practical", "FCTSFN", list(recipes.PRACTICAL_STAGES), {}),
        (
            "fctsfn",
            "--recipe practical --stages msrn_224,views_320",
            "FCTSFN",
            ["views_320", "msrn_224"],
            {},
        ),
        (
            "ssfcn",
            "--recipe practical --stride 32",
            "SSFCN",
            ["views_128", "views_224", "views_320"],
            {"stride": 32},
        ),
    ],
)
def test_every_network_of_the_paper(
    what, options, network, names, rest, shapes_directory, tmp_path, monkeypatch
):
    seen = []

    def trained(data, directory, *, network, stages, **arguments):
        seen.append((network, list(stages), arguments))

    monkeypatch.setattr(paper_stages, "train_tslfn", trained)
    monkeypatch.setattr(paper_stages, "train_practical", trained)
    assert train(what, shapes_directory, options, "--seed 4", "--output", tmp_path) == 0
    ((found, stages_of_it, arguments),) = seen
    assert (found, stages_of_it) == (network, names)
    assert arguments["seed"] == 4
    known = {"weights", "alpha", "seed", "should_stop", "start"}
    assert {name: value for name, value in arguments.items() if name not in known} == rest


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", recipes.CompactRecipe()),
        ("--backbone mobilenet_v2 --backbone-factor 0", recipes.CompactRecipe(backbone_factor=0)),
        ("--backbone efficientnet_lite2 --weights x.npz", recipes.CompactLiteRecipe()),
    ],
)
def test_each_backbone_has_its_recipe(options, expected, shapes_directory, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(stages, "train_compact", lambda *_, **named: called.append(named))
    assert train("compact", shapes_directory, options, "--output", tmp_path) == 0
    assert called[0]["recipe"] == expected
    is_lite = isinstance(expected, recipes.CompactLiteRecipe)
    assert called[0]["backbone"] == stages.BACKBONES[is_lite]


def test_every_tenth_photograph_is_held_out_and_validated_on(
    shapes_directory, tmp_path, monkeypatch
):
    seen = []
    monkeypatch.setattr(stages, "train_compact", lambda data, *_, **__: seen.append(data))
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"val": ["2", "3"]}))
    held_out = ("--hold-out 3", "--hold-out 3 --seed 5")
    for options in (
        *("", "--validation-objects 1", "--validation-objects 0", f"--splits {splits}"),
        *held_out,
    ):
        assert train("compact", shapes_directory, options, "--output", tmp_path) == 0
    trained_on = [
        {image.image_path.stem for one in data.datasets for image in one.images} for data in seen
    ]
    everything = set("01234567")
    drawn = trained_on[4:]
    assert [len(names) for names in drawn] == [5, 5]
    assert drawn[0] != drawn[1]
    assert trained_on[:4] == [
        everything - {"7"},
        everything - {"7"},
        everything,
        everything - {*"23"},
    ]
    assert [len(data.validation) for data in seen][:4] == [2, 1, 0, 4]


@pytest.mark.parametrize("val", [["one/3", "two/5"], {"one": ["3"], "two": ["5"]}, ["one/3", "5"]])
def test_splits_name_set_and_stem(val, shapes_directory, tmp_path, monkeypatch, caplog):
    seen = []
    monkeypatch.setattr(stages, "train_compact", lambda data, *_, **__: seen.append(data))
    for name in ("one", "two"):
        shutil.copytree(shapes_directory, tmp_path / name)
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"val": val}))
    words = (tmp_path / "one", tmp_path / "two", "--splits", splits, "--masks labels")
    assert train("compact", *words, "--output", tmp_path) == 0
    left = [[image.image_path.stem for image in one.images] for one in seen[0].datasets]
    everything = list("01234567")
    is_bare = val == ["one/3", "5"]  # held out of both, and validated on in the first
    assert left[0] == [stem for stem in everything if stem not in ("35" if is_bare else "3")]
    assert left[1] == [stem for stem in everything if stem != "5"]
    assert len(seen[0].validation) == 4
    assert ("several data sets" in caplog.text) == is_bare


def test_masks_that_are_said_to_be_one_object(tmp_path, monkeypatch, caplog):
    seen = []
    monkeypatch.setattr(stages, "train_compact", lambda data, *_, **__: seen.append(data))
    white = np.zeros((40, 60), np.uint8)
    white[5:20, 6:30] = 255
    for index in range(3):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(white).save(tmp_path / folder / f"{index}.png")
    assert train("compact", tmp_path, "--output", tmp_path / "run") == 0
    assert "--masks object" in caplog.text
    caplog.clear()
    assert seen[0].validation == []
    assert train("compact", tmp_path, "--masks object", "--output", tmp_path / "run") == 0
    assert caplog.records == []
    np.testing.assert_array_equal(seen[1].validation[0].gt_mask, white > 0)


# Arguments: the photographs and the run's directory; the signal comes in the second step.
INTERRUPTED = """
import os, signal, sys
from fctsfn_tf.commands import cli
from fctsfn_tf.training import loop

signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run in a background
step, num_steps = loop._step, 0

def interrupted_step(*arguments):
    global num_steps
    num_steps += 1
    for _ in range({times} if num_steps == 2 else 0):
        os.kill(os.getpid(), signal.{signal})
    return step(*arguments)

loop._step = interrupted_step
words = ["tslfn", sys.argv[1], *"{tiny} --steps 4 --validation-objects 0".split()]
sys.exit(cli.main(["train", *words, "--output", sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("number", "times", "step_saved"),
    [("SIGTERM", 1, 2), ("SIGINT", 2, None)],
)
def test_the_first_signal_ends_the_step_and_the_second_stops_at_once(
    number, times, step_saved, shapes_directory, tmp_path
):
    program = INTERRUPTED.format(signal=number, times=times, tiny=TINY)
    process = subprocess.run(
        [sys.executable, "-c", program, str(shapes_directory), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 130, process.stderr
    assert "once more to stop at once" in process.stderr
    assert "fctsfn: interrupted" in process.stderr
    checkpoint = tmp_path / "tslfn_32s" / "checkpoint.npz"
    assert checkpoint.exists() == (step_saved is not None)
    if step_saved is not None:
        with np.load(checkpoint) as archive:
            assert json.loads(str(archive["state"]))["run"]["step"] == step_saved
