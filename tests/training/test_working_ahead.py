"""Results are those of the function, made by others before they are asked for."""

import os
import pickle
import threading

import pytest

from fctsfn_tf.training.working_ahead import WorkAhead

END = 9


def square(epoch, index):
    if index == 7:
        raise ValueError(f"no square in {epoch}")
    return epoch, index**2


def process_of(epoch, index):
    return os.getpid()


def following(epoch, index):
    return (epoch, index + 1) if index + 1 < END else None


@pytest.mark.parametrize("use_multiprocessing", [False, True])
def test_any_order_gets_the_function_s_results_and_errors(use_multiprocessing):
    ahead = WorkAhead(square, following, 2, 3, use_multiprocessing)
    for copy in (ahead, pickle.loads(pickle.dumps(ahead))):
        for key in [(0, 0), (0, 1), (0, 2), (0, 1), (0, 8), (1, 3), (0, 3), (1, 4)]:
            assert copy(*key) == (key[0], key[1] ** 2)
        for _ in range(2):
            with pytest.raises(ValueError, match="no square in 1"):
                copy(1, 7)
        copy.close()


def test_processes_are_others():
    ahead = WorkAhead(process_of, following, 1, 1, use_multiprocessing=True)
    assert ahead(0, 0) != os.getpid()
    ahead.close()


class Gate:
    """A function that waits until it is let go, and counts its calls."""

    def __init__(self):
        self.called, self.open = [], threading.Event()
        self.changed = threading.Condition()

    def __call__(self, epoch, index):
        with self.changed:
            self.called.append((epoch, index))
            self.changed.notify_all()
        if index > 0:
            self.open.wait()
        return index

    def wait_for(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.called) >= number, timeout=60)


def test_what_follows_is_begun_as_far_as_there_is_room_and_not_made_twice():
    gate = Gate()
    ahead = WorkAhead(gate, following, workers=5, max_ready=2)
    assert ahead(0, 0) == 0
    gate.wait_for(3)
    gate.open.set()
    assert sorted(gate.called) == [(0, 0), (0, 1), (0, 2)]
    assert [ahead(0, index) for index in range(1, END)] == list(range(1, END))
    ahead.close()
    assert sorted(gate.called) == [(0, index) for index in range(END)]


def test_what_will_not_be_asked_for_is_given_up():
    gate, has_changed = Gate(), threading.Event()

    def following_told(epoch, index):
        if epoch == 1:
            has_changed.set()
        return following(epoch, index)

    ahead = WorkAhead(gate, following_told, workers=1, max_ready=6)
    assert ahead(0, 0) == 0
    gate.wait_for(2)  # (0, 1) is being made, (0, 2) and so on wait
    thread = threading.Thread(target=ahead, args=(1, 0))
    thread.start()
    has_changed.wait()
    with ahead._lock:  # whoever holds it has given up what it gives up
        gate.open.set()
    thread.join()
    ahead.close()
    assert {key for key in gate.called if key[0] == 0} == {(0, 0), (0, 1)}


def test_closing_waits_for_what_is_being_made():
    threads_before, ended = threading.active_count(), []

    def make(epoch, index):
        square(epoch, index)
        ended.append(index)

    ahead = WorkAhead(make, following, workers=1, max_ready=3)
    ahead(0, 0)
    ahead.close()
    assert ended == list(range(len(ended)))
    assert threading.active_count() == threads_before
    WorkAhead(make, following, 1, 1).close()  # nothing was ever begun
