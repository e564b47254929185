"""What a worker needs to evaluate any photograph of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fctsfn_tf.data.annotated_images import AnnotatedImage, Dataset, Sample, samples_of
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import Protocol
from fctsfn_tf.evaluation.results import ObjectResult
from fctsfn_tf.evaluation.segmenters import Segment, Segmenter


@dataclass(frozen=True)
class Task:
    """It goes to workers, so it is pickled.

    Attributes:
        dataset, segmenter, protocol, min_share, seed: see `runner.evaluate_dataset`.
        finished: names of the objects that need not be evaluated any more.
    """

    dataset: Dataset
    segmenter: Segmenter
    protocol: Protocol
    min_share: float
    seed: int
    finished: frozenset[str]

    def start(self) -> Callable[[int], list[ObjectResult]]:
        """See `workers.shared_out`: the objects of a photograph by its position."""
        _, segment = self.segmenter.build()
        return lambda position: list(self.results(position, segment))

    def results(self, position: int, segment: Segment) -> Iterator[ObjectResult]:
        """The objects of one photograph; of those that are finished only the name."""
        image = self.dataset.images[position]
        try:
            objects = list(self._objects(image))
        except InputError as error:
            yield ObjectResult(image.name, position, failure=str(error))
            return
        for sample in objects:
            if sample.name in self.finished:
                yield ObjectResult(sample.name, position)
            else:
                yield evaluate_object(segment, sample, self.protocol, self.seed, position)

    def _objects(self, image: AnnotatedImage) -> Iterator[Sample]:
        pixels, objects = image.read_masks()
        self.dataset.check_objects(image, objects)
        return samples_of(image.name, pixels, objects, self.min_share)
