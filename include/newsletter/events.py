"""A subscription change of a customer, and its form in the conf of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from include.outcomes import Reason
from include.state import PendingEvent, StateStore, SubscriptionChange
from include.values.address import problem_of, tidy_address
from include.window import as_utc

LATE = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """A subscription change from a run's conf, the pending events, or Connectif's export.

    `is_late`: it comes from an export, or is older than `LATE`. The customer may have made another choice in
    the shop since. `superseded` holds older changes of the same person that this event replaces. The repr
    shows no address.
    """

    email: str = field(repr=False)
    change: SubscriptionChange
    pending: PendingEvent | None = None
    is_late: bool = False
    superseded: tuple[SubscriptionChange, ...] = ()

    @property
    def subscribed(self) -> bool:
        return not self.change.unsubscribed


def keep_newest(events: Iterable[Event], superseded: Callable[[Event], None]) -> list[Event]:
    """Return the newest event of each person; call `superseded` with each older one."""
    newest: dict[str, Event] = {}
    for event in events:
        known = newest.setdefault(event.email, event)
        if known is not event:
            older, newer = sorted((event, known), key=lambda e: e.change)
            newest[event.email] = replace(newer, superseded=(*known.superseded, older.change))
            superseded(older)
    return list(newest.values())


def keep_in_store(state: StateStore, events: Iterable[Event], superseded: Callable[[Event], None]) -> int:
    """Keep the newest event of each person for the next run; return how many were kept.

    Calls `superseded` with each event for which a newer one waits.
    """
    newest = keep_newest(events, superseded)
    waiting = state.newsletter.keep({event.email: event.change for event in newest})
    for event in newest:
        if event.email not in waiting:
            superseded(event)
    return len(waiting)


def is_late(instant: datetime, now: datetime) -> bool:
    """Whether the customer may have made another choice in the shop since."""
    return now - instant > LATE


def read_event(raw: dict[str, Any], now: datetime, tolerance: timedelta) -> Event | Reason:
    """Read `{"email", "subscribed", "occurred_at"}`; return the reason if the event is not valid.

    The instant must have an offset and be at most `tolerance` after `now`.
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
    return Event(email, SubscriptionChange(instant, not raw["subscribed"]), is_late=is_late(instant, now))
