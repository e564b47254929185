"""Training on several machines with TensorFlow."""

from __future__ import annotations

from typing import Any


def multi_worker_strategy() -> Any:
    """TensorFlow's MultiWorkerMirroredStrategy, in a form that Keras' `fit` can use.

    Call it before anything else of TensorFlow runs, in the same program on every machine; the
    environment's TF_CONFIG says which machine this is (docs/training.md).

    `fit` (Keras 3.15) asks the strategy for the mean of a whole batch, a nest of tensors, and for
    the mean along the first axis of a loss, which has none; TensorFlow (2.21) refuses both. Here
    the mean is taken tensor by tensor, and that of a single number over the workers alone.
    """
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    reduce = strategy.reduce

    def reduce_one(operation: Any, value: Any, axis: int | None) -> Any:
        (*_, local) = strategy.experimental_local_results(value)
        return reduce(operation, value, axis=axis if local.shape.rank else None)

    strategy.reduce = lambda operation, value, axis: tf.nest.map_structure(
        lambda one: reduce_one(operation, one, axis), value
    )
    return strategy
