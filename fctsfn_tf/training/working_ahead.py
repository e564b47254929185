"""Results made by threads or processes before they are asked for: `WorkAhead`.

`concurrent.futures` does the work; what is by hand is which key comes next. Keras' own workers are
of no use here: they begin before the dataset is told of the new epoch, and on some backends they
make batches for a look at their shapes and train on those first, so that an epoch is not what it is
without them. tf.data works ahead too, for TensorFlow alone (`ClickDataset.as_tf_dataset`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, ClassVar, Generic, TypeVar

Key = tuple[Any, ...]
Result = TypeVar("Result")


class WorkAhead(Generic[Result]):
    """A function, of which the results that will be asked for next are begun with each call.

    Threads or processes start with the first call. A copy that is sent to another process starts
    without any.

    Args:
        make: the function; the same in any order. With processes, it can be pickled.
        following: its arguments → those that are likely to come next; None for none.
        workers: threads or processes, 1 or more.
        max_ready: results that may be begun beside the one asked for.
        use_multiprocessing: True for processes.
    """

    def __init__(
        self,
        make: Callable[..., Result],
        following: Callable[..., Key | None],
        workers: int,
        max_ready: int,
        use_multiprocessing: bool = False,
    ) -> None:
        self._settings = (make, following, workers, max_ready, use_multiprocessing)
        self._begun: dict[Key, Future[Result]] = {}
        self._lock = threading.Lock()
        self._pool: Executor | None = None

    def __call__(self, *key: Any) -> Result:
        """The function's result, or what it raises; those that follow are begun."""
        _, following, _, max_ready, _ = self._settings
        with self._lock:
            before, self._begun = self._begun, {}
            wanted = before.pop(key, None) or self._begin(key)
            upcoming = following(*key)
            while upcoming is not None and len(self._begun) < max_ready:
                self._begun[upcoming] = before.pop(upcoming, None) or self._begin(upcoming)
                upcoming = following(*upcoming)
            for future in before.values():  # others come next now
                future.cancel()
        return wanted.result()

    def close(self) -> None:
        """Wait for what is being made, and begin nothing more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _begin(self, key: Key) -> Future[Result]:
        make, _, workers, _, use_multiprocessing = self._settings
        if self._pool is None and use_multiprocessing:
            self._pool = ProcessPoolExecutor(workers, None, _Process.start, (make,))
        elif self._pool is None:
            self._pool = ThreadPoolExecutor(workers)
        return self._pool.submit(_Process.make if use_multiprocessing else make, *key)

    def __getstate__(self) -> tuple[Any, ...]:
        return self._settings

    def __setstate__(self, settings: tuple[Any, ...]) -> None:
        self.__init__(*settings)


class _Process:
    """What a process of `WorkAhead` keeps: its copy of the function, sent once."""

    _make: ClassVar[Callable[..., Any]]

    @classmethod
    def start(cls, make: Callable[..., Any]) -> None:
        cls._make = make

    @classmethod
    def make(cls, *key: Any) -> Any:
        return cls._make(*key)
