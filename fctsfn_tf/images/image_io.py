"""Any photograph, from a file or an array, as RGB uint8 (H, W, 3).

What is done to it, in this order: the file's size is checked before a pixel is decoded, the EXIF
orientation is applied, 16 bits become 8, transparency is laid over white (what a browser shows on
an empty page), and a colour profile other than sRGB is converted to sRGB.
"""

from __future__ import annotations

import logging
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import file_kind, printable

# Largest photograph: 50 × 2^20 pixels, which takes the 8192 × 6144 of "50 megapixel" cameras.
# Measured at that size: 0.5 GB of memory for a JPEG, 0.7 GB with transparency or a colour profile.
MAX_PIXELS = 50 * 2**20
# No other decoder is tried: some of Pillow's run programs (EPS) or read no photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# Pillow's modes of one number a pixel that are wider than 8 bits.
WIDE_GREY_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
# Pillow logs what it finds wrong; without a handler Python prints that on standard error, beside
# the one line that we say.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def read_image(path: str | Path) -> np.ndarray:
    """The photograph in a file.

    Args:
        path: a JPEG, PNG, WebP, TIFF, BMP or GIF file (of several frames the first), of at most
            `MAX_PIXELS`, in grey, grey + alpha, RGB, RGBA, palette or CMYK. Of 16 bits a channel
            the upper 8 count (65535 → 255). A floating-point TIFF must lie in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB, upright as its EXIF orientation says, in sRGB where it carries another
        colour profile (grey pictures' and unreadable profiles are ignored).

    Raises:
        InputError: no such file, not an image, cut off, broken, or larger than `MAX_PIXELS`.
    """
    image = open_image(path)
    try:
        if image.mode in WIDE_GREY_MODES:
            return as_rgb(_wide_grey(image))
        return np.array(_in_srgb(image))
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from None
    except ValueError:
        raise InputError(
            f"{printable(path)} has colours that cannot be read (mode {image.mode}). Save it as "
            "an RGB JPEG or PNG."
        ) from None


def open_image(path: str | Path) -> Image.Image:
    """The decoded, upright Pillow image in a file, in the file's own colour mode.

    Raises:
        InputError: as `read_image`.
    """
    name = printable(path)
    _check_is_file(Path(path))
    try:
        # Pillow warns of odd metadata and of large sizes; the pixels and the limit below decide.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image.height, image.width, name)
                image.load()
                _turn_upright(image)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{name} is not an image that can be read. Expected {', '.join(FORMATS)}; convert HEIC "
            "or camera raw files to JPEG first."
        ) from None
    except Image.DecompressionBombError:
        raise InputError(_too_large(name)) from None
    except Exception as error:  # decoders meet a broken file with errors of every kind
        reason = " ".join(str(error).split())
        raise InputError(
            f"{name} is broken or cut off: it cannot be decoded. Copy or export it again. "
            f"The decoder said: {printable(reason):.100}."
        ) from None
    return image


def has_palette_of_colours(image: Image.Image) -> bool:
    """Whether the pixels are numbers of a palette's entries, and these not all grey."""
    if image.mode != "P":
        return False
    palette = np.reshape(image.getpalette(), (-1, 3))
    return bool((palette != palette[:, :1]).any())


def as_rgb(array: np.ndarray) -> np.ndarray:
    """An array of pixels as RGB uint8.

    Args:
        array: (H, W), (H, W, 1) grey, (H, W, 2) grey + alpha, (H, W, 3) RGB or (H, W, 4) RGBA;
            uint8 in [0, 255], uint16 in [0, 65535] (the upper 8 bits count), or floating point in
            [0, 1]. Transparency is laid over white.

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


def _wide_grey(image: Image.Image) -> np.ndarray:
    """The pixels of a grey image of more than 8 bits, as uint16 or float32."""
    values = np.asarray(image)
    if image.mode != "I":
        return values
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise InputError(
            "A grey image of whole numbers must lie in [0, 65535]. Rescale it to 16 bits. "
            f"Received values from {values.min()} to {values.max()}."
        )
    return values.astype(np.uint16)


def _as_uint8(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind != "f":
        raise InputError(
            "An image must be uint8, uint16 or floating point in [0, 1]. Convert it with "
            f".astype(np.uint8) if it lies in [0, 255]. Received {pixels.dtype}."
        )
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 1):  # False for NaN, too
        raise InputError(
            "A floating-point image must be finite and lie in [0, 1]. Divide by 255 or clip it. "
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
