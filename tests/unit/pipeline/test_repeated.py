"""Work that is repeated while a stage works, and the calls of an attempt that is killed."""

from __future__ import annotations

import threading

import pytest

from include.errors import InfrastructureError
from include.pipeline.repeated import repeated


def test_repeated__calls_during_the_block_and_once_at_its_end() -> None:
    calls, three = [], threading.Event()

    def work() -> None:
        calls.append(threading.current_thread().name)
        if len(calls) == 3:
            three.set()

    with repeated(work, 0.001):
        assert three.wait(10)
    assert len(calls) >= 4
    assert calls[-1] == threading.current_thread().name


def test_repeated__also_calls_after_an_error_of_the_block() -> None:
    calls = []
    with pytest.raises(ZeroDivisionError), repeated(lambda: calls.append(1), 1000):
        raise ZeroDivisionError
    assert calls == [1]


def test_repeated__logs_an_error_of_the_thread_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    tries, again = [], threading.Event()

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise InfrastructureError("the disk is full")
        again.set()

    with repeated(work, 0.001):
        assert again.wait(10)
    assert "the disk is full" in caplog.text
