"""The ledger: whatever order events come in, the greatest subscription change is what stays."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.state import StateStore, SubscriptionChange, SubscriptionState
from include.state.tables import metadata

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ANA, BEA = "ana@shop.example", "bea@shop.example"

changes = st.builds(
    SubscriptionChange, st.integers(0, 5).map(lambda n: NOON + n * SECOND / 1000), st.booleans()
)


def test_hashed__is_the_same_in_any_case_and_needs_the_key(opened) -> None:
    state, other_key = opened(), opened(hash_key="another made-up key")
    assert state.hashed(" Ana@Shop.Example ") == state.hashed(ANA)
    assert len(state.hashed(ANA)) == 64
    assert state.hashed(ANA) != state.hashed(BEA)
    assert other_key.hashed(ANA) != state.hashed(ANA)


def test_ledger__only_a_greater_change_is_written(state: StateStore) -> None:
    ana = state.hashed(ANA)
    assert state.subscription_state([ana]) == {}
    for instant, unsubscribed, stands in (
        (NOON, False, (NOON, False)),
        (NOON - SECOND, True, (NOON, False)),
        (NOON, True, (NOON, True)),
        (NOON, False, (NOON, True)),
        (NOON + SECOND, False, (NOON + SECOND, False)),
    ):
        state.record_applied({ana: SubscriptionChange(instant, unsubscribed)})
        greater = state.greater({ana: SubscriptionChange(instant, unsubscribed)})
        assert state.subscription_state([ana, state.hashed(BEA)])[ana].change == stands
        assert greater == ({} if (instant, unsubscribed) == stands else {ana: SubscriptionChange(*stands)})
    assert state.subscription_state([ana])[ana].change.instant.tzinfo is UTC


def test_claim__gives_what_stood_and_is_unfinished_until_recorded(state: StateStore, clock) -> None:
    ana, no, yes = (
        state.hashed(ANA),
        SubscriptionChange(NOON, unsubscribed=True),
        SubscriptionChange(NOON + SECOND, unsubscribed=False),
    )
    assert state.claim({ana: no}) == {}
    assert state.claim({ana: no}) == {ana: SubscriptionState(no, None)}
    assert not SubscriptionState(no, None).resolves(no)
    state.record_applied({ana: no})
    applied = SubscriptionState(no, clock.now)
    assert applied.resolves(no)
    assert not applied.resolves(yes)
    assert state.claim({ana: yes}) == {ana: applied}
    assert state.claim({ana: no}) == {ana: SubscriptionState(yes, None)}
    assert SubscriptionState(yes, None).resolves(no)


def test_claim__knows_of_a_lesser_change_that_is_on_its_way_until_that_ends(state: StateStore, clock) -> None:
    ana, yes, no = (
        state.hashed(ANA),
        SubscriptionChange(NOON, unsubscribed=False),
        SubscriptionChange(NOON + SECOND, unsubscribed=True),
    )
    state.claim({ana: yes})
    state.begin_writing({ana: yes}, "killed")
    assert state.claim({ana: no})[ana].on_their_way == {yes}
    state.begin_writing({ana: no}, "other")
    state.begin_writing({ana: yes}, "other")
    state.record_applied({ana: no})
    state.end_writing([ana], "other")
    stands = state.claim({ana: yes})[ana]
    assert stands == SubscriptionState(no, clock.now, frozenset({yes}))
    assert stands.resolves(no)
    assert not stands.resolves(yes)
    assert not stands.resolves(no, yes)
    state.end_writing([ana], "killed")
    assert state.claim({ana: yes})[ana].resolves(yes)


def test_claims__at_once_see_each_other(state: StateStore) -> None:
    ana = state.hashed(ANA)
    with ThreadPoolExecutor(4) as pool:
        before = list(
            pool.map(lambda n: state.claim({ana: SubscriptionChange(NOON + n * SECOND, False)}), range(20))
        )
    assert sum(not found for found in before) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_ledger__any_order_of_the_same_events_ends_the_same(
    state: StateStore, events: list[SubscriptionChange], chance
) -> None:
    for person in (state.hashed(f"{uuid.uuid4()}@shop.example") for _ in range(2)):
        chance.shuffle(events)
        for event in events:
            state.record_applied({person: event})
        assert state.subscription_state([person])[person].change == max(events)


def test_ledger__threads_at_once_end_with_the_greatest(state: StateStore) -> None:
    ana = state.hashed(ANA)
    events = [SubscriptionChange(NOON + n * SECOND, bool(n % 2)) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda event: state.record_applied({ana: event}), events))
    assert state.subscription_state([ana])[ana].change == max(events)


def test_ledger__many_people_at_once(state: StateStore) -> None:
    people = {state.hashed(f"p{n}@shop.example"): SubscriptionChange(NOON, bool(n % 2)) for n in range(1_200)}
    assert state.claim(people) == {}
    state.begin_writing(people, "run")
    state.record_applied(people)
    state.end_writing(people, "run")
    assert state.greater(people) == {}
    assert {person: one.change for person, one in state.subscription_state(people).items()} == people
    assert state.claim({}) == {}


def test_pending__waits_for_its_time_and_knows_its_address(state: StateStore) -> None:
    state.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=1)
    state.add_pending(BEA, subscribed=True, instant=NOON, not_before=NOON, attempts=2)
    assert [event.email for event in state.due_pending(NOON)] == [BEA]
    bea, ana = state.due_pending(NOON + SECOND)
    assert (ana.email, ana.person, ana.attempts) == (ANA, state.hashed(ANA), 1)
    assert (ana.change, bea.change) == (
        SubscriptionChange(NOON, unsubscribed=True),
        SubscriptionChange(NOON, unsubscribed=False),
    )
    assert ana.not_before == NOON + SECOND
    assert len(state.due_pending(NOON + SECOND, limit=1)) == 1
    state.drop_pending(bea)
    assert state.due_pending(NOON + SECOND) == [ana]


def test_pending__a_person_waits_once_with_the_greatest_change(state: StateStore) -> None:
    for subscribed, instant in ((True, NOON), (False, NOON), (True, NOON - SECOND)):
        state.add_pending(ANA, subscribed, instant, not_before=NOON, attempts=1)
    [event] = state.due_pending(NOON)
    assert event.change == SubscriptionChange(NOON, unsubscribed=True)
    state.add_pending(
        ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=2
    )  # tried again
    assert state.due_pending(NOON) == []
    assert state.due_pending(NOON + SECOND)[0].attempts == 2


def test_pending__a_greater_change_that_came_meanwhile_is_kept(state: StateStore) -> None:
    state.add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    [old] = state.due_pending(NOON)
    state.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON, attempts=1)
    state.drop_pending(old)
    [new] = state.due_pending(NOON)
    assert new.change.unsubscribed
    state.drop_pending(new)
    assert state.due_pending(NOON) == []


def test_pending__who_was_looked_up_often_enough_is_due_at_any_time(state: StateStore) -> None:
    later = NOON + timedelta(days=1)
    state.add_pending(ANA, subscribed=True, instant=NOON, not_before=later, attempts=2)
    state.add_pending(BEA, subscribed=True, instant=NOON, not_before=later, attempts=1)
    assert state.due_pending(NOON) == []
    assert [event.email for event in state.due_pending(NOON, looked_up=2)] == [ANA]


# --- unsubscriptions that VTEX may not say yet

NO, YES = True, False


def applied(state: StateStore, email: str, instant: datetime, unsubscribed: bool) -> None:
    state.record_applied({state.hashed(email): SubscriptionChange(instant, unsubscribed)})


@pytest.mark.parametrize(
    ("waiting", "subscription_state", "expected"),
    [
        ((NOON, NO), None, True),
        ((NOON, YES), None, False),
        ((NOON, NO), (NOON - SECOND, YES), True),
        ((NOON, NO), (NOON, YES), True),
        ((NOON, NO), (NOON + SECOND, YES), False),
        ((NOON, NO), (NOON + SECOND, NO), True),
        ((NOON, YES), (NOON - SECOND, NO), False),
        (None, (NOON, YES), False),
    ],
)
def test_unsubscriptions__that_wait_unless_a_later_subscription_stands(
    waiting: tuple[datetime, bool] | None,
    subscription_state: tuple[datetime, bool] | None,
    expected: bool,
    state: StateStore,
    clock,
) -> None:
    if waiting:
        state.add_pending(ANA, not waiting[1], waiting[0], NOON, 1)
    if subscription_state:
        applied(state, ANA, *subscription_state)
    found = state.unsubscriptions_under_way(clock.now + SECOND)
    assert found == ({state.hashed(ANA)} if expected else set())


def test_unsubscriptions__that_are_being_applied_or_were_applied_since_vtex_was_read(
    state: StateStore, clock
) -> None:
    applied(state, "before@shop.example", NOON, NO)
    clock.advance(SECOND)
    read_at = clock.now
    applied(state, ANA, NOON, NO)
    applied(state, "yes@shop.example", NOON, YES)
    state.claim({state.hashed(BEA): SubscriptionChange(NOON, unsubscribed=True)})
    assert state.unsubscriptions_under_way(read_at) == {state.hashed(ANA), state.hashed(BEA)}


def test_pending__a_changed_hash_key_is_a_clear_mistake(opened) -> None:
    opened().add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    with pytest.raises(ConfigurationError, match="hash_key is not the one"):
        opened(hash_key="another made-up key").due_pending(NOON)


def test_store__no_address_in_the_database_or_in_a_repr(state: StateStore) -> None:
    canary = "canary-7f3a@shop.example"
    state.record_applied({state.hashed(canary): SubscriptionChange(NOON, unsubscribed=True)})
    state.add_pending(canary, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    assert "canary" not in repr(state.due_pending(NOON))
    with state._database.read() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in metadata.tables.values()]
    assert state.hashed(canary) in repr(rows)
    assert "canary" not in repr(rows)
