"""Subscription changes are written to VTEX: the newest wins in any order, and no customer is created."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import include.newsletter.apply
from include.errors import TemporaryError
from include.http.transport import RequestRefused, VendorError
from include.newsletter import Event, NewsletterRules, NewsletterSync, find_documents
from include.newsletter.run_report import save_run_report
from include.outcomes import Outcome, PipelineName, Reason
from include.report import Report
from include.run_name import RunIdentity
from include.state import Shop, StateStore, SubscriptionChange, open_state_store, upgrade
from include.vtex.client import VtexClient

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = NewsletterRules(future_tolerance=timedelta(minutes=5), unknown_retry=timedelta(minutes=10))
ANA, BO, EVA = "ana@example.com", "bo+news@example.com", "eva@example.com"


@dataclass
class FakeVtex:
    """`CL` documents by id; a search finds at most 100 by e-mail, in any letter case."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    patches: list[tuple[str, bool]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    index: dict[str, dict[str, Any]] | None = None
    before_patch: Callable[[str], None] = lambda _document_id: None
    searches: list[int] = field(default_factory=list)
    urls: list[int] = field(default_factory=list)
    poison: str = ""
    fail_after: int = 10**9

    def put(self, document_id: str, email: str | None, opted_in: bool | None) -> None:
        self.documents[document_id] = {"id": document_id, "email": email, "isNewsletterOptIn": opted_in}

    def search_clients(self, *, where: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        wanted = {part.removeprefix("(email=").removesuffix(")") for part in where.split(" OR ")}
        self.searches.append(len(wanted))
        self.urls.append(len(quote(where, safe="")))
        if self.poison and self.poison in where:
            raise RequestRefused("VTEX, …", status=400, error=VendorError())
        seen = self.documents if self.index is None else self.index
        found = [d for d in seen.values() if d["email"] and d["email"].lower() in wanted]
        return [{name: document.get(name) for name in fields} for document in found[:100]]

    def patch_client(self, document_id: str, fields: Mapping[str, Any]) -> None:
        self.before_patch(document_id)
        if document_id in self.busy:
            raise TemporaryError("VTEX does not accept this patch")
        if document_id in self.refuse:
            raise RequestRefused("VTEX, …", status=self.refuse[document_id], error=VendorError())
        if len(self.patches) >= self.fail_after:
            raise TemporaryError("VTEX is unreachable")
        self.patches.append((document_id, fields["isNewsletterOptIn"]))
        self.documents[document_id] |= fields

    def freeze_index(self) -> None:
        """Make searches return the current documents from now on, despite later writes."""
        self.index = {key: dict(document) for key, document in self.documents.items()}

    def opted_in(self) -> dict[str, bool | None]:
        return {key: document["isNewsletterOptIn"] for key, document in self.documents.items()}


@pytest.fixture(scope="module")
def opener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], StateStore]]:
    """Open the one SQLite state store, each time for another shop, which has no data yet."""
    url = f"sqlite:///{Path(tmp_path_factory.mktemp('state')) / 'state.db'}"
    upgrade(url)
    numbers, opened = itertools.count(), []

    def open_for_new_shop() -> StateStore:
        shop = Shop(f"shop{next(numbers)}", "http://v", "http://c", "key")
        opened.append(open_state_store(url, "k" * 32, shop, clock=lambda: NOW))
        return opened[-1]

    yield open_for_new_shop
    for state in opened:
        state.close()


@pytest.fixture
def state(opener: Callable[[], StateStore]) -> StateStore:
    return opener()


@pytest.fixture
def vtex() -> FakeVtex:
    made = FakeVtex()
    made.put("d1", "Ana@Example.com", True)
    made.put("d2", BO, None)
    return made


def change(email: str, subscribed: bool, minutes_ago: float = 0) -> dict[str, Any]:
    instant = NOW - timedelta(minutes=minutes_ago)
    return {"email": email, "subscribed": subscribed, "occurred_at": instant.isoformat()}


def apply(
    vtex: FakeVtex | FailingVtex,
    state: StateStore,
    *events: dict[str, Any],
    now: datetime = NOW,
    run: str = "run",
) -> NewsletterSync:
    sync = NewsletterSync(cast("VtexClient", vtex), state, RULES, run)
    sync.apply(list(events), lambda: now)
    assert Report(pipeline="newsletter", mode="events", counts=sync.counts).missing == 0
    return sync


def resolve(
    vtex: FakeVtex, state: StateStore, *exported: dict[str, Any], now: datetime = NOW, run: str = "run"
) -> NewsletterSync:
    sync = NewsletterSync(cast("VtexClient", vtex), state, RULES, run)
    sync.resolve(exported, now)
    assert Report(pipeline="newsletter", mode="events", counts=sync.counts).missing == 0
    return sync


def outcomes(sync: NewsletterSync) -> dict[str, int]:
    return {str(outcome): count for outcome, count in sync.counts.outcomes.items() if count}


# --- one event


def test_change__is_written_for_any_letter_case(vtex: FakeVtex, state: StateStore) -> None:
    sync = apply(vtex, state, change(" ANA@example.COM ", subscribed=False))
    assert vtex.patches == [("d1", False)]
    assert outcomes(sync) == {"sent": 1}
    assert sync.counts.written == 1


def test_change__that_vtex_already_has_writes_nothing(vtex: FakeVtex, state: StateStore) -> None:
    assert outcomes(apply(vtex, state, change(ANA, subscribed=True))) == {"unchanged": 1}
    assert vtex.patches == []


def test_change__to_no_is_written_over_an_empty_field(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(BO, subscribed=False))
    assert vtex.patches == [("d2", False)]


def test_change__patches_every_document_of_the_address(vtex: FakeVtex, state: StateStore) -> None:
    vtex.put("d3", "ANA@EXAMPLE.COM", None)
    vtex.put("d4", ANA, False)
    sync = apply(vtex, state, change(ANA, subscribed=False))
    assert sorted(vtex.patches) == [("d1", False), ("d3", False)]
    assert (outcomes(sync), sync.counts.written) == ({"sent": 1}, 2)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (change("", subscribed=True), Reason.EMAIL_MISSING),
        (change("nobody", subscribed=True), Reason.EMAIL_INVALID),
        (change("a@b.ct.vtex.com.br", subscribed=True), Reason.EMAIL_MASKED),
        (change(ANA, subscribed=True, minutes_ago=-6), Reason.IN_THE_FUTURE),
        (change(ANA, subscribed=True) | {"occurred_at": "2026-11-22T10:00:00"}, Reason.INSTANT_INVALID),
        (change(ANA, subscribed=True) | {"occurred_at": "2026-11-22T10:00:60Z"}, Reason.INSTANT_INVALID),
        (change(ANA, subscribed=True) | {"occurred_at": "0001-01-01T00:00:00+14:00"}, Reason.INSTANT_INVALID),
    ],
)
def test_change__that_is_invalid_is_rejected_and_delays_no_other(
    event: dict[str, Any], reason: Reason, vtex: FakeVtex, state: StateStore
) -> None:
    sync = apply(vtex, state, event, change(ANA, subscribed=False))
    assert sync.counts.reasons[reason] == 1
    (row,) = sync.outcomes
    assert row.reason == reason
    assert (row.key == state.hashed(ANA)) is (reason in (Reason.IN_THE_FUTURE, Reason.INSTANT_INVALID))
    assert vtex.patches == [("d1", False)]


def report(sync: NewsletterSync, state: StateStore, run: str) -> None:
    save_run_report(sync, state, RunIdentity("update_newsletter", run, 0, NOW), run, NOW)


def test_change__rejected_replaces_no_other_rejected_one(vtex: FakeVtex, state: StateStore) -> None:
    for run in ("r1", "r2"):
        events = [change("nobody", subscribed=True), change("no one", subscribed=True)]
        report(apply(vtex, state, *events, run=run), state, run)
        report(apply(vtex, state, *events, run=run), state, run)  # the run is cleared or retried
    assert len(state.records.outcomes(PipelineName.NEWSLETTER, reason=Reason.EMAIL_INVALID)) == 4


@pytest.mark.parametrize("newer", [False, True])
def test_change__pending_then_resolved_is_recorded_as_sent(
    newer: bool, vtex: FakeVtex, state: StateStore
) -> None:
    report(apply(vtex, state, change("late@example.com", subscribed=True, minutes_ago=5)), state, "r1")
    assert len(state.records.outcomes(PipelineName.NEWSLETTER, outcome=Outcome.HELD)) == 1
    vtex.put("late", "late@example.com", False)
    later = NOW + timedelta(minutes=11)
    events = [change("late@example.com", subscribed=True, minutes_ago=1)] if newer else []
    report(apply(vtex, state, *events, now=later, run="r2"), state, "r2")
    assert vtex.patches == [("late", True)]
    assert [row.outcome for row in state.records.outcomes(PipelineName.NEWSLETTER)] == [Outcome.SENT]


def test_change__a_little_in_the_future_is_accepted(vtex: FakeVtex, state: StateStore) -> None:
    assert outcomes(apply(vtex, state, change(ANA, subscribed=False, minutes_ago=-5))) == {"sent": 1}


# --- order and replay


def test_changes__of_one_run_write_only_the_newest(vtex: FakeVtex, state: StateStore) -> None:
    sync = apply(
        vtex, state, change(ANA, True, 1), change(ANA, False, 2), change(ANA, False, 3), change(BO, True, 9)
    )
    assert vtex.opted_in() == {"d1": True, "d2": True}
    assert outcomes(sync) == {"unchanged": 3, "sent": 1}


def test_changes__at_the_same_instant_write_the_no(vtex: FakeVtex, state: StateStore) -> None:
    for events in ([change(ANA, False, 1), change(ANA, True, 1)], [change(ANA, True, 1)]):
        apply(vtex, state, *events)
        assert vtex.opted_in()["d1"] is False


def test_changes__a_late_run_changes_nothing(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(ANA, False, 1))
    assert outcomes(apply(vtex, state, change(ANA, True, 60))) == {"unchanged": 1}
    assert vtex.opted_in()["d1"] is False


@pytest.mark.parametrize("last", [True, False])
def test_changes__a_replay_keeps_a_later_change_of_the_customer(
    vtex: FakeVtex, state: StateStore, last: bool
) -> None:
    events = [change(ANA, not last, 2), change(ANA, last, 1)]
    for event in events:
        apply(vtex, state, event)
    vtex.put("d1", ANA, not last)  # the customer changes it in the shop
    for event in events:
        searches = len(vtex.searches)
        assert outcomes(apply(vtex, state, event)) == {"unchanged": 1}
        assert len(vtex.searches) == searches
    assert vtex.opted_in()["d1"] is not last


EVENTS = st.lists(
    st.tuples(st.sampled_from([ANA, ANA.upper(), BO, EVA]), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, data=st.data())
def test_changes__end_the_same_in_any_order_split_and_replay(
    opener: Callable[[], StateStore], events: list[tuple[str, bool, int]], data: st.DataObject
) -> None:
    def end(arrivals: list[tuple[str, bool, int]], cuts: set[int]) -> dict[str, bool | None]:
        vtex, state = FakeVtex(), opener()
        for key, email in (("d1", "Ana@Example.com"), ("d2", BO)):
            vtex.put(key, email, None)
        run: list[dict[str, Any]] = []
        for number, arrival in enumerate(arrivals):
            run.append(change(*arrival))
            if number in cuts:
                apply(vtex, state, *run)
                run = []
        apply(vtex, state, *run)
        return vtex.opted_in()

    shuffled = data.draw(st.permutations(events))
    replayed = shuffled + data.draw(st.lists(st.sampled_from(events), max_size=4))
    cuts = data.draw(st.sets(st.integers(0, 12)))
    newest = {
        "d1": max(((-ago, not yes) for who, yes, ago in events if who.lower() == ANA), default=None),
        "d2": max(((-ago, not yes) for who, yes, ago in events if who == BO), default=None),
    }
    expected = {key: None if pair is None else not pair[1] for key, pair in newest.items()}
    assert end(replayed, cuts) == expected


# --- customers that VTEX does not know


def test_unknown__is_looked_up_soon_and_in_the_daily_run_then_dropped(
    vtex: FakeVtex, state: StateStore
) -> None:
    first = apply(vtex, state, change(EVA, True))
    assert first.counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    assert [event.email for event in first.retry_soon] == [EVA]
    assert apply(vtex, state, now=NOW + timedelta(minutes=9)).counts.read == 0
    second = apply(vtex, state, now=NOW + timedelta(minutes=10))
    assert (second.counts.read, second.retry_soon) == (1, [])
    assert second.counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    third = resolve(vtex, state, now=NOW + timedelta(hours=1))
    assert (third.counts.read, third.counts.reasons) == (1, {Reason.UNKNOWN_CONTACT: 1})
    assert resolve(vtex, state, now=NOW + timedelta(days=9)).counts.read == 0
    assert len(vtex.documents) == 2, "no customer is created"


def test_unknown__is_dropped_after_a_day_without_a_daily_run(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(EVA, True))
    for hours, reason in ((1, Reason.CONTACT_UNRESOLVED), (26, Reason.UNKNOWN_CONTACT)):
        assert apply(vtex, state, now=NOW + timedelta(hours=hours)).counts.reasons == {reason: 1}


def test_unknown__is_not_looked_up_early_by_the_daily_run(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(EVA, True))
    assert resolve(vtex, state, now=NOW + timedelta(minutes=1)).counts.read == 0
    assert resolve(vtex, state, now=NOW + timedelta(minutes=11)).counts.reasons == {Reason.UNKNOWN_CONTACT: 1}


def test_unknown__gets_the_change_once_vtex_has_the_customer(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(EVA, True))
    vtex.put("d9", EVA, None)
    sync = apply(vtex, state, now=NOW + timedelta(minutes=10))
    assert vtex.patches == [("d9", True)]
    assert outcomes(sync) == {"sent": 1}


def test_unknown__a_newer_change_replaces_the_pending_one(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(EVA, True, 2))
    apply(vtex, state, change(EVA, False, 1))
    vtex.put("d9", EVA, None)
    apply(vtex, state, now=NOW + timedelta(minutes=30))
    assert vtex.opted_in()["d9"] is False


def test_unknown__a_change_applied_meanwhile_supersedes_the_pending_one(
    vtex: FakeVtex, state: StateStore
) -> None:
    apply(vtex, state, change(EVA, True, 2))
    vtex.put("d9", EVA, None)
    apply(vtex, state, change(EVA, False, 1))
    apply(vtex, state, now=NOW + timedelta(minutes=30))
    assert vtex.patches == [("d9", False)]


# --- failures


def test_refused__one_document_does_not_stop_other_customers(vtex: FakeVtex, state: StateStore) -> None:
    vtex.refuse["d1"] = 404
    sync = apply(vtex, state, change(ANA, False), change(BO, True))
    assert vtex.patches == [("d2", True)]
    assert sync.counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    assert sync.outcomes[0].detail == "HTTP 404"


def test_refused__one_document_does_not_stop_the_others_of_its_address(
    vtex: FakeVtex, state: StateStore
) -> None:
    for document_id in ("d0", "d3"):
        vtex.put(document_id, ANA, True)
    vtex.refuse["d1"] = 404
    apply(vtex, state, change(ANA, False))
    assert [vtex.opted_in()[key] for key in ("d0", "d1", "d3")] == [False, True, False]


def test_refused__is_retried_and_then_reported(vtex: FakeVtex, state: StateStore) -> None:
    vtex.refuse["d1"] = 400
    apply(vtex, state, change(ANA, False))
    apply(vtex, state, now=NOW + timedelta(minutes=10))
    sync = resolve(vtex, state, now=NOW + timedelta(minutes=20))
    assert sync.counts.reasons == {Reason.TARGET_REJECTED: 1}
    assert outcomes(sync) == {"rejected": 1}
    assert apply(vtex, state, now=NOW + timedelta(days=2)).counts.read == 0


@pytest.mark.parametrize("others", [0, 60])
def test_poison__an_address_with_a_refused_look_up_delays_no_other(
    vtex: FakeVtex, state: StateStore, others: int
) -> None:
    people = [f"p{number}@example.com" for number in range(others)]
    for number, email in enumerate(people):
        vtex.put(f"p{number}", email, None)
    vtex.poison = EVA
    sync = apply(vtex, state, change(EVA, False), *(change(email, True) for email in people))
    assert all(vtex.opted_in()[f"p{number}"] for number in range(others))
    assert sync.counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    assert [row.detail for row in sync.outcomes] == ["HTTP 400"]
    assert len(vtex.searches) < 20
    last = resolve(vtex, state, change(EVA, False), now=NOW + timedelta(minutes=20))
    assert last.counts.reasons == {Reason.TARGET_REJECTED: 1}
    assert apply(vtex, state, now=NOW + timedelta(days=2)).counts.read == 0


@pytest.mark.parametrize("people", [[ANA], [ANA, BO, EVA]])
def test_poison__the_run_fails_and_drops_nothing_when_vtex_refuses_all_look_ups(
    vtex: FakeVtex, state: StateStore, people: list[str]
) -> None:
    vtex.poison = "email"
    for _ in range(5):
        with pytest.raises(RequestRefused):
            resolve(vtex, state, *(change(email, False) for email in people))
    vtex.poison = ""
    apply(vtex, state, *(change(email, False) for email in people))
    assert vtex.opted_in()["d1"] is False


def test_busy__one_failed_write_is_postponed_and_delays_no_other(vtex: FakeVtex, state: StateStore) -> None:
    vtex.busy = {"d1"}
    sync = apply(vtex, state, change(ANA, False), change(BO, True))
    assert vtex.opted_in()["d2"] is True
    assert (sync.counts.reasons, outcomes(sync)) == ({Reason.TARGET_BUSY: 1}, {"held": 1, "sent": 1})
    assert [event.email for event in sync.retry_soon] == [ANA]


def test_busy__several_failed_writes_delay_no_other_event(vtex: FakeVtex, state: StateStore) -> None:
    """Pending events are retried together. If all of them fail, this is not an outage of VTEX."""
    vtex.put("d3", EVA, True)
    vtex.busy = {"d1", "d3"}
    apply(vtex, state, change(ANA, False))
    apply(vtex, state, change(EVA, False))
    again = apply(vtex, state, change(BO, True), now=NOW + timedelta(minutes=10))
    assert (again.counts.reasons, vtex.opted_in()["d2"]) == ({Reason.TARGET_BUSY: 2}, True)


def test_busy__if_all_writes_fail_the_rest_of_the_run_is_postponed(vtex: FakeVtex, state: StateStore) -> None:
    people = [f"p{number}@example.com" for number in range(120)]
    for number, email in enumerate(people):
        vtex.put(f"p{number}", email, None)
    vtex.fail_after = 0
    sync = apply(vtex, state, *(change(email, True, 1) for email in people))
    assert (outcomes(sync), vtex.searches) == ({"held": 120}, [50])
    vtex.fail_after = 10**9
    assert outcomes(apply(vtex, state, change(people[0], False))) == {"sent": 1}
    assert outcomes(apply(vtex, state, now=NOW + timedelta(minutes=10))) == {"sent": 119}
    assert [vtex.opted_in()[f"p{number}"] for number in range(120)] == [False] + [True] * 119


def test_busy__is_retried_until_vtex_accepts_it(
    vtex: FakeVtex, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(include.newsletter.apply, "MAX_SOON_RETRIES", 6)
    vtex.busy = {"d1"}
    now = NOW
    apply(vtex, state, change(ANA, False))
    for tries in range(2, 12):
        now += timedelta(minutes=10) if tries <= 6 else timedelta(days=1)
        sync = (resolve if tries % 3 == 0 else apply)(vtex, state, now=now)
        assert sync.counts.reasons == {Reason.TARGET_BUSY: 1}
        assert bool(sync.retry_soon) is (tries < 6)
    vtex.busy.clear()
    resolve(vtex, state, now=now + timedelta(days=1))
    assert vtex.opted_in()["d1"] is False


# --- VTEX's index lags


def test_index__that_lags_does_not_prevent_a_write(vtex: FakeVtex, state: StateStore) -> None:
    vtex.put("d1", ANA, False)
    vtex.freeze_index()
    apply(vtex, state, change(ANA, True, 2))
    apply(vtex, state, change(ANA, False, 1))
    assert vtex.opted_in()["d1"] is False


def test_index__is_not_trusted_after_an_unfinished_claim(vtex: FakeVtex, state: StateStore) -> None:
    vtex.put("d1", ANA, False)
    vtex.freeze_index()
    vtex.documents["d1"]["isNewsletterOptIn"] = True  # a process wrote it and died before it recorded that
    state.newsletter.claim(
        {state.hashed(ANA): SubscriptionChange(NOW - timedelta(minutes=2), unsubscribed=False)}
    )
    apply(vtex, state, change(ANA, False, 1))
    assert vtex.opted_in()["d1"] is False


def test_index__is_trusted_when_the_change_repeats(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(ANA, False, 2))
    assert outcomes(apply(vtex, state, change(ANA, False, 1))) == {"unchanged": 1}
    assert vtex.patches == [("d1", False)]


def interrupt_next_patch(vtex: FakeVtex, *steps: Callable[[], object]) -> None:
    """Call the steps during the next patch."""

    def interrupt(_document_id: str) -> None:
        vtex.before_patch = lambda _id: None
        for step in steps:
            step()

    vtex.before_patch = interrupt


@pytest.mark.parametrize("last", [True, False])
def test_race__the_newer_change_of_another_process_stays(
    vtex: FakeVtex, state: StateStore, last: bool
) -> None:
    """Another process claims, writes and records its change while ours is being written."""
    vtex.put("d1", ANA, None)
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, last, 1), run="other"))
    apply(vtex, state, change(ANA, not last, 2))
    assert vtex.patches == [("d1", last), ("d1", not last), ("d1", last)]


@pytest.mark.parametrize("last_chance", [True, False])
def test_race__a_partly_refused_yes_does_not_stay_after_a_newer_no(
    vtex: FakeVtex, state: StateStore, last_chance: bool
) -> None:
    vtex.put("d1", ANA, None)
    vtex.put("d3", ANA, None)
    interrupt_next_patch(
        vtex,
        lambda: apply(vtex, state, change(ANA, False, 1), run="other"),
        lambda: vtex.refuse.update({"d3": 404}),
    )
    sync = (resolve if last_chance else apply)(vtex, state, change(ANA, True, 2))
    assert vtex.opted_in()["d1"] is False
    assert sync.counts.reasons == {Reason.TARGET_REJECTED if last_chance else Reason.CONTACT_UNRESOLVED: 1}


def test_race__a_yes_with_a_lost_answer_does_not_stay_after_a_newer_no(
    vtex: FakeVtex, state: StateStore
) -> None:
    vtex.put("d1", ANA, None)
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, False, 1), run="other"))
    apply(FailingVtex(vtex, "lost"), state, change(ANA, True, 2))
    assert vtex.opted_in()["d1"] is False


def test_race__an_unrecorded_yes_does_not_stay_after_a_newer_no(vtex: FakeVtex, state: StateStore) -> None:
    vtex.put("d1", ANA, None)
    vtex.freeze_index()
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, False, 1), run="other"))
    with contextlib.suppress(Killed):
        apply(FailingVtex(vtex, "after"), state, change(ANA, True, 2))
    assert vtex.opted_in()["d1"] is True
    apply(vtex, state, change(ANA, True, 2))  # Airflow retries
    assert vtex.opted_in()["d1"] is False
    assert apply(vtex, state, change(ANA, True, 2)).counts.written == 0, "VTEX is corrected only once"


def test_race__an_unrecorded_yes_that_is_also_pending_does_not_stay(
    vtex: FakeVtex, state: StateStore
) -> None:
    vtex.put("d1", ANA, None)
    later = NOW + timedelta(minutes=10)
    apply(FailingVtex(vtex, "busy"), state, change(ANA, True, 2))
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, False, 1), now=later, run="other"))
    for way in (FailingVtex(vtex, "after"), vtex):
        with contextlib.suppress(Killed):
            apply(way, state, change(ANA, True, 2), now=later)
    assert vtex.opted_in()["d1"] is False


def test_race__an_unrecorded_yes_that_is_replayed_with_the_newer_no(
    vtex: FakeVtex, state: StateStore
) -> None:
    vtex.put("d1", ANA, None)
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, False, 1), run="other"))
    with contextlib.suppress(Killed):
        apply(FailingVtex(vtex, "after"), state, change(ANA, True, 2))
    apply(vtex, state, change(ANA, False, 1), change(ANA, True, 2))
    assert vtex.opted_in()["d1"] is False


def test_race__a_newer_no_is_retried_if_its_rewrite_fails(vtex: FakeVtex, state: StateStore) -> None:
    vtex.put("d1", ANA, None)
    interrupt_next_patch(vtex, lambda: apply(vtex, state, change(ANA, False, 1), run="other"))
    failing = FailingVtex(vtex, "lost", lambda: vtex.busy.add("d1"))
    assert apply(failing, state, change(ANA, True, 2)).counts.reasons == {Reason.TARGET_BUSY: 1}
    assert vtex.opted_in()["d1"] is True
    vtex.busy.clear()
    apply(vtex, state, now=NOW + timedelta(minutes=10))
    assert vtex.opted_in()["d1"] is False


class Killed(BaseException):
    """The process is killed during its work."""


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, data=st.data())
def test_changes__no_disturbance_ever_turns_a_no_into_a_yes(
    opener: Callable[[], StateStore], events: list[tuple[str, bool, int]], data: st.DataObject
) -> None:
    vtex, state = FakeVtex(), opener()
    for key, email in (("d1", "Ana@Example.com"), ("d2", BO), ("d3", ANA)):
        vtex.put(key, email, data.draw(st.sampled_from([None, True, False])))
    if data.draw(st.booleans()):
        vtex.freeze_index()
    runs = [[change(*event)] for event in events]
    runs += data.draw(st.lists(st.sampled_from(runs), max_size=3))  # cleared runs, or events posted twice
    for number, run_events in enumerate(data.draw(st.permutations(runs))):
        name = f"run {number}"
        fault = data.draw(st.sampled_from(["none", *FAULTS]))
        now = NOW + timedelta(minutes=data.draw(st.integers(0, 30)))
        other = data.draw(st.sampled_from([[], *runs]))
        if other:  # another process does its whole run during our first patch
            interrupt_next_patch(vtex, partial(apply, vtex, state, *other, now=now, run=f"beside {name}"))
        if fault != "none":
            with contextlib.suppress(Killed, TemporaryError):
                apply(FailingVtex(vtex, fault), state, *run_events, now=now, run=name)
        if fault not in {"busy", "lost", "refused"}:  # Airflow retries; failed writes are pending
            apply(vtex, state, *run_events, now=now, run=name)
        vtex.before_patch = lambda _id: None
        if data.draw(st.booleans()):  # the daily run with Connectif's export
            resolve(vtex, state, *run_events, now=now, run=f"after {name}")
    apply(vtex, state, now=NOW + timedelta(days=2))
    for key, who in (("d1", ANA), ("d2", BO), ("d3", ANA)):
        changes = [((-ago, not yes), yes) for email, yes, ago in events if email.lower() == who]
        if changes:
            assert vtex.opted_in()[key] is max(changes)[1]


FAULTS = ("before", "after", "lost", "refused", "busy", "unreachable")


class FailingVtex:
    """A VtexClient on the same customers whose first write fails by `fault`; then calls `then`."""

    def __init__(self, vtex: FakeVtex, fault: str, then: Callable[[], object] = lambda: None) -> None:
        self.vtex, self.fault, self.then = vtex, fault, then
        self.writes = 0

    def search_clients(self, *, where: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        if self.fault == "unreachable":
            raise TemporaryError("VTEX is unreachable")
        return self.vtex.search_clients(where=where, fields=fields)

    def patch_client(self, document_id: str, fields: Mapping[str, Any]) -> None:
        if self.fault == "busy":
            raise TemporaryError("VTEX does not accept this patch")
        if self.fault == "before":
            raise Killed
        if self.fault == "refused" and self.writes:
            raise RequestRefused("VTEX, …", status=404, error=VendorError())
        self.writes += 1
        self.vtex.patch_client(document_id, fields)
        if self.fault == "after":
            raise Killed
        if self.fault == "lost" and self.writes == 1:
            self.then()
            raise TemporaryError("VTEX wrote it, but the answer was lost")


# --- changes from Connectif's export, a day later


def exported(subscribed: bool, hours_ago: float, email: str = ANA) -> dict[str, Any]:
    return change(email, subscribed, 60 * hours_ago)


def test_export__a_change_without_a_callback_is_applied(vtex: FakeVtex, state: StateStore) -> None:
    sync = resolve(vtex, state, exported(False, 5), exported(True, 9, BO), exported(True, 3, EVA))
    assert vtex.opted_in() == {"d1": False, "d2": True}
    assert outcomes(sync) == {"sent": 2, "excluded": 1}
    assert sync.counts.reasons == {Reason.UNKNOWN_CONTACT: 1}


def test_export__a_change_that_was_applied_is_not_applied_again(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, change(ANA, False, 59))
    assert outcomes(resolve(vtex, state, exported(False, 1))) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("updated", "created", "applied"),
    [(1, 9, False), (5, 9, True), (None, 1, False), (None, 9, True)],
)
def test_export__a_yes_does_not_undo_a_no_of_the_customer(
    updated: float | None, created: float, applied: bool, vtex: FakeVtex, state: StateStore
) -> None:
    def hours_ago(hours: float | None) -> str | None:
        return None if hours is None else f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.1234567Z"

    vtex.put("d1", ANA, False)
    vtex.documents["d1"] |= {"updatedIn": hours_ago(updated), "createdIn": hours_ago(created)}
    sync = resolve(vtex, state, exported(True, 4))
    assert vtex.opted_in()["d1"] is applied
    assert sync.counts.reasons == ({} if applied else {Reason.CHANGED_SINCE: 1})


def test_export__a_no_is_always_applied(vtex: FakeVtex, state: StateStore) -> None:
    vtex.documents["d1"]["updatedIn"] = f"{NOW:%Y-%m-%dT%H:%M:%S}Z"
    resolve(vtex, state, exported(False, 4))
    assert vtex.opted_in()["d1"] is False


def test_refused__is_applied_once_vtex_accepts_it(vtex: FakeVtex, state: StateStore) -> None:
    vtex.refuse["d1"] = 404
    apply(vtex, state, change(ANA, False))
    vtex.refuse.clear()
    apply(vtex, state, now=NOW + timedelta(minutes=10))
    assert vtex.opted_in()["d1"] is False


def test_outage__in_the_middle_and_a_repeated_run(vtex: FakeVtex, state: StateStore) -> None:
    for number in range(20):
        vtex.put(f"p{number}", f"p{number}@example.com", None)
    events = [change(f"p{number}@example.com", True, 1) for number in range(20)]
    vtex.fail_after = 7
    assert outcomes(apply(vtex, state, *events)) == {"sent": 7, "held": 13}
    vtex.fail_after = 10**9
    apply(vtex, state, *events)
    assert all(value for key, value in vtex.opted_in().items() if key.startswith("p"))
    assert len(vtex.patches) == 20, "changes written before are not written again"


def test_many__are_looked_up_fifty_at_a_time(vtex: FakeVtex, state: StateStore) -> None:
    apply(vtex, state, *(change(f"p{number}@example.com", True) for number in range(120)))
    assert vtex.searches == [50, 50, 20]


def test_many__long_addresses_are_looked_up_in_smaller_batches(vtex: FakeVtex, state: StateStore) -> None:
    people = [f"{'l+' * 30}{number}@{'.'.join(['o' * 30] * 4)}.example.com" for number in range(50)]
    for number, email in enumerate(people):
        vtex.put(f"p{number}", email, None)
    found = find_documents(cast("VtexClient", vtex), people)
    assert found.keys() == set(people)
    assert max(vtex.urls) <= 8_000
    assert sum(vtex.searches) == 50


def test_many__documents_beyond_one_page_are_not_lost(vtex: FakeVtex) -> None:
    emails = [f"p{number}@example.com" for number in range(50)]
    for number, copy in itertools.product(range(50), range(3)):
        vtex.put(f"p{number}-{copy}", f"P{number}@example.com", None)
    found = find_documents(cast("VtexClient", vtex), emails)
    assert {email: len(documents) for email, documents in found.items()} == dict.fromkeys(emails, 3)


def test_event__its_repr_has_no_address() -> None:
    assert "ana" not in repr(Event(ANA, SubscriptionChange(NOW, True)))


def test_outcomes__hold_no_address(vtex: FakeVtex, state: StateStore) -> None:
    sync = apply(vtex, state, change(EVA, True), change("bad address", True))
    assert "eva" not in repr(sync.outcomes)
    assert "bad" not in repr(sync.outcomes)
    assert {row.outcome for row in sync.outcomes} == {Outcome.HELD, Outcome.REJECTED}
