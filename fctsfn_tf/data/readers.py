"""Readers of published data sets: a directory and the name of a list → its annotated photographs.

The layouts are described in `dataset_layouts`. Every reader takes (directory, split), reads no
pixel, and raises InputError for a list that is not there or a photograph without its mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.annotations import (
    Objects,
    coco_objects,
    labelme_objects,
    objects_of_labels,
    read_index_map,
    read_json,
    read_mask_file,
)
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Folders of photographs and of masks that go together, by the names they come with.
FOLDER_PAIRS = (
    ("images", "labels"),
    ("images", "masks"),
    ("data_GT", "boundary_GT"),  # GrabCut
    ("img", "gt"),  # the DAVIS frames that interactive segmentation is measured on
)
# In these folders a value is always an object's id; elsewhere 0 and 255 are one object's mask.
INDEX_FOLDERS = ("labels",)
# A mask's number within its photograph stands behind one of these.
NUMBER_SIGNS = "#_-"


def read_voc(directory: Path, split: str | None) -> list[AnnotatedImage]:
    masks = _files(directory / "SegmentationObject", (".png",))
    listed = _listed(directory / "ImageSets" / "Segmentation", split, directory)
    return [
        _with_mask(
            stem,
            directory / "JPEGImages" / f"{stem}.jpg",
            read_index_map,
            _mask_of(masks, stem, directory),
        )
        for stem in (sorted(masks) if listed is None else listed)
    ]


def read_sbd(directory: Path, split: str | None) -> list[AnnotatedImage]:
    masks = _files(directory / "inst", (".mat",))
    listed = _listed(directory, split, directory)
    return [
        _with_mask(
            stem, directory / "img" / f"{stem}.jpg", _sbd_objects, _mask_of(masks, stem, directory)
        )
        for stem in (sorted(masks) if listed is None else listed)
    ]


def _sbd_objects(path: Path) -> Objects:
    """The objects of SBD's inst/<name>.mat: the matrix `GTinst.Segmentation`.

    Raises:
        InputError: SciPy is missing, or the file holds no such matrix.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise InputError("SBD's masks need SciPy. Install it with: pip install scipy") from None
    try:
        labels = np.asarray(loadmat(path)["GTinst"]["Segmentation"][0, 0])
    except Exception as error:  # the reader meets a broken file with errors of every kind
        raise InputError(
            f"{printable(path)} must be a MATLAB file with GTinst.Segmentation. Copy it again. "
            f"Received {type(error).__name__}."
        ) from None
    return objects_of_labels(labels)


def read_davis(directory: Path, split: str | None) -> list[AnnotatedImage]:
    mask_root, image_root = (directory / name / "480p" for name in ("Annotations", "JPEGImages"))
    names = sorted(f"{path.parent.name}/{path.stem}" for path in mask_root.glob("*/*.png"))
    if split is not None:
        # The lists hold sequences (2017), or the paths of a frame and its mask (2016).
        lists = sorted(directory.glob(f"ImageSets/*/{split}.txt"))
        words = [line.split()[0] for path in lists for line in _lines(path)]
        if not lists:
            raise _no_split(split, directory, directory.glob("ImageSets/*/*.txt"))
        kept = {
            "/".join(Path(word).with_suffix("").parts[-2:]) if "/" in word else word
            for word in words
        }
        names = [name for name in names if name in kept or name.partition("/")[0] in kept]
    return [
        _with_mask(name, image_root / f"{name}.jpg", read_mask_file, mask_root / f"{name}.png")
        for name in names
    ]


def read_coco(directory: Path, split: str | None) -> list[AnnotatedImage]:
    paths = sorted((directory / "annotations").glob("instances_*.json")) or [
        path for path in sorted(directory.glob("*.json")) if path.is_file()
    ]
    splits = {path.stem.removeprefix("instances_"): path for path in paths}
    if split is None and len(splits) > 1:
        raise InputError(
            f"{printable(directory)} holds several lists of objects. Name one as `split`. Received "
            f"none of {', '.join(splits)}."
        )
    if split is not None and split not in splits:
        raise _no_split(split, directory, paths)
    split, path = (split, splits[split]) if split else next(iter(splits.items()))
    folders = [directory / inner for inner in (split, f"images/{split}", "images")]
    folder = next((folder for folder in folders if folder.is_dir()), directory)
    content = read_json(path)
    try:
        by_image: dict[object, list[dict]] = {}
        for annotation in content["annotations"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        return [
            AnnotatedImage(
                str(Path(image["file_name"]).with_suffix("")),
                folder / image["file_name"],
                path,
                partial(
                    _objects_drawn_at,
                    (image.get("height"), image.get("width")),
                    coco_objects,
                    by_image[image["id"]],
                ),
            )
            for image in content["images"]
            if image["id"] in by_image
        ]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)} must be a COCO instances file: images with id and file_name, "
            f"annotations with image_id. Export it again. Received {error!r:.80}."
        ) from None


def is_coco(directory: Path) -> bool:
    if any((directory / "annotations").glob("instances_*.json")):
        return True
    paths = list(directory.glob("*.json"))
    return len(paths) == 1 and paths[0].is_file() and "annotations" in read_json(paths[0])


def read_labelme(directory: Path, split: str | None) -> list[AnnotatedImage]:
    _refuse_split("labelme", split)
    images = []
    for path in _labelme_paths(directory):
        content = read_json(path)
        if not isinstance(content.get("shapes"), list):
            continue
        # labelme writes the photograph's path as seen from the file, on Windows with \.
        image_path = path.parent / str(content.get("imagePath")).replace("\\", "/")
        if not image_path.is_file():
            folders = directory / "images", path.parent
            beside = [
                folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES
            ]
            image_path = next((other for other in beside if other.is_file()), image_path)
        # Without the rest: the pixels themselves may stand in it.
        shapes = {"shapes": content["shapes"]}
        size = content.get("imageHeight"), content.get("imageWidth")
        name = path.relative_to(directory).with_suffix("").as_posix()
        read_objects = partial(_objects_drawn_at, size, labelme_objects, shapes)
        images.append(AnnotatedImage(name, image_path, path, read_objects))
    return images


def _labelme_paths(directory: Path) -> list[Path]:
    return sorted([*directory.glob("*.json"), *directory.glob("*/*.json")])


def is_labelme(directory: Path) -> bool:
    path = next(iter(_labelme_paths(directory)), None)
    return path is not None and "shapes" in read_json(path)


def read_folder(directory: Path, split: str | None) -> list[AnnotatedImage]:
    image_folder, mask_folder = folder_pair(directory)
    images = _files(image_folder, IMAGE_SUFFIXES)
    read = read_index_map if mask_folder.name in INDEX_FOLDERS else read_mask_file
    listed = _listed(directory, split, directory)
    owned: dict[str, list[Path]] = {}
    for stem, path in sorted(_files(mask_folder, IMAGE_SUFFIXES).items()):
        owner = _owner(stem, images)
        if owner is None:
            raise InputError(
                f"Every mask must have its photograph, with the same stem. Add it to "
                f"{printable(image_folder)} or remove the mask. Received {printable(path)}."
            )
        owned.setdefault(owner, []).append(path)
    if without_mask := set(images) - set(owned):
        raise InputError(
            f"{len(without_mask)} photographs have no mask in {printable(mask_folder)}. Add them "
            f"or remove the photographs. The first is {printable(images[min(without_mask)])}."
        )
    return [
        AnnotatedImage(path.stem, images[owner], path, partial(_objects_among, path, paths, read))
        for owner, paths in owned.items()
        if listed is None or owner in listed
        for path in paths
    ]


def folder_pair(directory: Path) -> tuple[Path, Path] | None:
    pairs = ((directory / images, directory / masks) for images, masks in FOLDER_PAIRS)
    return next((pair for pair in pairs if pair[0].is_dir() and pair[1].is_dir()), None)


def _owner(mask_stem: str, images: dict[str, Path]) -> str | None:
    """The stem of a mask's photograph: its own, or what stands before its number."""
    if mask_stem in images:
        return mask_stem
    for sign in NUMBER_SIGNS:
        stem, _, number = mask_stem.rpartition(sign)
        if number.isdigit() and stem in images:
            return stem
    return None


def _with_mask(
    name: str, image_path: Path, read: Callable[[Path], Objects], path: Path
) -> AnnotatedImage:
    """A photograph whose objects stand in a mask file of their own."""
    return AnnotatedImage(name, image_path, path, partial(_objects_in, path, read))


def _objects_in(path: Path, read: Callable[[Path], Objects], height: int, width: int) -> Objects:
    """The file has its size itself, which `AnnotatedImage.read_masks` compares."""
    return read(path)


def _objects_among(
    path: Path, paths: Sequence[Path], read: Callable[[Path], Objects], height: int, width: int
) -> Objects:
    """The objects of one of a photograph's mask files; those of the others are `others`."""
    others = [mask for other in paths if other != path for mask in read(other).masks.values()]
    return replace(read(path), others=tuple(others))


def _objects_drawn_at(
    drawn_size: tuple[int | None, int | None],
    draw: Callable[..., Objects],
    annotations: list | dict,
    height: int,
    width: int,
) -> Objects:
    """Shapes drawn on a photograph of `drawn_size`, (height, width); None where nobody says.

    Raises:
        InputError: the photograph has another size; and what `draw` raises.
    """
    if drawn_size[0] not in (None, height) or drawn_size[1] not in (None, width):
        raise InputError(
            "A photograph must have the size it was annotated at. Take the original file. "
            f"Received {height} × {width}, not {drawn_size[0]!s:.9} × {drawn_size[1]!s:.9}."
        )
    return draw(annotations, height, width)


def _files(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """{stem: path} of a folder's files; those that systems hide or leave behind do not count.

    Raises:
        InputError: two files of one stem.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(
                "Every file of a folder must have a stem of its own. Rename one. Received "
                f"{printable(found[path.stem])} and {printable(path.name)}."
            )
        found[path.stem] = path
    return found


def _mask_of(masks: dict[str, Path], stem: str, directory: Path) -> Path:
    if stem not in masks:
        raise InputError(
            f"Every photograph of a list must have its mask. Check that {printable(directory)} is "
            f"complete. Received none for {printable(stem)}."
        )
    return masks[stem]


def _listed(folder: Path, split: str | None, directory: Path) -> list[str] | None:
    """The stems in <folder>/<split>.txt; None without a split.

    Raises:
        InputError: no such list.
    """
    if split is None:
        return None
    if not (folder / f"{split}.txt").is_file():
        raise _no_split(split, directory, folder.glob("*.txt"))
    return [line.split()[0] for line in _lines(folder / f"{split}.txt")]


def _lines(path: Path) -> list[str]:
    """The lines of a list that are not blank."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{printable(path)} must be a text file of names, one a line. "
            f"Received {type(error).__name__}."
        ) from None


def _no_split(split: str, directory: Path, lists: Iterable[Path]) -> InputError:
    known = sorted({path.stem.removeprefix("instances_") for path in lists})
    return InputError(
        f"{printable(directory)} has no list {printable(split)!r}. Name one that it has: "
        f"{', '.join(known) or 'it has none, so leave `split` out'}."
    )


def _refuse_split(kind: str, split: str | None) -> None:
    if split is not None:
        raise InputError(
            f"The layout {kind} has no lists. Leave `split` out. Received {split!r:.40}."
        )
