"""Published data sets as they come from their archives, and folders of one's own → samples.

`open_dataset` recognises these layouts (a directory is named by what lies in it):

- `voc`: Pascal VOC: JPEGImages/, SegmentationObject/ (palette PNG), ImageSets/Segmentation/*.txt;
- `sbd`: SBD: img/, inst/*.mat, train.txt, val.txt;
- `davis`: DAVIS: JPEGImages/480p/<sequence>/, Annotations/480p/<sequence>/, ImageSets/…/*.txt;
- `coco`: COCO: annotations/instances_<split>.json and <split>/ (or images/<split>/, images/), a
  COCO file beside images/ (CVAT, Label Studio), or a folder of photographs and one COCO file for
  each split (Roboflow);
- `isat`: photographs, each with the .json of ISAT;
- `labelme`: photographs, each with its .json beside it or in a folder of its own, as labelme and
  X-AnyLabeling write them;
- `folder`: photographs and masks with the same stem, in images/ and labels/ or masks/; so do
  GrabCut (data_GT/ and boundary_GT/), Berkeley (images/ and masks/) and the 345 frames of DAVIS
  (img/ and gt/) come. Several masks of one photograph are <stem>#<n> or <stem>_<n>.

Nothing is left out for being small, unless `Dataset.samples` is asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from fctsfn_tf.data.annotated_images import AnnotatedImage, Dataset
from fctsfn_tf.data.readers import coco, davis, folders, isat, labelme, sbd, voc
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable
from fctsfn_tf.images.mask_levels import MaskKind

# In the order in which they are looked for.
LAYOUTS = {
    "voc": voc.LAYOUT,
    "sbd": sbd.LAYOUT,
    "davis": davis.LAYOUT,
    "coco": coco.LAYOUT,
    "isat": isat.LAYOUT,
    "labelme": labelme.LAYOUT,
    "folder": folders.LAYOUT,
}
# How many of the names found a message shows.
SHOWN_NAMES = 8


def open_dataset(
    directory: str | Path,
    kind: str | None = None,
    split: str | None = None,
    masks: MaskKind | None = None,
) -> Dataset:
    """A data set in one of the layouts that the head of this module lists.

    No photograph is read yet, and of masks only some of a folder's, to tell what they are.

    Args:
        directory: the data set, or an archive's folder around it (VOCdevkit, benchmark_RELEASE, …).
        kind: the layout, a key of `LAYOUTS`; None to recognise it.
        split: the name of a list that the layout has ("train", "val", …); None takes all
            photographs that have masks.
        masks: for the layout "folder", what the masks are: "object", one in white each, or
            "labels", maps of objects' numbers; None to look at them (`mask_images`).

    Raises:
        InputError: no such directory, no layout that is known, no such list, a photograph without
            its mask, or `masks` for a layout that knows what its masks are.

    Examples:
        >>> from fctsfn_tf import open_dataset
        >>> dataset = open_dataset("photographs")  # images/ and labels/, of two objects each
        >>> sample = next(iter(dataset.samples()))
        >>> sample.image.shape, sample.gt_mask.dtype.name, len(sample.other_masks)
        ((60, 90, 3), 'bool', 1)
    """
    known, inner = _recognised(Path(directory), kind)
    layout = LAYOUTS[known]
    read = layout.read
    if masks is not None:
        if known != "folder" or masks not in get_args(MaskKind):
            raise InputError(
                f"`masks` must be one of {', '.join(get_args(MaskKind))}, for the layout folder. "
                f"Leave it out. Received {masks!r:.40} for the layout {known}."
            )
        read = partial(folders.read_folder, masks=masks)
    return _checked(known, read(inner, split), Path(directory), layout.is_empty_allowed)


def list_splits(directory: str | Path, kind: str | None = None) -> list[str]:
    """The names of the lists that a data set has, for `split` of `open_dataset`; often none.

    Raises:
        InputError: no such directory, or no layout that is known.
    """
    known, inner = _recognised(Path(directory), kind)
    return sorted(set(LAYOUTS[known].lists(inner)))


def _recognised(directory: Path, kind: str | None) -> tuple[str, Path]:
    """The layout of a directory, and where in it the data set lies.

    Raises:
        InputError: see `list_splits`.
    """
    if not directory.is_dir():
        raise InputError(
            f"A data set must be a directory. Check the path. Received {printable(directory)}."
        )
    if kind is not None and kind not in LAYOUTS:
        raise InputError(f"`kind` must be one of {', '.join(LAYOUTS)}. Received {kind!r:.40}.")
    for known in LAYOUTS if kind is None else (kind,):
        layout = LAYOUTS[known]
        for inner in layout.inner_directories:
            if layout.is_here(directory / inner):
                return known, directory / inner
    names = [printable(path.name) for path in sorted(directory.iterdir())]
    found = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
    expected = "; ".join(
        f"{name}: {layout.description}" for name, layout in LAYOUTS.items() if kind in (None, name)
    )
    raise InputError(
        f"{printable(directory)} must have a layout that is known ({expected}). Name the folder "
        f"that holds these. Received a folder of: {found or 'nothing'}."
    )


def _checked(
    kind: str, images: Sequence[AnnotatedImage], directory: Path, is_empty_allowed: bool
) -> Dataset:
    if not images:
        raise InputError(
            f"{printable(directory)} must hold at least one photograph with its masks "
            f"(layout {kind}). Check that the archive is complete. Received none."
        )
    missing = [image for image in images if not image.image_path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} photographs are missing. Check that the archive is complete. "
            f"The first is {printable(missing[0].image_path)}."
        )
    return Dataset(kind, tuple(images), is_empty_allowed, directory)
