"""When to send the same call again: tenacity's loop with the pauses that the vendors ask for."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

log = logging.getLogger(__name__)

_LOGGED_PAUSE_SECONDS = 5.0


class TryAgain(Exception):
    """The call failed, and the same call may succeed later.

    `retry_after_seconds` is the pause that the vendor asks for, if it does. `unreadable`: the status was
    accepted, but the body is not what the route documents.
    """

    def __init__(
        self,
        result: str,
        retry_after_seconds: float | None,
        status: int | None = None,
        *,
        unreadable: bool = False,
    ) -> None:
        super().__init__(result)
        self.result = result
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.unreadable = unreadable


@dataclass(frozen=True)
class RetryPolicy:
    """Limits the attempts and each pause; `sleep` is an argument so that tests do not wait.

    A pause is random between 0 and a bound that doubles (1, 2, 4 … s). `Retry-After` can make it longer.
    A pause never exceeds `longest_seconds`.
    """

    attempts: int = 6
    base_seconds: float = 1.0
    longest_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def retrying(self, call: str = "", *, give_up: Callable[[TryAgain], bool] = lambda _: False) -> Retrying:
        """Return a loop that repeats a call on TryAgain and raises the last TryAgain.

        `give_up` gets each TryAgain once and ends the loop when it returns True. `call` names the call in the
        log line of a long pause.
        """

        def log_long_pause(state: RetryCallState) -> None:
            pause = state.next_action.sleep if state.next_action else 0.0
            if pause >= _LOGGED_PAUSE_SECONDS:
                error = state.outcome.exception() if state.outcome else None
                log.info(
                    "%s: %s; waiting %.0f s before attempt %s of %s",
                    *(call, error, pause, state.attempt_number + 1, self.attempts),
                )

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._pause_seconds,
            retry=retry_if_exception(lambda error: isinstance(error, TryAgain) and not give_up(error)),
            sleep=self.sleep,
            before_sleep=log_long_pause,
            reraise=True,
        )

    def _pause_seconds(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = (error.retry_after_seconds if isinstance(error, TryAgain) else None) or 0.0
        growing = wait_random_exponential(self.base_seconds, self.longest_seconds)(state)
        return min(self.longest_seconds, max(growing, retry_after))


def parse_retry_after(retry_after: str | None, now: datetime | None = None) -> float | None:
    """Parse both forms of `Retry-After` to seconds from now; None when it is missing or unreadable.

    "120" → 120.0, "0.5" → 0.5; "Mon, 23 Nov 2026 10:00:00 GMT" → the seconds until then, at least 0. `now` is
    the server's clock (its `Date` header) if known.
    """
    if not retry_after:
        return None
    text = retry_after.strip()
    try:
        seconds = float(text)
    except ValueError:
        instant = _http_date(text)
        return None if instant is None else max(0.0, (instant - (now or datetime.now(UTC))).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def server_time(date_header: str | None) -> datetime:
    """The instant of an answer from its `Date` header, so that a wrong local clock does not matter."""
    return _http_date(date_header or "") or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
