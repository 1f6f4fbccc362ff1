"""The history of a record: its stored outcomes and other instants as a sorted timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.outcomes import Outcome
from include.pipeline.explain_values import format_value
from include.state import StoredOutcome, StoredPurchase
from include.values.instants import instant

_AT_CONNECTIF = {Outcome.SENT: "sent to Connectif", Outcome.ALREADY_THERE: "found at Connectif"}


@dataclass(frozen=True)
class Event:
    """Something that happened to the record, or is planned, at a time."""

    at: datetime
    text: str
    run_key: str = ""


def timeline(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events by time; events of the same instant keep their order."""
    return tuple(sorted(events, key=lambda event: event.at))


def outcome_events(stored: StoredOutcome | StoredPurchase, who: str = "") -> Iterator[Event]:
    """When runs saw the record for the first time and the last time, and the last outcome."""
    prefix = f"{who}: " if who else ""
    reason = f": {stored.reason}" if stored.reason else ""
    detail = f" ({format_value(stored.detail)})" if stored.detail else ""
    text = f"{prefix}{_AT_CONNECTIF.get(stored.outcome, stored.outcome)}{reason}{detail}"
    if stored.attempts > 1:
        yield Event(stored.first_seen, f"{prefix}seen by a run for the first time")
        text += f", attempt {stored.attempts}"
    yield Event(stored.last_seen, text, stored.run_key)


def dated_events(record: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[Event]:
    """An event for each of these fields that holds an instant."""
    for field, text in texts.items():
        if at := instant(record.get(field)):
            yield Event(at, text)
