"""The figures of the status page, on both databases."""

from __future__ import annotations

from datetime import timedelta

from include.outcomes import Outcome, PipelineName, Reason
from include.state import AppliedChange, ReasonCount, RecordOutcome, StateStore, SubscriptionChange
from tests.unit.state.conftest import Clock


def row(key: str, reason: Reason) -> RecordOutcome:
    return RecordOutcome(key, reason.outcome, reason, "")


def test_reasons__the_most_frequent_first_with_the_keys_seen_last(state: StateStore, clock: Clock) -> None:
    missing, double = Reason.EMAIL_MISSING, Reason.DUPLICATE_EMAIL
    state.records.save(PipelineName.CONTACTS, "one", [row("a", missing), row("b", missing), row("z", double)])
    clock.advance(timedelta(hours=1))
    rows = [row("c", missing), row("d", missing), RecordOutcome("b", Outcome.SENT)]
    state.records.save(PipelineName.CONTACTS, "two", rows)
    state.records.save(PipelineName.PRODUCTS, "two", [row("9", Reason.PRICE_MISSING)])
    assert state.figures.reasons([PipelineName.CONTACTS], examples=2) == [
        ReasonCount(PipelineName.CONTACTS, Outcome.REJECTED, missing, 3, clock.now, ("c", "d")),
        ReasonCount(
            PipelineName.CONTACTS, Outcome.DUPLICATE, double, 1, clock.now - timedelta(hours=1), ("z",)
        ),
    ]
    assert [
        found.key
        for found in state.records.outcomes(PipelineName.CONTACTS, reason=missing, limit=2, offset=1)
    ] == [
        "d",
        "a",
    ]


def test_changes__applied_since_an_instant(state: StateStore, clock: Clock) -> None:
    for person in ("early", "late"):
        changes = {person: SubscriptionChange(clock.now, unsubscribed=True)}
        state.newsletter.claim(changes)
        clock.advance(timedelta(seconds=5))
        state.newsletter.record_applied(changes)
    begun = clock.now - timedelta(seconds=5)
    assert state.figures.changes_applied_since(clock.now, 10) == [AppliedChange(begun, clock.now)]
    assert len(state.figures.changes_applied_since(begun, 1)) == 1
    assert state.figures.waiting_events() == 0
    state.newsletter.add_pending("ana@example.com", True, clock.now, clock.now, 1)
    assert state.figures.waiting_events() == 1


def test_oldest_busy_event__is_the_first_that_vtex_did_not_accept(state: StateStore, clock: Clock) -> None:
    def postpone(email: str, reason: Reason) -> None:
        state.newsletter.add_pending(email, False, clock.now, clock.now, 1)
        state.records.save(PipelineName.NEWSLETTER, "run", [row(state.hashed(email), reason)])

    assert state.figures.oldest_busy_event() is None
    postpone("unknown@shop.example", Reason.CONTACT_UNRESOLVED)
    assert state.figures.oldest_busy_event() is None
    clock.advance(timedelta(hours=1))
    begun = clock.now
    postpone("ana@shop.example", Reason.TARGET_BUSY)
    clock.advance(timedelta(hours=1))
    postpone("bea@shop.example", Reason.TARGET_BUSY)
    postpone("ana@shop.example", Reason.TARGET_BUSY)
    assert state.figures.oldest_busy_event() == begun
    for pending in state.newsletter.due_pending(clock.now):
        state.newsletter.drop_pending(pending)
    assert state.figures.oldest_busy_event() is None
