"""When to send the same call again: tenacity's loop with the vendors' manners."""

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

_WORTH_A_LINE_SECONDS = 5.0


class TryAgain(Exception):
    """The call failed in a way that waiting may heal; the vendor may have said for how long.

    `unreadable`: the answer was accepted, but is none that the route documents.
    """

    def __init__(
        self,
        what_came_back: str,
        asked_seconds: float | None,
        status: int | None = None,
        *,
        unreadable: bool = False,
    ) -> None:
        super().__init__(what_came_back)
        self.what_came_back = what_came_back
        self.asked_seconds = asked_seconds
        self.status = status
        self.unreadable = unreadable


@dataclass(frozen=True)
class RetryPolicy:
    """Bounded in attempts and in each pause; `sleep` is an argument so that tests need not wait.

    A pause is random between 0 and a bound that doubles (1, 2, 4 … s), or what `Retry-After` asked for,
    if that is more; never above `longest_seconds`.
    """

    attempts: int = 6
    base_seconds: float = 1.0
    longest_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def retrying(self, what: str = "", *, hopeless: Callable[[TryAgain], bool] = lambda _: False) -> Retrying:
        """A loop that calls again on TryAgain, and lets the last TryAgain travel, or one that is `hopeless`:
        that is asked once for each. `what` is how the log calls it where a pause is long.
        """

        def tell(state: RetryCallState) -> None:
            pause = state.next_action.sleep if state.next_action else 0.0
            if pause >= _WORTH_A_LINE_SECONDS:
                error = state.outcome.exception() if state.outcome else None
                log.info(
                    "%s: %s; waiting %.0f s before attempt %s of %s",
                    *(what, error, pause, state.attempt_number + 1, self.attempts),
                )

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._pause_seconds,
            retry=retry_if_exception(lambda error: isinstance(error, TryAgain) and not hopeless(error)),
            sleep=self.sleep,
            before_sleep=tell,
            reraise=True,
        )

    def _pause_seconds(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = (error.asked_seconds if isinstance(error, TryAgain) else None) or 0.0
        growing = wait_random_exponential(self.base_seconds, self.longest_seconds)(state)
        return min(self.longest_seconds, max(growing, asked))


def seconds_asked_for(retry_after: str | None, now: datetime | None = None) -> float | None:
    """`Retry-After` in both of its forms, as seconds from now; None when absent or unreadable.

    "120" → 120.0, "0.5" → 0.5; "Mon, 23 Nov 2026 10:00:00 GMT" → the seconds until then, at least 0. `now` is
    the server's own clock (its `Date`), where it is known.
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
    """The instant of an answer by its `Date` header, so that a skewed local clock does no harm."""
    return _http_date(date_header or "") or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
