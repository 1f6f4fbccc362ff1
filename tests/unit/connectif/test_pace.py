"""The shared minute: what the headers say, and two processes against one simulated account."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from include.connectif.rate_limit import SharedMinute
from tests.virtual_time import VirtualTime

EPOCH = 1_795_000_000.0  # a round minute


class Waited(Exception):
    """Somebody would have to wait, and for how long."""


class Minute:
    """One limiter on a clock that stands still; a wait is an exception that tells its length."""

    def __init__(self, keep_free_percent: float = 20) -> None:
        self.now = 0.0
        self.rate_limit = SharedMinute(keep_free_percent, clock=lambda: self.now, wait=self._wait)

    def _wait(self, condition: threading.Condition, seconds: float) -> None:
        raise Waited(seconds)

    def goes(self) -> bool:
        return self.pause() == 0

    def pause(self) -> float:
        """0 when the next call may go, and has gone."""
        try:
            self.rate_limit.acquire()
        except Waited as waited:
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
        """An answer comes in; `reset` in seconds after the epoch of the account's clock."""
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
def minute() -> Minute:
    return Minute()


ODD = ["inf", "-inf", "nan", "1e400", "soon", ""]


@pytest.mark.parametrize(
    "odd",
    [
        *({"X-RateLimit-Reset": value} for value in (*ODD, "-1", "0", str(int(EPOCH + 365 * 86_400)))),
        *({"X-RateLimit-Remaining": value} for value in ODD),
    ],
)
def test_shared_minute__figures_that_cannot_be_are_ignored(odd: dict[str, str], minute: Minute) -> None:
    minute.rate_limit.acquire()
    minute.rate_limit.learn(200, minute.headers(50) | odd)
    assert minute.goes(), "as if nothing had been said"


@pytest.mark.parametrize("limit", [*ODD, "0", "-100"])
def test_shared_minute__a_limit_that_cannot_be_is_ignored(limit: str, minute: Minute) -> None:
    minute.rate_limit.acquire()
    minute.rate_limit.learn(200, minute.headers(22) | {"X-RateLimit-Limit": limit})
    assert [minute.goes() for _ in range(3)] == [True, True, False], "a fifth of the hundred stays free"


def test_shared_minute__a_reset_in_milliseconds_is_read_as_such(minute: Minute) -> None:
    minute.rate_limit.acquire()
    minute.rate_limit.learn(200, minute.headers(0) | {"X-RateLimit-Reset": str(int((EPOCH + 30) * 1_000))})
    assert minute.pause() == 30


def test_shared_minute__less_than_nothing_left_is_nothing(minute: Minute) -> None:
    minute.rate_limit.acquire()
    minute.rate_limit.learn(200, minute.headers(-5))
    assert minute.pause() == 60


@pytest.mark.parametrize("asked", ["1e9", "99999999", "Fri, 01 Jan 2099 00:00:00 GMT"])
def test_shared_minute__no_wait_is_longer_than_five_minutes(
    asked: str, minute: Minute, caplog: pytest.LogCaptureFixture
) -> None:
    minute.rate_limit.acquire()
    minute.answer(0, status=429, retry_after=asked)
    with caplog.at_level("INFO"):
        assert minute.pause() == 300
        assert minute.pause() == 300
    assert caplog.messages == ["waiting 300 s for Connectif's minute: its 100 calls are used up"]


def test_shared_minute__two_calls_ask_how_much_is_left(minute: Minute) -> None:
    assert [minute.goes() for _ in range(3)] == [True, True, False]


def test_shared_minute__keeps_a_share_free(minute: Minute) -> None:
    assert minute.goes()
    minute.answer(22)
    assert [minute.goes() for _ in range(3)] == [True, True, False]


def test_shared_minute__without_a_share_the_last_slot_goes() -> None:
    minute = Minute(keep_free_percent=0)
    assert minute.goes()
    minute.answer(1)
    assert minute.goes()
    minute.answer(0)
    assert not minute.goes()


def test_shared_minute__calls_under_way_count_as_spent(minute: Minute) -> None:
    assert minute.goes()
    minute.answer(25)
    assert [minute.goes() for _ in range(6)] == [True] * 5 + [False]
    minute.answer(24)
    assert not minute.goes(), "four under way, 24 left, of which 20 are not ours"


def test_shared_minute__answers_may_overtake_each_other(minute: Minute) -> None:
    assert minute.goes()
    minute.answer(30)
    for _ in range(3):
        assert minute.goes()
    minute.answer(21)
    minute.answer(29)
    assert not minute.goes(), "the lower count is the later one"


def test_shared_minute__a_straggler_of_the_last_window_changes_nothing(minute: Minute) -> None:
    assert [minute.goes() for _ in range(2)] == [True, True]
    minute.now = 61
    minute.answer(90, reset=120)
    minute.answer(20, reset=60)
    assert minute.goes()


def test_shared_minute__waits_for_the_end_of_the_window(minute: Minute) -> None:
    assert minute.goes()
    minute.now = 12
    minute.answer(20)
    assert minute.pause() == pytest.approx(48)
    minute.now = 59.9
    assert not minute.goes()
    minute.now = 60
    assert minute.goes()


def test_shared_minute__reads_the_reset_by_the_answers_own_date() -> None:
    """The account's clock is years ahead of ours: only the difference of the two headers counts."""
    minute = Minute()
    assert minute.goes()
    minute.rate_limit.learn(
        200,
        {
            "Date": "Fri, 01 Jan 2038 00:00:00 GMT",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(datetime(2038, 1, 1, 0, 0, 30, tzinfo=UTC).timestamp())),
        },
    )
    assert minute.pause() == pytest.approx(30)


def test_shared_minute__429_with_retry_after(minute: Minute) -> None:
    assert minute.goes()
    minute.answer(None, status=429, retry_after="33")
    assert minute.pause() == pytest.approx(33)


def test_shared_minute__429_with_nothing_but_the_window(minute: Minute) -> None:
    assert minute.goes()
    minute.now = 20
    minute.answer(0, status=429)
    assert minute.pause() == pytest.approx(40)


def test_shared_minute__429_without_any_header(minute: Minute) -> None:
    assert minute.goes()
    minute.answer(None, status=429)
    assert minute.pause() == pytest.approx(15)
    minute.now = 15
    assert minute.goes()


def test_shared_minute__answers_without_headers_let_a_few_go_at_once(minute: Minute) -> None:
    for _ in range(500):
        assert minute.goes()
        minute.answer(None)
    assert [minute.goes() for _ in range(3)] == [True, True, False]


def test_shared_minute__headers_that_are_no_numbers_are_passed_over(minute: Minute) -> None:
    assert minute.goes()
    minute.rate_limit.learn(200, {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "soon"})
    assert minute.goes()


def test_shared_minute__silence_gives_the_place_back(minute: Minute) -> None:
    for _ in range(10):
        assert minute.goes()
        minute.answer(None, status=None)
    assert minute.goes()


class Account:
    """A hundred calls a minute, in a window that is fixed or slides, with Connectif's three headers."""

    def __init__(
        self, time: VirtualTime, *, sliding: bool, latency: tuple[float, float], says_when: bool
    ) -> None:
        self._time, self._sliding, self._latency, self._says_when = time, sliding, latency, says_when
        self._dice = random.Random(4)  # noqa: S311 - a simulation
        self._taken: deque[float] = deque()
        self.answered: list[float] = []
        self.calls = self.refused = 0

    def send(self, rate_limit: SharedMinute) -> None:
        """One call, again and again until it is let through."""
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
        while self._taken and self._taken[0] < start:
            self._taken.popleft()
        allowed = len(self._taken) < 100
        if allowed:
            self._taken.append(now)
            self.answered.append(now)
        self.calls += 1
        self.refused += not allowed
        end = self._taken[0] + 60 if self._sliding else start + 60
        headers = {
            "Date": format_datetime(datetime.fromtimestamp(EPOCH + now, UTC), usegmt=True),
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": str(100 - len(self._taken)),
            "X-RateLimit-Reset": str(math.ceil(EPOCH + end)),
        }
        if not allowed and self._says_when:
            headers["Retry-After"] = str(math.ceil(end - now))
        return (200 if allowed else 429), headers

    def use_up(self, slots: int) -> None:
        """Somebody else of the shop."""
        self._taken.extend([self._time.clock()] * slots)


def sends(account: Account, rate_limit: SharedMinute, calls: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(calls):
            account.send(rate_limit)

    return work


@pytest.mark.parametrize("sliding", [False, True], ids=["fixed", "sliding"])
@pytest.mark.parametrize("latency", [(0.02, 0.2), (0.5, 2.5)], ids=["quick", "slow"])
def test_two_processes__share_one_account(sliding: bool, latency: tuple[float, float]) -> None:
    time = VirtualTime(13.0)
    account = Account(time, sliding=sliding, latency=latency, says_when=False)
    rate_limits = [SharedMinute(20, clock=time.clock, wait=time.wait) for _ in range(2)]
    time.run(*(sends(account, rate_limit, 300) for rate_limit in rate_limits for _ in range(4)))
    assert account.calls - account.refused == 2_400
    assert account.refused <= 0.01 * account.calls
    assert account.calls / (time.clock() / 60) > 70, "and they do not crawl either"


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("keep_free", [0, 5, 20])
@pytest.mark.parametrize("sliding", [False, True], ids=["fixed", "sliding"])
def test_pace__uses_the_allowed_share_and_leaves_the_rest(
    processes: int, keep_free: int, sliding: bool
) -> None:
    time = VirtualTime()
    account = Account(time, sliding=sliding, latency=(0.1, 0.5), says_when=False)
    rate_limits = [SharedMinute(keep_free, clock=time.clock, wait=time.wait) for _ in range(processes)]
    time.run(*(sends(account, rate_limit, 100) for rate_limit in rate_limits for _ in range(8)))
    whole_minutes = int(account.answered[-1] // 60)
    used = sum(at < 60 * whole_minutes for at in account.answered)
    assert 0.95 <= used / ((100 - keep_free) * whole_minutes) <= 1.03
    assert account.refused <= 0.01 * account.calls


def test_two_processes__beside_a_shop_that_takes_bursts() -> None:
    time = VirtualTime(13.0)
    account = Account(time, sliding=False, latency=(0.02, 0.2), says_when=True)
    rate_limits = [SharedMinute(20, clock=time.clock, wait=time.wait) for _ in range(2)]

    def shop() -> None:
        for _ in range(15):
            time.sleep(61)
            account.use_up(15)

    time.run(shop, *(sends(account, rate_limit, 150) for rate_limit in rate_limits for _ in range(4)))
    assert account.calls - account.refused == 1_200
    assert account.refused <= 0.01 * account.calls
