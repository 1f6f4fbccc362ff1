"""Customers end to end: what is read twice, what is not sent, and what the target ends up holding."""

from __future__ import annotations

import logging
import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from include import contacts
from include.errors import ConfigurationError, TemporaryError
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.run import run_stage
from include.plan import RunPlan
from include.settings import ExtraContactField
from include.staging import Staging
from include.vtex.client import ScrollPage
from tests.builders import EVERYTHING, NOON, Killed, SimulatedShop, SyncRunner, stages_of, window_ending
from tests.contract.test_kills import Fate, differences, fate_of, steady

RECENT = "2026-11-23T09:00:00.0000000Z"
LAST_HOURS = window_ending(NOON, hours=4)
TROUBLE = ["408", "429", "429_date", "429_bare", "500", "502", "503", "504", "reset_before", "reset_after"]


def put(shop: SimulatedShop, document_id: str, **fields: Any) -> None:
    shop.on_vtex("PUT", f"documents/{document_id}", {"createdIn": RECENT, **fields})


def held(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("contacts", by="email")


def only(document_id: str) -> RunPlan:
    return RunPlan("only", None, (), "only one", document_id)


# --- reading


def test_slice__that_is_incomplete_is_repeated(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        put(shop, f"n{number:02}", email=f"n{number:02}@example.com")
    continue_scroll, ends = runner.vtex.continue_scroll, iter([True])

    def ends_early_once(token: str, **more: Any) -> ScrollPage:
        return ScrollPage([], token, None) if next(ends, False) else continue_scroll(token, **more)

    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", 20)
    monkeypatch.setattr(runner.vtex, "continue_scroll", ends_early_once)
    runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert {f"n{number:02}@example.com" for number in range(30)} <= held(shop).keys()
    assert "documents; it is repeated" in caplog.text


def test_slice__that_stays_incomplete_sends_nothing(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        put(shop, f"n{number:02}", email=f"n{number:02}@example.com")
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", 20)
    monkeypatch.setattr(runner.vtex, "continue_scroll", lambda token, **_: ScrollPage([], token, None))
    with pytest.raises(TemporaryError, match="incomplete 3 times in a row"):
        runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert shop.writes() == {}


def put_many(shop: SimulatedShop, number: int) -> list[str]:
    names = [f"n{index:02}" for index in range(number)]
    for name in names:
        put(shop, name, email=f"{name}@example.com")
    return names


def test_slice__an_empty_first_page_that_announces_documents_is_repeated(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = put_many(shop, 3)
    open_scroll, empty = runner.vtex.open_scroll, iter([True])

    def empty_once(**more: Any) -> ScrollPage:
        page = open_scroll(**more)
        return ScrollPage([], page.token, page.total) if next(empty, False) else page

    monkeypatch.setattr(runner.vtex, "open_scroll", empty_once)
    runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert {f"{name}@example.com" for name in names} <= held(shop).keys()


def test_slice__that_stays_empty_covers_nothing(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_many(shop, 3)
    monkeypatch.setattr(runner.vtex, "open_scroll", lambda **_: ScrollPage([], "T", 3))
    with pytest.raises(TemporaryError, match="incomplete 3 times in a row"):
        runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert runner.state.progress.covered(PipelineName.CONTACTS) == []


def test_slice__a_repeated_page_does_not_hide_a_lost_one(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = put_many(shop, 30)
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", 10)
    continue_scroll, last, repeats = runner.vtex.continue_scroll, list[ScrollPage](), iter([False, True])

    def repeat_one(token: str, **more: Any) -> ScrollPage:
        page = continue_scroll(token, **more)
        last.append(page)
        return last[-2] if page.documents and next(repeats, False) else page

    monkeypatch.setattr(runner.vtex, "continue_scroll", repeat_one)
    runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert {f"{name}@example.com" for name in names} <= held(shop).keys()


def test_slice__documents_that_the_shop_deletes_meanwhile_are_not_expected(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VTEX announces them with the first page, then the shop deletes them. The entity count explains it."""
    names = put_many(shop, 12)
    open_scroll = runner.vtex.open_scroll

    def announces_two_more(**more: Any) -> ScrollPage:
        page = open_scroll(**more)
        return ScrollPage(page.documents, page.token, (page.total or 0) + 2)

    monkeypatch.setattr(runner.vtex, "open_scroll", announces_two_more)
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert {f"{name}@example.com" for name in names} <= held(shop).keys()
    assert report.missing == 0


# --- loading


def test_consent__an_address_that_its_import_refuses_is_not_sent_by_the_second_import(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report of the first import names some addresses in the middle of files."""
    monkeypatch.setattr("include.pipeline.csv_files._ROWS_AT_A_TIME", 7)
    runner.change("run", reject_limit_percent=100.0)
    for number in range(30):
        put(shop, f"n{number:02}", email=f"n{number:02}@example.com", firstName="Ana")
    refused_emails = {f"n{number:02}@example.com" for number in (0, 8, 9, 29)}
    read_import, report = runner.connectif.read_import, runner.connectif.read_import_report
    consents: set[str] = set()
    create = runner.connectif.create_import

    def create_import(kind: str, csv: Any, *, override_existing: bool) -> Any:
        queued = create(kind, csv, override_existing=override_existing)
        consents.update(() if override_existing else {queued.id})
        return queued

    def read(import_id: str) -> Any:
        state = read_import(import_id)
        refuses = import_id in consents and state.is_over
        return state.__class__(**{**vars(state), "errors": 4, "report_url": "r"}) if refuses else state

    monkeypatch.setattr(runner.connectif, "create_import", create_import)
    monkeypatch.setattr(runner.connectif, "read_import", read)
    lines = "".join(f"{email},no\n" for email in sorted(refused_emails))
    monkeypatch.setattr(
        runner.connectif,
        "read_import_report",
        lambda url: f"_email,error\n{lines}".encode() if url == "r" else report(url),
    )
    found = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    named = {email for email, row in held(shop).items() if row["name"] == "Ana" and email.startswith("n")}
    assert named & refused_emails == set(), "the second import did not send them"
    assert {f"n{number:02}@example.com" for number in range(30)} - refused_emails <= held(shop).keys()
    assert found.counts.reasons[Reason.TARGET_REJECTED] == 4
    refused = {
        row.key
        for row in runner.state.records.outcomes(PipelineName.CONTACTS)
        if row.reason is Reason.TARGET_REJECTED
    }
    assert refused == {"n00", "n08", "n09", "n29"}


def test_load__a_reason_that_quotes_a_value_is_stored_without_the_value(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, "bird", email="bird@example.com", firstName="Piepmatz", lastName="Zwitscher")
    read_import, consent = runner.connectif.read_import, list[str]()

    def read(import_id: str) -> Any:
        consent[:] = consent or [import_id]
        state = read_import(import_id)
        refuses = import_id not in consent and state.is_over
        return state.__class__(**{**vars(state), "errors": 1, "report_url": "r"}) if refuses else state

    report = b'_email,error\nbird@example.com,"_surname: ""zwitscher"" of Piepmatz is not allowed"\n'
    monkeypatch.setattr(runner.connectif, "read_import", read)
    monkeypatch.setattr(runner.connectif, "read_import_report", lambda _: report)
    runner.change("run", reject_limit_percent=100.0)
    runner.sync(PipelineName.CONTACTS, RunPlan("only", None, (), "only", only="bird"), "run")
    (row,) = runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert (row.key, row.detail) == ("bird", "_surname")


def test_load__killed_after_an_import_was_accepted_does_not_send_it_twice(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, "one", email="one@example.com", firstName="Ana")
    run = runner.run(PipelineName.CONTACTS, LAST_HOURS, "run")
    extracted = run_stage(run, "extract", contacts.extract)
    mapped = run_stage(
        run, "transform", lambda run, folder: contacts.transform(run, folder, source=extracted)
    )
    read, dies = runner.connectif.read_import, iter([True])

    def read_or_die(import_id: str) -> Any:
        if next(dies, False):
            raise Killed
        return read(import_id)

    monkeypatch.setattr(runner.connectif, "read_import", read_or_die)
    with pytest.raises(Killed):
        run_stage(run, "load", lambda run, folder: contacts.load(run, folder, source=mapped))
    assert shop.writes()["create import"] == 1
    files = mapped.read_json("files.json")
    run_stage(run, "load", lambda run, folder: contacts.load(run, folder, source=mapped))
    assert shop.writes()["create import"] == len(files["consent"]) + len(files["contacts"])


# --- extra fields


def extra(*targets: str) -> dict[str, Any]:
    fields = [
        ExtraContactField(source=f"field{n}", target=target, kind="text") for n, target in enumerate(targets)
    ]
    return {"extra_fields": tuple(fields)}


def test_extra_fields__a_field_that_connectif_does_not_have_stops_the_run_before_it_reads(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("contacts", **extra("shoe_size"))
    with pytest.raises(ConfigurationError, match=r"no contact field shoe_size\. .* Nothing was sent"):
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    assert shop.writes() == {}
    assert "md scroll" not in shop.counts()


def test_extra_fields__two_sources_for_one_field_stop_the_run_before_it_reads(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    fields = [ExtraContactField(source=source, target="size", kind="text") for source in ("a", "b")]
    runner.change("contacts", extra_fields=tuple(fields))
    with pytest.raises(ConfigurationError, match="size has two sources"):
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    assert shop.counts() == {}


def create_field(runner: SyncRunner, shop: SimulatedShop, name: str) -> None:
    body = {"id": name, "name": name, "type": "text", "required": False}
    answer = runner.connectif.transport.session.post(
        f"{shop.connectif_url}/contact-fields", json=body, timeout=5
    )
    assert answer.ok, answer.text


def test_extra_fields__are_sent_and_the_number_of_files_is_logged(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    create_field(runner, shop, "nickname")
    field = ExtraContactField(source="corporateName", target="nickname", kind="text")
    runner.change("contacts", extra_fields=(field,))
    put(shop, "one", email="one@example.com", corporateName="Ninha")
    runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    contact = runner.connectif.transport.session.get(
        f"{shop.connectif_url}/contacts/email/one@example.com", timeout=5
    ).json()
    assert contact["nickname"] == "Ninha"
    assert "files for Connectif" in caplog.text


# --- trying out


def test_only__logs_what_happens_to_one_record_without_its_address(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(shop, "bird", email="bird.canary@example.com", firstName="Tweety")
    put(shop, "masked", email="m***@example.com")
    assert runner.sync(PipelineName.CONTACTS, only("bird"), "one").counts.outcomes == {Outcome.SENT: 1}
    assert runner.sync(PipelineName.CONTACTS, only("masked"), "two").counts.outcomes == {Outcome.REJECTED: 1}
    assert "document bird: read" in caplog.text
    assert "masked is rejected: email_masked" in caplog.text
    assert "to send: customer bird: _email b…(23), _name T…(6)" in caplog.text
    assert "bird.canary" not in caplog.text
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)


def test_dry_run__shows_a_masked_sample_and_sends_nothing(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(shop, "bird", email="bird.canary@example.com", firstName="Tweety")
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "dry", dry_run=True)
    assert report.counts.outcomes[Outcome.SENT] >= 1
    assert "would be sent: customer bird: _email " in caplog.text
    assert "would be sent" in caplog.text
    assert "canary" not in caplog.text
    assert shop.writes() == {}


# --- the result depends only on the final state of VTEX


@pytest.fixture
def twins(shop: SimulatedShop) -> None:
    """Addresses with several documents, whose ids and last changes have different orders."""
    for number in range(8):
        for twin, changed in enumerate(("2026-03-01", "2026-01-01", "2026-02-01")):
            put(
                shop,
                f"twin-{number}-{(twin + number) % 3}",
                email=f"Twin{number}@Example.com" if twin else f"twin{number}@example.com",
                firstName=f"Name {changed}",
                updatedIn=f"{changed}T00:00:00.0000000Z",
            )


@pytest.fixture
def undisturbed(runner: SyncRunner, shop: SimulatedShop, twins: None, tmp_path: Path) -> dict[str, Any]:
    """The contacts after a run without faults. Connectif is empty again afterwards."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    other = SyncRunner(shop, folder)
    other.sync(PipelineName.CONTACTS, EVERYTHING, "undisturbed")
    other.close()
    target = steady(shop.target())
    shop.on_connectif("POST", "reset")
    shop.connectif.knobs.rate_limit = 0
    return target


@pytest.mark.parametrize("seed", range(3))
def test_contacts__are_the_same_after_faults_and_kills(
    seed: int,
    runner: SyncRunner,
    shop: SimulatedShop,
    undisturbed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other slices and pages, parts in another order, a fault in one of twenty calls, and kills anywhere."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    monkeypatch.setattr("include.contacts.slices._CUT_ABOVE", 50)
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", dice.randint(15, 90))
    reading = import_module("include.contacts.extract")  # the package's `extract` is the function
    monkeypatch.setattr(reading, "_DOCUMENTS_A_FILE", dice.randint(10, 120))
    runner.change("vtex", master_data_parallel=dice.randint(1, 4))
    names = Staging.names

    def shuffled(self: Staging, prefix: str = "") -> list[str]:
        found = names(self, prefix)
        return random.Random(seed).sample(found, len(found)) if prefix == "part-" else found  # noqa: S311

    monkeypatch.setattr(Staging, "names", shuffled)
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("POST", "faults", {"random": {"rate": 0.05, "seed": seed, "kinds": TROUBLE}})
    fate = Fate(seed, every=14)
    with fate_of(runner, fate):
        report = stages_of(runner.run(PipelineName.CONTACTS, EVERYTHING, "run"), tries=30)
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("DELETE", "faults")
    assert fate.kills >= 2, "the test must kill something"
    assert report.missing == 0
    assert differences(steady(shop.target()), undisturbed) == []
