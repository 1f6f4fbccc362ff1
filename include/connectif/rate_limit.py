"""Connectif's rate limit: 100 calls a minute for the account, counted by Connectif's own headers."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from include.connectif.limits import CALLS_PER_MINUTE
from include.http.retry import parse_retry_after, server_time

# Connectif documents no window type and no Retry-After; a public client waits this long after a 429.
_DEFAULT_PAUSE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 300.0
# The window is a minute (guides, rate limit); twice that, because clocks differ.
_LONGEST_WINDOW_SECONDS = 120.0
# Larger values are milliseconds: as seconds, 1e11 is the year 5138; as milliseconds, it is 1973.
_MILLISECONDS_FROM = 1e11
_LOGGED_PAUSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class SharedRateLimiter:
    """Allows calls while the account's minute has slots; keeps a share of the slots free for other callers.

    Every answer has `X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix seconds, the end of the window).
    So several processes share one minute without talking to each other. Open calls count as spent, because
    their answers will count them. `-Reset` is compared with the answer's own `Date`, so that a wrong local
    clock does not matter. Impossible values (not finite, a limit of 0, a window that ends in a year) are
    ignored. No wait is longer than `_LONGEST_PAUSE_SECONDS`.
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
        self._condition = threading.Condition()
        self._limit = CALLS_PER_MINUTE
        self._remaining = CALLS_PER_MINUTE
        self._window_ends_at: float | None = None
        self._reset = 0.0
        self._logged_window: float | None = None
        self._open_calls = 0
        self._other_callers = _OtherCallers()

    def acquire(self) -> None:
        """Wait until the minute has a free slot."""
        with self._condition:
            while (pause := self._pause_seconds()) > 0:
                self._log_wait(pause)
                self._wait(self._condition, pause)
            self._open_calls += 1

    def _log_wait(self, pause: float) -> None:
        """Log a long wait, once for each window."""
        if pause >= _LOGGED_PAUSE_SECONDS and self._logged_window != self._window_ends_at:
            self._logged_window = self._window_ends_at
            log.info("Connectif: waiting %.0f s; the %d calls of this minute are used up", pause, self._limit)

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Close the call, and update the window from the answer's headers."""
        with self._condition:
            self._open_calls -= 1
            date = server_time(headers.get("Date"))
            remaining, reset = (
                _read_number(headers, "X-RateLimit-Remaining"),
                _read_number(headers, "X-RateLimit-Reset"),
            )
            if remaining is not None and reset is not None:
                limit = int(_read_number(headers, "X-RateLimit-Limit") or 0)
                self._limit = limit if limit > 0 else self._limit
                self._update_window(max(0, int(remaining)), reset, date)
            if status == 429:
                self._use_up_window(parse_retry_after(headers.get("Retry-After"), date))
            self._condition.notify_all()

    def _update_window(self, remaining: int, reset: float, date: datetime) -> None:
        """Update the window. Answers may come out of order: in a window, the lowest count is the latest."""
        if reset > _MILLISECONDS_FROM:
            reset /= 1_000
        until_reset = reset - date.timestamp()
        if not -_LONGEST_WINDOW_SECONDS <= until_reset <= _LONGEST_WINDOW_SECONDS:
            return
        same_window = reset <= self._reset
        if reset < self._reset:
            return
        self._remaining = min(self._remaining, remaining) if same_window else remaining
        self._other_callers.update(self._remaining, self._open_calls, new_window=not same_window)
        self._reset = reset
        self._window_ends_at = self._clock() + max(until_reset, 0.0)

    def _use_up_window(self, asked_seconds: float | None) -> None:
        self._remaining = 0
        ends_at = self._window_ends_at or 0.0
        if asked_seconds is not None or ends_at <= self._clock():
            pause = _DEFAULT_PAUSE_SECONDS if asked_seconds is None else asked_seconds
            self._window_ends_at = self._clock() + min(pause, _LONGEST_PAUSE_SECONDS)

    def _pause_seconds(self) -> float:
        now = self._clock()
        if self._window_ends_at is not None and now >= self._window_ends_at:
            self._window_ends_at, self._remaining = None, self._limit
        kept_free = math.ceil(self._limit * self._keep_free_share)
        if self._window_ends_at is None:
            # No answer has given the slots of this window yet: allow two calls, which will learn them.
            return 0.0 if self._open_calls < 2 else 0.05
        # Another process may have as many open calls as this one, and may be about to send more.
        open_calls = 2 * self._open_calls + 2 if self._other_callers.seen else self._open_calls
        if self._remaining - open_calls > kept_free:
            return 0.0
        return max(self._window_ends_at - now, 0.01)


class _OtherCallers:
    """Finds out whether others use the account: then a window loses more slots than our own calls need.

    `seen` stays True until a window with many answers to our calls shows no others.
    """

    MANY = 20

    def __init__(self) -> None:
        self.seen = False
        self._first = self._own_answers = 0
        self._seen_in_window = False

    def update(self, remaining: int, open_calls: int, *, new_window: bool) -> None:
        """Count one answer of ours; `remaining` may or may not include the open calls."""
        if new_window:
            self.seen = self._seen_in_window or (self.seen and self._own_answers < self.MANY)
            self._first, self._own_answers, self._seen_in_window = remaining, 0, False
            return
        self._own_answers += 1
        if self._first - remaining > self._own_answers + open_calls:
            self.seen = self._seen_in_window = True


def _read_number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers[name])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) else None
