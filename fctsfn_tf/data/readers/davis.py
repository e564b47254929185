"""DAVIS 2016 and 2017 at 480p: JPEGImages/480p/<sequence>/, Annotations/480p/<sequence>/, lists in
ImageSets/<year>/<list>.txt."""

from __future__ import annotations

from pathlib import Path

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.mask_images import read_mask_file
from fctsfn_tf.data.readers.layout import Layout, has_folders, text_lists
from fctsfn_tf.data.readers.listing import lines_of, no_split, with_mask_file


def read_davis(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    mask_root, image_root = (directory / name / "480p" for name in ("Annotations", "JPEGImages"))
    names = sorted(f"{path.parent.name}/{path.stem}" for path in mask_root.glob("*/*.png"))
    if split is not None:
        # The lists hold sequences (2017), or the paths of a frame and its mask (2016).
        lists = sorted(directory.glob(f"ImageSets/*/{split}.txt"))
        words = [line.split()[0] for path in lists for line in lines_of(path)]
        if not lists:
            raise no_split(split, directory, directory.glob("ImageSets/*/*.txt"))
        kept = {
            "/".join(Path(word).with_suffix("").parts[-2:]) if "/" in word else word
            for word in words
        }
        names = [name for name in names if name in kept or name.partition("/")[0] in kept]
    return [
        with_mask_file(name, image_root / f"{name}.jpg", read_mask_file, mask_root / f"{name}.png")
        for name in names
    ]


LAYOUT = Layout(
    "JPEGImages/480p/, Annotations/480p/",
    has_folders("JPEGImages/480p", "Annotations/480p"),
    read_davis,
    lists=text_lists("ImageSets/*/*.txt"),
    inner_directories=(".", "DAVIS"),
    is_empty_allowed=True,  # an object may leave the picture
)
