"""The shared rate limiter: its reading of the headers, and two processes on one simulated account."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from include.connectif.rate_limit import SharedRateLimiter
from tests.virtual_time import VirtualTime

EPOCH = 1_795_000_000.0  # a round minute


class WaitRequested(Exception):
    """The limiter wants to wait; the argument is the time."""


class FrozenLimiter:
    """A limiter on a frozen clock; a wait raises WaitRequested."""

    def __init__(self, keep_free_percent: float = 20) -> None:
        self.now = 0.0
        self.rate_limit = SharedRateLimiter(keep_free_percent, clock=lambda: self.now, wait=self._wait)

    def _wait(self, condition: threading.Condition, seconds: float) -> None:
        raise WaitRequested(seconds)

    def is_allowed(self) -> bool:
        return self.pause() == 0

    def pause(self) -> float:
        """Start the next call and return 0.0, or return the time to wait."""
        try:
            self.rate_limit.acquire()
        except WaitRequested as waited:
            return float(waited.args[0])
        return 0.0

    def answer(
        self,
        remaining: int | None = None,
        *,
        reset: float = 60,
        status: int | None = 200,
        retry_after: str | None = None,
    ) -> None:
        """Pass an answer to the limiter; `reset` is in seconds after EPOCH."""
        headers = self.headers(remaining, reset=reset)
        if retry_after:
            headers["Retry-After"] = retry_after
        self.rate_limit.learn(status, headers)

    def headers(self, remaining: int | None, *, reset: float = 60) -> dict[str, str]:
        date = {"Date": format_datetime(datetime.fromtimestamp(EPOCH + self.now, UTC), usegmt=True)}
        if remaining is None:
            return date
        return date | {
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(EPOCH + reset)),
        }


@pytest.fixture
def limiter() -> FrozenLimiter:
    return FrozenLimiter()


INVALID = ["inf", "-inf", "nan", "1e400", "soon", ""]


@pytest.mark.parametrize(
    "invalid",
    [
        *({"X-RateLimit-Reset": value} for value in (*INVALID, "-1", "0", str(int(EPOCH + 365 * 86_400)))),
        *({"X-RateLimit-Remaining": value} for value in INVALID),
    ],
)
def test_limiter__impossible_headers_are_ignored(invalid: dict[str, str], limiter: FrozenLimiter) -> None:
    limiter.rate_limit.acquire()
    limiter.rate_limit.learn(200, limiter.headers(50) | invalid)
    assert limiter.is_allowed(), "as without headers"


@pytest.mark.parametrize("limit", [*INVALID, "0", "-100"])
def test_limiter__an_impossible_limit_is_ignored(limit: str, limiter: FrozenLimiter) -> None:
    limiter.rate_limit.acquire()
    limiter.rate_limit.learn(200, limiter.headers(22) | {"X-RateLimit-Limit": limit})
    assert [limiter.is_allowed() for _ in range(3)] == [True, True, False], (
        "a fifth of the hundred slots stays free"
    )


def test_limiter__a_reset_in_milliseconds_is_accepted(limiter: FrozenLimiter) -> None:
    limiter.rate_limit.acquire()
    limiter.rate_limit.learn(200, limiter.headers(0) | {"X-RateLimit-Reset": str(int((EPOCH + 30) * 1_000))})
    assert limiter.pause() == 30


def test_limiter__a_negative_rest_counts_as_zero(limiter: FrozenLimiter) -> None:
    limiter.rate_limit.acquire()
    limiter.rate_limit.learn(200, limiter.headers(-5))
    assert limiter.pause() == 60


@pytest.mark.parametrize("asked", ["1e9", "99999999", "Fri, 01 Jan 2099 00:00:00 GMT"])
def test_limiter__no_wait_is_longer_than_five_minutes(
    asked: str, limiter: FrozenLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    limiter.rate_limit.acquire()
    limiter.answer(0, status=429, retry_after=asked)
    with caplog.at_level("INFO"):
        assert limiter.pause() == 300
        assert limiter.pause() == 300
    assert caplog.messages == ["Connectif: waiting 300 s; the 100 calls of this minute are used up"]


def test_limiter__allows_two_calls_before_the_first_answer(limiter: FrozenLimiter) -> None:
    assert [limiter.is_allowed() for _ in range(3)] == [True, True, False]


def test_limiter__keeps_a_share_free(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.answer(22)
    assert [limiter.is_allowed() for _ in range(3)] == [True, True, False]


def test_limiter__without_a_share_uses_the_last_slot() -> None:
    limiter = FrozenLimiter(keep_free_percent=0)
    assert limiter.is_allowed()
    limiter.answer(1)
    assert limiter.is_allowed()
    limiter.answer(0)
    assert not limiter.is_allowed()


def test_limiter__open_calls_count_as_spent(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.answer(25)
    assert [limiter.is_allowed() for _ in range(6)] == [True] * 5 + [False]
    limiter.answer(24)
    assert not limiter.is_allowed(), "four open calls, and 20 of the 24 slots left stay free"


def test_limiter__answers_may_come_out_of_order(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.answer(30)
    for _ in range(3):
        assert limiter.is_allowed()
    limiter.answer(21)
    limiter.answer(29)
    assert not limiter.is_allowed(), "the lower count is the later one"


def test_limiter__a_late_answer_of_the_last_window_changes_nothing(limiter: FrozenLimiter) -> None:
    assert [limiter.is_allowed() for _ in range(2)] == [True, True]
    limiter.now = 61
    limiter.answer(90, reset=120)
    limiter.answer(20, reset=60)
    assert limiter.is_allowed()


def test_limiter__waits_for_the_end_of_the_window(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.now = 12
    limiter.answer(20)
    assert limiter.pause() == pytest.approx(48)
    limiter.now = 59.9
    assert not limiter.is_allowed()
    limiter.now = 60
    assert limiter.is_allowed()


def test_limiter__compares_the_reset_with_the_answers_date() -> None:
    """The account's clock is years ahead: only the difference of the two headers counts."""
    limiter = FrozenLimiter()
    assert limiter.is_allowed()
    limiter.rate_limit.learn(
        200,
        {
            "Date": "Fri, 01 Jan 2038 00:00:00 GMT",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(datetime(2038, 1, 1, 0, 0, 30, tzinfo=UTC).timestamp())),
        },
    )
    assert limiter.pause() == pytest.approx(30)


def test_limiter__429_with_retry_after(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.answer(None, status=429, retry_after="33")
    assert limiter.pause() == pytest.approx(33)


def test_limiter__429_with_only_the_window(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.now = 20
    limiter.answer(0, status=429)
    assert limiter.pause() == pytest.approx(40)


def test_limiter__429_without_any_header(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.answer(None, status=429)
    assert limiter.pause() == pytest.approx(15)
    limiter.now = 15
    assert limiter.is_allowed()


def test_limiter__answers_without_headers_allow_two_calls_at_once(limiter: FrozenLimiter) -> None:
    for _ in range(500):
        assert limiter.is_allowed()
        limiter.answer(None)
    assert [limiter.is_allowed() for _ in range(3)] == [True, True, False]


def test_limiter__headers_without_numbers_are_ignored(limiter: FrozenLimiter) -> None:
    assert limiter.is_allowed()
    limiter.rate_limit.learn(200, {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "soon"})
    assert limiter.is_allowed()


def test_limiter__a_call_without_an_answer_frees_its_slot(limiter: FrozenLimiter) -> None:
    for _ in range(10):
        assert limiter.is_allowed()
        limiter.answer(None, status=None)
    assert limiter.is_allowed()


class Account:
    """Simulates an account: 100 calls a minute, in a fixed or sliding window, with Connectif's headers."""

    def __init__(
        self, time: VirtualTime, *, sliding: bool, latency: tuple[float, float], sends_retry_after: bool
    ) -> None:
        self._time, self._sliding, self._latency, self._sends_retry_after = (
            time,
            sliding,
            latency,
            sends_retry_after,
        )
        self._dice = random.Random(4)  # noqa: S311 - a simulation
        self._slots_used: deque[float] = deque()
        self.answered: list[float] = []
        self.calls = self.refused = 0

    def send(self, rate_limit: SharedRateLimiter) -> None:
        """Send one call until the account accepts it."""
        while True:
            rate_limit.acquire()
            self._time.sleep(self._dice.uniform(*self._latency))
            status, headers = self._answer()
            self._time.sleep(self._dice.uniform(*self._latency))
            rate_limit.learn(status, headers)
            if status == 200:
                return
            self._time.sleep(self._dice.uniform(0, 2))

    def _answer(self) -> tuple[int, dict[str, str]]:
        now = self._time.clock()
        start = now - 60 if self._sliding else now // 60 * 60
        while self._slots_used and self._slots_used[0] < start:
            self._slots_used.popleft()
        allowed = len(self._slots_used) < 100
        if allowed:
            self._slots_used.append(now)
            self.answered.append(now)
        self.calls += 1
        self.refused += not allowed
        end = self._slots_used[0] + 60 if self._sliding else start + 60
        headers = {
            "Date": format_datetime(datetime.fromtimestamp(EPOCH + now, UTC), usegmt=True),
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": str(100 - len(self._slots_used)),
            "X-RateLimit-Reset": str(math.ceil(EPOCH + end)),
        }
        if not allowed and self._sends_retry_after:
            headers["Retry-After"] = str(math.ceil(end - now))
        return (200 if allowed else 429), headers

    def use_up(self, slots: int) -> None:
        """Use slots for other programs of the shop."""
        self._slots_used.extend([self._time.clock()] * slots)


def make_sender(account: Account, rate_limit: SharedRateLimiter, calls: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(calls):
            account.send(rate_limit)

    return work


@pytest.mark.parametrize("sliding", [False, True], ids=["fixed", "sliding"])
@pytest.mark.parametrize("latency", [(0.02, 0.2), (0.5, 2.5)], ids=["quick", "slow"])
def test_two_processes__share_one_account(sliding: bool, latency: tuple[float, float]) -> None:
    time = VirtualTime(13.0)
    account = Account(time, sliding=sliding, latency=latency, sends_retry_after=False)
    rate_limits = [SharedRateLimiter(20, clock=time.clock, wait=time.wait) for _ in range(2)]
    time.run(*(make_sender(account, rate_limit, 300) for rate_limit in rate_limits for _ in range(4)))
    assert account.calls - account.refused == 2_400
    assert account.refused <= 0.01 * account.calls
    assert account.calls / (time.clock() / 60) > 70, "they are not too slow either"


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("keep_free", [0, 5, 20])
@pytest.mark.parametrize("sliding", [False, True], ids=["fixed", "sliding"])
def test_limiter__uses_the_allowed_share_and_leaves_the_rest(
    processes: int, keep_free: int, sliding: bool
) -> None:
    time = VirtualTime()
    account = Account(time, sliding=sliding, latency=(0.1, 0.5), sends_retry_after=False)
    rate_limits = [SharedRateLimiter(keep_free, clock=time.clock, wait=time.wait) for _ in range(processes)]
    time.run(*(make_sender(account, rate_limit, 100) for rate_limit in rate_limits for _ in range(8)))
    whole_minutes = int(account.answered[-1] // 60)
    used = sum(at < 60 * whole_minutes for at in account.answered)
    assert 0.95 <= used / ((100 - keep_free) * whole_minutes) <= 1.03
    assert account.refused <= 0.01 * account.calls


def test_two_processes__share_with_a_shop_that_sends_bursts() -> None:
    time = VirtualTime(13.0)
    account = Account(time, sliding=False, latency=(0.02, 0.2), sends_retry_after=True)
    rate_limits = [SharedRateLimiter(20, clock=time.clock, wait=time.wait) for _ in range(2)]

    def shop() -> None:
        for _ in range(15):
            time.sleep(61)
            account.use_up(15)

    time.run(shop, *(make_sender(account, rate_limit, 150) for rate_limit in rate_limits for _ in range(4)))
    assert account.calls - account.refused == 1_200
    assert account.refused <= 0.01 * account.calls
