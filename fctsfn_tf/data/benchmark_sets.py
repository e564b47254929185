"""The sets that interactive segmentation is measured on, by name, in their published layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE, AnnotatedImage, Dataset
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.data.objects import Objects
from fctsfn_tf.data.readers.coco import read_coco_file
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.mask_levels import MaskKind

# The paper's test data of Microsoft COCO (§4.1): so many images of each of the 80 categories.
COCO_IMAGES_PER_CATEGORY = 20


@dataclass(frozen=True)
class BenchmarkSet:
    """One of the sets.

    Attributes:
        title: as tables name it.
        kind, split: see `layouts.open_dataset`.
        target: the IoU to which the paper counts its clicks; None where it does not measure.
        min_share: objects that cover less of their photograph are left out. Published sets are
            measured whole.
        sample: makes the set of a data set that holds more.
    """

    title: str
    kind: str | None = None
    split: str | None = None
    target: float | None = None
    min_share: float = 0.0
    sample: Callable[[Dataset], Dataset] | None = None


def sample_per_category(dataset: Dataset, count: int = COCO_IMAGES_PER_CATEGORY) -> Dataset:
    """`count` images of each category of a COCO data set, with one object of it in each.

    The paper does not say which; here they are drawn with the seed 0, always alike, category by
    category in the order of their ids. A photograph may be drawn for several categories, its object
    is another one each time. Crowds are never drawn.

    Args:
        dataset: of the layout "coco".

    Raises:
        InputError: another layout.

    Source: paper §4.1.
    """
    if dataset.kind != "coco":
        raise InputError(
            f"Only the layout coco has categories. Name a COCO directory. Received {dataset.kind}."
        )
    content = read_coco_file(dataset.images[0].annotation_path)
    by_name = {image.name: image for image in dataset.images}
    found: dict[object, dict[str, list[int]]] = {}
    for image in content.images:
        name = str(Path(image["file_name"]).with_suffix(""))
        objects = [one for one in content.annotations[image["id"]] if not one.get("iscrowd")]
        for number, annotation in enumerate(objects, start=1):  # as `coco_objects` numbers them
            of_category = found.setdefault(annotation["category_id"], {})
            if name in by_name:
                of_category.setdefault(name, []).append(number)
    rng = np.random.default_rng(0)
    images = []
    for category in sorted(found):
        names = sorted(found[category])
        for index in sorted(rng.permutation(len(names))[:count]):
            number = int(rng.choice(found[category][names[index]]))
            images.append(_with_one_object(by_name[names[index]], category, number))
    return replace(dataset, images=tuple(images))


def _with_one_object(image: AnnotatedImage, category: object, number: int) -> AnnotatedImage:
    name = f"{image.name}_{number}_category_{category}"
    return replace(image, name=name, read_objects=partial(_only, image.read_objects, number))


def _only(
    read_objects: Callable[[int, int], Objects], number: int, height: int, width: int
) -> Objects:
    objects = read_objects(height, width)
    return Objects({number: objects.masks[number]}, objects.ignore)


# By the name of their folder. The first four are the paper's, with its targets (§4.1).
BENCHMARK_SETS = {
    "voc2012": BenchmarkSet("Pascal VOC 2012", "voc", "val", target=0.85),
    "coco": BenchmarkSet("Microsoft COCO", "coco", target=0.85, sample=sample_per_category),
    "grabcut": BenchmarkSet("GrabCut", target=0.90),
    "berkeley": BenchmarkSet("Berkeley", target=0.90),
    "davis": BenchmarkSet("DAVIS"),
    "sbd": BenchmarkSet("SBD", "sbd", "val"),
    "coco_mval": BenchmarkSet("COCO_MVal"),
    # Not a published set: the photographs of Pascal VOC 2012 val that show animals.
    "voc2012_val_animals": BenchmarkSet(
        "VOC 2012 val, animals", target=0.85, min_share=MIN_OBJECT_SHARE
    ),
}
# Any directory, in whatever layout it has.
FOLDER = BenchmarkSet("folder", min_share=MIN_OBJECT_SHARE)


def open_benchmark_set(
    name: str | None,
    directory: str | Path,
    split: str | None = None,
    masks: MaskKind | None = None,
) -> Dataset:
    """The photographs of a benchmark set.

    Args:
        name: a key of `BENCHMARK_SETS`; None for any directory that `open_dataset` knows.
        directory: the set's own, or one that holds it in a folder of its name.
        split: instead of the set's own list.
        masks: see `open_dataset`.

    Raises:
        InputError: no such set; and see `open_dataset`.
    """
    if name is None:
        return open_dataset(directory, split=split, masks=masks)
    if name not in BENCHMARK_SETS:
        raise InputError(
            f"`dataset` must be one of {', '.join(BENCHMARK_SETS)}. Received {name!r:.40}."
        )
    benchmark_set = BENCHMARK_SETS[name]
    inner = Path(directory) / name
    dataset = open_dataset(
        inner if inner.is_dir() else directory,
        benchmark_set.kind,
        split or benchmark_set.split,
        masks,
    )
    return benchmark_set.sample(dataset) if benchmark_set.sample else dataset
