"""Erased people on the simulated shop: each way to write refuses them, and a search finds nothing here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from include.connectif.client import ConnectifClient, Import
from include.explain import Desk, Kind, explain
from include.outcomes import Area, Cause, Outcome, Reason
from include.plan import RunPlan
from include.run_name import attempt_name
from include.staging import Staging
from include.store.tables import purchase as purchase_table
from include.sync import contacts, purchases
from include.sync.cleaning import remove_old
from include.sync.erasing import checked, erase, restore
from include.sync.newsletter import NewsletterRules, NewsletterSync
from include.sync.run import SyncRun, folder_of, kept_in, run_stage
from include.vtex.client import VtexClient
from tests.builders import EVERYTHING, NOON, Office, World, replay_of, stages_of, window_ending
from tests.orders import MORNING, day_of, put_order, put_product, without_baskets
from tests.orders import purchases as at_connectif
from tests.unit.sync.test_cleaning import Folder

EMAIL = "piepmatz.zwitscher@example.com"
CANARIES = (b"piepmatz", b"zwitscher", b"98765")
PERSON = {
    "email": "Piepmatz.Zwitscher@example.com", "firstName": "Piepmatz", "lastName": "Zwitscher",
    "homePhone": "+55 11 98765-4321", "userId": "bird", "createdIn": "2026-11-23T09:00:00Z",
}  # fmt: skip
OTHER = {"email": "other@example.com", "firstName": "Other", "createdIn": "2026-11-23T09:00:00Z"}
RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
DAY = day_of(MORNING, hours=2)


@pytest.fixture(autouse=True)
def person(world: World) -> None:
    """A customer with an order, and another one."""
    without_baskets(world)
    put_product(world)
    world.on_vtex("PUT", "documents/bird-doc", PERSON)
    world.on_vtex("PUT", "documents/other-doc", OTHER)
    put_order(world, "1-01", MORNING, email="x@ct.vtex.com.br", profile_id="bird", first_name="Piepmatz")
    put_order(world, "2-01", MORNING)


def said(office: Office, base: Any = None) -> str:
    base = base or Folder(office.folder / "nothing staged")
    return "\n".join(erase(office.store, office.vtex, base, EMAIL, office.world.clock.now()))


def is_there(world: World, email: str = EMAIL) -> bool:
    return email in world.table("contacts", by="email")


@pytest.mark.parametrize("plan", [EVERYTHING, window_ending(NOON, hours=4)], ids=["full", "window"])
def test_contacts__of_erased_people_are_left_out(plan: Any, office: Office, world: World) -> None:
    said(office)
    report = office.sync(Area.CONTACTS, plan, "run")
    assert report.counts.reasons[Reason.ERASED] == 1
    assert is_there(world, "other@example.com")
    assert not is_there(world)


def test_contacts__a_replay_leaves_them_out(office: Office, world: World) -> None:
    said(office)
    office.sync(Area.CONTACTS, window_ending(NOON, hours=4), "run")
    report = office.sync(Area.CONTACTS, replay_of("bird-doc"), "replay")
    assert report.counts.reasons == {Reason.ERASED: 1}
    assert not is_there(world)


def test_contacts__erased_after_the_files_were_written(office: Office, world: World) -> None:
    run = office.run(Area.CONTACTS, EVERYTHING, "run")
    extracted = run_stage(run, "extract", contacts.extract)
    transformed = run_stage(run, "transform", lambda r, f: contacts.transform(r, f, source=extracted))
    said(office)
    loaded = run_stage(run, "load", lambda r, f: contacts.load(r, f, source=transformed))
    assert Staging(loaded.folder).read_json("counts.json")["reasons"] == {"erased": 1}
    assert is_there(world, "other@example.com")
    assert not is_there(world)


@pytest.mark.parametrize("alone", [False, True], ids=["among others", "alone"])
def test_contacts__erased_while_the_files_are_sent(
    alone: bool, office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the consent import, which knows no more than the address."""
    create = ConnectifClient.create_import

    def and_then_erased(client: ConnectifClient, *args: Any, **kwargs: Any) -> Import:
        queued = create(client, *args, **kwargs)
        said(office)
        return queued

    monkeypatch.setattr(ConnectifClient, "create_import", and_then_erased)
    plan = RunPlan("only", None, (), "only", only="bird-doc") if alone else EVERYTHING
    report = office.sync(Area.CONTACTS, plan, "run")
    assert report.counts.reasons[Reason.ERASED] == 1
    assert report.missing == 0
    contacts_there = world.table("contacts", by="email")
    assert contacts_there[EMAIL]["name"] != PERSON["firstName"]
    assert alone or contacts_there["other@example.com"]["name"] == OTHER["firstName"]


def test_contacts__a_person_who_comes_back_is_sent(office: Office, world: World) -> None:
    said(office)
    assert "is no longer erased" in "\n".join(restore(office.store, EMAIL))
    assert "nothing was changed" in "\n".join(restore(office.store, EMAIL))
    office.sync(Area.CONTACTS, EVERYTHING, "run")
    assert is_there(world)


def test_purchases__neither_purchase_nor_contact_is_made(office: Office, world: World) -> None:
    said(office)
    report = office.sync(Area.PURCHASES, DAY, "run")
    assert report.counts.outcomes == {Outcome.EXCLUDED: 1, Outcome.SENT: 1}
    assert at_connectif(world).keys() == {"2"}
    assert not is_there(world)


@pytest.mark.parametrize("orders", [1, 12], ids=["healing", "import of buyers"])
def test_purchases__erased_after_they_were_mapped(orders: int, office: Office, world: World) -> None:
    for number in range(orders - 1):
        put_order(world, f"{30 + number}-01", MORNING, email=f"buyer{number}@example.com")
    run = office.run(Area.PURCHASES, DAY, "run")
    extracted = run_stage(run, "extract", purchases.extract)
    transformed = run_stage(run, "transform", lambda r, f: purchases.transform(r, f, source=extracted))
    said(office)
    loaded = run_stage(run, "load", lambda r, f: purchases.load(r, f, source=transformed))
    assert Staging(loaded.folder).read_json("counts.json")["reasons"] == {"erased": 1}
    assert "1" not in at_connectif(world)
    assert not is_there(world)


def test_purchases__that_connectif_has_already_leave_no_trace_of_who_was_erased_meanwhile(
    office: Office, world: World
) -> None:
    office.sync(Area.PURCHASES, DAY, "first")
    run = office.run(Area.PURCHASES, DAY, "again")
    extracted = run_stage(run, "extract", purchases.extract)
    transformed = run_stage(run, "transform", lambda r, f: purchases.transform(r, f, source=extracted))
    said(office)
    run_stage(run, "load", lambda r, f: purchases.load(r, f, source=transformed))
    with office.store._database.read() as connection:
        people = connection.execute(sa.select(purchase_table.c.person)).scalars().all()
    assert people
    assert office.store.hashed(EMAIL) not in people


def test_purchases__a_repair_leaves_them_out(office: Office, world: World) -> None:
    office.store.cover(Area.PURCHASES, DAY.window)
    said(office)
    found = office.compare(Area.PURCHASES, DAY, "look", repair=True)
    assert found.causes == {Cause.ERASED: 1, Cause.NEVER_SENT: 1}
    assert at_connectif(world).keys() == {"2"}


def test_newsletter__wishes_of_erased_people_are_not_applied(office: Office, world: World) -> None:
    event = {"email": EMAIL, "subscribed": True, "occurred_at": "2026-11-23T11:00:00Z"}
    office.store.add_pending("was.waiting@example.com", True, NOON, NOON, 1)
    said(office)
    office.store.erase("was.waiting@example.com")
    office.store.add_pending("was.waiting@example.com", True, NOON, NOON, 1)  # by a run of that moment
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.apply([event, {**event, "email": "other@example.com"}], world.clock.now())
    assert sync.counts.reasons == {Reason.ERASED: 2}
    assert sync.counts.outcomes == {Outcome.EXCLUDED: 2, Outcome.SENT: 1}
    assert len({row.key for row in sync.outcomes}) == 2
    assert EMAIL not in repr(sync.outcomes)
    assert office.store.due_pending(NOON) == []
    assert office.store.standing([office.store.hashed(EMAIL)]) == {}
    assert [change["id"] for change in world.on_vtex("GET", "changes")] == ["other-doc"]


@pytest.mark.parametrize("known", [True, False])
def test_newsletter__erased_while_their_wish_is_looked_up(
    known: bool, office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known:
        world.on_vtex("DELETE", "documents/bird-doc")
    look_up = VtexClient.search_clients

    def and_then_erased(client: VtexClient, **query: Any) -> list[dict[str, Any]]:
        found = look_up(client, **query)
        office.store.erase(EMAIL)
        return found

    monkeypatch.setattr(VtexClient, "search_clients", and_then_erased)
    now = world.clock.now()
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.apply([{"email": EMAIL, "subscribed": True, "occurred_at": now.isoformat()}], now)
    assert sync.counts.reasons == {Reason.ERASED: 1}
    assert office.store.due_pending(now + timedelta(days=1)) == []
    assert office.store.standing([office.store.hashed(EMAIL)]) == {}
    assert sync.look_again == []
    assert sync.counts.written == 0


def test_newsletter__erased_while_connectif_prepares_its_export(office: Office, world: World) -> None:
    now = world.clock.now()

    def export() -> Iterator[dict[str, Any]]:
        office.store.erase(EMAIL)
        yield {"email": EMAIL, "subscribed": True, "occurred_at": now.isoformat()}

    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.settle(export(), now)
    assert sync.counts.reasons == {Reason.ERASED: 1}
    assert office.store.standing([office.store.hashed(EMAIL)]) == {}


def test_reconcile__calls_a_customer_erased(office: Office, world: World) -> None:
    office.sync(Area.CONTACTS, EVERYTHING, "run")
    office.change("reconcile", examples=10_000)
    said(office)
    found = office.compare(Area.CONTACTS, EVERYTHING, "look")
    assert found.examples[Cause.ERASED] == ["bird-doc"]


def test_explain__says_erased(office: Office) -> None:
    said(office)
    desk = Desk(
        office.settings, office.store, office.vtex, office.connectif, Staging(office.folder / "kept"),
        now=office.world.clock.now,
    )  # fmt: skip
    for record, kind in ((EMAIL, Kind.CUSTOMER), ("bird-doc", Kind.CUSTOMER), ("1-01", Kind.ORDER)):
        told = explain(desk, record, among=(kind,))
        assert "erased" in " ".join(told.decision), record
        assert told.parts[1].facts == (), "would be sent"


def cells(base: Path) -> Iterator[bytes]:
    """Everything in all files, unpacked."""
    for file in (path for path in base.rglob("*") if path.is_file()):
        yield str(file).encode()
        if file.suffix == ".parquet":
            yield repr(pq.read_table(file).to_pylist()).encode()
        elif file.suffix == ".zst":
            yield pa.CompressedInputStream(pa.OSFile(str(file)), "zstd").read()
        else:
            yield file.read_bytes()


def found(office: Office, base: Path) -> set[bytes]:
    office.store._database.engine.dispose()
    return {canary for cell in cells(base) for canary in CANARIES if canary in cell.lower()}


def test_erase__a_search_over_all_files_finds_nothing(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Store and staged files of finished runs at once, those of a running one when it has ended."""
    caplog.set_level(logging.DEBUG)
    base = office.folder / "staging" / folder_of(office.store.pairs_of_the_shop()[0])

    def run_of(area: Area, plan: RunPlan, run_id: str) -> SyncRun:
        attempt = attempt_name(0, world.clock.now())
        folder = base / f"sync_{area}" / f"{run_id}-{attempt}" / attempt
        run = office.run(area, plan, f"{run_id}/{attempt}")
        return replace(run, staging=Staging(folder), kept=kept_in(base))

    def folders() -> list[str]:
        return [attempt.parent.name.partition("-0-")[0] for attempt in base.glob("sync_*/*/*")]

    stages_of(run_of(Area.CONTACTS, EVERYTHING, "run-1"))
    stages_of(run_of(Area.PURCHASES, DAY, "run-2"))
    running = run_of(Area.CONTACTS, EVERYTHING, "later")
    run_stage(running, "extract", contacts.extract)
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.apply([{"email": EMAIL, "subscribed": True, "occurred_at": "2026-11-23T11:00:00Z"}], NOON)
    office.store.add_pending(EMAIL, True, NOON, NOON, 1)
    assert found(office, base) == set(CANARIES)

    world.clock.advance(1)
    text = said(office, Folder(base.parent))
    assert "2 finished runs" in text
    assert "sync_contacts/later-0" in text
    assert folders() == ["later"]
    stages_of(running)
    remove_old(office.store, Folder(base.parent), office.settings, world.clock.now())
    assert folders() == []
    assert found(office, base.parent.parent) == set()
    assert not any(canary.decode() in (caplog.text + text).lower() for canary in CANARIES)


def test_erase__what_is_no_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Exception, match="no e-mail address") as caught:
        checked("piepmatz")
    assert "piepmatz" not in str(caught.value)
