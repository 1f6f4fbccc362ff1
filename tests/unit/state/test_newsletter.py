"""The ledger keeps the newest subscription change, in any order of events."""

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
from include.state.newsletter import DUE_AT_ONCE
from include.state.people import People
from include.state.tables import metadata, pending_event
from tests.unit.state.conftest import Clock

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


def test_ledger__records_only_a_newer_change(state: StateStore) -> None:
    ana = state.hashed(ANA)
    assert state.newsletter.subscription_state([ana]) == {}
    for instant, unsubscribed, current in (
        (NOON, False, (NOON, False)),
        (NOON - SECOND, True, (NOON, False)),
        (NOON, True, (NOON, True)),
        (NOON, False, (NOON, True)),
        (NOON + SECOND, False, (NOON + SECOND, False)),
    ):
        state.newsletter.record_applied({ana: SubscriptionChange(instant, unsubscribed)})
        newer = state.newsletter.find_newer({ana: SubscriptionChange(instant, unsubscribed)})
        assert state.newsletter.subscription_state([ana, state.hashed(BEA)])[ana].change == current
        assert newer == ({} if (instant, unsubscribed) == current else {ana: SubscriptionChange(*current)})
    assert state.newsletter.subscription_state([ana])[ana].change.instant.tzinfo is UTC


def test_claim__returns_the_former_state_and_stays_open_until_recorded(state: StateStore, clock) -> None:
    ana, no, yes = (
        state.hashed(ANA),
        SubscriptionChange(NOON, unsubscribed=True),
        SubscriptionChange(NOON + SECOND, unsubscribed=False),
    )
    assert state.newsletter.claim({ana: no}) == {}
    assert state.newsletter.claim({ana: no}) == {ana: SubscriptionState(no, None)}
    assert not SubscriptionState(no, None).resolves(no)
    state.newsletter.record_applied({ana: no})
    applied = SubscriptionState(no, clock.now)
    assert applied.resolves(no)
    assert not applied.resolves(yes)
    assert state.newsletter.claim({ana: yes}) == {ana: applied}
    assert state.newsletter.claim({ana: no}) == {ana: SubscriptionState(yes, None)}
    assert SubscriptionState(yes, None).resolves(no)


def test_claim__returns_an_older_open_write_until_it_ends(state: StateStore, clock) -> None:
    ana, yes, no = (
        state.hashed(ANA),
        SubscriptionChange(NOON, unsubscribed=False),
        SubscriptionChange(NOON + SECOND, unsubscribed=True),
    )
    state.newsletter.claim({ana: yes})
    state.newsletter.begin_writing({ana: yes}, "killed")
    assert state.newsletter.claim({ana: no})[ana].open_writes == {yes}
    state.newsletter.begin_writing({ana: no}, "other")
    state.newsletter.begin_writing({ana: yes}, "other")
    state.newsletter.record_applied({ana: no})
    state.newsletter.end_writing([ana], "other")
    current = state.newsletter.claim({ana: yes})[ana]
    assert current == SubscriptionState(no, clock.now, frozenset({yes}))
    assert current.resolves(no)
    assert not current.resolves(yes)
    assert not current.resolves(no, yes)
    state.newsletter.end_writing([ana], "killed")
    assert state.newsletter.claim({ana: yes})[ana].resolves(yes)


def test_claims__of_concurrent_threads_see_each_other(state: StateStore) -> None:
    ana = state.hashed(ANA)
    with ThreadPoolExecutor(4) as pool:
        before = list(
            pool.map(
                lambda n: state.newsletter.claim({ana: SubscriptionChange(NOON + n * SECOND, False)}),
                range(20),
            )
        )
    assert sum(not found for found in before) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_ledger__ends_the_same_for_any_order_of_events(
    state: StateStore, events: list[SubscriptionChange], chance
) -> None:
    for person in (state.hashed(f"{uuid.uuid4()}@shop.example") for _ in range(2)):
        chance.shuffle(events)
        for event in events:
            state.newsletter.record_applied({person: event})
        assert state.newsletter.subscription_state([person])[person].change == max(events)


def test_ledger__concurrent_threads_end_with_the_newest(state: StateStore) -> None:
    ana = state.hashed(ANA)
    events = [SubscriptionChange(NOON + n * SECOND, bool(n % 2)) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda event: state.newsletter.record_applied({ana: event}), events))
    assert state.newsletter.subscription_state([ana])[ana].change == max(events)


def test_ledger__takes_many_people_in_one_call(state: StateStore) -> None:
    people = {state.hashed(f"p{n}@shop.example"): SubscriptionChange(NOON, bool(n % 2)) for n in range(1_200)}
    assert state.newsletter.claim(people) == {}
    state.newsletter.begin_writing(people, "run")
    state.newsletter.record_applied(people)
    state.newsletter.end_writing(people, "run")
    assert state.newsletter.find_newer(people) == {}
    assert {
        person: one.change for person, one in state.newsletter.subscription_state(people).items()
    } == people
    assert state.newsletter.claim({}) == {}


def test_pending__is_returned_when_due_with_its_address(state: StateStore) -> None:
    state.newsletter.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=1)
    state.newsletter.add_pending(BEA, subscribed=True, instant=NOON, not_before=NOON, attempts=2)
    assert [event.email for event in state.newsletter.due_pending(NOON)] == [BEA]
    bea, ana = state.newsletter.due_pending(NOON + SECOND)
    assert (ana.email, ana.person, ana.attempts) == (ANA, state.hashed(ANA), 1)
    assert (ana.change, bea.change) == (
        SubscriptionChange(NOON, unsubscribed=True),
        SubscriptionChange(NOON, unsubscribed=False),
    )
    assert ana.not_before == NOON + SECOND
    assert len(state.newsletter.due_pending(NOON + SECOND, limit=1)) == 1
    state.newsletter.drop_pending([bea])
    assert state.newsletter.due_pending(NOON + SECOND) == [ana]


def test_pending__a_person_has_one_event_with_the_newest_change(state: StateStore) -> None:
    for subscribed, instant in ((True, NOON), (False, NOON), (True, NOON - SECOND)):
        state.newsletter.add_pending(ANA, subscribed, instant, not_before=NOON, attempts=1)
    [event] = state.newsletter.due_pending(NOON)
    assert event.change == SubscriptionChange(NOON, unsubscribed=True)
    state.newsletter.add_pending(
        ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=2
    )  # a retry
    assert state.newsletter.due_pending(NOON) == []
    assert state.newsletter.due_pending(NOON + SECOND)[0].attempts == 2


def test_pending__a_newer_change_is_kept_when_the_old_one_is_dropped(state: StateStore) -> None:
    state.newsletter.add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    [old] = state.newsletter.due_pending(NOON)
    state.newsletter.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON, attempts=1)
    state.newsletter.drop_pending([old])
    [new] = state.newsletter.due_pending(NOON)
    assert new.change.unsubscribed
    state.newsletter.drop_pending([new])
    assert state.newsletter.due_pending(NOON) == []


def test_keep__is_due_at_once_whatever_the_clock_of_the_worker(state: StateStore) -> None:
    change = SubscriptionChange(NOON, unsubscribed=True)
    assert state.newsletter.keep({ANA: change}) == {ANA}
    [event] = state.newsletter.due_pending(NOON - timedelta(hours=1))
    assert (event.email, event.change, event.attempts) == (ANA, change, 0)
    assert state.newsletter.keep({}) == set()


def test_keep__the_newest_change_waits(state: StateStore) -> None:
    older, newer = SubscriptionChange(NOON, False), SubscriptionChange(NOON + SECOND, True)
    assert state.newsletter.keep({ANA: newer, BEA: older}) == {ANA, BEA}
    assert state.newsletter.keep({ANA: older, BEA: newer}) == {BEA}
    assert {event.change for event in state.newsletter.due_pending(NOON)} == {newer}


def test_keep__a_repeated_change_is_due_again_and_keeps_its_attempts(state: StateStore) -> None:
    """Otherwise a caller who repeats an event would have an unknown person looked up for ever."""
    later = NOON + timedelta(days=1)
    state.newsletter.add_pending(ANA, subscribed=True, instant=NOON, not_before=later, attempts=2)
    state.newsletter.keep({ANA: SubscriptionChange(NOON, unsubscribed=False)})
    assert [event.attempts for event in state.newsletter.due_pending(NOON)] == [2]
    state.newsletter.keep({ANA: SubscriptionChange(NOON + SECOND, unsubscribed=False)})
    assert [event.attempts for event in state.newsletter.due_pending(NOON)] == [0]


def test_keep__a_newer_change_waits_since_it_came(state: StateStore, clock: Clock) -> None:
    state.newsletter.receive({ANA: True})
    clock.advance(timedelta(hours=1))
    state.newsletter.receive({ANA: False})
    assert state.figures.waiting_events().since == clock.now


def test_next_due__is_the_earliest_until_then(state: StateStore) -> None:
    assert state.newsletter.next_due(NOON) is None
    state.newsletter.add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON + SECOND, attempts=1)
    assert state.newsletter.next_due(NOON) is None
    assert state.newsletter.next_due(NOON + timedelta(hours=1)) == NOON + SECOND
    state.newsletter.receive({BEA: True})
    assert state.newsletter.next_due(NOON) == DUE_AT_ONCE


def test_take_due__a_change_that_a_wrong_key_encrypted_delays_no_other(
    state: StateStore, caplog: pytest.LogCaptureFixture
) -> None:
    state.newsletter.receive({ANA: True, BEA: True})
    with state._database.write() as connection:
        sealed = People("another key of this test").sealed(ANA)
        row = pending_event.c.person == state.hashed(ANA)
        connection.execute(sa.update(pending_event).where(row).values(sealed_email=sealed))
    assert [event.email for event in state.newsletter.take_due("run", NOON)] == [BEA]
    assert "1 subscription change cannot be decrypted" in caplog.text
    assert [event.email for event in state.newsletter.due_pending(NOON)] == [BEA], "the other one waits"
    [bea] = state.newsletter.due_pending(NOON)
    state.newsletter.drop_pending([bea])
    with pytest.raises(ConfigurationError, match="hash_key"):
        state.newsletter.due_pending(NOON + timedelta(days=2))


def test_keep__many_at_once_from_two_processes(state: StateStore) -> None:
    people = [f"{number}@shop.example" for number in range(1_200)]

    def keep(unsubscribed: bool) -> None:
        instant = NOON + SECOND * unsubscribed
        state.newsletter.keep({one: SubscriptionChange(instant, unsubscribed) for one in people})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(keep, [True, False]))
    waiting = state.newsletter.due_pending(NOON, limit=2_000)
    assert (len(waiting), {event.change.unsubscribed for event in waiting}) == (1_200, {True})


def test_pending__is_returned_at_any_time_after_enough_attempts(state: StateStore) -> None:
    later = NOON + timedelta(days=1)
    state.newsletter.add_pending(ANA, subscribed=True, instant=NOON, not_before=later, attempts=2)
    state.newsletter.add_pending(BEA, subscribed=True, instant=NOON, not_before=later, attempts=1)
    assert state.newsletter.due_pending(NOON) == []
    assert [event.email for event in state.newsletter.due_pending(NOON, min_attempts=2)] == [ANA]


# --- unsubscriptions that VTEX may not have yet

NO, YES = True, False


def record_applied(state: StateStore, email: str, instant: datetime, unsubscribed: bool) -> None:
    state.newsletter.record_applied({state.hashed(email): SubscriptionChange(instant, unsubscribed)})


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
def test_unsubscriptions__pending_count_unless_a_later_subscription_exists(
    waiting: tuple[datetime, bool] | None,
    subscription_state: tuple[datetime, bool] | None,
    expected: bool,
    state: StateStore,
    clock,
) -> None:
    if waiting:
        state.newsletter.add_pending(ANA, not waiting[1], waiting[0], NOON, 1)
    if subscription_state:
        record_applied(state, ANA, *subscription_state)
    found = state.newsletter.unsubscriptions_under_way(clock.now + SECOND)
    assert found == ({state.hashed(ANA)} if expected else set())


def test_unsubscriptions__claimed_or_applied_since_vtex_was_read_count(state: StateStore, clock) -> None:
    record_applied(state, "before@shop.example", NOON, NO)
    clock.advance(SECOND)
    read_at = clock.now
    record_applied(state, ANA, NOON, NO)
    record_applied(state, "yes@shop.example", NOON, YES)
    state.newsletter.claim({state.hashed(BEA): SubscriptionChange(NOON, unsubscribed=True)})
    assert state.newsletter.unsubscriptions_under_way(read_at) == {state.hashed(ANA), state.hashed(BEA)}


def test_pending__a_changed_hash_key_is_a_configuration_error(opened) -> None:
    opened().newsletter.add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    with pytest.raises(ConfigurationError, match="hash_key is not the one"):
        opened(hash_key="another made-up key").newsletter.due_pending(NOON)


def test_state_store__no_address_in_the_database_or_in_a_repr(state: StateStore) -> None:
    canary = "canary-7f3a@shop.example"
    state.newsletter.record_applied({state.hashed(canary): SubscriptionChange(NOON, unsubscribed=True)})
    state.newsletter.add_pending(canary, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    assert "canary" not in repr(state.newsletter.due_pending(NOON))
    with state._database.read() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in metadata.tables.values()]
    assert state.hashed(canary) in repr(rows)
    assert "canary" not in repr(rows)
