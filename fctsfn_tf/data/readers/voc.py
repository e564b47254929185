"""Pascal VOC: JPEGImages/, SegmentationObject/ (palette PNG), ImageSets/Segmentation/<list>.txt."""

from __future__ import annotations

from pathlib import Path

from fctsfn_tf.data.annotated_images import AnnotatedImage
from fctsfn_tf.data.mask_images import read_index_map
from fctsfn_tf.data.readers.layout import Layout, has_folders, text_lists
from fctsfn_tf.data.readers.listing import files_by_stem, images_with_masks, listed_stems


def read_voc(directory: Path, split: str | None) -> list[AnnotatedImage]:
    """See `Layout.read`."""
    masks = files_by_stem(directory / "SegmentationObject", (".png",))
    listed = listed_stems(directory / "ImageSets" / "Segmentation", split, directory)
    return images_with_masks(directory / "JPEGImages", masks, listed, read_index_map)


LAYOUT = Layout(
    "JPEGImages/, SegmentationObject/, ImageSets/Segmentation/",
    has_folders("JPEGImages", "SegmentationObject"),
    read_voc,
    lists=text_lists("ImageSets/Segmentation/*.txt"),
    inner_directories=(".", "VOC2012", "VOCdevkit/VOC2012"),
)
