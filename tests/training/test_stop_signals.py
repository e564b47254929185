"""Ctrl-C and SIGTERM: the first is told, the second is not held back."""

import os
import signal
import threading

import pytest

from fctsfn_tf.training.stop_signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_told_and_the_second_stops(number, capsys):
    class Stopped(Exception):
        """What the program does at a signal."""

    def stop(*_):
        raise Stopped

    before = signal.signal(number, stop)
    try:
        with stop_signals() as should_stop:
            assert not should_stop()
            os.kill(os.getpid(), number)
            assert should_stop()
            assert "once more to stop at once" in capsys.readouterr().err
            with pytest.raises(Stopped):
                os.kill(os.getpid(), number)
        with stop_signals() as should_stop:
            assert not should_stop()
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_signals() as should_stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not should_stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hear_nothing():
    heard = []

    def listen():
        with stop_signals() as should_stop:
            heard.append(should_stop())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [False]
