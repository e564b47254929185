"""Which epoch Keras is in, from how it calls a `keras.utils.PyDataset`: `EpochCounter`.

`fit`, `evaluate` and `predict` of Keras 3.12 to 3.15 call one and the same, on all backends:

    use_multiprocessing                 is asked for, before anything else
    on_epoch_begin                      sometimes, for a look at a batch, to build what is not built
    on_epoch_end                        a reset (not in `predict`)
    on_epoch_begin, on_epoch_end        around each epoch
    on_epoch_end                        another reset, before each validation within `fit` but the
                                        first

An epoch that is broken off (`stop_training` in its middle, an error, Ctrl-C) has no end. So an
epoch was shown where an end follows a begin and is not the first end since the asking.
"""

from __future__ import annotations


class EpochCounter:
    """Counts the epochs that were shown to their end.

    Attributes:
        epoch: how many, or what it was set to and those since.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._is_within = False
        self._is_reset_next = True

    def start(self) -> None:
        """Keras has something to go through; an epoch that was not over is given up."""
        self._is_reset_next = True

    def begin(self) -> None:
        """An epoch, or a look at a batch, begins."""
        self._is_within = True

    def end(self) -> None:
        """An epoch is over, or everything is reset."""
        if self._is_within and not self._is_reset_next:
            self.epoch += 1
        self._is_within = self._is_reset_next = False
