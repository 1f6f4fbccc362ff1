"""Somebody's subscription change, and how it is written in the conf of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from include.outcomes import Reason
from include.state import PendingEvent, SubscriptionChange
from include.values.address import problem_of, tidy_address
from include.window import as_utc


@dataclass(frozen=True)
class Event:
    """A subscription change from a run, from those that waited, or from Connectif's export (`exported`).

    `lesser` are those of the same person that it took the place of. Its repr holds no address.
    """

    email: str = field(repr=False)
    change: SubscriptionChange
    waiting: PendingEvent | None = None
    exported: bool = False
    lesser: tuple[SubscriptionChange, ...] = ()

    @property
    def subscribed(self) -> bool:
        return not self.change.unsubscribed

    def to_json(self) -> dict[str, Any]:
        """As `read_event` and the DAG's params take it."""
        return {
            "email": self.email,
            "subscribed": self.subscribed,
            "occurred_at": self.change.instant.isoformat(),
        }


def read_event(raw: dict[str, Any], now: datetime, tolerance: timedelta) -> Event | Reason:
    """`{"email", "subscribed", "occurred_at"}`, or why it cannot be true.

    The instant has an offset and is at most `tolerance` ahead of `now`.
    """
    email = tidy_address(raw["email"])
    if problem := problem_of(email):
        return problem
    try:
        instant = as_utc(datetime.fromisoformat(raw["occurred_at"]))
    except (ValueError, OverflowError):
        return Reason.INSTANT_INVALID
    if instant > now + tolerance:
        return Reason.IN_THE_FUTURE
    return Event(email, SubscriptionChange(instant, not raw["subscribed"]))
