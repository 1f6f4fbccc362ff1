"""The token bucket, on a clock that only the test moves."""

from __future__ import annotations

import threading

import pytest

from include.http.rate_limiter import TokenBucket


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def bucket(rate: float, time: Time) -> TokenBucket:
    return TokenBucket(rate, clock=time.clock, sleep=time.sleep)


def test_token_bucket__spaces_calls_evenly(time: Time) -> None:
    paced = bucket(10, time)
    for _ in range(101):
        paced.acquire()
    assert time.now == pytest.approx(110.0)
    assert time.slept == [pytest.approx(0.1)] * 100


def test_token_bucket__saves_nothing_up_while_idle(time: Time) -> None:
    paced = bucket(10, time)
    paced.acquire()
    time.now += 3600
    for _ in range(11):
        paced.acquire()
    assert sum(time.slept) == pytest.approx(1.0)


def test_token_bucket__halves_with_each_429_down_to_a_sixteenth(time: Time) -> None:
    paced = bucket(16, time)
    rates = []
    for _ in range(6):
        paced.learn(429, {})
        rates.append(paced.rate_per_second)
    assert rates == [8, 4, 2, 1, 1, 1]


def test_token_bucket__wins_back_a_fiftieth_with_each_answer(time: Time) -> None:
    paced = bucket(50, time)
    paced.learn(429, {})
    paced.learn(200, {})
    assert paced.rate_per_second == pytest.approx(26)
    for status in [200, 404, 500, 304] * 10:
        paced.learn(status, {})
    assert paced.rate_per_second == 50


def test_token_bucket__learns_nothing_from_silence(time: Time) -> None:
    paced = bucket(50, time)
    paced.learn(429, {})
    paced.learn(None, {})
    assert paced.rate_per_second == 25


def test_token_bucket__holds_the_rate_for_many_threads_together() -> None:
    """Nobody really sleeps: each thread says how long it was told to, on a clock that stands still."""
    turns: list[float] = []
    paced = TokenBucket(100, clock=lambda: 0.0, sleep=turns.append)

    def acquire_fifty() -> None:
        for _ in range(50):
            paced.acquire()

    threads = [threading.Thread(target=acquire_fifty) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 800 turns, a hundredth of a second apart, and no turn given to two; the first needs no sleep.
    assert sorted(turns) == pytest.approx([number / 100 for number in range(1, 800)])
