"""Reads for people, on both databases."""

from __future__ import annotations

from datetime import timedelta

from include.outcomes import OUTCOME_OF, Area, Outcome, Reason
from include.store import AppliedWish, OutcomeRow, ReasonCount, Store, Wish
from tests.unit.store.conftest import Clock


def row(key: str, reason: Reason) -> OutcomeRow:
    return OutcomeRow(key, OUTCOME_OF[reason], reason, "")


def test_reasons__most_frequent_first_with_the_keys_seen_last(store: Store, clock: Clock) -> None:
    missing, double = Reason.EMAIL_MISSING, Reason.DUPLICATE_EMAIL
    store.save_outcomes(Area.CONTACTS, "one", [row("a", missing), row("b", missing), row("z", double)])
    clock.advance(timedelta(hours=1))
    rows = [row("c", missing), row("d", missing), OutcomeRow("b", Outcome.SENT)]
    store.save_outcomes(Area.CONTACTS, "two", rows)
    store.save_outcomes(Area.PRODUCTS, "two", [row("9", Reason.PRICE_MISSING)])
    assert store.reasons([Area.CONTACTS], examples=2) == [
        ReasonCount(Area.CONTACTS, Outcome.REJECTED, missing, 3, clock.now, ("c", "d")),
        ReasonCount(Area.CONTACTS, Outcome.DUPLICATE, double, 1, clock.now - timedelta(hours=1), ("z",)),
    ]
    assert [found.key for found in store.outcomes(Area.CONTACTS, reason=missing, limit=2, offset=1)] == [
        "d",
        "a",
    ]


def test_wishes__that_were_applied_since_then(store: Store, clock: Clock) -> None:
    for person in ("early", "late"):
        wishes = {person: Wish(clock.now, unsubscribed=True)}
        store.claim(wishes)
        clock.advance(timedelta(seconds=5))
        store.record_applied(wishes)
    begun = clock.now - timedelta(seconds=5)
    assert store.wishes_applied_since(clock.now, 10) == [AppliedWish(begun, clock.now)]
    assert len(store.wishes_applied_since(begun, 1)) == 1
    assert store.waiting_events() == 0
    store.add_pending("ana@example.com", True, clock.now, clock.now, 1)
    assert store.waiting_events() == 1


def test_waiting__since_when_vtex_does_not_take_the_oldest_wish(store: Store, clock: Clock) -> None:
    def put_off(email: str, reason: Reason) -> None:
        store.add_pending(email, False, clock.now, clock.now, 1)
        store.save_outcomes(Area.NEWSLETTER, "run", [row(store.hashed(email), reason)])

    assert store.oldest_busy_event() is None
    put_off("unknown@shop.example", Reason.CONTACT_UNRESOLVED)
    assert store.oldest_busy_event() is None
    clock.advance(timedelta(hours=1))
    begun = clock.now
    put_off("ana@shop.example", Reason.TARGET_BUSY)
    clock.advance(timedelta(hours=1))
    put_off("bea@shop.example", Reason.TARGET_BUSY)
    put_off("ana@shop.example", Reason.TARGET_BUSY)
    assert store.oldest_busy_event() == begun
    for pending in store.due_pending(clock.now):
        store.drop_pending(pending)
    assert store.oldest_busy_event() is None
