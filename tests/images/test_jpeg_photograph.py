"""Large JPEG files are seen without decoding all of their pixels."""

import cv2
import numpy as np
import pytest
from colour_profiles import BLUE, GREEN, RED, profile
from PIL import ExifTags, Image

from fctsfn_tf.errors import InputError
from fctsfn_tf.images import jpeg_photograph
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.images.jpeg_photograph import mean_of_cells, open_jpeg

HEIGHT, WIDTH = 320, 480


def picture():
    """Smooth colours, different in every corner, with an edge and some noise, (320, 480, 3)."""
    rng = np.random.default_rng(0)
    corners = rng.integers(60, 190, (4, 6, 3)).astype(np.float32)
    image = cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image[90:200, 50:180] = (230, 40, 90)
    return (image + rng.normal(0, 5, image.shape)).clip(0, 255).astype(np.uint8)


def saved(path, image, orientation=1, **options):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(image).save(path, "JPEG", quality=92, exif=exif, **options)
    return path


def shrunk(image, height, width):
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_whole_upright_photograph_at_a_smaller_size(tmp_path, orientation):
    path = saved(tmp_path / "photo.jpg", picture(), orientation)
    pixels = read_image(path)
    photograph = open_jpeg(path)
    assert photograph.size == pixels.shape[:2]
    height, width = (side // 10 for side in photograph.size)
    seen = photograph.seen(slice(0, height * 10), slice(0, width * 10), height, width)
    assert seen.shape == (height, width, 3)
    assert seen.dtype == np.float32
    assert np.abs(seen - shrunk(pixels, height, width)).mean() < 1
    np.testing.assert_array_equal(photograph.pixels(), pixels)


def test_a_part_of_it(tmp_path):
    path = saved(tmp_path / "photo.jpg", picture())
    photograph = open_jpeg(path)
    rows, cols = slice(37, 251), slice(11, 303)
    assert photograph.seen(slice(0, HEIGHT), slice(0, WIDTH), 32, 48) is not None  # 5 times smaller
    seen = photograph.seen(rows, cols, 23, 31)
    assert np.abs(seen - shrunk(read_image(path)[rows, cols], 23, 31)).mean() < 1.5
    # Less than twice the size of what would be made of it.
    assert photograph.seen(slice(10, 100), slice(10, 100), 30, 30) is None


@pytest.mark.parametrize("mode", ["L", "CMYK", "profile", "progressive"])
def test_other_colours_and_scans(tmp_path, mode):
    image = Image.fromarray(picture())
    options = {"progressive": mode == "progressive"}
    if mode == "profile":
        options["icc_profile"] = profile(GREEN, RED, BLUE, b"Exchanged")
    elif mode != "progressive":
        image = image.convert(mode)
    path = tmp_path / "photo.jpg"
    image.save(path, quality=92, **options)
    seen = open_jpeg(path).seen(slice(0, HEIGHT), slice(0, WIDTH), 32, 48)
    assert np.abs(seen - shrunk(read_image(path), 32, 48)).mean() < 1


def test_pixels_that_must_all_be_decoded(tmp_path):
    whole = slice(0, HEIGHT), slice(0, WIDTH)
    small = open_jpeg(saved(tmp_path / "small.jpg", picture()))
    assert small.seen(*whole, HEIGHT // 3, WIDTH // 3) is None  # half its size is too small
    uneven = open_jpeg(saved(tmp_path / "uneven.jpg", picture()[1:, 1:]))
    assert uneven.seen(slice(0, HEIGHT - 1), slice(0, WIDTH - 1), 32, 48) is None
    even = open_jpeg(saved(tmp_path / "even.jpg", picture()[2:, 2:]))  # halves, not quarters
    assert even.seen(slice(0, HEIGHT - 2), slice(0, WIDTH - 2), 32, 48) is not None


def test_what_is_decoded_was_in_the_file_when_it_was_opened(tmp_path, monkeypatch):
    path = saved(tmp_path / "photo.jpg", picture())
    pixels = read_image(path)
    photograph = open_jpeg(path)
    saved(path, 255 - picture())
    np.testing.assert_array_equal(photograph.pixels(), pixels)

    def refuse(*_):
        raise AssertionError("all pixels were decoded")

    monkeypatch.setattr(jpeg_photograph, "image_of_bytes", refuse)
    assert photograph.seen(slice(0, HEIGHT), slice(0, WIDTH), 32, 48) is not None


def test_broken_files_are_told_as_ever(tmp_path):
    content = saved(tmp_path / "photo.jpg", picture()).read_bytes()
    path = tmp_path / "half.jpg"
    path.write_bytes(content[: len(content) // 2])
    photograph = open_jpeg(path)
    assert photograph.seen(slice(0, HEIGHT), slice(0, WIDTH), 32, 48) is None
    with pytest.raises(InputError, match=r"half.jpg is broken or cut off"):
        photograph.pixels()


def test_other_files_are_not_for_it(tmp_path, monkeypatch):
    assert open_jpeg(tmp_path) is None
    assert open_jpeg(tmp_path / "none.jpg") is None
    Image.fromarray(picture()).save(tmp_path / "photo.png")
    assert open_jpeg(tmp_path / "photo.png") is None
    (tmp_path / "head.jpg").write_bytes(b"\xff\xd8\xff")
    assert open_jpeg(tmp_path / "head.jpg") is None
    path = saved(tmp_path / "photo.jpg", picture())
    monkeypatch.setattr(jpeg_photograph, "MAX_PIXELS", HEIGHT * WIDTH - 1)
    assert open_jpeg(path) is None


def test_means_of_cells_that_share_pixels():
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    # Cells of 1.5 × 2.25 pixels from (0.5, 2.25) on, in quarters of a pixel.
    fine = image.repeat(4, 0).repeat(4, 1).astype(np.float64)[2:26, 9:36]
    expected = fine.reshape(4, 6, 3, 9, 3).mean(axis=(1, 3))
    means = mean_of_cells(image, 0.5, 6.5, 2.25, 9.0, 4, 3)
    np.testing.assert_allclose(means, expected, rtol=1e-6)
