"""Hostile input at every entrance: it works, or it is one InputError of one line. Nothing else."""

import io
import json
import shlex
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from fctsfn_tf.clicks.click import clicks_from_points
from fctsfn_tf.clicks.clicks_file import read_clicks_file
from fctsfn_tf.commands import arguments as shared
from fctsfn_tf.commands import cli
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.annotation_files import coco_json, labelme_json
from fctsfn_tf.images.image_io import as_rgb, read_image
from fctsfn_tf.images.mask_files import read_mask
from fctsfn_tf.images.png_files import index_png, mask_png
from fctsfn_tf.images.run_lengths import encode_rle

HEIGHT, WIDTH = 12, 17
many = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
numbers = st.one_of(
    st.integers(-3, 20), st.integers(), st.floats(), st.just(10**400), st.booleans(), st.none()
)
json_values = st.recursive(
    st.one_of(numbers, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
dtypes = st.one_of(
    st_numpy.boolean_dtypes(),
    st_numpy.integer_dtypes(),
    st_numpy.unsigned_integer_dtypes(endianness="?"),
    st_numpy.floating_dtypes(),
    st_numpy.complex_number_dtypes(),
    st_numpy.datetime64_dtypes(),
)
shapes = st.one_of(
    st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)),
)
# Entries that are nearly right reach deeper than random structure.
fields = st.fixed_dictionaries(
    {},
    optional={
        "x": st.one_of(st.integers(0, WIDTH - 1), json_values),
        "y": st.one_of(st.integers(0, HEIGHT - 1), json_values),
        "label": st.one_of(st.integers(0, 1), json_values),
        "object": st.one_of(st.integers(1, 4), json_values),
        "name": st.one_of(st.text(max_size=4), json_values),
        "image": st.one_of(st.just("photo.png"), st.text(max_size=6), json_values),
    },
)
clicks_json = st.one_of(json_values, st.lists(st.one_of(fields, json_values), max_size=5))
good_click = st.fixed_dictionaries(
    {"x": st.integers(-1, WIDTH), "y": st.integers(-1, HEIGHT), "label": st.integers(0, 1)},
    optional={"object": st.integers(1, 3), "name": st.text(max_size=3)},
)


def _works_or_says_why(function, *arguments):
    """The result, or None after an InputError of one line."""
    try:
        return function(*arguments)
    except InputError as error:
        message = str(error)
    assert message
    assert len(message.splitlines()) == 1, message
    assert len(message) < 1000
    return None


def _image_bytes(image_format):
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    content = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    options = {} if image_format in ("BMP", "GIF") else {"exif": exif.tobytes()}
    Image.fromarray(pixels).save(content, image_format, **options)
    return content.getvalue()


GOOD_FILES = {name: _image_bytes(name) for name in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")}


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """The current directory holds photo.png; the network is never reached."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(GOOD_FILES["PNG"])
    monkeypatch.setattr(shared, "load_predictor", _no_network)
    return tmp_path


class _Reached(Exception):
    """The input was found good: the network would be loaded now."""


def _no_network(arguments):
    raise _Reached


def _command_fails_cleanly(arguments, folder, capfd):
    before = sorted(folder.rglob("*"))
    try:
        code = cli.main(arguments)
    except (_Reached, SystemExit):  # --help leaves as argparse does
        code = None
    error = capfd.readouterr().err
    if code is not None:
        assert code == 2
        assert error.startswith("fctsfn: error: ")
        assert len(error.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before
    return code


# ---- clicks ----------------------------------------------------------------------------------


@many
@given(
    st.one_of(
        st.lists(st.tuples(numbers, numbers), max_size=4),
        json_values,
        st_numpy.arrays(st.sampled_from(["<U3", "f8", "i4", "M8[s]"]), shapes),
    ),
    st.one_of(st.lists(st.integers(0, 1), max_size=4), json_values),
)
def test_points(points, labels):
    clicks = _works_or_says_why(clicks_from_points, points, labels, HEIGHT, WIDTH)
    for click in clicks or ():
        row, col = click.pixel
        assert 0 <= row < HEIGHT
        assert 0 <= col < WIDTH


@many
@given(clicks_json)
def test_json_clicks_files(tmp_path, content):
    path = tmp_path / "clicks.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    clicks = _works_or_says_why(read_clicks_file, path)
    assert clicks is None or all(clicks.values())


@many
@given(st.binary(max_size=200), st.sampled_from([".json", ".csv"]), st.booleans())
def test_random_bytes_as_clicks_files(tmp_path, content, suffix, has_header):
    path = tmp_path / f"clicks{suffix}"
    path.write_bytes(b"x,y,label,object,name,image\n" * has_header + content)
    _works_or_says_why(read_clicks_file, path)


@many
@given(st.lists(st.lists(st.text(max_size=5), max_size=7), max_size=4))
def test_csv_clicks_files(tmp_path, rows):
    lines = ["x,y,label,object,name,image", *(",".join(row) for row in rows)]
    (tmp_path / "clicks.csv").write_text("\n".join(lines), "utf-8", "surrogatepass")
    _works_or_says_why(read_clicks_file, tmp_path / "clicks.csv")


# ---- images ----------------------------------------------------------------------------------


@many
@given(st_numpy.arrays(dtypes, shapes))
def test_arrays_as_images(array):
    image = _works_or_says_why(as_rgb, array)
    if image is not None:
        assert image.dtype == np.uint8
        assert image.shape == (*array.shape[:2], 3)


@many
@given(json_values)
def test_anything_as_an_image(value):
    assert _works_or_says_why(as_rgb, value) is None


def _damaged(draw):
    """A real file that was cut off or of which bytes were changed."""
    content = bytearray(GOOD_FILES[draw(st.sampled_from(sorted(GOOD_FILES)))])
    for _ in range(draw(st.integers(0, 6))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


damaged_files = st.one_of(st.binary(max_size=300), st.composite(_damaged)())


@settings(many, max_examples=300)
@given(damaged_files)
def test_damaged_files_as_images(tmp_path, content):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    image = _works_or_says_why(read_image, path)
    if image is not None:
        assert image.dtype == np.uint8
        assert image.ndim == 3
    _works_or_says_why(read_mask, path, WIDTH, HEIGHT)


@many
@given(st.text(max_size=300))
def test_any_text_as_a_path(name):
    for function in (read_image, read_clicks_file):
        assert _works_or_says_why(function, name) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@many
def test_headers_that_claim_any_size(tmp_path, width, height):
    content = bytearray(GOOD_FILES["PNG"])
    content[16:24] = struct.pack(">II", width, height)
    (tmp_path / "a.png").write_bytes(content)
    assert _works_or_says_why(read_image, tmp_path / "a.png") is None


@many
@given(st.one_of(st_numpy.arrays(dtypes, shapes), json_values))
def test_anything_as_masks(masks):
    for function in (mask_png, index_png, encode_rle):
        _works_or_says_why(function, masks)
    _works_or_says_why(labelme_json, masks, "a.jpg")
    _works_or_says_why(coco_json, masks, "a.jpg")


# ---- the command line ------------------------------------------------------------------------

words = st.one_of(
    st.sampled_from(
        shlex.split(
            "segment photo.png . --positive --negative 3,4 99,1 -1,2 nan,inf --clicks clicks.json "
            "--mask --cutout --coco m.png c.json photo.png/x.png --output --formats mask,index out "
            "--force --preset none --threshold 0.5 nan --graph-cut --start-mask"
        )
    ),
    st.text(max_size=6).filter(lambda word: "\0" not in word),
)


@many
@given(st.lists(words, max_size=9))
def test_any_words(photo, capfd, arguments):
    _command_fails_cleanly(["segment", "photo.png", *arguments], photo, capfd)
    _command_fails_cleanly(arguments, photo, capfd)


@many
@given(st.one_of(clicks_json, st.lists(good_click, max_size=4)), st.booleans())
def test_any_clicks_file_in_the_command(photo, capfd, content, is_folder):
    (photo / "clicks.json").write_text(json.dumps(content), encoding="utf-8")
    target = "." if is_folder else "photo.png"
    _command_fails_cleanly(["segment", target, "--clicks", "clicks.json"], photo, capfd)


@many
@given(damaged_files, st.booleans())
def test_damaged_files_in_the_command(photo, capfd, content, is_mask):
    (photo / "damaged.png").write_bytes(content)
    names = ["photo.png", "--start-mask", "damaged.png"] if is_mask else ["damaged.png"]
    _command_fails_cleanly(["segment", *names, "--positive", "3,4"], photo, capfd)


@many
@given(st.lists(st.tuples(numbers, numbers), max_size=3))
def test_without_a_positive_click_there_is_nothing_to_segment(photo, capfd, points):
    negatives = [f"--negative={x},{y}" for x, y in points]
    assert _command_fails_cleanly(["segment", "photo.png", *negatives], photo, capfd) == 2


def test_the_good_input_of_these_tests_is_good(photo, capfd):
    """Else every test above could pass on one check at the door."""
    arguments = ["segment", "photo.png", "--positive", "3,4"]
    assert _command_fails_cleanly(arguments, photo, capfd) is None
    for content in GOOD_FILES.values():
        (photo / "good").write_bytes(content)
        assert read_image("good").dtype == np.uint8


@pytest.mark.parametrize("arguments", [["--preset", "none"], ["--threshold", "nan"]])
def test_settings_that_only_the_network_knows(photo, monkeypatch, capfd, arguments):
    pytest.importorskip("keras")
    monkeypatch.undo()
    monkeypatch.chdir(photo)
    command = ["segment", "photo.png", "--positive", "3,4", *arguments]
    assert cli.main(command) == 2
    error = capfd.readouterr().err
    assert "fctsfn: error: " in error.splitlines()[-1]
    assert sorted(path.name for path in photo.iterdir()) == ["photo.png"]
