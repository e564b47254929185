"""`Layout`: how a reader tells its data sets from others, and what it reads of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fctsfn_tf.data.annotated_images import AnnotatedImage


@dataclass(frozen=True)
class Layout:
    """How a data set lies on the disk.

    Attributes:
        description: for the message that a directory has none of the layouts.
        is_here: whether a directory has this layout.
        read: (directory, split) → its photographs, of which no pixel is read; None as `split` takes
            all that have masks. Raises InputError for a list that is not there or a photograph
            without its mask.
        lists: directory → the names of its splits.
        inner_directories: where in an archive's folder it lies.
        is_empty_allowed: whether photographs without an object belong to it.
    """

    description: str
    is_here: Callable[[Path], bool]
    read: Callable[[Path, str | None], list[AnnotatedImage]]
    lists: Callable[[Path], Iterable[str]]
    inner_directories: tuple[str, ...] = (".",)
    is_empty_allowed: bool = False


def has_folders(*names: str) -> Callable[[Path], bool]:
    """For `Layout.is_here`: whether a directory has all of these folders."""
    return lambda directory: all((directory / name).is_dir() for name in names)


def text_lists(pattern: str) -> Callable[[Path], Iterable[str]]:
    """For `Layout.lists`: the stems of the files of a pattern; of the empty one, none."""
    return lambda directory: (path.stem for path in directory.glob(pattern)) if pattern else ()
