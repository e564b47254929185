"""Any photograph, from a file or an array, as RGB uint8 (H, W, 3).

What is done to it, in this order: the file's size is checked before a pixel is decoded, the EXIF
orientation is applied, more bits become 8, transparency is laid over white (what a browser shows on
an empty page), and a colour profile other than sRGB is converted to sRGB.

Whole numbers of 16 bits are often those of a camera or microscope that has fewer: the highest one
says how many bits are used, 8, 10, 12, 14 or 16, and the upper 8 of these count. So a photograph of
12 bits (0 … 4095) is as bright as it should be. Fractions must lie in [0, 1].
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import file_kind, printable
from fctsfn_tf.images.deep_files import (
    TURNS,
    WHITE_IS_ZERO,
    DeepImage,
    is_deep_png,
    is_tiff,
    png_pixels,
    read_deep_tiff,
)

# Largest photograph: 50 × 2^20 pixels, which takes the 8192 × 6144 of "50 megapixel" cameras.
# Measured at that size: 0.5 GB of memory for a JPEG, 0.7 GB with transparency or a colour profile.
MAX_PIXELS = 50 * 2**20
# No other decoder is tried: some of Pillow's run programs (EPS) or read no photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# Read where Pillow can: AVIF from 11.3 on, HEIF (HEIC) with the plug-in pillow-heif.
MORE_FORMATS = ("AVIF", "HEIF")
# What stands in bytes 4 to 12 of these two: ISO/IEC 23008-12 and the AV1 Image File Format.
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")
AVIF_BRANDS = (b"avif", b"avis")
# How many bits whole numbers may have; see the head of this module.
BIT_DEPTHS = (8, 10, 12, 14, 16)
# Of a file that is cut off, so many of its last rows may be missing: a share, or the rows that one
# lost byte costs a JPEG (a block's 16 and 2 that smoothing needs) if they are a tenth at most.
MISSING_SHARE = 0.05
JPEG_ROWS = 18
# JPEG's markers: end of the image, and start of a scan.
END_OF_IMAGE, START_OF_SCAN = b"\xff\xd9", b"\xff\xda"
# EXIF orientations that exchange height and width.
TURNED_TO_THE_SIDE = (5, 6, 7, 8)
# Pillow's modes of one number a pixel that are wider than 8 bits.
WIDE_GREY_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
# They log what they find wrong; without a handler Python prints that on standard error, beside the
# one line that we say.
for library in ("PIL", "tifffile"):
    logging.getLogger(library).addHandler(logging.NullHandler())


def read_image(path: str | Path) -> np.ndarray:
    """The photograph in a file.

    A file that lost its end is read as viewers read it, as long as next to nothing is missing: up
    to `MISSING_SHARE` of its rows.

    Args:
        path: a JPEG, PNG, WebP, TIFF, BMP or GIF file (of several frames the first), AVIF or HEIC
            where Pillow reads them, of at most `MAX_PIXELS`, in grey, grey + alpha, RGB, RGBA,
            palette or CMYK. Of more than 8 bits the upper 8 of those that are used count (see the
            head of this module). Whole numbers of a TIFF must lie in [0, 65535], fractions in
            [0, 1].

    Returns:
        (H, W, 3) uint8 RGB, upright as its EXIF orientation says, in sRGB where it carries another
        colour profile (grey pictures' and unreadable profiles are ignored).

    Raises:
        InputError: no such file, not an image, cut off, broken, larger than `MAX_PIXELS`, or
            numbers out of range.

    Examples:
        >>> from fctsfn_tf import read_image
        >>> image = read_image("examples/cat.jpg")
        >>> image.shape, image.dtype.name
        ((300, 451, 3), 'uint8')
    """
    _check_is_file(Path(path))
    mode = "of more than 8 bits"
    try:
        deep = _deep_image(path)
        if deep is not None:
            return np.array(_in_srgb(_of_8_bits(deep)))
        image = open_image(path, may_lack_rows=True)
        mode = image.mode
        if image.mode in WIDE_GREY_MODES:
            return as_rgb(_wide_grey(image))
        return np.array(_in_srgb(image))
    except InputError as error:
        name, message = printable(path), str(error)
        raise InputError(message if name in message else f"{name}: {message}") from None
    except ValueError:
        raise InputError(
            f"{printable(path)} has colours that cannot be read (mode {mode}). Save it as "
            "an RGB JPEG or PNG."
        ) from None


def open_image(path: str | Path, may_lack_rows: bool = False) -> Image.Image:
    """The decoded, upright Pillow image in a file, in the file's own colour mode.

    Args:
        path: as for `read_image`.
        may_lack_rows: True to take a file that is cut off near its end.

    Raises:
        InputError: as `read_image`.
    """
    name = printable(path)
    _check_is_file(Path(path))
    try:
        # Pillow warns of odd metadata and of large sizes; the pixels and the limit below decide.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            with Image.open(path, formats=_formats(path)) as image:
                _check_size(image.height, image.width, name)
                _check_channels(image)
                try:
                    image.load()
                except OSError:
                    if not may_lack_rows:
                        raise
                    image = _nearly_whole(image, Path(path))
                _turn_upright(image)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(_not_an_image(path)) from None
    except Image.DecompressionBombError:
        raise InputError(_too_large(name)) from None
    except Exception as error:  # decoders meet a broken file with errors of every kind
        reason = " ".join(str(error).split())
        raise InputError(
            f"{name} is broken or cut off: it cannot be decoded. Copy or export it again. "
            f"The decoder said: {printable(reason):.100}."
        ) from None
    return image


def jpeg_size(content: bytes) -> tuple[int, int] | None:
    """(height, width) of the upright photograph in the bytes of a JPEG file, from its head alone;
    None for other files and broken heads."""
    try:
        with _quietly_opened_jpeg(content) as image:
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in TURNED_TO_THE_SIDE
            return (image.width, image.height) if is_turned else (image.height, image.width)
    except Exception:  # decoders meet a broken file with errors of every kind
        return None


def shrunk_jpeg(content: bytes, factor: int) -> np.ndarray | None:
    """The photograph in the bytes of a JPEG file, decoded at a fraction of its size.

    Args:
        content: of a whole file.
        factor: 8, 4 or 2; it must divide both sides.

    Returns:
        (H / factor, W / factor, 3) uint8 RGB, upright and in sRGB as `read_image` gives it; None if
        it cannot be decoded, or its metadata cannot be trusted.
    """
    size = jpeg_size(content)
    try:
        with _quietly_opened_jpeg(content) as image:
            image.draft(None, (image.width // factor, image.height // factor))
            image.load()
            _turn_upright(image)
            pixels = np.array(_in_srgb(image))
    except Exception:  # decoders meet a broken file with errors of every kind
        return None
    return pixels if size == tuple(factor * side for side in pixels.shape[:2]) else None


@contextmanager
def _quietly_opened_jpeg(content: bytes) -> Iterator[Image.Image]:
    """Pillow's image in the bytes of a JPEG file; Pillow warns of odd metadata and large sizes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        with Image.open(BytesIO(content), formats=("JPEG",)) as image:
            yield image


def stored_orientation(path: str | Path) -> int:
    """The EXIF orientation of a photograph's file, 1 to 8; 1 where it says nothing.

    2 to 4 mirror it or turn it upside down; 5 to 8 exchange its height and width as well.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            with Image.open(path, formats=_formats(path)) as image:
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # no picture, or broken metadata
        return 1
    return orientation if orientation in TURNS else 1


def turned_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """An array (H, W) or (H, W, C) as it is stored, turned as an EXIF orientation says."""
    turned = {
        2: lambda stored: stored[:, ::-1],
        3: lambda stored: stored[::-1, ::-1],
        4: lambda stored: stored[::-1],
        5: lambda stored: stored.swapaxes(0, 1),
        6: lambda stored: np.rot90(stored, -1),
        7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
        8: lambda stored: np.rot90(stored),
    }
    return np.ascontiguousarray(turned[orientation](pixels)) if orientation in turned else pixels


def image_of_bytes(content: bytes, name: str) -> np.ndarray:
    """The photograph in the bytes of a file, as `read_image` reads it.

    Args:
        content: of a whole file.
        name: for messages.

    Raises:
        InputError: as `read_image`.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "photograph"
        path.write_bytes(content)
        try:
            return read_image(path)
        except InputError as error:
            raise InputError(str(error).replace(printable(path), name)) from None


def as_rgb(array: np.ndarray) -> np.ndarray:
    """An array of pixels as RGB uint8.

    Args:
        array: (H, W), (H, W, 1) grey, (H, W, 2) grey + alpha, (H, W, 3) RGB or (H, W, 4) RGBA;
            uint8 in [0, 255], uint16 (the upper 8 of the bits that are used count, see the head of
            this module), or floating point in [0, 1]. Transparency is laid over white.

    Returns:
        (H, W, 3) uint8 RGB; `array` itself where it is that already.

    Raises:
        InputError: another type or shape, no pixel, more than `MAX_PIXELS`, not finite or out of
            range.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(
            "An image must be a NumPy array (H, W, 3). Use `read_image` for a file. "
            f"Received {type(array).__name__}."
        )
    array = np.asarray(array)
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or pixels.size == 0:
        raise InputError(
            "An image must have shape (H, W), (H, W, 3) or (H, W, 4), channels last, and at least "
            f"one pixel. Received shape {array.shape}."
        )
    _check_size(*pixels.shape[:2], "The image")
    pixels = _as_uint8(pixels)
    channels = pixels.shape[2]
    if channels == 3:
        return np.ascontiguousarray(pixels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.array(_over_white(Image.fromarray(np.ascontiguousarray(pixels))))


def _check_is_file(path: Path) -> None:
    name, kind = printable(path), file_kind(path)
    if kind == "missing":
        raise InputError(f"There is no file {name}. Check the path.")
    if kind != "file":
        raise InputError(f"An image must be a file, but {name} is a {kind}. Name a file.")
    if path.stat().st_size == 0:
        raise InputError(f"{name} is empty (0 bytes). Copy or export it again.")


def _check_size(height: int, width: int, name: str) -> None:
    if height * width > MAX_PIXELS:
        raise InputError(f"{_too_large(name)} Received {width} × {height}.")


def _too_large(name: str) -> str:
    return f"{name} has more than {MAX_PIXELS:,} pixels, the most that is taken. Scale it down."


def _turn_upright(image: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # broken metadata must not cost the picture
        return


def _formats(path: str | Path) -> tuple[str, ...]:
    """Pillow's names of the formats that can be read here; registers HEIF's plug-in if need be."""
    if _brand(path) in HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError:
            return FORMATS
        pillow_heif.register_heif_opener()
    Image.init()
    return (*FORMATS, *(name for name in MORE_FORMATS if name in Image.OPEN))


def _brand(path: str | Path) -> bytes:
    """Which of HEIC, AVIF, MP4, … a file is; empty for files of another kind."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[8:] if head[4:8] == b"ftyp" else b""


def _not_an_image(path: str | Path) -> str:
    """The message for a file that Pillow does not know."""
    name = printable(path)
    if _brand(path) in HEIF_BRANDS:
        return (
            f"{name} is a HEIC file, which needs a plug-in. Install it with "
            "pip install 'fctsfn-tf[formats]', or convert the file to JPEG."
        )
    if _brand(path) in AVIF_BRANDS:
        return (
            f"{name} is an AVIF file, which Pillow reads from version 11.3 on. Update Pillow, or "
            "convert the file to JPEG."
        )
    if is_tiff(path):
        return (
            f"{name} is a TIFF whose numbers or compression cannot be read, or is cut off. Save "
            "it as an RGB TIFF or PNG of 8 or 16 bits, or install what reads more of them: "
            "pip install 'fctsfn-tf[formats]'."
        )
    return (
        f"{name} is not an image that can be read. Expected {', '.join(FORMATS + MORE_FORMATS)}; "
        "convert camera raw files to JPEG first."
    )


def _check_channels(image: Image.Image) -> None:
    """Refuse the TIFFs that Pillow takes but misreads: more than 8 bits, channels apart."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(284) == 2 and max(tags.get(258, (8,))) > 8 and len(tags.get(258, ())) > 1:
        if importlib.util.find_spec("tifffile") is not None:  # which has not read it either
            raise OSError("its channels are incomplete")
        raise InputError(
            "A TIFF of more than 8 bits that keeps its channels apart needs a library more. "
            "Install it with pip install 'fctsfn-tf[formats]', or save the file with its channels "
            "together."
        )


def _nearly_whole(image: Image.Image, path: Path) -> Image.Image:
    """What there is of a file that is cut off, if next to nothing is missing.

    Raises:
        OSError: more is missing.
    """
    missing = _num_missing_rows(image, path)
    most = max(MISSING_SHARE * image.height, JPEG_ROWS if image.height >= 10 * JPEG_ROWS else 0)
    if missing > most:
        raise OSError(f"image file is truncated, {missing} of {image.height} rows are missing")
    if image.format != "JPEG":
        return image
    # With an end, the decoder also gives the rows that it had kept back.
    with Image.open(BytesIO(path.read_bytes() + END_OF_IMAGE), formats=("JPEG",)) as ended:
        ended.load()
    return ended


def _num_missing_rows(image: Image.Image, path: Path) -> int:
    """How many rows a decoder that stopped has not written: they are 0, as the picture began.

    A progressive JPEG has every row from its first scan on. Only if its last scan is one of those
    that add the lowest bits, next to nothing is missing.
    """
    if image.info.get("progressive"):
        content = path.read_bytes()
        scan = content.rfind(START_OF_SCAN)
        length = int.from_bytes(content[scan + 2 : scan + 4], "big")
        lowest_bit = content[scan + 1 + length : scan + 2 + length]
        is_last = scan > 0 and len(lowest_bit) == 1 and lowest_bit[0] & 15 == 0
        is_first = content.count(START_OF_SCAN) < 3
        return 0 if is_last and not is_first else image.height
    image.tile = []  # what is decoded is all that there is
    image.load()
    rows = np.asarray(image).reshape(image.height, -1)
    return int(np.count_nonzero(~rows.any(axis=1)))


def _deep_image(path: str | Path) -> DeepImage | None:
    """The photograph of more than 8 bits in a file; None where Pillow reads it as well.

    Raises:
        InputError: it cannot be used.
    """
    if is_tiff(path):
        try:
            return read_deep_tiff(path, MAX_PIXELS)
        except InputError:
            raise
        except Exception:  # a broken file; Pillow says what is wrong
            return None
    if not is_deep_png(path):
        return None
    image = open_image(path)  # refuses one that is broken or too large
    pixels = png_pixels(path)
    if pixels is None:
        return None
    profile = image.info.get("icc_profile")
    return DeepImage(pixels, False, stored_orientation(path), profile)


def _of_8_bits(deep: DeepImage) -> Image.Image:
    """The picture in 8 bits, upright."""
    pixels = deep.pixels
    if pixels.dtype.kind in "iu":
        pixels = _as_uint16(pixels)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    grey = _as_uint8(pixels[..., :colours])
    if deep.is_negative:
        grey = 255 - grey
    if colours < pixels.shape[2]:
        grey = np.dstack([grey, _as_uint8(pixels[..., colours:])])
    image = Image.fromarray(np.ascontiguousarray(grey[..., 0] if grey.shape[2] == 1 else grey))
    if deep.profile:
        image.info["icc_profile"] = deep.profile
    turn = TURNS.get(deep.orientation)
    turned = image if turn is None else image.transpose(turn)
    turned.info.update(image.info)
    return turned


def _wide_grey(image: Image.Image) -> np.ndarray:
    """The pixels of a grey image of more than 8 bits, as uint16, uint8 or float32."""
    values = np.asarray(image)
    if image.mode == "F":
        return values
    values = _as_uint16(values)
    is_negative = getattr(image, "tag_v2", {}).get(262) == WHITE_IS_ZERO
    return 255 - _as_uint8(values) if is_negative else values


def _as_uint16(values: np.ndarray) -> np.ndarray:
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise InputError(
            "An image of whole numbers must lie in [0, 65535]. Rescale it to 16 bits. "
            f"Received values from {values.min()} to {values.max()}."
        )
    return values.astype(np.uint16)


def _as_uint8(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        highest = int(pixels.max())
        used = next(bits for bits in BIT_DEPTHS if highest < 1 << bits)
        return (pixels >> (used - 8)).astype(np.uint8)
    if pixels.dtype.kind != "f":
        raise InputError(
            "An image must be uint8, uint16 or floating point in [0, 1]. Convert it with "
            f".astype(np.uint8) if it lies in [0, 255]. Received {pixels.dtype}."
        )
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 1):  # False for NaN, too
        raise InputError(
            "A floating-point image must be finite and lie in [0, 1]. Divide it by its largest "
            "possible value (255, 4095, 65535, …) or clip it. "
            f"Received values from {low:g} to {high:g}."
        )
    return np.rint(pixels * 255).astype(np.uint8)


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        image = _over_white(image)
    if profile and image.mode in ("RGB", "CMYK"):
        return _converted(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    background = Image.new("RGB", image.size, "white")
    background.paste(image, mask=image)
    return background


def _converted(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """`image` from its colour profile to sRGB; as it stands where the profile is sRGB or broken."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc_profile))
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return image.convert("RGB")
        return ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
