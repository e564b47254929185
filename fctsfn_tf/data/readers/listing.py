"""What readers share: files by their stems, photographs by the names that tools give them, lists of
photographs, shapes drawn at a size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import unquote

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.objects import Objects, WrongSize
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import composed, printable

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
IMAGE_SUFFIXES += (".avif", ".heic", ".heif")


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """{stem: path} of a folder's files; those that systems hide or leave behind do not count.

    Stems are composed (Unicode NFC): macOS writes ä as two signs, other systems as one.

    Raises:
        InputError: two files of one stem.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        stem = composed(path.stem)
        if stem in found:
            raise InputError(
                "Every file of a folder must have a stem of its own. Rename one. Received "
                f"{printable(found[stem])} and {printable(path.name)}."
            )
        found[stem] = path
    return found


# What Label Studio puts before the name of a file that is uploaded.
UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


class Photographs:
    """The photographs below some folders, found by the names that annotation tools give them.

    Names come with folders of another machine, Windows' signs, percent signs for blanks, Label
    Studio's prefix, and composed differently. The longest end of a name that is there counts.

    Args:
        folders: the first that has it counts; what lies below them counts as well.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]

    def find(self, name: str) -> Path | None:
        """Where the photograph of a name lies; None where it is not there."""
        for folder in self.folders:
            if name and ".." not in Path(name).parts and (folder / name).is_file():
                return folder / name
        return next((path for end in _ends_of(name) if (path := self._by_end.get(end))), None)

    @cached_property
    def _by_end(self) -> dict[str, Path]:
        """Every photograph below the folders, by its path seen from there, composed."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
                    for end in _ends_of(path.relative_to(folder).as_posix()):
                        found.setdefault(end, path)
        return found


def _ends_of(name: str) -> list[str]:
    """What a photograph's name may mean: its ends at folders, the longest first; no prefix."""
    parts = [part for part in re.split(r"[/\\]", composed(name)) if part not in ("", ".", "..")]
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    ends += [unquote(end) for end in ends if "%" in end]
    return list(dict.fromkeys([*ends, *(UPLOAD_PREFIX.sub("", end) for end in ends[-1:])]))


def listed_stems(folder: Path, split: str | None, directory: Path) -> list[str] | None:
    """The stems in <folder>/<split>.txt; None without a split.

    Raises:
        InputError: no such list.
    """
    if split is None:
        return None
    if not (folder / f"{split}.txt").is_file():
        raise no_split(split, directory, folder.glob("*.txt"))
    return [composed(line.split()[0]) for line in lines_of(folder / f"{split}.txt")]


def lines_of(path: Path) -> list[str]:
    """The lines of a list that are not blank.

    Raises:
        InputError: it cannot be read as text.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{printable(path)} must be a text file of names, one a line. "
            f"Received {type(error).__name__}."
        ) from None


def images_with_masks(
    image_folder: Path,
    masks: dict[str, Path],
    listed: Sequence[str] | None,
    read: Callable[[Path], Objects],
) -> list[AnnotatedImage]:
    """The photographs <stem>.jpg of a folder, each with its mask file.

    Args:
        masks: {stem: path}, see `files_by_stem`.
        listed: the stems of the photographs, in their order; None for all that have a mask.
        read: a mask file → its objects.

    Raises:
        InputError: a listed photograph has no mask.
    """
    stems = sorted(masks) if listed is None else listed
    for stem in stems:
        if stem not in masks:
            raise InputError(
                "Every photograph of a list must have its mask. Check that "
                f"{printable(image_folder.parent)} is complete. Received none for "
                f"{printable(stem)}."
            )
    return [with_mask_file(stem, image_folder / f"{stem}.jpg", read, masks[stem]) for stem in stems]


def with_mask_file(
    name: str, image_path: Path, read: Callable[[Path], Objects], path: Path
) -> AnnotatedImage:
    """A photograph whose objects stand in a mask file of their own."""
    return AnnotatedImage(name, image_path, path, partial(_objects_in, path, read))


def _objects_in(path: Path, read: Callable[[Path], Objects], height: int, width: int) -> Objects:
    """The file has its size itself, which `AnnotatedImage.read_masks` compares."""
    return read(path)


def objects_drawn_at(
    drawn_size: tuple[int | None, int | None],
    draw: Callable[..., Objects],
    annotations: list | dict,
    height: int,
    width: int,
) -> Objects:
    """Shapes drawn on a photograph of `drawn_size`, (height, width); None where nobody says.

    Raises:
        WrongSize: the photograph has another size; and what `draw` raises.
    """
    if drawn_size[0] not in (None, height) or drawn_size[1] not in (None, width):
        raise WrongSize(
            "A photograph must have the size it was annotated at. Take the original file. "
            f"Received {height} × {width}, not {drawn_size[0]!s:.9} × {drawn_size[1]!s:.9}."
        )
    return draw(annotations, height, width)


def no_split(split: str, directory: Path, lists: Iterable[Path]) -> InputError:
    """The error for a list that a data set does not have; `lists` are those that it has."""
    known = sorted({Path(path).stem for path in lists})
    return InputError(
        f"{printable(directory)} has no list {printable(split)!r}. Name one that it has: "
        f"{', '.join(known) or 'it has none, so leave `split` out'}."
    )


def refuse_split(kind: str, split: str | None) -> None:
    """For a layout without lists.

    Raises:
        InputError: one is asked for.
    """
    if split is not None:
        raise InputError(
            f"The layout {kind} has no lists. Leave `split` out. Received {split!r:.40}."
        )
