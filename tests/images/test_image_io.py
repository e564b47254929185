import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from colour_profiles import BLUE, GREEN, RED, profile
from PIL import Image, features

from fctsfn_tf.errors import InputError
from fctsfn_tf.images import image_io
from fctsfn_tf.images.image_io import MAX_PIXELS, as_rgb, read_image

HEIGHT, WIDTH = 5, 7


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def rgb16():
    return np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)


def _save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def _encoded(path, pixels):
    """Write what Pillow cannot: 16-bit colours, by OpenCV (which wants BGR)."""
    order = [2, 1, 0, 3][: pixels.shape[2]] if pixels.ndim == 3 else slice(None)
    swapped = pixels[..., order] if pixels.ndim == 3 else pixels
    _, content = cv2.imencode(path.suffix, swapped)
    path.write_bytes(content.tobytes())
    return path


# ---- files that are photographs --------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp"])
def test_lossless_files_come_back_exactly(tmp_path, rgb, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    path = _save(tmp_path / f"Hündchen 狗{suffix}", rgb, **options)
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, rgb)


def test_jpeg_is_near_the_original(tmp_path):
    flat = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    read = read_image(_save(tmp_path / "a.jpg", flat, quality=95))
    assert np.abs(read.astype(int) - flat).max() <= 3


def test_the_name_of_a_file_does_not_matter(tmp_path, rgb):
    _save(tmp_path / "a.png", rgb).rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.jpg")), rgb)


def test_of_several_frames_the_first(tmp_path):
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif")[2, 3], (255, 0, 0))


def test_phone_jpeg_of_several_pictures(tmp_path):
    frames = [Image.new("RGB", (16, 8), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.jpg").shape == (8, 16, 3)


def test_exif_orientation(tmp_path, rgb):
    """EXIF 2.3, tag 274: where the stored row 0 and column 0 are in the upright picture."""
    upright = {
        1: lambda stored: stored,
        2: lambda stored: stored[:, ::-1],
        3: lambda stored: stored[::-1, ::-1],
        4: lambda stored: stored[::-1],
        5: lambda stored: stored.swapaxes(0, 1),
        6: lambda stored: np.rot90(stored, -1),
        7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
        8: lambda stored: np.rot90(stored),
    }
    for suffix in (".png", ".tif", ".webp"):
        for orientation, turned in upright.items():
            exif = Image.Exif()
            exif[274] = orientation
            options = {"lossless": True} if suffix == ".webp" else {}
            path = _save(tmp_path / f"{orientation}{suffix}", rgb, exif=exif.tobytes(), **options)
            np.testing.assert_array_equal(read_image(path), turned(rgb), err_msg=str(path))


def test_exif_orientation_of_16_bits(tmp_path, rgb16):
    exif = Image.Exif()
    exif[274] = 6
    path = _save(tmp_path / "a.png", rgb16[..., 0], exif=exif.tobytes())
    np.testing.assert_array_equal(
        read_image(path)[..., 0], np.rot90(rgb16[..., 0] >> 8, -1).astype(np.uint8)
    )


def test_broken_exif_does_not_cost_the_picture(tmp_path, rgb):
    path = _save(tmp_path / "a.png", rgb, exif=b"Exif\0\0II*\0\xff\xff\xff\xff junk")
    np.testing.assert_array_equal(read_image(path), rgb)


def test_grey_and_one_bit(tmp_path, rgb):
    grey = rgb[..., 0]
    expected = np.stack([grey] * 3, axis=-1)
    np.testing.assert_array_equal(read_image(_save(tmp_path / "a.png", grey)), expected)
    Image.fromarray(grey > 99).save(tmp_path / "b.png")
    expected = np.stack([(grey > 99) * 255] * 3, axis=-1)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), expected)


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[:, 3:] = (200, 0, 100, 255)
    rgba[0, 0] = (0, 0, 0, 128)
    for suffix in (".png", ".webp", ".tif"):
        options = {"lossless": True} if suffix == ".webp" else {}
        read = read_image(_save(tmp_path / f"a{suffix}", rgba, **options))
        np.testing.assert_array_equal(read[1, 1], (255, 255, 255))
        np.testing.assert_array_equal(read[1, 4], (200, 0, 100))
        np.testing.assert_allclose(read[0, 0], 127, atol=1)
    read = read_image(_save(tmp_path / "la.png", rgba[..., [0, 3]]))
    np.testing.assert_array_equal(read[1], [[255] * 3] * 3 + [[200] * 3] * 4)


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) % 3)
    image = image.convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", transparency=1)
    read, transparent = read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png")
    np.testing.assert_array_equal(read[0, :3], [[10, 20, 30], [40, 50, 60], [70, 80, 90]])
    np.testing.assert_array_equal(transparent[0, :3], [[10, 20, 30], [255] * 3, [70, 80, 90]])


def test_cmyk(tmp_path):
    for suffix in (".tif", ".jpg"):
        path = tmp_path / f"a{suffix}"
        Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 255, 0)).save(path)
        np.testing.assert_allclose(read_image(path)[2, 3], (255, 0, 0), atol=3)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_scaled_not_clipped(tmp_path, rgb16, suffix):
    high = (rgb16 >> 8).astype(np.uint8)
    np.testing.assert_array_equal(read_image(_encoded(tmp_path / f"a{suffix}", rgb16)), high)
    grey = read_image(_encoded(tmp_path / f"b{suffix}", rgb16[..., 0]))
    np.testing.assert_array_equal(grey, np.stack([high[..., 0]] * 3, axis=-1))
    opaque = np.dstack([rgb16, np.full((HEIGHT, WIDTH), 65535, np.uint16)])
    np.testing.assert_array_equal(read_image(_encoded(tmp_path / f"c{suffix}", opaque)), high)


def test_big_endian_16_bit_tiff(tmp_path, rgb16):
    grey = rgb16[..., 0]
    Image.frombytes("I;16B", (WIDTH, HEIGHT), grey.astype(">u2").tobytes()).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], grey >> 8)


def test_floating_point_tiff(tmp_path):
    values = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    read = read_image(_save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(read[..., 1], np.rint(values * 255))
    with pytest.raises(InputError, match=r"b\.tif.*\[0, 1\]"):
        read_image(_save(tmp_path / "b.tif", values * 7))


def test_whole_numbers_of_32_bits(tmp_path):
    values = np.array([[0, 257, 65535]], np.int32)
    read = read_image(_save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(read[0, :, 0], [0, 1, 255])
    with pytest.raises(InputError, match="65535"):
        read_image(_save(tmp_path / "b.tif", values * 2))


def test_colour_profile_is_converted_to_srgb(tmp_path):
    """A profile whose red and green are exchanged: what is stored as red is seen as green."""
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 255
    exchanged = profile(GREEN, RED, BLUE, b"Exchanged")
    for suffix in (".png", ".tif"):
        path = _save(tmp_path / f"a{suffix}", red, icc_profile=exchanged)
        np.testing.assert_allclose(read_image(path)[2, 3], (0, 255, 0), atol=2)


@pytest.mark.parametrize("profile", [profile(GREEN, RED, BLUE, b"sRGB so named"), b"broken"])
def test_srgb_and_broken_profiles_change_nothing(tmp_path, rgb, profile):
    np.testing.assert_array_equal(
        read_image(_save(tmp_path / "a.png", rgb, icc_profile=profile)), rgb
    )


def test_one_pixel(tmp_path):
    path = _save(tmp_path / "a.png", np.full((1, 1, 3), 9, np.uint8))
    np.testing.assert_array_equal(read_image(path), [[[9, 9, 9]]])


# ---- files that are none ---------------------------------------------------------------------


def _png_header(width, height):
    """A PNG that claims a size and brings hardly any pixels."""

    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data)


@pytest.mark.parametrize("side", [7300, 20_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, side):
    (tmp_path / "bomb.png").write_bytes(_png_header(side, side))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(InputError, match=f"{MAX_PIXELS:,} pixels"):
        read_image(tmp_path / "bomb.png")


def test_the_limit_takes_a_50_megapixel_camera(monkeypatch, tmp_path):
    assert MAX_PIXELS >= 8192 * 6144
    monkeypatch.setattr(image_io, "MAX_PIXELS", HEIGHT * WIDTH)
    assert read_image(_save(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))).any() == 0
    with pytest.raises(InputError):
        read_image(_save(tmp_path / "b.png", np.zeros((HEIGHT + 1, WIDTH, 3), np.uint8)))
    with pytest.raises(InputError):
        as_rgb(np.zeros((HEIGHT, WIDTH + 1), np.uint8))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".gif"])
def test_every_cut_gives_an_input_error_or_the_whole_picture(tmp_path, suffix):
    noise = np.random.default_rng(2).integers(0, 256, (24, 31, 3), dtype=np.uint8)
    content = _save(tmp_path / f"whole{suffix}", noise).read_bytes()
    path = tmp_path / f"cut{suffix}"
    refused = 0
    cuts = np.linspace(0, len(content) - 1, 40, dtype=int)
    for length in cuts:
        path.write_bytes(content[:length])
        try:
            assert read_image(path).shape == (24, 31, 3)
        except InputError:
            refused += 1
    assert refused > 0.8 * len(cuts)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".gif"])
def test_every_changed_byte_of_a_header(tmp_path, rgb, suffix, capfd):
    content = _save(tmp_path / f"whole{suffix}", rgb).read_bytes()
    path = tmp_path / f"changed{suffix}"
    for position in range(min(60, len(content))):
        for value in (0, 1, 255):
            path.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
            with contextlib.suppress(InputError):
                assert read_image(path).dtype == np.uint8
    assert capfd.readouterr().err == ""


def test_samples_that_pillow_logs(tmp_path):
    """In a process of its own: pytest has a handler for logs, a user's script has none."""
    content = bytearray(_save(tmp_path / "a.tif", np.zeros((2, 3, 3), np.uint8)).read_bytes())
    entry = content.index(struct.pack("<HHI", 277, 3, 1))  # samples per pixel
    content[entry + 8 : entry + 10] = struct.pack("<H", 2048)
    (tmp_path / "a.tif").write_bytes(content)
    program = f"""
from fctsfn_tf.images.image_io import InputError, read_image
try:
    read_image({str(tmp_path / "a.tif")!r})
except InputError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


@pytest.mark.parametrize("content", [b"", b"\0", b"not an image\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image(tmp_path, content):
    (tmp_path / "a\nb.jpg").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a\nb.jpg")
    assert "\n" not in str(caught.value)


def test_broken_deep_tiffs_give_one_line(tmp_path, rgb16):
    """In a process of its own, as above; tifffile logs, too."""
    planes = np.moveaxis(rgb16, 2, 0).copy()
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    content = (tmp_path / "a.tif").read_bytes()
    program = f"""
from fctsfn_tf.images.image_io import InputError, read_image
content = {content!r}
for position in range(0, len(content), 3):
    for value in (0, 255):
        with open({str(tmp_path / "b.tif")!r}, "wb") as file:
            file.write(content[:position] + bytes([value]) + content[position + 1 :])
        try:
            assert read_image(file.name).ndim == 3
        except InputError as error:
            assert "\\n" not in str(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if "TIFF" not in line]  # libtiff's own
    assert (done.returncode, lines) == (0, [])


def test_missing_file_directory_pipe_and_impossible_names(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.jpg", ".", "pipe", "x" * 300, "a\0b", "pipe/below"):
        with pytest.raises(InputError):
            read_image(tmp_path / name)


# ---- arrays ----------------------------------------------------------------------------------


def test_rgb_uint8_is_taken_as_it_is(rgb):
    assert as_rgb(rgb) is rgb


def test_array_shapes(rgb):
    grey = rgb[..., 0]
    expected = np.stack([grey] * 3, axis=-1)
    np.testing.assert_array_equal(as_rgb(grey), expected)
    np.testing.assert_array_equal(as_rgb(grey[..., None]), expected)
    opaque = np.full_like(grey, 255)
    np.testing.assert_array_equal(as_rgb(np.dstack([rgb, opaque])), rgb)
    np.testing.assert_array_equal(as_rgb(np.dstack([grey, opaque])), expected)
    np.testing.assert_array_equal(as_rgb(np.dstack([rgb, 0 * opaque])), np.full_like(rgb, 255))
    flipped = as_rgb(rgb[:, ::-1])
    np.testing.assert_array_equal(flipped, rgb[:, ::-1])
    assert flipped.flags.c_contiguous


def test_array_types(rgb, rgb16):
    np.testing.assert_array_equal(as_rgb(rgb16), rgb16 >> 8)
    np.testing.assert_array_equal(as_rgb(rgb16.astype(">u2")), rgb16 >> 8)
    np.testing.assert_array_equal(as_rgb(np.array([[0, 65535]], np.uint16))[0, :, 0], [0, 255])
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(as_rgb((rgb / 255).astype(dtype)), rgb)


@pytest.mark.parametrize(
    "array",
    [
        "photo.jpg",
        None,
        [[1, 2], [3, 4]],
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((3,), np.uint8),
        np.zeros((3, 40, 50), np.uint8),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.int64),
        np.zeros((4, 5, 3), bool),
        np.zeros((4, 5, 3), object),
        np.zeros((4, 5, 3), complex),
        np.full((4, 5, 3), np.nan),
        np.full((4, 5, 3), np.inf),
        np.full((4, 5, 3), -0.01),
        np.full((4, 5, 3), 1.01),
        np.full((4, 5), "a"),
    ],
)
def test_other_arrays_are_refused_in_one_line(array):
    with pytest.raises(InputError) as caught:
        as_rgb(array)
    assert "\n" not in str(caught.value)
    assert "Received" in str(caught.value)


def test_reading_neither_warns_nor_prints(tmp_path, rgb, capfd, recwarn):
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "PNG")
    (tmp_path / "cut.png").write_bytes(content.getvalue()[:-30])
    with pytest.raises(InputError):
        read_image(tmp_path / "cut.png")
    (tmp_path / "large.png").write_bytes(_png_header(10_000, 10_000))
    with pytest.raises(InputError):
        read_image(tmp_path / "large.png")
    assert capfd.readouterr().err == ""
    assert len(recwarn) == 0


# ---- more than 8 bits ------------------------------------------------------------------------


def test_tiffs_that_keep_their_channels_apart(tmp_path, rgb, rgb16):
    """Pillow reads 16 bits so as noise."""
    alpha = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    for name, pixels, options in (
        ("a", rgb, {}),
        ("b", rgb16, {}),
        ("c", rgb16, {"compression": "zlib"}),
        ("d", rgb16, {"byteorder": ">", "bigtiff": True}),
        ("e", np.dstack([rgb16, alpha]), {"extrasamples": ["unassalpha"]}),
    ):
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            np.moveaxis(pixels, 2, 0).copy(),
            photometric="rgb",
            planarconfig="separate",
            **options,
        )
        expected = rgb if pixels is rgb else (rgb16 >> 8).astype(np.uint8)
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.tif"), expected, err_msg=name)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_whole_numbers_of_fewer_bits_than_their_file(tmp_path, rgb16, bits):
    """A camera's 12 bits in a file of 16 are as bright as its 8 bits would be."""
    rgb16[0, 0] = 65535
    expected = (rgb16 >> 8).astype(np.uint8)
    few = rgb16 >> (16 - bits)
    grey = np.stack([expected[..., 0]] * 3, axis=-1)
    for suffix in (".png", ".tif"):
        np.testing.assert_array_equal(read_image(_encoded(tmp_path / f"c{suffix}", few)), expected)
        path = _encoded(tmp_path / f"g{suffix}", few[..., 0])
        np.testing.assert_array_equal(read_image(path), grey)
    opaque = np.dstack([few, np.full((HEIGHT, WIDTH), 65535, np.uint16)])
    np.testing.assert_array_equal(read_image(_encoded(tmp_path / "a.png", opaque)), expected)
    np.testing.assert_array_equal(as_rgb(few), expected)
    for dtype in (np.uint32, np.int32, np.int16):
        if bits < 16 or dtype != np.int16:
            tifffile.imwrite(tmp_path / "i.tif", few.astype(dtype), photometric="rgb")
            np.testing.assert_array_equal(read_image(tmp_path / "i.tif"), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fractions_in_colours(tmp_path, rgb, dtype):
    values = (rgb / 255).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rgb)
    tifffile.imwrite(tmp_path / "b.tif", values * 200, photometric="rgb")
    with pytest.raises(InputError, match=r"b\.tif: .*lie in \[0, 1\].*Divide"):
        read_image(tmp_path / "b.tif")


def test_grey_whose_0_is_white(tmp_path, rgb16):
    grey = rgb16[..., 0]
    grey[0, 0] = 65535
    for name, values in (("a", grey), ("b", grey >> 4)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, values, photometric="miniswhite")
        np.testing.assert_array_equal(read_image(path)[..., 1], 255 - (grey >> 8))


def test_deep_colours_are_turned_upright_and_converted(tmp_path, rgb16):
    exchanged = profile(GREEN, RED, BLUE, b"Exchanged")
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    red[:, 2:, 0] = 65535
    tags = [(274, 3, 1, 6, True), (34675, 7, len(exchanged), exchanged, True)]
    tifffile.imwrite(tmp_path / "a.tif", red, photometric="rgb", extratags=tags)
    read = read_image(tmp_path / "a.tif")
    assert read.shape == (WIDTH, HEIGHT, 3)
    np.testing.assert_allclose(read[-1, 2], (0, 255, 0), atol=2)
    np.testing.assert_array_equal(read[0, 2], (0, 0, 0))


def test_tiffs_that_are_no_photograph_say_so(tmp_path, rgb16):
    many = np.dstack([rgb16, rgb16])
    tifffile.imwrite(tmp_path / "a.tif", many, photometric="rgb", planarconfig="contig")
    with pytest.raises(InputError, match=r"a\.tif: .*grey or RGB.*6 channels of uint16"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", rgb16.astype(np.complex64), photometric="rgb")
    with pytest.raises(InputError, match=r"b\.tif: .*uint16 or floating point.*complex64"):
        read_image(tmp_path / "b.tif")


def test_without_tifffile_such_files_are_refused_in_the_right_words(tmp_path, rgb16, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.moveaxis(rgb16, 2, 0).copy(), photometric="rgb", planarconfig="separate"
    )
    with pytest.raises(InputError, match=r"channels apart.*fctsfn-tf\[formats\]"):
        read_image(path)
    tifffile.imwrite(path, rgb16.astype(np.float32), photometric="rgb")
    with pytest.raises(InputError, match=r"a TIFF whose numbers.*fctsfn-tf\[formats\]") as caught:
        read_image(path)
    assert "HEIC" not in str(caught.value)
    tifffile.imwrite(path, rgb16, photometric="rgb")
    np.testing.assert_array_equal(read_image(path), rgb16 >> 8)


# ---- the formats of phones -------------------------------------------------------------------


def _flat(path, **options):
    Image.new("RGB", (64, 48), (200, 100, 50)).save(path, **options)
    return path


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif(tmp_path):
    read = read_image(_flat(tmp_path / "a.avif"))
    assert read.shape == (48, 64, 3)
    np.testing.assert_allclose(read[9, 9], (200, 100, 50), atol=4)


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[274] = 6
    path = _flat(tmp_path / "a.heic", exif=exif.tobytes())
    read = read_image(path)
    assert read.shape == (64, 48, 3)  # upright
    np.testing.assert_allclose(read[9, 9], (200, 100, 50), atol=4)


def test_heic_without_its_plug_in_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.jpg").write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(40))
    with pytest.raises(InputError, match=r"a HEIC file.*fctsfn-tf\[formats\]"):
        read_image(tmp_path / "a.jpg")


# ---- files that lost their end ---------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 2, 20])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {"quality": 90}),
        (".jpg", {"quality": 90, "progressive": True}),
        (".png", {}),
        (".bmp", {}),
        (".tif", {}),
    ],
)
def test_a_file_that_lost_its_last_bytes_is_read(tmp_path, suffix, options, lost):
    rows, cols = np.mgrid[:320, :200]
    pixels = np.stack([cols, rows // 2, (rows + cols) // 4], axis=-1).astype(np.uint8) + 1
    whole = read_image(_save(tmp_path / f"whole{suffix}", pixels, **options))
    content = (tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content[:-lost])
    read = read_image(path)
    assert read.shape == whole.shape
    assert np.mean(np.abs(read.astype(int) - whole).max(axis=(1, 2)) <= 3) > 0.94  # of the rows
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cut off"):
        read_image(path)
    with pytest.raises(InputError, match="cut off"):
        image_io.open_image(path)


def test_channels_apart_that_lost_their_end_are_cut_off(tmp_path, rgb16):
    path = tmp_path / "a.tif"
    planes = np.moveaxis(rgb16, 2, 0).copy()
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.tif is broken or cut off"):
        read_image(path)


def test_masks_must_be_whole(tmp_path):
    path = _save(tmp_path / "a.bmp", np.full((320, 200), 255, np.uint8))
    path.write_bytes(path.read_bytes()[:-20])
    assert read_image(path).shape == (320, 200, 3)
    with pytest.raises(InputError, match="cut off"):
        image_io.open_image(path)
