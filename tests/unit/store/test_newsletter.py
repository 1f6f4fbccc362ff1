"""The ledger: whatever order events come in, the greatest wish is what stays."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.store import Standing, Store, Wish
from include.store.tables import metadata

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ANA, BEA = "ana@shop.example", "bea@shop.example"

wishes = st.builds(Wish, st.integers(0, 5).map(lambda n: NOON + n * SECOND / 1000), st.booleans())


def test_hashed__is_the_same_in_any_case_and_needs_the_key(opened) -> None:
    store, other_key = opened(), opened(hash_key="another made-up key")
    assert store.hashed(" Ana@Shop.Example ") == store.hashed(ANA)
    assert len(store.hashed(ANA)) == 64
    assert store.hashed(ANA) != store.hashed(BEA)
    assert other_key.hashed(ANA) != store.hashed(ANA)


def test_ledger__only_a_greater_wish_is_written(store: Store) -> None:
    ana = store.hashed(ANA)
    assert store.standing([ana]) == {}
    for instant, unsubscribed, stands in (
        (NOON, False, (NOON, False)),
        (NOON - SECOND, True, (NOON, False)),
        (NOON, True, (NOON, True)),
        (NOON, False, (NOON, True)),
        (NOON + SECOND, False, (NOON + SECOND, False)),
    ):
        store.record_applied({ana: Wish(instant, unsubscribed)})
        greater = store.greater({ana: Wish(instant, unsubscribed)})
        assert store.standing([ana, store.hashed(BEA)])[ana].wish == stands
        assert greater == ({} if (instant, unsubscribed) == stands else {ana: Wish(*stands)})
    assert store.standing([ana])[ana].wish.instant.tzinfo is UTC


def test_claim__gives_what_stood_and_is_unfinished_until_recorded(store: Store, clock) -> None:
    ana, no, yes = store.hashed(ANA), Wish(NOON, unsubscribed=True), Wish(NOON + SECOND, unsubscribed=False)
    assert store.claim({ana: no}) == {}
    assert store.claim({ana: no}) == {ana: Standing(no, None)}
    assert not Standing(no, None).settles(no)
    store.record_applied({ana: no})
    applied = Standing(no, clock.now)
    assert applied.settles(no)
    assert not applied.settles(yes)
    assert store.claim({ana: yes}) == {ana: applied}
    assert store.claim({ana: no}) == {ana: Standing(yes, None)}
    assert Standing(yes, None).settles(no)


def test_claim__knows_of_a_lesser_wish_that_is_on_its_way_until_that_ends(store: Store, clock) -> None:
    ana, yes, no = store.hashed(ANA), Wish(NOON, unsubscribed=False), Wish(NOON + SECOND, unsubscribed=True)
    store.claim({ana: yes})
    store.begin_writing({ana: yes}, "killed")
    assert store.claim({ana: no})[ana].on_their_way == {yes}
    store.begin_writing({ana: no}, "other")
    store.begin_writing({ana: yes}, "other")
    store.record_applied({ana: no})
    store.end_writing([ana], "other")
    stands = store.claim({ana: yes})[ana]
    assert stands == Standing(no, clock.now, frozenset({yes}))
    assert stands.settles(no)
    assert not stands.settles(yes)
    assert not stands.settles(no, yes)
    store.end_writing([ana], "killed")
    assert store.claim({ana: yes})[ana].settles(yes)


def test_claims__at_once_see_each_other(store: Store) -> None:
    ana = store.hashed(ANA)
    with ThreadPoolExecutor(4) as pool:
        before = list(pool.map(lambda n: store.claim({ana: Wish(NOON + n * SECOND, False)}), range(20)))
    assert sum(not found for found in before) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wishes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_ledger__any_order_of_the_same_events_ends_the_same(store: Store, events: list[Wish], chance) -> None:
    for person in (store.hashed(f"{uuid.uuid4()}@shop.example") for _ in range(2)):
        chance.shuffle(events)
        for event in events:
            store.record_applied({person: event})
        assert store.standing([person])[person].wish == max(events)


def test_ledger__threads_at_once_end_with_the_greatest(store: Store) -> None:
    ana = store.hashed(ANA)
    events = [Wish(NOON + n * SECOND, bool(n % 2)) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda event: store.record_applied({ana: event}), events))
    assert store.standing([ana])[ana].wish == max(events)


def test_ledger__many_people_at_once(store: Store) -> None:
    people = {store.hashed(f"p{n}@shop.example"): Wish(NOON, bool(n % 2)) for n in range(1_200)}
    assert store.claim(people) == {}
    store.begin_writing(people, "run")
    store.record_applied(people)
    store.end_writing(people, "run")
    assert store.greater(people) == {}
    assert {person: one.wish for person, one in store.standing(people).items()} == people
    assert store.claim({}) == {}


def test_pending__waits_for_its_time_and_knows_its_address(store: Store) -> None:
    store.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=1)
    store.add_pending(BEA, subscribed=True, instant=NOON, not_before=NOON, attempts=2)
    assert [event.email for event in store.due_pending(NOON)] == [BEA]
    bea, ana = store.due_pending(NOON + SECOND)
    assert (ana.email, ana.person, ana.attempts) == (ANA, store.hashed(ANA), 1)
    assert (ana.wish, bea.wish) == (Wish(NOON, unsubscribed=True), Wish(NOON, unsubscribed=False))
    assert ana.not_before == NOON + SECOND
    assert len(store.due_pending(NOON + SECOND, limit=1)) == 1
    store.drop_pending(bea)
    assert store.due_pending(NOON + SECOND) == [ana]


def test_pending__a_person_waits_once_with_the_greatest_wish(store: Store) -> None:
    for subscribed, instant in ((True, NOON), (False, NOON), (True, NOON - SECOND)):
        store.add_pending(ANA, subscribed, instant, not_before=NOON, attempts=1)
    [event] = store.due_pending(NOON)
    assert event.wish == Wish(NOON, unsubscribed=True)
    store.add_pending(
        ANA, subscribed=False, instant=NOON, not_before=NOON + SECOND, attempts=2
    )  # tried again
    assert store.due_pending(NOON) == []
    assert store.due_pending(NOON + SECOND)[0].attempts == 2


def test_pending__a_greater_wish_that_came_meanwhile_is_kept(store: Store) -> None:
    store.add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    [old] = store.due_pending(NOON)
    store.add_pending(ANA, subscribed=False, instant=NOON, not_before=NOON, attempts=1)
    store.drop_pending(old)
    [new] = store.due_pending(NOON)
    assert new.wish.unsubscribed
    store.drop_pending(new)
    assert store.due_pending(NOON) == []


def test_pending__who_was_looked_up_often_enough_is_due_at_any_time(store: Store) -> None:
    later = NOON + timedelta(days=1)
    store.add_pending(ANA, subscribed=True, instant=NOON, not_before=later, attempts=2)
    store.add_pending(BEA, subscribed=True, instant=NOON, not_before=later, attempts=1)
    assert store.due_pending(NOON) == []
    assert [event.email for event in store.due_pending(NOON, looked_up=2)] == [ANA]


# --- unsubscriptions that VTEX may not say yet

NO, YES = True, False


def applied(store: Store, email: str, instant: datetime, unsubscribed: bool) -> None:
    store.record_applied({store.hashed(email): Wish(instant, unsubscribed)})


@pytest.mark.parametrize(
    ("waiting", "standing", "expected"),
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
    standing: tuple[datetime, bool] | None,
    expected: bool,
    store: Store,
    clock,
) -> None:
    if waiting:
        store.add_pending(ANA, not waiting[1], waiting[0], NOON, 1)
    if standing:
        applied(store, ANA, *standing)
    found = store.unsubscriptions_under_way(clock.now + SECOND)
    assert found == ({store.hashed(ANA)} if expected else set())


def test_unsubscriptions__that_are_being_applied_or_were_applied_since_vtex_was_read(
    store: Store, clock
) -> None:
    applied(store, "before@shop.example", NOON, NO)
    clock.advance(SECOND)
    read_at = clock.now
    applied(store, ANA, NOON, NO)
    applied(store, "yes@shop.example", NOON, YES)
    store.claim({store.hashed(BEA): Wish(NOON, unsubscribed=True)})
    assert store.unsubscriptions_under_way(read_at) == {store.hashed(ANA), store.hashed(BEA)}


def test_pending__a_changed_hash_key_is_a_clear_mistake(opened) -> None:
    opened().add_pending(ANA, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    with pytest.raises(ConfigurationError, match="hash_key is not the one"):
        opened(hash_key="another made-up key").due_pending(NOON)


def test_store__no_address_in_the_database_or_in_a_repr(store: Store) -> None:
    canary = "canary-7f3a@shop.example"
    store.record_applied({store.hashed(canary): Wish(NOON, unsubscribed=True)})
    store.add_pending(canary, subscribed=True, instant=NOON, not_before=NOON, attempts=1)
    assert "canary" not in repr(store.due_pending(NOON))
    with store._database.read() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in metadata.tables.values()]
    assert store.hashed(canary) in repr(rows)
    assert "canary" not in repr(rows)
