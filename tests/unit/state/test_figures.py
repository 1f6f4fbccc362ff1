"""The figures of the status page, on both databases."""

from __future__ import annotations

from datetime import timedelta

from include.outcomes import Outcome, PipelineName, Reason
from include.report import Report
from include.state import (
    AppliedChange,
    PurchaseOutcome,
    ReasonCount,
    RecordOutcome,
    StateStore,
    SubscriptionChange,
)
from include.state.figures import OriginCount
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


def test_waiting_events__are_counted_from_the_oldest(state: StateStore, clock: Clock) -> None:
    assert state.figures.waiting_events() == (0, None)
    begun = clock.now
    state.newsletter.add_pending("ana@example.com", True, begun, begun, 1)
    clock.advance(timedelta(hours=1))
    state.newsletter.add_pending("bea@example.com", True, clock.now, clock.now, 1)
    assert state.figures.waiting_events() == (2, begun)


def test_purchases__are_counted_by_origin_and_outcome_since_their_date(
    state: StateStore, clock: Clock
) -> None:
    def bought(key: str, outcome: Outcome, payment: str | None) -> PurchaseOutcome:
        return PurchaseOutcome(key, outcome, None, "", [key], clock.now, payment_method=payment)

    state.purchases.record("run", [bought("old", Outcome.SENT, "Pix")])
    clock.advance(timedelta(days=1))
    rows = [
        bought("a", Outcome.SENT, "Pix"),
        bought("b", Outcome.SENT, "Pix"),
        bought("c", Outcome.HELD, "Pix"),
        bought("d", Outcome.ALREADY_THERE, None),
        bought("e", Outcome.SENT, "x" * 500),
    ]
    state.purchases.record("run", rows)
    state.purchases.record("again", [bought("a", Outcome.ALREADY_THERE, "Pix")])
    found = {(one.origin, one.outcome): one.purchases for one in _by_payment(state, clock)}
    assert found == {
        ("Pix", Outcome.SENT): 2,
        ("Pix", Outcome.HELD): 1,
        (None, Outcome.ALREADY_THERE): 1,
        ("x" * 100, Outcome.SENT): 1,
    }


def _by_payment(state: StateStore, clock: Clock) -> list[OriginCount]:
    return state.figures.purchases_by("payment_method", clock.now - timedelta(hours=1))


def test_last_run__is_found_by_the_start_of_its_id(state: StateStore, clock: Clock) -> None:
    def save(run_id: str) -> None:
        report = Report(pipeline=PipelineName.NEWSLETTER, mode="events")
        state.reports.save(
            report,
            PipelineName.NEWSLETTER,
            dag_id="update_newsletter",
            run_id=run_id,
            clear_number=0,
            run_key=run_id,
            state="success",
            started_at=clock.now,
            finished_at=None,
        )

    assert state.figures.last_run_named("connectif__", PipelineName.NEWSLETTER) is None
    save("connectif__1")
    called = clock.now
    clock.advance(timedelta(hours=1))
    save("connectif-and-others")
    assert state.figures.last_run_named("connectif__", PipelineName.NEWSLETTER) == called


def test_oldest_waiting_event__is_the_first_that_vtex_did_not_accept(state: StateStore, clock: Clock) -> None:
    def postpone(email: str, reason: Reason) -> None:
        state.newsletter.add_pending(email, False, clock.now, clock.now, 1)
        state.records.save(PipelineName.NEWSLETTER, "run", [row(state.hashed(email), reason)])

    assert state.figures.oldest_waiting_event(is_live=True) is None
    postpone("unknown@shop.example", Reason.CONTACT_UNRESOLVED)
    assert state.figures.oldest_waiting_event(is_live=True) is None
    clock.advance(timedelta(hours=1))
    begun = clock.now
    postpone("ana@shop.example", Reason.TARGET_BUSY)
    clock.advance(timedelta(hours=1))
    postpone("bea@shop.example", Reason.TARGET_BUSY)
    postpone("ana@shop.example", Reason.TARGET_BUSY)
    assert state.figures.oldest_waiting_event(is_live=True) == begun
    for pending in state.newsletter.due_pending(clock.now):
        state.newsletter.drop_pending([pending])
    assert state.figures.oldest_waiting_event(is_live=True) is None


def test_oldest_waiting_event__without_a_try_counts_in_a_live_shop(state: StateStore, clock: Clock) -> None:
    state.newsletter.keep({"ana@shop.example": SubscriptionChange(clock.now, unsubscribed=True)})
    assert state.figures.oldest_waiting_event(is_live=True) == clock.now
    assert state.figures.oldest_waiting_event(is_live=False) is None
