"""`fctsfn segment`, with a predictor that needs no network."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import fails
from PIL import Image

from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands import cli
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
            candidates=(),
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
    named += ["--yolo=out/y.txt", "--svg=out/s.svg"]
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
    assert (folder / "out" / "y.txt").read_text().startswith("0 0.")
    assert (folder / "out" / "classes.txt").read_text() == "object\n"
    assert (folder / "out" / "s.svg").read_text().startswith("<svg")
    output = capsys.readouterr().out
    assert "image part 0.250 s" in output
    assert "per click 0.030 s" in output
    assert output.count("wrote ") == 9


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
    error = fails(capsys, "segment", "photo.png", "--positive", "30,20", "--mask", "m.png")
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
        (["segment", "photo.png", "--positive", "3,4", "--candidate", "-1"], "from 0 on"),
        (["segment", "photos", "--clicks", "clicks.json", "--candidate", "1"], "single"),
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
    assert message in fails(capsys, *arguments)
    assert _files(folder) == before


def test_the_clicks_file_is_never_replaced(folder, no_predictor, capsys):
    _clicks_file(folder, [_click(3, 4)])
    arguments = ["--clicks", "clicks.json", "--coco", "clicks.json", "--force"]
    assert "clicks file" in fails(capsys, "segment", "photo.png", *arguments)


def test_ctrl_c(folder, monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(shared, "load_predictor", interrupt)
    before = _files(folder)
    assert cli.main(["segment", "photo.png", "--positive", "30,20"]) == 130
    assert capsys.readouterr().err == "fctsfn: interrupted\n"
    assert _files(folder) == before


def test_a_candidate_needs_a_network_that_has_them(folder, predictor, capsys):
    arguments = ["segment", "photo.png", "--positive", "30,20", "--candidate", "1"]
    assert "Received candidate 1" in fails(capsys, *arguments)


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


def test_a_folder_by_two_processes(folder, folder_clicks, predictor, capsys):
    (folder / "photos" / "b.jpg").write_bytes(b"no picture")
    assert _segment_folder(folder_clicks, "--formats", "mask", "--workers", "2") == 1
    assert _files(folder / "out") == {"a.mask.png", "sub/c.mask.png"}
    np.testing.assert_array_equal(
        read_mask(folder / "out/sub/c.mask.png", HEIGHT, WIDTH), _disk(30, 20)
    )
    assert predictor.calls == []  # copies of it were asked
    output, error = capsys.readouterr()
    assert output.startswith("2 segmented, 0 skipped (outputs exist), 1 failed")
    assert "3/3" in error
    assert "b.jpg is not an image" in error


def test_one_photograph_is_not_shared_out(folder, no_predictor, capsys):
    for options in (["--workers", "2"], ["--ray"]):
        error = fails(capsys, "segment", "photo.png", "--positive", "3,4", *options)
        assert "Leave out --workers and --ray" in error


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
    assert message in fails(capsys, *arguments)
    assert not (folder / "out").exists()


def test_an_output_never_replaces_a_photograph(folder, no_predictor, capsys):
    (folder / "photos" / "a.png").rename(folder / "photos" / "b.mask.png")
    path = _clicks_file(folder, [_click(3, 4, image=name) for name in ("b.jpg", "b.mask.png")])
    arguments = ["segment", "photos", "--clicks", path, "--output", "photos", "--force"]
    assert "photograph" in fails(capsys, *arguments)


def test_yolo_classes_have_one_number_in_all_photographs_and_runs(folder, predictor):
    def run(clicks, photograph="photos"):
        path = _clicks_file(folder, clicks)
        words = ["--clicks", path, "--output", "labels", "--formats", "yolo,svg"]
        assert cli.main(["segment", photograph, *words]) == 0

    def classes_in(name):
        return [line.split()[0] for line in (folder / "labels" / name).read_text().splitlines()]

    run([_click(30, 20, image="a.png", name="dog"), _click(9, 9, image="b.jpg", name="cat")])
    assert (classes_in("a.txt"), classes_in("b.txt")) == (["0"], ["1"])
    assert (folder / "labels" / "a.svg").exists()
    run(
        [
            _click(9, 9, image="sub/c.png", name="bird"),
            _click(40, 20, image="sub/c.png", name="cat"),
            _click(20, 20, image="sub/c.png", object=9),
        ]
    )
    assert classes_in("sub/c.txt") == ["2", "1", "3"]
    run([_click(30, 20, name="bird")], "photo.png")
    assert classes_in("photo.txt") == ["2"]
    assert (folder / "labels" / "classes.txt").read_text() == "dog\ncat\nbird\nobject\n"


def test_photographs_whose_names_are_composed_differently(folder, predictor, capsys):
    decomposed, composed = "Hu\u0308ndchen", "H\u00fcndchen"
    (folder / "photos" / "a.png").rename(folder / "photos" / "sub" / f"{decomposed}.png")
    for name in (f"sub/{composed}.png", f"sub\\{decomposed}.png"):
        path = _clicks_file(folder, [_click(30, 20, image=name)])
        words = ["--clicks", path, "--output", "out", "--formats", "mask", "--force"]
        assert cli.main(["segment", "photos", *words]) == 0
        assert "1 segmented" in capsys.readouterr().out
        photograph = str(folder / "photos" / "sub" / f"{decomposed}.png")
        assert cli.main(["segment", photograph, *words]) == 0
        capsys.readouterr()
    assert (folder / "out" / "sub" / f"{composed}.mask.png").exists()
