"""What a newsletter run has taken and begun is found by its retry, and by no other run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.state import StateStore, SubscriptionChange, SubscriptionState
from tests.unit.state.conftest import Clock

ANA, BEA = "ana@shop.example", "bea@shop.example"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


def wait(state: StateStore, email: str) -> None:
    state.newsletter.add_pending(email, subscribed=False, instant=NOON, not_before=NOON, attempts=1)


def test_take_due__a_retry_gets_what_the_first_attempt_got(state: StateStore) -> None:
    wait(state, ANA)
    taken = state.newsletter.take_due("run", NOON)
    state.newsletter.drop_pending(taken)
    wait(state, BEA)
    assert state.newsletter.take_due("run", NOON) == taken
    assert [event.email for event in state.newsletter.take_due("another run", NOON)] == [BEA]


def test_take_due__of_long_ago_is_forgotten(state: StateStore, clock: Clock) -> None:
    wait(state, ANA)
    state.newsletter.take_due("run", NOON)
    clock.advance(WEEK + SECOND)
    state.newsletter.take_due("another run", NOON)
    wait(state, BEA)
    assert len(state.newsletter.take_due("run", NOON)) == 2


def test_claim__a_retry_is_told_what_stood_before_the_run(state: StateStore, clock: Clock) -> None:
    ana, bea = state.hashed(ANA), state.hashed(BEA)
    yes, no = (
        SubscriptionChange(NOON, unsubscribed=False),
        SubscriptionChange(NOON + SECOND, unsubscribed=True),
    )
    state.newsletter.claim({ana: yes})
    state.newsletter.record_applied({ana: yes})
    before = {ana: SubscriptionState(yes, clock.now)}
    for _ in range(2):
        assert state.newsletter.claim({ana: no, bea: no}, "run") == before
    assert state.newsletter.claim({ana: no, bea: no}, "another run") == {
        ana: SubscriptionState(no, None),
        bea: SubscriptionState(no, None),
    }


def test_claim__a_retry_is_told_what_came_since(state: StateStore, clock: Clock) -> None:
    ana = state.hashed(ANA)
    yes, no = (
        SubscriptionChange(NOON, unsubscribed=False),
        SubscriptionChange(NOON + SECOND, unsubscribed=True),
    )
    state.newsletter.claim({ana: yes}, "run")
    state.newsletter.claim({ana: no}, "another run")
    assert state.newsletter.claim({ana: yes}, "run") == {ana: SubscriptionState(no, None)}
    state.newsletter.record_applied({ana: no})
    assert state.newsletter.claim({ana: yes}, "run") == {ana: SubscriptionState(no, clock.now)}


def test_documents__of_the_first_attempt_count(state: StateStore) -> None:
    ana, bea = state.hashed(ANA), state.hashed(BEA)
    state.newsletter.claim(
        {ana: SubscriptionChange(NOON, False), bea: SubscriptionChange(NOON, False)}, "run"
    )
    assert state.newsletter.count_documents("run", {ana: 2, bea: 0}) == {ana: 2, bea: 0}
    assert state.newsletter.count_documents("run", {ana: 0, bea: 1}) == {ana: 2, bea: 1}
    assert state.newsletter.count_documents("another run", {ana: 0}) == {ana: 0}
    assert state.newsletter.count_documents("run", {}) == {}


def test_documents__of_another_change_do_not_count(state: StateStore) -> None:
    ana = state.hashed(ANA)
    state.newsletter.claim({ana: SubscriptionChange(NOON, False)}, "run")
    state.newsletter.count_documents("run", {ana: 2})
    state.newsletter.claim({ana: SubscriptionChange(NOON + SECOND, True)}, "run")
    assert state.newsletter.count_documents("run", {ana: 1}) == {ana: 1}
