"""Newsletter runs that write nothing to VTEX: a dry run, and a run of a shop that is not live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from include.batching import in_batches
from include.newsletter.apply import NewsletterRules
from include.newsletter.documents import FIELDS, find_documents_and_refusals
from include.newsletter.events import Event, keep_in_store, keep_newest, read_event
from include.outcomes import Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.preview import SAMPLE
from include.report import StageCounts
from include.state import StateStore
from include.vtex import limits
from include.vtex.client import VtexClient

RawEvents = Iterable[dict[str, Any]]
_ALL = 1_000_000


def preview(
    vtex: VtexClient, state: StateStore, rules: NewsletterRules, raw_events: RawEvents, now: datetime
) -> StageCounts:
    """Look up the customers of the events and of the waiting ones, and count what a run would do.

    Writes nothing, not even a claim. `would_send` names the first documents that a run would change.
    """
    counts = StageCounts()
    waiting, _ = _waiting(state, now, counts)
    events = chain(waiting, _read(state, rules, raw_events, now, counts))
    newest = keep_newest(events, lambda _older: counts.count(Outcome.UNCHANGED))
    for batch in in_batches(newest, limits.ALTERNATIVES_PER_FILTER):
        _preview_batch(vtex, batch, counts)
    del counts.would_send[SAMPLE:]
    return counts


def keep_until_live(
    state: StateStore, rules: NewsletterRules, raw_events: RawEvents, now: datetime
) -> StageCounts:
    """Keep the events in the state store, and count all that wait there.

    The first newsletter run or contact run of the live shop applies them.
    """
    counts = StageCounts()
    events = _read(state, rules, raw_events, now, counts)
    kept = keep_in_store(state, events, lambda _older: counts.count(Outcome.UNCHANGED))
    counts.read -= kept  # they count with all that wait
    waiting, of_erased_people = _waiting(state, now, counts)
    for _event in waiting:
        counts.count(Reason.NOT_LIVE)
    if of_erased_people:
        state.newsletter.forget(of_erased_people)
    return counts


def _read(
    state: StateStore, rules: NewsletterRules, raw_events: RawEvents, now: datetime, counts: StageCounts
) -> Iterator[Event]:
    """The valid events of people who are not erased; the others are counted."""
    erased = ErasedPeople(state)
    for raw in raw_events:
        counts.read += 1
        event = read_event(raw, now, rules.future_tolerance)
        if not isinstance(event, Event):
            counts.count(event)
        elif event.email in erased:
            counts.count(Reason.ERASED)
        else:
            yield event


def _waiting(state: StateStore, now: datetime, counts: StageCounts) -> tuple[list[Event], set[str]]:
    """The events that are due in the state store, and the erased people who have others; all are counted."""
    erased, events, of_erased_people = ErasedPeople(state), list[Event](), set[str]()
    for one in state.newsletter.due_pending(now, limit=_ALL):
        counts.read += 1
        if one.email in erased:
            counts.count(Reason.ERASED)
            of_erased_people.add(one.person)
        else:
            events.append(Event(one.email, one.change, one))
    return events, of_erased_people


def _preview_batch(vtex: VtexClient, events: Sequence[Event], counts: StageCounts) -> None:
    found, refused = find_documents_and_refusals(vtex, [event.email for event in events], FIELDS)
    for event in events:
        documents = found.get(event.email, [])
        to_change = [one["id"] for one in documents if one.get("isNewsletterOptIn") is not event.subscribed]
        counts.would_send += to_change
        if event.email in refused:
            counts.count(Reason.TARGET_REJECTED)
        elif not documents:
            counts.count(Reason.UNKNOWN_CONTACT)
        else:
            counts.count(Outcome.SENT if to_change else Outcome.UNCHANGED)
