"""The pace that Connectif's own headers dictate: 100 calls a minute, shared with all that the shop does."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from include.connectif.limits import CALLS_PER_MINUTE
from include.http.retry import parse_retry_after, server_time

# Connectif documents neither the window's type nor a Retry-After; a public client waits as long after a 429.
_PAUSE_WITHOUT_ADVICE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 300.0
# The window is a minute (guides, rate limit); twice that for clocks that differ.
_LONGEST_WINDOW_SECONDS = 120.0
# Unix seconds of the year 5138, as milliseconds of 1973.
_MILLISECONDS_FROM = 1e11
_WORTH_A_LINE_SECONDS = 5.0

log = logging.getLogger(__name__)


class SharedMinute:
    """Lets a call go while the account's minute has slots left, above a share kept free for others.

    Every answer says `X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix seconds, the end of the window);
    that is how several processes share one minute without talking to each other. Calls under way count as
    spent, because their answers will say so. `-Reset` is read against the answer's own `Date`, so that a
    skewed clock on our side does no harm. Figures that cannot be (none finite, a limit of 0, a window that
    ends in a year) are ignored, and no wait is longer than `_LONGEST_PAUSE_SECONDS`.
    """

    def __init__(
        self,
        keep_free_percent: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Condition, float], object] = threading.Condition.wait,
    ) -> None:
        self._keep_free_share = keep_free_percent / 100
        self._clock = clock
        self._wait = wait
        self._turn = threading.Condition()
        self._limit = CALLS_PER_MINUTE
        self._remaining = CALLS_PER_MINUTE
        self._window_ends_at: float | None = None
        self._reset = 0.0
        self._told: float | None = None
        self._under_way = 0
        self._neighbours = _Neighbours()

    def acquire(self) -> None:
        """Wait until the minute has a slot for us."""
        with self._turn:
            while (pause := self._pause_seconds()) > 0:
                self._tell(pause)
                self._wait(self._turn, pause)
            self._under_way += 1

    def _tell(self, pause: float) -> None:
        """A line in the log for a long wait, once for each window that is waited for."""
        if pause >= _WORTH_A_LINE_SECONDS and self._told != self._window_ends_at:
            self._told = self._window_ends_at
            log.info("waiting %.0f s for Connectif's minute: its %d calls are used up", pause, self._limit)

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Give the call's place back and believe what the answer says about the window."""
        with self._turn:
            self._under_way -= 1
            date = server_time(headers.get("Date"))
            remaining, reset = (
                _number(headers, "X-RateLimit-Remaining"),
                _number(headers, "X-RateLimit-Reset"),
            )
            if remaining is not None and reset is not None:
                limit = int(_number(headers, "X-RateLimit-Limit") or 0)
                self._limit = limit if limit > 0 else self._limit
                self._take_in(max(0, int(remaining)), reset, date)
            if status == 429:
                self._nothing_left(parse_retry_after(headers.get("Retry-After"), date))
            self._turn.notify_all()

    def _take_in(self, remaining: int, reset: float, date: datetime) -> None:
        """Answers overtake each other: within one window the lowest count is the latest."""
        if reset > _MILLISECONDS_FROM:
            reset /= 1_000
        until_reset = reset - date.timestamp()
        if not -_LONGEST_WINDOW_SECONDS <= until_reset <= _LONGEST_WINDOW_SECONDS:
            return
        same_window = reset <= self._reset
        if reset < self._reset:
            return
        self._remaining = min(self._remaining, remaining) if same_window else remaining
        self._neighbours.take_in(self._remaining, self._under_way, new_window=not same_window)
        self._reset = reset
        self._window_ends_at = self._clock() + max(until_reset, 0.0)

    def _nothing_left(self, asked_seconds: float | None) -> None:
        self._remaining = 0
        ends_at = self._window_ends_at or 0.0
        if asked_seconds is not None or ends_at <= self._clock():
            pause = asked_seconds or _PAUSE_WITHOUT_ADVICE_SECONDS
            self._window_ends_at = self._clock() + min(pause, _LONGEST_PAUSE_SECONDS)

    def _pause_seconds(self) -> float:
        now = self._clock()
        if self._window_ends_at is not None and now >= self._window_ends_at:
            self._window_ends_at, self._remaining = None, self._limit
        kept_free = math.ceil(self._limit * self._keep_free_share)
        if self._window_ends_at is None:
            # Nobody has said yet how much is left of this window: a few calls go ahead and ask.
            return 0.0 if self._under_way < 2 else 0.05
        # A neighbour may have as many under way as we have, and be about to send more.
        under_way = 2 * self._under_way + 2 if self._neighbours.seen else self._under_way
        if self._remaining - under_way > kept_free:
            return 0.0
        return max(self._window_ends_at - now, 0.01)


class _Neighbours:
    """Whether others use the account beside us, told by what a window loses beyond our own calls.

    Believed until a window in which many of our calls were answered shows none of theirs.
    """

    MANY = 20

    def __init__(self) -> None:
        self.seen = False
        self._first = self._ours = 0
        self._shown = False

    def take_in(self, remaining: int, under_way: int, *, new_window: bool) -> None:
        """One answer of ours; calls under way may or may not be in the count already."""
        if new_window:
            self.seen = self._shown or (self.seen and self._ours < self.MANY)
            self._first, self._ours, self._shown = remaining, 0, False
            return
        self._ours += 1
        if self._first - remaining > self._ours + under_way:
            self.seen = self._shown = True


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers[name])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) else None
