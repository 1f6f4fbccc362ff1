"""Purchases in the state store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.outcomes import Outcome, Reason
from include.state import PurchaseOutcome, StateStore
from include.window import Window

DAY = timedelta(days=1)
BOUGHT = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)


def record(
    state: StateStore, purchase_id: str, outcome: Outcome, reason: Reason | None = None, run: str = "run 1"
) -> None:
    state.purchases.record(run, [answer(purchase_id, outcome, reason)])


def answer(purchase_id: str, outcome: Outcome, reason: Reason | None = None) -> PurchaseOutcome:
    return PurchaseOutcome(purchase_id, outcome, reason, "", [f"{purchase_id}-01"], BOUGHT)


def test_purchases__done_are_those_that_connectif_has(state: StateStore) -> None:
    record(state, "v1", Outcome.SENT)
    record(state, "v2", Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)
    record(state, "v3", Outcome.REJECTED, Reason.TARGET_REJECTED)
    record(state, "v4", Outcome.HELD, Reason.CONTACT_UNRESOLVED)
    assert state.purchases.done(["v1", "v2", "v3", "v4", "v5"]) == {"v1", "v2"}
    assert state.purchases.done([]) == set()
    assert state.purchases.done(f"v{n}" for n in range(2000)) == {"v1", "v2"}


@pytest.mark.parametrize("done", [Outcome.SENT, Outcome.ALREADY_THERE])
def test_purchases__done_stays_done(state: StateStore, done: Outcome) -> None:
    record(state, "v1", Outcome.HELD, Reason.CONTACT_UNRESOLVED)
    record(state, "v1", done)
    record(state, "v1", Outcome.HELD, Reason.CONTACT_UNRESOLVED, run="run 2")
    assert state.purchases.done(["v1"]) == {"v1"}
    assert state.purchases.held(DAY) == []


def test_purchases__held_ones_are_returned_up_to_an_age(state: StateStore, clock) -> None:
    first = clock.now
    record(state, "v1", Outcome.HELD, Reason.CONTACT_UNRESOLVED)
    clock.advance(DAY)
    record(state, "v2", Outcome.HELD, Reason.CONTACT_UNRESOLVED)
    record(state, "v1", Outcome.HELD, Reason.CONTACT_UNRESOLVED, run="run 2")
    older, younger = state.purchases.held(DAY)
    assert (older.purchase_id, older.attempts, older.first_seen, older.run_key) == ("v1", 2, first, "run 2")
    assert (older.order_ids, older.purchase_date, older.reason) == (
        ("v1-01",),
        BOUGHT,
        Reason.CONTACT_UNRESOLVED,
    )
    assert older.purchase_date.tzinfo is UTC
    assert younger.purchase_id == "v2"
    assert [held.purchase_id for held in state.purchases.held(DAY / 2)] == ["v2"]


def test_purchases__a_naive_date_is_refused(state: StateStore) -> None:
    naive = replace(answer("v1", Outcome.SENT), purchase_date=BOUGHT.replace(tzinfo=None))
    with pytest.raises(Exception, match="an instant needs an offset"):
        state.purchases.record("run 1", [naive])


def test_purchases__added_ones_are_counted_apart_from_tracked_ones(state: StateStore) -> None:
    record(state, "v1", Outcome.SENT)
    record(state, "v2", Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)
    record(state, "v1", Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED, run="run 2")
    record(state, "v3", Outcome.HELD, Reason.CONTACT_UNRESOLVED)
    assert state.purchases.count_by_outcome(Window(BOUGHT, BOUGHT + DAY)) == {
        Outcome.SENT: 1,
        Outcome.ALREADY_THERE: 1,
        Outcome.HELD: 1,
    }
    assert state.purchases.count_by_outcome(Window(BOUGHT - DAY, BOUGHT)).total() == 0
    again = state.purchases.of_run("run 2")["v1"]
    assert (again.outcome, again.reason) == (Outcome.SENT, Reason.ALREADY_TRACKED)


def test_purchases__keep_the_order_ids_that_were_sent(state: StateStore) -> None:
    """They change only when the purchase is sent again, after a deletion at Connectif."""
    whole = replace(answer("v1", Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED), order_ids=["v1-01", "v1-02"])
    record(state, "v1", Outcome.SENT)
    state.purchases.record("run 2", [whole])
    assert state.purchases.recorded(["v1"])["v1"].order_ids == ("v1-01",)
    state.purchases.record("run 3", [replace(whole, outcome=Outcome.SENT, reason=None)])
    assert state.purchases.recorded(["v1"])["v1"].order_ids == ("v1-01", "v1-02")


def test_purchases__of_many_answers_the_last_one_wins(state: StateStore) -> None:
    state.purchases.record("run 1", (answer(f"v{n}", Outcome.SENT) for n in range(2_500)))
    twice = [answer("w", Outcome.HELD, Reason.CONTACT_UNRESOLVED), answer("w", Outcome.SENT)]
    state.purchases.record("run 1", twice)
    assert len(state.purchases.of_run("run 1")) == 2_501
    assert state.purchases.done(["w"]) == {"w"}
