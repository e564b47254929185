import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.clicks.clicks_file import read_clicks_file
from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands import cli
from fctsfn_tf.commands.evaluate import BASELINE_NAMES, CHOICE_NAMES, DATASET_NAMES
from fctsfn_tf.data import benchmark_sets
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, Sample
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation import evaluation
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS
from fctsfn_tf.evaluation.results import ObjectResult, Results, read_results, write_results
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.images.mask_files import read_mask

HEIGHT, WIDTH = 40, 60
RADIUS = 8


class FakePredictor:
    """Takes the disks of `RADIUS` around positive clicks, less those around negative ones."""

    def __init__(self):
        self.calls = []

    def set_image(self, image):
        assert image.dtype == np.uint8
        self.size = image.shape[:2]
        self.start = np.zeros(self.size, bool)
        self.calls.append("image")

    def set_mask(self, mask):
        assert mask.dtype == bool
        self.start = mask

    def reset(self):
        self.calls.append("reset")

    def predict(self, points, labels):
        self.calls.append((list(points), list(labels)))
        rows, cols = np.mgrid[: self.size[0], : self.size[1]]
        mask = self.start.copy()
        for (x, y), label in zip(points, labels, strict=True):
            mask[(cols - x) ** 2 + (rows - y) ** 2 <= RADIUS**2] = label
        return SimpleNamespace(
            probability=mask.astype(np.float32) * 0.8,
            mask=mask,
            encode_seconds=0.25 if len(points) == 1 else 0.0,
            click_seconds=0.03,
        )


@pytest.fixture
def predictor(monkeypatch):
    fake = FakePredictor()
    monkeypatch.setattr(shared, "load_predictor", lambda arguments: fake)
    return fake


@pytest.fixture
def no_predictor(monkeypatch):
    monkeypatch.setattr(shared, "load_predictor", lambda arguments: pytest.fail("network loaded"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, with photo.png and photos/{a.png,b.jpg,sub/c.png}."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("photo.png", "photos/a.png", "photos/b.jpg", "photos/sub/c.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def _files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _disk(x, y):
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    return (cols - x) ** 2 + (rows - y) ** 2 <= RADIUS**2


def _click(x, y, label=1, **fields):
    return {"x": x, "y": y, "label": label, **fields}


def _clicks_file(folder, clicks, name="clicks.json"):
    (folder / name).write_text(json.dumps(clicks), encoding="utf-8")
    return name


def _fails(capsys, *arguments):
    """The one line that bad input gives."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("fctsfn: error: ")
    assert error.count("\n") == 1
    return error


# ---- one photograph --------------------------------------------------------------------------


def test_clicks_reach_the_network_in_their_order(folder, predictor):
    points = ["--positive", "30,20", "--negative", "5,6.5", "--positive", "40,21"]
    assert cli.main(["segment", "photo.png", *points, "--mask", "m.png"]) == 0
    assert predictor.calls[0] == "image"
    assert predictor.calls[-1] == ([(30, 20), (5, 6.5), (40, 21)], [1, 0, 1])
    assert [len(call[0]) for call in predictor.calls if isinstance(call, tuple)] == [1, 2, 3]


def test_every_output(folder, predictor, capsys):
    kinds = ["mask", "cutout", "overlay", "index", "probability"]
    named = [f"--{kind}=out/{kind} é.png" for kind in kinds]
    named += ["--coco=out/c.json", "--labelme=out/l.json"]
    assert cli.main(["segment", "photo.png", "--positive", "30,20", *named]) == 0
    expected = _disk(30, 20)
    for kind in ("mask", "cutout", "index"):
        path = folder / "out" / f"{kind} é.png"
        np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), expected)
    probability = np.asarray(Image.open(folder / "out" / "probability é.png"))
    np.testing.assert_array_equal(probability, np.where(expected, 204, 0))
    coco = json.loads((folder / "out" / "c.json").read_text())
    assert coco["images"][0]["file_name"] == "photo.png"
    assert coco["annotations"][0]["area"] == expected.sum()
    labelme = json.loads((folder / "out" / "l.json").read_text())
    assert labelme["imagePath"] == "../photo.png"
    output = capsys.readouterr().out
    assert "image part 0.250 s" in output
    assert "per click 0.030 s" in output
    assert output.count("wrote ") == 7


def test_without_named_outputs_the_usual_three(folder, predictor):
    before = _files(folder)
    assert cli.main(["segment", "photos/a.png", "--positive", "30,20"]) == 0
    assert _files(folder) - before == {"a.mask.png", "a.cutout.png", "a.overlay.png"}


def test_output_directory_and_formats(folder, predictor):
    before = _files(folder)
    chosen = ["--output", "new/dir", "--formats", "index,coco"]
    assert cli.main(["segment", "photo.png", "--positive", "30,20", *chosen]) == 0
    assert _files(folder) - before == {"new/dir/photo.index.png", "new/dir/photo.coco.json"}


def test_start_mask_then_a_negative_click(folder, predictor):
    Image.fromarray(_disk(20, 20) | _disk(50, 20)).save(folder / "start.png")
    started = ["--start-mask", "start.png", "--negative", "50,20", "--mask", "m.png"]
    assert cli.main(["segment", "photo.png", *started]) == 0
    np.testing.assert_array_equal(
        read_mask(folder / "m.png", HEIGHT, WIDTH), _disk(20, 20) & ~_disk(50, 20)
    )


def test_several_objects_keep_their_numbers_and_names(folder, predictor):
    clicks = [_click(50, 20, object=3, name="cat"), _click(10, 20, object=1), _click(12, 20)]
    path = _clicks_file(folder, clicks)
    outputs = ["--index", "i.png", "--coco", "c.json", "--mask", "m.png"]
    assert cli.main(["segment", "photo.png", "--clicks", path, *outputs]) == 0
    first, third = _disk(10, 20) | _disk(12, 20), _disk(50, 20)
    index = np.asarray(Image.open(folder / "i.png"))
    np.testing.assert_array_equal(index, np.where(third, 3, first))
    np.testing.assert_array_equal(read_mask(folder / "m.png", HEIGHT, WIDTH), first | third)
    coco = json.loads((folder / "c.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert [(item["id"], names[item["category_id"]]) for item in coco["annotations"]] == [
        (1, "object"),
        (3, "cat"),
    ]
    assert predictor.calls.count("image") == 1
    assert predictor.calls.count("reset") == 2


def test_never_overwrites_unasked_and_checks_before_the_work(folder, no_predictor, capsys):
    (folder / "m.png").write_bytes(b"by hand")
    error = _fails(capsys, "segment", "photo.png", "--positive", "30,20", "--mask", "m.png")
    assert "--force" in error
    assert (folder / "m.png").read_bytes() == b"by hand"


def test_force_overwrites(folder, predictor):
    (folder / "m.png").write_bytes(b"old")
    assert (
        cli.main(["segment", "photo.png", "--positive", "30,20", "--mask", "m.png", "--force"]) == 0
    )
    np.testing.assert_array_equal(read_mask(folder / "m.png", HEIGHT, WIDTH), _disk(30, 20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["segment"], "PHOTO"),
        (["segment", "photo.png"], "no click"),
        (["segment", "photo.png", "--negative", "3,4"], "first click"),
        (["segment", "photo.png", "--negative", "3,4", "--positive", "5,6"], "first click"),
        (["segment", "photo.png", "--positive", "60,4"], "inside the image"),
        (["segment", "photo.png", "--positive", "nan,4"], "finite"),
        (["segment", "photo.png", "--positive", "-3,4"], "expected one argument"),
        (["segment", "photo.png", "--positive", "3"], "two numbers"),
        (["segment", "photo.png", "--positive", "3,4,5"], "two numbers"),
        (["segment", "none.png", "--positive", "3,4"], "no file none.png"),
        (["segment", "clicks.json", "--positive", "3,4"], "not an image"),
        (["segment", "photo.png", "--clicks", "clicks.json", "--positive", "3,4"], "both"),
        (["segment", "photo.png", "--clicks", "other.json"], "cannot be read"),
        (["segment", "photo.png", "--positive", "3,4", "--mask", "m.jpg"], ".png file"),
        (["segment", "photo.png", "--positive", "3,4", "--coco", "c.png"], ".json file"),
        (["segment", "photo.png", "--positive", "3,4", "--mask", "photos"], ".png file"),
        (["segment", "photo.png", "--positive", "3,4", "--mask", "photo.png/m.png"], "directory"),
        (
            ["segment", "photo.png", "--positive", "3,4", "--mask=m.png", "--index=m.png"],
            "one name",
        ),
        (
            ["segment", "photo.png", "--positive", "3,4", "--mask", "photo.png", "--force"],
            "replace",
        ),
        (["segment", "photo.png", "--positive", "3,4", "--mask", "link.png", "--force"], "replace"),
        (["segment", "photo.png", "--positive", "3,4", "--mask", "m.png", "--output", "o"], "both"),
        (["segment", "photo.png", "--positive", "3,4", "--formats", "gif"], "formats"),
        (["segment", "photo.png", "--positive", "3,4", "--start-mask", "small.png"], "size"),
        (["segment", "photos", "--positive", "3,4"], "--clicks"),
        (["segment", "photos"], "--clicks"),
        (["segment", "photos", "--clicks", "clicks.json", "--mask", "m.png"], "--output"),
        (["segment", "photos", "--clicks", "clicks.json"], "name their photograph"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, no_predictor, capsys, arguments, message):
    _clicks_file(folder, [_click(3, 4)])
    os.link(folder / "photo.png", folder / "link.png")
    Image.fromarray(np.ones((HEIGHT, WIDTH - 1), bool)).save(folder / "small.png")
    before = _files(folder)
    assert message in _fails(capsys, *arguments)
    assert _files(folder) == before


def test_the_clicks_file_is_never_replaced(folder, no_predictor, capsys):
    _clicks_file(folder, [_click(3, 4)])
    arguments = ["--clicks", "clicks.json", "--coco", "clicks.json", "--force"]
    assert "clicks file" in _fails(capsys, "segment", "photo.png", *arguments)


def test_ctrl_c(folder, monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(shared, "load_predictor", interrupt)
    before = _files(folder)
    assert cli.main(["segment", "photo.png", "--positive", "30,20"]) == 130
    assert capsys.readouterr().err == "fctsfn: interrupted\n"
    assert _files(folder) == before


# ---- folders ---------------------------------------------------------------------------------


@pytest.fixture
def folder_clicks(folder):
    names = ("a.png", "b.jpg", "sub/c.png")
    return _clicks_file(folder, [_click(30, 20, image=name) for name in names])


def _segment_folder(clicks, *more):
    return cli.main(["segment", "photos", "--clicks", clicks, "--output", "out", *more])


def test_a_folder(folder, folder_clicks, predictor, capsys):
    assert _segment_folder(folder_clicks, "--formats", "mask,labelme") == 0
    stems = ("a", "b", "sub/c")
    assert _files(folder / "out") == {
        f"{stem}.{ending}" for stem in stems for ending in ("mask.png", "labelme.json")
    }
    np.testing.assert_array_equal(
        read_mask(folder / "out/sub/c.mask.png", HEIGHT, WIDTH), _disk(30, 20)
    )
    labelme = json.loads((folder / "out/sub/c.labelme.json").read_text())
    assert labelme["imagePath"] == "../../photos/sub/c.png"
    output, error = capsys.readouterr()
    assert output.startswith("3 segmented, 0 skipped")
    assert "2/3" in error
    assert "left" in error


def test_a_folder_is_taken_up_again(folder, folder_clicks, predictor, capsys):
    assert _segment_folder(folder_clicks) == 0
    (folder / "out" / "b.mask.png").unlink()
    (folder / "out" / "b.overlay.png").write_bytes(b"by hand")
    predictor.calls.clear()
    capsys.readouterr()
    assert _segment_folder(folder_clicks) == 0
    assert predictor.calls.count("image") == 1
    assert (folder / "out" / "b.overlay.png").read_bytes() == b"by hand"
    assert (folder / "out" / "b.mask.png").exists()
    assert capsys.readouterr().out.startswith("1 segmented, 2 skipped")
    assert _segment_folder(folder_clicks, "--force") == 0
    assert (folder / "out" / "b.overlay.png").read_bytes() != b"by hand"


def test_a_finished_folder_loads_no_network(folder, folder_clicks, predictor, monkeypatch):
    assert _segment_folder(folder_clicks) == 0
    monkeypatch.setattr(shared, "load_predictor", lambda arguments: pytest.fail("network loaded"))
    assert _segment_folder(folder_clicks) == 0


def test_bad_photographs_do_not_stop_the_others(folder, predictor, capsys):
    (folder / "photos" / "a.png").write_bytes(b"broken")
    clicks = [_click(30, 20, image=name) for name in ("a.png", "gone.png", "sub/c.png")]
    path = _clicks_file(folder, [*clicks, _click(999, 20, image="b.jpg")])
    assert _segment_folder(path, "--formats", "mask") == 1
    assert _files(folder / "out") == {"sub/c.mask.png"}
    output, error = capsys.readouterr()
    assert output.startswith("1 segmented, 0 skipped (outputs exist), 3 failed")
    assert [line for line in error.splitlines() if "error" in line][1].endswith("Check the path.")
    assert error.count("fctsfn: error: ") == 3
    assert "b.jpg" in error.splitlines()[-1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.png", "a.jpg"), "one name"),
        (("../photo.png",), "as seen from"),
        (("/photo.png",), "as seen from"),
        (("a.png", ""), "some clicks only"),
    ],
)
def test_folder_input_that_cannot_be(folder, no_predictor, capsys, names, message):
    path = _clicks_file(folder, [_click(30, 20, image=name) for name in names])
    arguments = ["segment", "photos", "--clicks", path, "--output", "out"]
    assert message in _fails(capsys, *arguments)
    assert not (folder / "out").exists()


def test_an_output_never_replaces_a_photograph(folder, no_predictor, capsys):
    (folder / "photos" / "a.png").rename(folder / "photos" / "b.mask.png")
    path = _clicks_file(folder, [_click(3, 4, image=name) for name in ("b.jpg", "b.mask.png")])
    arguments = ["segment", "photos", "--clicks", path, "--output", "photos", "--force"]
    assert "photograph" in _fails(capsys, *arguments)


# ---- clicks files ----------------------------------------------------------------------------


def test_json_and_csv_say_the_same(tmp_path):
    clicks = [
        _click(1.5, 2, image="狗/a.png", object=2, name="dog"),
        _click(3, 4, 0, image="狗/a.png", object=2),
        _click(5, 6, True, image="狗/a.png"),
        _click(7, 8, image="b.png"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(clicks), encoding="utf-8")
    (tmp_path / "a.csv").write_text(
        "image,object,name,x,y,label\r\n"
        "狗/a.png,2,dog,1.5,2,1\r\n狗/a.png,2,,3,4,0\r\n狗/a.png,, ,5, 6,1\r\nb.png,,,7,8,1\r\n",
        encoding="utf-8-sig",
    )
    read = read_clicks_file(tmp_path / "a.json")
    assert read == read_clicks_file(tmp_path / "a.csv")
    assert list(read) == ["狗/a.png", "b.png"]
    first, second = read["狗/a.png"]
    assert (first.number, first.name, first.points, first.labels) == (1, "", [(5, 6)], [1])
    assert (second.number, second.name) == (2, "dog")
    assert (second.points, second.labels) == ([(1.5, 2), (3, 4)], [1, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "must hold a list"),
        (b"[]", "no click"),
        (b"[3]", "click 1: A click must be an object"),
        (b'[{"x": 1, "y": 2}]', "Missing: label"),
        (b'[{"x": 1, "y": 2, "label": 1, "lable": 1}]', "Unknown: lable"),
        (b'[{"x": NaN, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1e999, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1' + b"0" * 400 + b', "y": 2, "label": 1}]', "finite"),
        (b'[{"x": true, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": [1], "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1, "y": 2, "label": 2}]', "label"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 0}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 1.5}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 255}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "name": 7}]', "text"),
        (b'[{"x": 1, "y": 2, "label": 1, "image": 7}]', "file name"),
        (b'[{"x": 1, "y": 2, "label": 1, "image": "a\\u0000b"}]', "file name"),
        (
            b'[{"x": 1, "y": 2, "label": 1, "name": "a"},'
            b' {"x": 1, "y": 2, "label": 1, "name": "b"}]',
            "two names",
        ),
    ],
)
def test_json_that_is_no_clicks_file(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_clicks_file(tmp_path / "a.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no click"),
        ("x,y,label", "no click"),
        ("1,2,1\n", "no click"),
        ("x;y;label\n1;2;1\n", "Missing"),
        ("x,y,label\n1,2\n", "one cell per field"),
        ("x,y,label\n1,2,1,1\n", "one cell per field"),
        ("x,y,label\n1,2,yes\n", "finite number"),
        ("x,y,label\n1,,1\n", "Missing: y"),
        ('x,y,label\n"1"2,3,1\n', "not CSV"),
    ],
)
def test_csv_that_is_no_clicks_file(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_clicks_file(tmp_path / "a.csv")
    assert message in str(caught.value)


# ---- evaluate and benchmark ------------------------------------------------------------------


@pytest.fixture
def light(monkeypatch):
    """Keras stays out: these commands are tested up to what they call."""
    monkeypatch.setattr(shared, "import_quietly", lambda: None)
    monkeypatch.setattr("fctsfn_tf.predict.preset_files.DEFAULT_PRESET", "the default")


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
        return evaluation.evaluate([sample], answer, protocol, data="d", model="m")

    monkeypatch.setattr(evaluation, "evaluate_dataset", evaluate_dataset)
    monkeypatch.setattr(benchmark_sets, "open_benchmark_set", lambda *given: given)
    return calls


def test_evaluate(tmp_path, light, evaluations, capsys):
    assert cli.main(["evaluate", "--data", "folder"]) == 0
    ((dataset, segmenter, protocol, options),) = evaluations
    assert dataset == (None, Path("folder"), None)
    assert segmenter == Segmenter("the default")
    assert protocol == evaluation.PROTOCOLS["ritm"]
    assert (options["data"], options["min_share"]) == ("folder", MIN_OBJECT_SHARE)
    assert (options["limit"], options["shard"], options["workers"]) == (None, None, 1)
    assert "| 90 % | 1.00 | 1.00 … 1.00 | 0 |" in capsys.readouterr().out


def test_evaluate_with_every_option(tmp_path, light, evaluations):
    names = {name: tmp_path / f"r.{name}" for name in ("output", "markdown", "csv")}
    given = (
        "--dataset voc2012 --data DIR --split train --model x --no-zoom-in --flip --look-again 2"
    )
    more = "--protocol paper --no-graph-cut --max-clicks 3 --until 0.9 --jitter --seed 5"
    last = "--limit 2 --shard 2/3 --workers 4 --decidability all-positive --force"
    files = [f"--{name}={path}" for name, path in names.items()]
    assert cli.main(["evaluate", *f"{given} {more} {last}".split(), *files]) == 0
    ((dataset, segmenter, protocol, options),) = evaluations
    assert dataset == ("voc2012", Path("DIR"), "train")
    assert segmenter == Segmenter("x", zoom_in=False, is_flipped=True, look_again=2)
    assert protocol == evaluation.Protocol(
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
        "shard": evaluation.Shard(2, 3),
        "workers": 4,
        "seed": 5,
        "output": names["output"],
        "overwrite": True,
    }
    assert "mean clicks (NoC)" in names["markdown"].read_text()
    assert names["csv"].read_text().splitlines()[1].startswith("only,,1,1,1")


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
    monkeypatch.setattr(shared, "import_quietly", lambda: pytest.fail("network loaded"))
    for options in ("", "--protocol paper", "--protocol paper --graph-cut"):
        assert cli.main(["evaluate", "--data", "d", "--model", "gsc", *options.split()]) == 0
    ritm, paper = evaluation.PROTOCOLS["ritm"], evaluation.PROTOCOLS["paper"]
    assert [call[1] for call in evaluations] == [Segmenter("gsc")] * 3
    assert [call[2] for call in evaluations] == [ritm, evaluation.Protocol("paper"), paper]


def test_names_in_the_help_are_those_that_exist():
    assert tuple(BASELINES) == BASELINE_NAMES
    assert tuple(benchmark_sets.BENCHMARK_SETS) == DATASET_NAMES
    assert evaluation.CHOICES == CHOICE_NAMES


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
    monkeypatch.setattr(shared, "import_quietly", lambda: pytest.fail("network loaded"))
    _fails(capsys, "evaluate", "--data", "data", *arguments)


def test_compare_and_merge(tmp_path, light, evaluations, capsys):
    run = {"data": "d", "model": "m", "seed": 0, "num_cpus": 2, "versions": {}}
    run["protocol"] = asdict(evaluation.PROTOCOLS["ritm"])
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
    _fails(capsys, "compare", *paths)
    _fails(capsys, "merge", paths[0], "--output", str(tmp_path / "other.json"))
    _fails(capsys, "merge", *paths, "--output", whole)


def test_benchmark(monkeypatch, light, capsys):
    calls = []
    fake = SimpleNamespace(benchmark_table=lambda **given: calls.append(given) or "a table")
    monkeypatch.setitem(sys.modules, "fctsfn_tf.evaluation.benchmark", fake)
    peers = SimpleNamespace(PEERS={"peer": None})
    monkeypatch.setitem(sys.modules, "fctsfn_tf.evaluation.benchmark_peers", peers)
    assert cli.main(["benchmark"]) == 0
    assert capsys.readouterr().out == "a table\n"
    assert cli.main(["benchmark", "compact", "--size", "96x128", "--runs", "0", "--peers"]) == 0
    assert calls == [
        {"names": None},
        {"names": ["compact"], "height": 96, "width": 128, "runs": 0, "peers": ["peer"]},
    ]
    capsys.readouterr()
    for size in ("96", "axb", "1x2x3", "-1x4"):
        _fails(capsys, "benchmark", f"--size={size}")


# ---- the process -----------------------------------------------------------------------------


def test_help_and_version_import_nothing_heavy():
    program = (
        "import sys; from fctsfn_tf import cli\n"
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
