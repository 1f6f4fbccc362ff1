"""A run applies the events that wait in the state store, also those that come while it works."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import include.newsletter.apply
from include.errors import TemporaryError
from include.newsletter import NewsletterSync
from include.newsletter.apply import LONGEST_RUN
from include.outcomes import Reason
from include.report import Report
from include.state import StateStore, SubscriptionChange
from include.vtex.client import VtexClient
from tests.unit.newsletter.test_newsletter import (
    ANA,
    BO,
    EVA,
    NOW,
    RULES,
    FailingVtex,
    FakeVtex,
    Killed,
    apply,
    change,
    opener,
    outcomes,
    resolve,
    state,
    vtex,
)

__all__ = ["opener", "state", "vtex"]  # fixtures
SECOND = timedelta(seconds=1)


class WaitingTime:
    """The clock of a run: it stands still, except that a wait moves it. `steps` run at each wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: Iterator[Callable[[], object]]) -> None:
        self.now, self.steps = NOW, steps
        monkeypatch.setattr(include.newsletter.apply.time, "sleep", self.sleep)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        next(self.steps, lambda: None)()


def keep(state: StateStore, email: str, unsubscribed: bool, ago: timedelta = SECOND) -> None:
    """What the receiver does."""
    state.newsletter.keep({email: SubscriptionChange(NOW - ago, unsubscribed)})


def run(
    vtex: FakeVtex | FailingVtex,
    state: StateStore,
    clock: Callable[[], datetime],
    linger: timedelta = 2 * SECOND,
    events: Sequence[dict[str, Any]] = (),
) -> NewsletterSync:
    sync = NewsletterSync(cast("VtexClient", vtex), state, RULES, "run", "run/0")
    sync.apply(events, clock, linger=linger)
    assert Report(pipeline="newsletter", mode="events", counts=sync.counts).missing == 0
    return sync


def test_run__applies_what_comes_while_it_writes(vtex: FakeVtex, state: StateStore) -> None:
    keep(state, ANA, unsubscribed=True)
    vtex.before_patch = lambda _id: keep(state, BO, unsubscribed=True)
    sync = apply(vtex, state)
    assert vtex.opted_in() == {"d1": False, "d2": False}
    assert outcomes(sync) == {"sent": 2}
    assert state.newsletter.due_pending(NOW) == []


def test_run__waits_a_little_for_more(
    vtex: FakeVtex, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [lambda: None] * 8 + [lambda: keep(state, BO, unsubscribed=True)]
    clock = WaitingTime(monkeypatch, iter(steps))
    keep(state, ANA, unsubscribed=True)
    assert outcomes(run(vtex, state, clock)) == {"sent": 2}
    assert clock.now - NOW < 5 * SECOND


def test_run__that_finds_nothing_ends_at_once(
    vtex: FakeVtex, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = WaitingTime(monkeypatch, iter([]))
    assert run(vtex, state, clock).counts.read == 0
    assert clock.now == NOW


def test_run__of_a_flow_that_never_stops_ends_and_loses_nothing(
    vtex: FakeVtex, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flow() -> Iterator[Callable[[], object]]:
        for number in range(1_000):
            ago = SECOND - SECOND * number / 1_000
            yield partial(keep, state, ANA, unsubscribed=number % 2 == 0, ago=ago)

    clock = WaitingTime(monkeypatch, flow())
    keep(state, ANA, unsubscribed=True, ago=2 * SECOND)
    sync = run(vtex, state, clock)
    assert LONGEST_RUN <= clock.now - NOW < LONGEST_RUN + SECOND
    assert sync.counts.read > 100
    [left] = state.newsletter.due_pending(NOW) or [None]
    assert left is None or left.change.instant > NOW - SECOND


def test_run__more_than_one_part_waits(vtex: FakeVtex, state: StateStore) -> None:
    people = [f"p{number}@example.com" for number in range(1_100)]
    for number, email in enumerate(people):
        vtex.put(f"p{number}", email, True)
    state.newsletter.keep({email: SubscriptionChange(NOW, unsubscribed=True) for email in people})
    assert outcomes(apply(vtex, state)) == {"sent": 1_100}


def test_run__leaves_the_rest_if_vtex_accepts_no_writes(vtex: FakeVtex, state: StateStore) -> None:
    people = [f"p{number}@example.com" for number in range(600)]
    for number, email in enumerate(people):
        vtex.put(f"p{number}", email, True)
    vtex.fail_after = 0
    state.newsletter.keep({email: SubscriptionChange(NOW, unsubscribed=True) for email in people})
    assert outcomes(apply(vtex, state)) == {"held": 500}
    assert len(state.newsletter.due_pending(NOW)) == 100, "they are not postponed: the next run tries them"


def test_conf__its_events_wait_in_the_state_store_while_vtex_is_unreachable(
    vtex: FakeVtex, state: StateStore
) -> None:
    with pytest.raises(TemporaryError):
        apply(FailingVtex(vtex, "unreachable"), state, change(ANA, False), change("no address", True))
    assert [event.email for event in state.newsletter.due_pending(NOW)] == [ANA]
    assert outcomes(apply(vtex, state)) == {"sent": 1}, "another run applies it"


def test_conf__an_older_event_than_the_waiting_one_changes_nothing(vtex: FakeVtex, state: StateStore) -> None:
    keep(state, ANA, unsubscribed=True)
    assert outcomes(apply(vtex, state, change(ANA, True, minutes_ago=5))) == {"unchanged": 1, "sent": 1}
    assert vtex.opted_in()["d1"] is False


def test_waiting__a_worker_whose_clock_is_behind_applies_it(vtex: FakeVtex, state: StateStore) -> None:
    state.newsletter.receive({ANA: True})
    assert outcomes(apply(vtex, state, now=NOW - timedelta(hours=1))) == {"sent": 1}


def test_resolve__does_not_give_up_an_event_at_its_first_try(vtex: FakeVtex, state: StateStore) -> None:
    """VTEX may not have indexed the customer yet who has just signed up."""
    keep(state, EVA, unsubscribed=False)
    assert resolve(vtex, state).counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    vtex.put("d9", EVA, None)
    assert outcomes(apply(vtex, state, now=NOW + timedelta(minutes=10))) == {"sent": 1}


def test_erased__nothing_of_the_person_stays(vtex: FakeVtex, state: StateStore) -> None:
    """The receiver keeps callbacks of erased people too: it does not compare them."""
    state.erasure.erase(ANA)
    keep(state, ANA, unsubscribed=False)
    keep(state, BO, unsubscribed=True)
    sync = run(vtex, state, lambda: NOW, timedelta(0))
    assert (outcomes(sync), sync.counts.reasons) == ({"excluded": 1, "sent": 1}, {Reason.ERASED: 1})
    assert state.newsletter.due_pending(NOW) == []
    assert [event.email for event in state.newsletter.taken_by("run/0#1")] == [BO]


def test_retry__of_a_run_with_events_in_its_conf_counts_the_same(vtex: FakeVtex, state: StateStore) -> None:
    keep(state, ANA, unsubscribed=True)
    events = [change(ANA, True, minutes_ago=5), change(BO, False, minutes_ago=5), change("no address", True)]
    with contextlib.suppress(Killed):
        run(FailingVtex(vtex, "after"), state, lambda: NOW, timedelta(0), events)
    again = run(vtex, state, lambda: NOW, timedelta(0), events)
    assert (again.counts.read, outcomes(again)) == (4, {"unchanged": 1, "sent": 2, "rejected": 1})


WAITING = st.lists(st.tuples(st.sampled_from([ANA, BO, EVA]), st.booleans()), min_size=1, max_size=6)
FAULTS = st.sampled_from(["before", "after", "lost", "unreachable"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=WAITING, fault=st.sampled_from(["before", "after", "lost", "unreachable"]), cut=st.integers(0, 6)
)
def test_retry__counts_and_writes_as_an_undisturbed_run(
    opener: Callable[[], StateStore], arrivals: list[tuple[str, bool]], fault: str, cut: int
) -> None:
    """Events come before the run and during its first patch; the run is killed in between, and retried."""

    def result(*, disturbed: bool) -> dict[str, bool | None]:
        vtex, state = FakeVtex(), opener()
        for document, email in (("d1", ANA), ("d2", BO), ("d3", ANA)):
            vtex.put(document, email, None)
        for number, (email, unsubscribed) in enumerate(arrivals[:cut]):
            keep(state, email, unsubscribed, ago=timedelta(minutes=9) - number * SECOND)

        def later(_document: str) -> None:
            vtex.before_patch = lambda _id: None
            for number, (email, unsubscribed) in enumerate(arrivals[cut:]):
                keep(state, email, unsubscribed, ago=timedelta(minutes=5) - number * SECOND)

        vtex.before_patch = later
        if disturbed:
            with contextlib.suppress(Killed, TemporaryError):
                run(FailingVtex(vtex, fault), state, lambda: NOW, timedelta(0))
        run(vtex, state, lambda: NOW, timedelta(0))
        later("")
        apply(vtex, state, now=NOW + timedelta(minutes=11))
        return vtex.opted_in()

    newest = {email: not unsubscribed for email, unsubscribed in arrivals}
    wanted = {"d1": newest.get(ANA), "d2": newest.get(BO), "d3": newest.get(ANA)}
    assert result(disturbed=False) == wanted
    assert result(disturbed=True) == wanted
