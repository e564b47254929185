"""Items shared out to workers; tests/evaluation/test_ray.py has a cluster of two machines."""

import os

import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict import workers
from fctsfn_tf.predict.workers import AT_HAND, THREAD_VARIABLES, shared_out


def squares():
    """Starts a worker that squares, and says in which process."""
    return lambda number: (number**2, os.getpid())


def test_one_worker_is_this_process_and_takes_items_when_they_are_asked_for():
    taken = []

    def items():
        for number in range(3):
            taken.append(number)
            yield number

    answers = shared_out(squares, items())
    assert next(answers) == (0, os.getpid())
    assert taken == [0]
    assert list(answers) == [(1, os.getpid()), (4, os.getpid())]


def test_several_workers_are_other_processes():
    answers = list(shared_out(squares, range(4), workers=2))
    assert sorted(square for square, _ in answers) == [0, 1, 4, 9]
    assert os.getpid() not in {process for _, process in answers}


def test_ray_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'fctsfn-tf\[ray\]'"):
        list(shared_out(squares, [1], ray=AT_HAND))


def test_processes_share_the_cores_while_they_are_started(monkeypatch):
    seen = []

    class Pool:
        def __init__(self, workers, context, initializer, initargs):
            seen.append((workers, initargs[1], [os.environ[name] for name in THREAD_VARIABLES]))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(shared_out(squares, [], 3)) == []
    assert seen == [(3, 2, ["2"] * len(THREAD_VARIABLES))]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
