"""SBD, masks for the photographs of Pascal VOC 2011: img/, inst/*.mat, <list>.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.mask_images import objects_of_labels
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.layout import Layout, has_folders, text_lists
from fctsfn_tf.data.readers.listing import files_by_stem, images_with_masks, listed_stems
from fctsfn_tf.errors import InputError
from fctsfn_tf.files import printable


def read_sbd(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    masks = files_by_stem(directory / "inst", (".mat",))
    listed = listed_stems(directory, split, directory)
    return images_with_masks(directory / "img", masks, listed, _sbd_objects)


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


LAYOUT = Layout(
    "img/, inst/",
    has_folders("img", "inst"),
    read_sbd,
    lists=text_lists("*.txt"),
    inner_directories=(".", "dataset", "benchmark_RELEASE/dataset"),
)
