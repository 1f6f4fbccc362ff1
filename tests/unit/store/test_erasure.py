"""Erased people: their traces go, those of others stay, and the hash keeps them out; the key must stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.errors import ConfigurationError
from include.outcomes import Area, Cause, Outcome, Reason
from include.report import Compared, Report
from include.store import OutcomeRow, PurchaseAnswer, Store, Traces, Wish
from include.store.database import READ, transaction
from include.store.tables import metadata
from tests.unit.store.conftest import HASH_KEY, SHOP, Clock, Opener

ANA, BO = "ana@example.com", "bo@example.com"
NEW_KEY = replace(SHOP, connectif_key_id="after the key was changed")
OTHER_SHOP = replace(SHOP, vtex_account="othershop")


def leave_traces(store: Store, name: str, email: str, clock: Clock) -> None:
    """Everything that the store may know of somebody."""
    person, wish = store.hashed(email), Wish(clock.now, unsubscribed=True)
    store.claim({person: wish})
    store.begin_writing({person: wish}, "run")
    store.add_pending(email, True, clock.now, clock.now, 1)
    rows = [OutcomeRow(person, Outcome.EXCLUDED, Reason.UNKNOWN_CONTACT)]
    store.save_outcomes(Area.NEWSLETTER, "run", rows)
    store.save_outcomes(
        Area.CONTACTS, "run", [OutcomeRow(f"doc-{name}", Outcome.REJECTED, Reason.EMAIL_INVALID)]
    )
    store.save_outcomes(Area.PURCHASES, "run", [OutcomeRow(f"{name}-01", Outcome.REJECTED, Reason.NO_LINES)])
    bought = PurchaseAnswer(name, Outcome.SENT, None, "", [f"{name}-01"], clock.now, person)
    store.record_purchases("run", [bought])


def report(store: Store, *keys: str) -> None:
    found = Compared(at_vtex=2, at_connectif=0, compared=2, same=0, examples={Cause.GONE: list(keys)})
    store.save_report(
        Report(area=Area.RECONCILE, mode="compare", compared={Area.CONTACTS: found}), Area.RECONCILE,
        dag_id="reconcile", run_id="run", clear_number=0, run_key="reconcile/run/0", state="success",
        started_at=store._database.clock(), finished_at=None,
    )  # fmt: skip


def everything(store: Store) -> str:
    """All cells of all tables."""
    with transaction(store._database.engine, READ) as connection:
        tables = {t.name: connection.execute(sa.select(t)).all() for t in metadata.sorted_tables}
    return repr(tables)


def test_erase__leaves_nothing_but_the_hash_and_takes_nobody_elses(opened: Opener, clock: Clock) -> None:
    store, before, other = opened(), opened(NEW_KEY), opened(OTHER_SHOP)
    for one in (store, before, other):
        leave_traces(one, "a", ANA, clock)
        leave_traces(one, "b", BO, clock)
        report(one, "doc-a", "doc-b")
    assert store.erase(ANA, ["doc-a"]) == Traces(wishes=6, outcomes=6, purchases=2, reports=2)
    for one in (store, before):
        assert one.standing([one.hashed(ANA), one.hashed(BO)]).keys() == {one.hashed(BO)}
        assert [pending.email for pending in one.due_pending(clock.now)] == [BO]
        assert {row.key for area in Area for row in one.outcomes(area)} == {"doc-b", "b-01", one.hashed(BO)}
        assert one.recorded_purchases(["a", "b"]).keys() == {"b"}
        compared = one.reports(Area.RECONCILE)[0].report.compared[Area.CONTACTS]
        assert compared.examples == {Cause.GONE: ["doc-b"]}
    assert {row.key for row in other.outcomes(Area.CONTACTS)} == {"doc-a", "doc-b"}
    assert not other.is_erased(ANA)


def test_erase__the_same_person_twice_and_in_another_spelling(store: Store, clock: Clock) -> None:
    leave_traces(store, "a", ANA, clock)
    store.erase(" Ana@Example.com")
    assert store.erase(ANA) == Traces(0, 0, 0, 0)
    assert store.erased_people() == {store.hashed(ANA)}


def test_erase__holds_for_every_pair_of_the_shop(opened: Opener) -> None:
    opened().erase(ANA)
    assert [opened(pair).is_erased(ANA) for pair in (SHOP, NEW_KEY, OTHER_SHOP)] == [True, True, False]
    assert not opened().is_erased(BO)


def test_restore__lets_the_person_in_again(store: Store) -> None:
    store.erase(ANA)
    assert [store.restore(ANA), store.restore(ANA)] == [True, False]
    assert not store.is_erased(ANA)
    assert store.last_erasure() is None


def test_erasures__the_mark_changes_with_each(store: Store, clock: Clock) -> None:
    marks = [store.erasures()]
    for change in (lambda: store.erase(ANA), lambda: store.erase(BO), lambda: store.restore(ANA)):
        clock.advance(timedelta(seconds=1))
        change()
        marks.append(store.erasures())
    assert len(set(marks)) == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.is_erased(ANA),
        lambda store: store.erased_people(),
        lambda store: store.erase(BO),
        lambda store: store.restore(ANA),
    ],
)
def test_erase__another_hash_key_lets_nobody_through_unnoticed(opened: Opener, call) -> None:
    opened().erase(ANA)
    changed = opened(hash_key="another made-up hash key")
    with pytest.raises(ConfigurationError, match="hash_key is not the one under which people were erased"):
        call(changed)
    assert opened(hash_key=HASH_KEY).erased_people() == {opened().hashed(ANA)}


def test_erase__nothing_readable_stays_in_the_store(store: Store, clock: Clock) -> None:
    leave_traces(store, "a", "piepmatz.zwitscher@example.com", clock)
    store.erase("piepmatz.zwitscher@example.com", ["doc-a"])
    left = everything(store)
    assert not [word for word in ("piepmatz", "zwitscher", "doc-a", "a-01") if word in left]
    assert left.count(store.hashed("piepmatz.zwitscher@example.com")) == 1
