"""tensorflow-datasets with object masks: `fctsfn_voc2012`, `fctsfn_sbd`, `fctsfn_coco2017`, …

TFDS has Pascal VOC and COCO without masks and the other sets not at all. Importing this module
registers builders that read every layout of `layouts` from a directory of one's own (TFDS'
manual download), so that the photographs lie in TFDS' records afterwards:

    import fctsfn_tf.data.tfds_builders as builders

    builder = builders.prepare("fctsfn_voc2012", "VOCdevkit/VOC2012", data_dir="prepared")
    train = ClickDataset(builders.dataset_of(builder, "train"), MSRN_INPUT)

or with TFDS alone: `tfds.load("fctsfn_voc2012", ...)` with `manual_dir` in its `DownloadConfig`. An
example is a photograph with all its objects:

- name: its name in the data set;
- image: (H, W, 3) uint8 RGB;
- masks: (N, H, W, 1) uint8, 1 on each object, which may overlap, and object_ids: (N,) int32;
- ignore: (H, W, 1) uint8, 1 where nobody is sure;
- other_masks: (M, H, W, 1) uint8, where every object has a mask file of its own (Berkeley) and is
  an example of its own: the photograph's other objects.

`prepare` takes TFDS' format "array_record", whose records can be read in any order; that of
`tfds.load` is TFDS' own choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from fctsfn_tf.data.annotated_images import AnnotatedImage, Dataset
from fctsfn_tf.data.examples import read_recorded
from fctsfn_tf.data.layouts import LAYOUTS, list_splits, open_dataset
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.deep_files import is_deep_png
from fctsfn_tf.images.image_io import END_OF_IMAGE

try:
    import tensorflow_datasets as tfds
except ImportError:
    raise ImportError(
        "The builders need tensorflow-datasets. Install it with: pip install 'fctsfn-tf[datasets]'"
    ) from None

# EXIF's orientation; 1 and none mean upright.
ORIENTATION = 0x0112


class ObjectMasks(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Photographs with object masks from a directory; each data set names its layout and lists.

    Attributes:
        KIND: the layout, a key of `layouts.LAYOUTS`; None to recognise it.
        SPLITS: {list of the data set: TFDS' name of the split}, as far as the lists are there.
        WHOLE: the split that holds everything where none of them is.
        DESCRIPTION, HOMEPAGE: for TFDS' records.
    """

    VERSION = tfds.core.Version("1.0.0")
    KIND: ClassVar[str | None] = None
    SPLITS: ClassVar[dict[str, str]] = {}
    WHOLE: ClassVar[str] = "test"
    DESCRIPTION: ClassVar[str] = ""
    HOMEPAGE: ClassVar[str] = ""

    @property
    def MANUAL_DOWNLOAD_INSTRUCTIONS(self) -> str:
        """What TFDS prints where the directory is missing."""
        layouts = [LAYOUTS[self.KIND]] if self.KIND else LAYOUTS.values()
        known = " or ".join(layout.description for layout in layouts)
        return (
            f"manual_dir must be the extracted data set ({known}), or hold it in a folder named "
            f"{self.name}. {self.HOMEPAGE}"
        ).strip()

    def _info(self) -> tfds.core.DatasetInfo:
        mask = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        return self.dataset_info_from_configs(
            description=self.DESCRIPTION,
            homepage=self.HOMEPAGE,
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "masks": tfds.features.Sequence(mask),
                    "object_ids": tfds.features.Sequence(np.int32),
                    "ignore": mask,
                    "other_masks": tfds.features.Sequence(mask),
                }
            ),
            disable_shuffling=True,  # so that the names below are in the records' order
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        directory = Path(dl_manager.manual_dir)
        if (directory / self.name).is_dir():
            directory /= self.name
        opened = {
            self.SPLITS[name]: open_dataset(directory, self.KIND, name)
            for name in list_splits(directory, self.KIND)
            if name in self.SPLITS
        } or {self.WHOLE: open_dataset(directory, self.KIND)}
        self.info.metadata["names"] = {
            split: [image.name for image in dataset.images] for split, dataset in opened.items()
        }
        self.info.metadata["kinds"] = {split: dataset.kind for split, dataset in opened.items()}
        return {split: self._generate_examples(dataset) for split, dataset in opened.items()}

    def _generate_examples(self, dataset: Dataset) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, image in enumerate(dataset.images):
            pixels, objects = image.read_masks()
            dataset.check_objects(image, objects)
            example = {
                "name": image.name,
                "image": str(image.image_path) if _is_plain(image.image_path) else pixels,
                "masks": [_as_feature(mask) for mask in objects.masks.values()],
                "object_ids": np.array(list(objects.masks), np.int32),
                "ignore": _as_feature(objects.ignore),
                "other_masks": [_as_feature(mask) for mask in objects.others],
            }
            yield number, example


class FctsfnVoc2012(ObjectMasks):
    """Pascal VOC 2012, SegmentationObject."""

    KIND = "voc"
    SPLITS: ClassVar = {"train": "train", "val": "validation"}
    DESCRIPTION = "Pascal VOC 2012 with one mask per object (SegmentationObject)."
    HOMEPAGE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"


class FctsfnSbd(ObjectMasks):
    """SBD: masks for the photographs of Pascal VOC 2011."""

    KIND = "sbd"
    SPLITS: ClassVar = {"train": "train", "val": "validation"}
    DESCRIPTION = "Semantic Boundaries Dataset (Hariharan et al. 2011) with one mask per object."
    HOMEPAGE = "http://home.bharathh.info/pubs/codes/SBD/download.html"


class FctsfnCoco2017(ObjectMasks):
    """COCO 2017 instances."""

    KIND = "coco"
    SPLITS: ClassVar = {"train2017": "train", "val2017": "validation"}
    DESCRIPTION = "COCO 2017 with one mask per instance; crowds are ignored."
    HOMEPAGE = "https://cocodataset.org/"


class FctsfnDavis(ObjectMasks):
    """DAVIS 2016 or 2017 at 480p; or the 345 frames that interactive segmentation is tested on."""

    SPLITS: ClassVar = {"train": "train", "val": "validation"}
    DESCRIPTION = "DAVIS with one mask per object: the 480p layout, or img/ and gt/ (345 frames)."
    HOMEPAGE = "https://davischallenge.org/"


class FctsfnGrabcut(ObjectMasks):
    """GrabCut: 50 photographs of one object each, with a band that is ignored."""

    KIND = "folder"
    DESCRIPTION = "GrabCut (Rother et al. 2004): one object per photograph, an ignored band."
    HOMEPAGE = "https://www.microsoft.com/en-us/research/publication/grabcut-interactive-foreground-extraction-using-iterated-graph-cuts/"


class FctsfnBerkeley(ObjectMasks):
    """Berkeley: 100 objects of 96 photographs."""

    KIND = "folder"
    DESCRIPTION = "Berkeley interactive segmentation (McGuinness and O'Connor 2010): 100 objects."
    HOMEPAGE = "https://kspace.computing.dcu.ie/interactive-segmentation/"


class FctsfnFolder(ObjectMasks):
    """Photographs and masks of one's own, in any layout that `open_dataset` knows."""

    SPLITS: ClassVar = {"train": "train", "val": "validation", "test": "test"}
    WHOLE = "train"
    DESCRIPTION = "Photographs and masks of one's own."


def prepare(name: str, directory: str | Path, data_dir: str | Path) -> ObjectMasks:
    """The builder of that name with its records written; nothing is done where they are there.

    Args:
        name: "fctsfn_voc2012", "fctsfn_folder", …
        directory: the extracted data set.
        data_dir: where TFDS keeps its records; one for each data set of one's own.

    Raises:
        InputError: no such builder, or `directory` has not its layout, or a photograph or mask in
            it cannot be used.
    """
    known = {builder.name: builder for builder in ObjectMasks.__subclasses__()}
    if name not in known:
        raise InputError(f"`name` must be one of {', '.join(known)}. Received {name!r:.60}.")
    builder = known[name](data_dir=str(data_dir), file_format="array_record")
    config = tfds.download.DownloadConfig(manual_dir=str(Path(directory).absolute()))
    builder.download_and_prepare(download_config=config)
    return builder


def dataset_of(builder: ObjectMasks, split: str) -> Dataset:
    """A prepared split as a `Dataset`, for `ClickDataset` and `fctsfn_tf.evaluation.runner`.

    Args:
        builder: prepared with `file_format="array_record"`, as `prepare` does.

    Raises:
        InputError: no such split.
    """
    names = builder.info.metadata["names"]
    if split not in names:
        raise InputError(f"`split` must be one of {', '.join(names)}. Received {split!r:.60}.")
    source = builder.as_data_source(split)
    kind = builder.info.metadata["kinds"][split]
    folder = Path(builder.data_dir) / split
    images = [
        RecordedImage(name, folder / name, Path(builder.data_dir), None, source, number)
        for number, name in enumerate(names[split])
    ]
    return Dataset(kind, tuple(images), LAYOUTS[kind].is_empty_allowed, folder)


@dataclass(frozen=True)
class RecordedImage(AnnotatedImage):
    """A photograph in TFDS' records; its path only names it."""

    source: Any
    number: int

    def read_masks(self) -> tuple[np.ndarray, Objects]:
        """See `AnnotatedImage.read_masks`."""
        return read_recorded(self.source[self.number])


def _as_feature(mask: np.ndarray) -> np.ndarray:
    return mask[..., None].astype(np.uint8)


def _is_plain(path: Path) -> bool:
    """Whether TFDS decodes the file to the same pixels as `read_image`: then its bytes are kept."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            upright = image.getexif().get(ORIENTATION, 1) == 1
            is_plain = image.mode == "RGB" and upright and not image.info.get("icc_profile")
        is_whole = path.suffix.lower() == ".png" or path.read_bytes().endswith(END_OF_IMAGE)
        return is_plain and is_whole and not is_deep_png(path)
    except OSError:  # another format; whether it is broken is seen where its pixels are read
        return False
