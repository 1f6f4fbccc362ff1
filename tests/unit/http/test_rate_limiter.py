"""The token bucket, with a clock that only the test moves."""

from __future__ import annotations

import threading

import pytest

from include.http.rate_limiter import TokenBucket
from tests.virtual_time import ManualTime


@pytest.fixture
def time() -> ManualTime:
    return ManualTime(100.0)


def bucket(rate: float, time: ManualTime) -> TokenBucket:
    return TokenBucket(rate, clock=time.clock, sleep=time.sleep)


def test_token_bucket__spaces_calls_evenly(time: ManualTime) -> None:
    limiter = bucket(10, time)
    for _ in range(101):
        limiter.acquire()
    assert time.now == pytest.approx(110.0)
    assert time.slept == [pytest.approx(0.1)] * 100


def test_token_bucket__does_not_save_unused_tokens(time: ManualTime) -> None:
    limiter = bucket(10, time)
    limiter.acquire()
    time.now += 3600
    for _ in range(11):
        limiter.acquire()
    assert sum(time.slept) == pytest.approx(1.0)


def test_token_bucket__halves_the_rate_with_each_429_down_to_a_sixteenth(time: ManualTime) -> None:
    limiter = bucket(16, time)
    rates = []
    for _ in range(6):
        limiter.learn(429, {})
        rates.append(limiter.rate_per_second)
    assert rates == [8, 4, 2, 1, 1, 1]


def test_token_bucket__restores_a_fiftieth_with_each_answer(time: ManualTime) -> None:
    limiter = bucket(50, time)
    limiter.learn(429, {})
    limiter.learn(200, {})
    assert limiter.rate_per_second == pytest.approx(26)
    for status in [200, 404, 500, 304] * 10:
        limiter.learn(status, {})
    assert limiter.rate_per_second == 50


def test_token_bucket__ignores_a_call_without_an_answer(time: ManualTime) -> None:
    limiter = bucket(50, time)
    limiter.learn(429, {})
    limiter.learn(None, {})
    assert limiter.rate_per_second == 25


def test_token_bucket__limits_all_threads_together() -> None:
    """No thread sleeps: each one records its pause, and the clock stands still."""
    turns: list[float] = []
    limiter = TokenBucket(100, clock=lambda: 0.0, sleep=turns.append)

    def acquire_fifty() -> None:
        for _ in range(50):
            limiter.acquire()

    threads = [threading.Thread(target=acquire_fifty) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 800 different turns, a hundredth of a second apart; the first one needs no sleep.
    assert sorted(turns) == pytest.approx([number / 100 for number in range(1, 800)])
