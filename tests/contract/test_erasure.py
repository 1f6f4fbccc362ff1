"""Erased people on the simulated shop: no pipeline writes them, and no file or table names them."""

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

from include import contacts, purchases
from include.connectif.client import ConnectifClient, Import
from include.erasure import check_address, erase, restore
from include.explain import explain
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import Cause, Kind, Outcome, PipelineName, Reason
from include.pipeline.explain_context import ExplainContext
from include.pipeline.run import SyncRun, kept_in, run_stage
from include.pipeline.staging_retention import remove_old
from include.plan import RunPlan
from include.run_name import attempt_name
from include.staging import Staging
from include.state.tables import purchase as purchase_table
from include.vtex.client import VtexClient
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, replay_of, stages_of, window_ending
from tests.orders import MORNING, day_of, put_order, put_product, without_baskets
from tests.orders import purchases as at_connectif

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
def person(shop: SimulatedShop) -> None:
    """The customer to erase, with an order, and another customer."""
    without_baskets(shop)
    put_product(shop)
    shop.on_vtex("PUT", "documents/bird-doc", PERSON)
    shop.on_vtex("PUT", "documents/other-doc", OTHER)
    put_order(shop, "1-01", MORNING, email="x@ct.vtex.com.br", profile_id="bird", first_name="Piepmatz")
    put_order(shop, "2-01", MORNING)


def erase_person(runner: SyncRunner, base: Any = None) -> str:
    base = base or runner.folder / "no staged files"
    return "\n".join(erase(runner.state, runner.vtex, base, EMAIL, runner.shop.clock.now()))


def is_at_connectif(shop: SimulatedShop, email: str = EMAIL) -> bool:
    return email in shop.table("contacts", by="email")


@pytest.mark.parametrize("plan", [EVERYTHING, window_ending(NOON, hours=4)], ids=["full", "window"])
def test_contacts__of_erased_people_are_left_out(plan: Any, runner: SyncRunner, shop: SimulatedShop) -> None:
    erase_person(runner)
    report = runner.sync(PipelineName.CONTACTS, plan, "run")
    assert report.counts.reasons[Reason.ERASED] == 1
    assert is_at_connectif(shop, "other@example.com")
    assert not is_at_connectif(shop)


def test_contacts__a_replay_leaves_them_out(runner: SyncRunner, shop: SimulatedShop) -> None:
    erase_person(runner)
    runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "run")
    report = runner.sync(PipelineName.CONTACTS, replay_of("bird-doc"), "replay")
    assert report.counts.reasons == {Reason.ERASED: 1}
    assert not is_at_connectif(shop)


def test_contacts__erased_after_the_files_were_written(runner: SyncRunner, shop: SimulatedShop) -> None:
    run = runner.run(PipelineName.CONTACTS, EVERYTHING, "run")
    extracted = run_stage(run, "extract", contacts.extract)
    transformed = run_stage(run, "transform", lambda r, f: contacts.transform(r, f, source=extracted))
    erase_person(runner)
    loaded = run_stage(run, "load", lambda r, f: contacts.load(r, f, source=transformed))
    assert Staging(loaded.folder).read_json("counts.json")["reasons"] == {"erased": 1}
    assert is_at_connectif(shop, "other@example.com")
    assert not is_at_connectif(shop)


@pytest.mark.parametrize("alone", [False, True], ids=["among others", "alone"])
def test_contacts__erased_while_the_files_are_sent(
    alone: bool, runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are erased after the consent import, which sends only the address."""
    create = ConnectifClient.create_import

    def call_and_erase(client: ConnectifClient, *args: Any, **kwargs: Any) -> Import:
        queued = create(client, *args, **kwargs)
        erase_person(runner)
        return queued

    monkeypatch.setattr(ConnectifClient, "create_import", call_and_erase)
    plan = RunPlan("only", None, (), "only", only="bird-doc") if alone else EVERYTHING
    report = runner.sync(PipelineName.CONTACTS, plan, "run")
    assert report.counts.reasons[Reason.ERASED] == 1
    assert report.missing == 0
    contacts_at_connectif = shop.table("contacts", by="email")
    assert contacts_at_connectif[EMAIL]["name"] != PERSON["firstName"]
    assert alone or contacts_at_connectif["other@example.com"]["name"] == OTHER["firstName"]


def test_contacts__a_restored_person_is_sent(runner: SyncRunner, shop: SimulatedShop) -> None:
    erase_person(runner)
    assert "is no longer erased" in "\n".join(restore(runner.state, EMAIL))
    assert "nothing was changed" in "\n".join(restore(runner.state, EMAIL))
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    assert is_at_connectif(shop)


def test_purchases__neither_purchase_nor_contact_is_created(runner: SyncRunner, shop: SimulatedShop) -> None:
    erase_person(runner)
    report = runner.sync(PipelineName.PURCHASES, DAY, "run")
    assert report.counts.outcomes == {Outcome.EXCLUDED: 1, Outcome.SENT: 1}
    assert at_connectif(shop).keys() == {"2"}
    assert not is_at_connectif(shop)


@pytest.mark.parametrize("orders", [1, 12], ids=["missing contact created", "import of buyers"])
def test_purchases__erased_after_they_were_mapped(
    orders: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    for number in range(orders - 1):
        put_order(shop, f"{30 + number}-01", MORNING, email=f"buyer{number}@example.com")
    run = runner.run(PipelineName.PURCHASES, DAY, "run")
    extracted = run_stage(run, "extract", purchases.extract)
    transformed = run_stage(run, "transform", lambda r, f: purchases.transform(r, f, source=extracted))
    erase_person(runner)
    loaded = run_stage(run, "load", lambda r, f: purchases.load(r, f, source=transformed))
    assert Staging(loaded.folder).read_json("counts.json")["reasons"] == {"erased": 1}
    assert "1" not in at_connectif(shop)
    assert not is_at_connectif(shop)


def test_purchases__already_at_connectif_are_recorded_without_a_person_erased_meanwhile(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PURCHASES, DAY, "first")
    run = runner.run(PipelineName.PURCHASES, DAY, "again")
    extracted = run_stage(run, "extract", purchases.extract)
    transformed = run_stage(run, "transform", lambda r, f: purchases.transform(r, f, source=extracted))
    erase_person(runner)
    run_stage(run, "load", lambda r, f: purchases.load(r, f, source=transformed))
    with runner.state._database.read() as connection:
        people = connection.execute(sa.select(purchase_table.c.person)).scalars().all()
    assert people
    assert runner.state.hashed(EMAIL) not in people


def test_purchases__a_repair_leaves_them_out(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.state.progress.cover(PipelineName.PURCHASES, DAY.window)
    erase_person(runner)
    found = runner.compare(PipelineName.PURCHASES, DAY, "compare", repair=True)
    assert found.causes == {Cause.ERASED: 1, Cause.NEVER_SENT: 1}
    assert at_connectif(shop).keys() == {"2"}


def test_newsletter__changes_of_erased_people_are_not_applied(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    event = {"email": EMAIL, "subscribed": True, "occurred_at": "2026-11-23T11:00:00Z"}
    runner.state.newsletter.add_pending("was.waiting@example.com", True, NOON, NOON, 1)
    erase_person(runner)
    runner.state.erasure.erase("was.waiting@example.com")
    runner.state.newsletter.add_pending(
        "was.waiting@example.com", True, NOON, NOON, 1
    )  # written by a concurrent run
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply([event, {**event, "email": "other@example.com"}], shop.clock.now)
    assert sync.counts.reasons == {Reason.ERASED: 2}
    assert sync.counts.outcomes == {Outcome.EXCLUDED: 2, Outcome.SENT: 1}
    assert len({row.key for row in sync.outcomes}) == 2
    assert EMAIL not in repr(sync.outcomes)
    assert runner.state.newsletter.due_pending(NOON) == []
    assert runner.state.newsletter.subscription_state([runner.state.hashed(EMAIL)]) == {}
    assert [change["id"] for change in shop.on_vtex("GET", "changes")] == ["other-doc"]


@pytest.mark.parametrize("known", [True, False])
def test_newsletter__erased_while_their_change_is_looked_up(
    known: bool, runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known:
        shop.on_vtex("DELETE", "documents/bird-doc")
    look_up = VtexClient.search_clients

    def call_and_erase(client: VtexClient, **query: Any) -> list[dict[str, Any]]:
        found = look_up(client, **query)
        runner.state.erasure.erase(EMAIL)
        return found

    monkeypatch.setattr(VtexClient, "search_clients", call_and_erase)
    now = shop.clock.now()
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply([{"email": EMAIL, "subscribed": True, "occurred_at": now.isoformat()}], lambda: now)
    assert sync.counts.reasons == {Reason.ERASED: 1}
    assert runner.state.newsletter.due_pending(now + timedelta(days=1)) == []
    assert runner.state.newsletter.subscription_state([runner.state.hashed(EMAIL)]) == {}
    assert sync.retry_soon == []
    assert sync.counts.written == 0


def test_newsletter__erased_while_connectif_prepares_its_export(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    now = shop.clock.now()

    def export() -> Iterator[dict[str, Any]]:
        runner.state.erasure.erase(EMAIL)
        yield {"email": EMAIL, "subscribed": True, "occurred_at": now.isoformat()}

    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.resolve(export(), now)
    assert sync.counts.reasons == {Reason.ERASED: 1}
    assert runner.state.newsletter.subscription_state([runner.state.hashed(EMAIL)]) == {}


def test_reconcile__calls_a_customer_erased(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    runner.change("reconcile", examples=10_000)
    erase_person(runner)
    found = runner.compare(PipelineName.CONTACTS, EVERYTHING, "compare")
    assert found.examples[Cause.ERASED] == ["bird-doc"]


def test_explain__says_erased(runner: SyncRunner) -> None:
    erase_person(runner)
    context = ExplainContext(
        runner.settings, runner.state, runner.vtex, runner.connectif, Staging(runner.folder / "kept"),
        now=runner.shop.clock.now,
    )  # fmt: skip
    for record, kind in ((EMAIL, Kind.CUSTOMER), ("bird-doc", Kind.CUSTOMER), ("1-01", Kind.ORDER)):
        explanation = explain(context, record, among=(kind,))
        assert explanation.conclusion.sentence.startswith("Erased: the sync writes nothing"), record
        rows = [row for group in explanation.comparison.groups for row in group.rows]
        assert [row.now for row in rows] == [None] * len(rows), "nothing would be sent"


def cells(base: Path) -> Iterator[bytes]:
    """The unpacked content of all files."""
    for file in (path for path in base.rglob("*") if path.is_file()):
        yield str(file).encode()
        if file.suffix == ".parquet":
            yield repr(pq.read_table(file).to_pylist()).encode()
        elif file.suffix == ".zst":
            yield pa.CompressedInputStream(pa.OSFile(str(file)), "zstd").read()
        else:
            yield file.read_bytes()


def find_canaries(runner: SyncRunner, base: Path) -> set[bytes]:
    runner.state._database.engine.dispose()
    return {canary for cell in cells(base) for canary in CANARIES if canary in cell.lower()}


def test_erase__leaves_no_personal_data_in_any_file(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    """State store and files of finished runs are clean at once, files of a running run when it has ended."""
    caplog.set_level(logging.DEBUG)
    base = runner.folder / "staging" / runner.state.erasure.shops_of_the_vtex_account()[0].folder

    def run_of(pipeline: PipelineName, plan: RunPlan, run_id: str) -> SyncRun:
        attempt = attempt_name(0, shop.clock.now())
        folder = base / f"sync_{pipeline}" / f"{run_id}-{attempt}" / attempt
        run = runner.run(pipeline, plan, f"{run_id}/{attempt}")
        return replace(run, staging=Staging(folder), kept=kept_in(base))

    def folders() -> list[str]:
        return [attempt.parent.name.partition("-0-")[0] for attempt in base.glob("sync_*/*/*")]

    stages_of(run_of(PipelineName.CONTACTS, EVERYTHING, "run-1"))
    stages_of(run_of(PipelineName.PURCHASES, DAY, "run-2"))
    running = run_of(PipelineName.CONTACTS, EVERYTHING, "later")
    run_stage(running, "extract", contacts.extract)
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply([{"email": EMAIL, "subscribed": True, "occurred_at": "2026-11-23T11:00:00Z"}], lambda: NOON)
    runner.state.newsletter.add_pending(EMAIL, True, NOON, NOON, 1)
    assert find_canaries(runner, base) == set(CANARIES)

    shop.clock.advance(1)
    text = erase_person(runner, base.parent)
    assert "2 finished runs" in text
    assert "sync_contacts/later-0" in text
    assert folders() == ["later"]
    stages_of(running)
    remove_old(runner.state, base.parent, runner.settings, shop.clock.now())
    assert folders() == []
    assert find_canaries(runner, base.parent.parent) == set()
    assert not any(canary.decode() in (caplog.text + text).lower() for canary in CANARIES)


def test_erase__an_invalid_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Exception, match="not a valid e-mail address") as caught:
        check_address("piepmatz")
    assert "piepmatz" not in str(caught.value)
