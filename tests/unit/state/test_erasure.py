"""Erased people: their rows are removed except the hash; other people's rows stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.errors import ConfigurationError
from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.report import Compared, Report
from include.state import (
    PurchaseOutcome,
    PurchaseToPost,
    RecordOutcome,
    StateStore,
    SubscriptionChange,
    Traces,
)
from include.state.database import READ, transaction
from include.state.tables import metadata
from tests.unit.state.conftest import HASH_KEY, SHOP, Clock, Opener

ANA, BO = "ana@example.com", "bo@example.com"
NEW_KEY = replace(SHOP, name="other", folder="")
OTHER_SHOP = replace(SHOP, vtex_account="othershop", name="othershop", folder="")


def leave_traces(state: StateStore, name: str, email: str, clock: Clock) -> None:
    """Write a row about the person into every table that may have one."""
    person, change = state.hashed(email), SubscriptionChange(clock.now, unsubscribed=True)
    state.newsletter.claim({person: change}, "run")
    state.newsletter.begin_writing({person: change}, "run")
    state.newsletter.add_pending(email, True, clock.now, clock.now, 1)
    state.newsletter.take_due(f"run of {name}", clock.now)
    rows = [RecordOutcome(person, Outcome.EXCLUDED, Reason.UNKNOWN_CONTACT)]
    state.records.save(PipelineName.NEWSLETTER, "run", rows)
    state.records.save(
        PipelineName.CONTACTS, "run", [RecordOutcome(f"doc-{name}", Outcome.REJECTED, Reason.EMAIL_INVALID)]
    )
    state.records.save(
        PipelineName.PURCHASES, "run", [RecordOutcome(f"{name}-01", Outcome.REJECTED, Reason.NO_LINES)]
    )
    bought = PurchaseOutcome(name, Outcome.SENT, None, "", [f"{name}-01"], clock.now, person)
    state.purchases.record("run", [bought])
    state.post_marks.mark("run", [PurchaseToPost(f"{name}-in-flight", person)])


def report(state: StateStore, *keys: str) -> None:
    found = Compared(at_vtex=2, at_connectif=0, compared=2, same=0, examples={Cause.GONE: list(keys)})
    compared = Report(
        pipeline=PipelineName.RECONCILE, mode="compare", compared={PipelineName.CONTACTS: found}
    )
    state.reports.save(
        compared, PipelineName.RECONCILE, dag_id="reconcile", run_id="run", clear_number=0,
        run_key="reconcile/run/0", state="success", started_at=state._database.clock(), finished_at=None,
    )  # fmt: skip


def everything(state: StateStore) -> str:
    """The text of all cells of all tables."""
    with transaction(state._database.engine, READ) as connection:
        tables = {t.name: connection.execute(sa.select(t)).all() for t in metadata.sorted_tables}
    return repr(tables)


def test_erase__leaves_only_the_hash_and_all_rows_of_other_people(opened: Opener, clock: Clock) -> None:
    state, before, other = opened(), opened(NEW_KEY), opened(OTHER_SHOP)
    for one in (state, before, other):
        leave_traces(one, "a", ANA, clock)
        leave_traces(one, "b", BO, clock)
        report(one, "doc-a", "doc-b")
    assert state.erasure.erase(ANA, ["doc-a"]) == Traces(changes=6, outcomes=6, purchases=2, reports=2)
    for one in (state, before):
        assert one.newsletter.subscription_state([one.hashed(ANA), one.hashed(BO)]).keys() == {one.hashed(BO)}
        assert [pending.email for pending in one.newsletter.due_pending(clock.now)] == [BO]
        assert {row.key for pipeline in PipelineName for row in one.records.outcomes(pipeline)} == {
            "doc-b",
            "b-01",
            one.hashed(BO),
        }
        assert one.purchases.recorded(["a", "b"]).keys() == {"b"}
        assert [mark.purchase_id for mark in one.post_marks.marks()] == ["b-in-flight"]
        assert not [event for event in one.newsletter.take_due("run of a", clock.now) if event.email == ANA]
        compared = one.reports.latest(PipelineName.RECONCILE)[0].report.compared[PipelineName.CONTACTS]
        assert compared.examples == {Cause.GONE: ["doc-b"]}
    assert {row.key for row in other.records.outcomes(PipelineName.CONTACTS)} == {"doc-a", "doc-b"}
    assert not other.erasure.is_erased(ANA)


def test_erase__the_same_person_twice_and_in_another_spelling(state: StateStore, clock: Clock) -> None:
    leave_traces(state, "a", ANA, clock)
    state.erasure.erase(" Ana@Example.com")
    assert state.erasure.erase(ANA) == Traces(0, 0, 0, 0)
    assert state.erasure.erased_people() == {state.hashed(ANA)}


def test_erase__applies_to_every_shop_of_the_vtex_account(opened: Opener) -> None:
    opened().erasure.erase(ANA)
    assert [opened(shop).erasure.is_erased(ANA) for shop in (SHOP, NEW_KEY, OTHER_SHOP)] == [
        True,
        True,
        False,
    ]
    assert not opened().erasure.is_erased(BO)


def test_restore__ends_the_erasure(state: StateStore) -> None:
    state.erasure.erase(ANA)
    assert [state.erasure.restore(ANA), state.erasure.restore(ANA)] == [True, False]
    assert not state.erasure.is_erased(ANA)
    assert state.erasure.last_erasure() is None


def test_erasures__the_text_changes_with_each(state: StateStore, clock: Clock) -> None:
    marks = [state.erasure.erasures()]
    for change in (
        lambda: state.erasure.erase(ANA),
        lambda: state.erasure.erase(BO),
        lambda: state.erasure.restore(ANA),
    ):
        clock.advance(timedelta(seconds=1))
        change()
        marks.append(state.erasure.erasures())
    assert len(set(marks)) == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda state: state.erasure.is_erased(ANA),
        lambda state: state.erasure.erased_people(),
        lambda state: state.erasure.erase(BO),
        lambda state: state.erasure.restore(ANA),
    ],
)
def test_erase__another_hash_key_stops_every_call(opened: Opener, call) -> None:
    opened().erasure.erase(ANA)
    changed = opened(hash_key="another made-up hash key")
    with pytest.raises(ConfigurationError, match="hash_key is not the one under which people were erased"):
        call(changed)
    assert opened(hash_key=HASH_KEY).erasure.erased_people() == {opened().hashed(ANA)}


def test_erase__leaves_no_readable_text_in_the_state_store(state: StateStore, clock: Clock) -> None:
    leave_traces(state, "a", "piepmatz.zwitscher@example.com", clock)
    state.erasure.erase("piepmatz.zwitscher@example.com", ["doc-a"])
    left = everything(state)
    assert not [word for word in ("piepmatz", "zwitscher", "doc-a", "a-01", "a-in-flight") if word in left]
    assert left.count(state.hashed("piepmatz.zwitscher@example.com")) == 1
