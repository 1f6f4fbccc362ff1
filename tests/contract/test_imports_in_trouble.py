"""Imports end to end, if Connectif loses rows, takes only small files, or sends unusual reports."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import UnsafeChange
from include.explain import explain
from include.http.form import FileToSend
from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.page.overview import overview
from include.page.status import Reader, status_page
from include.pipeline.differences import LIST
from include.pipeline.explain_context import ExplainContext
from include.report import Report
from include.staging import Staging
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, replay_of, window_ending
from tools.explain_text import as_text

RECENT = "2026-11-23T09:00:00.0000000Z"
LAST_HOURS = window_ending(NOON, hours=4)
LOST = "n03@example.com"


def put(shop: SimulatedShop, document_id: str, **fields: Any) -> None:
    shop.on_vtex("PUT", f"documents/{document_id}", {"createdIn": RECENT, **fields})


@pytest.fixture
def people(shop: SimulatedShop) -> list[str]:
    """Put thirty new customers with an opt-in for the newsletter."""
    emails = [f"n{number:02}@example.com" for number in range(30)]
    for email in emails:
        put(shop, email[:3], email=email, firstName="Ana", isNewsletterOptIn=True)
    return emails


def held(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("contacts", by="email")


def fails(runner: SyncRunner, pipeline: PipelineName, *args: Any, **options: Any) -> Report:
    """The report of a run that did its work and failed at the end."""
    with pytest.raises(UnsafeChange, match="target_unconfirmed"):
        runner.sync(pipeline, *args, **options)
    (stored,) = runner.state.reports.latest(pipeline)
    assert stored.state == "failed"
    report = stored.report
    assert report.missing == 0
    return report


def loses(
    runner: SyncRunner,
    monkeypatch: pytest.MonkeyPatch,
    keys: Collection[str],
    *,
    consent: bool,
    times: int = 10**9,
) -> list[int]:
    """Drop these rows from that many imports; returns the number of files that were sent."""
    create, files, left = runner.connectif.create_import, [0], [times]

    def created(kind: str, csv: FileToSend, *, override_existing: bool) -> Any:
        files[0] += 1
        lines = b"".join(csv.pieces()).splitlines(keepends=True)
        kept = [line for line in lines if not any(key.encode() in line for key in keys)]
        if override_existing is not consent and len(kept) < len(lines) and left[0]:
            left[0] -= 1
            content = b"".join(kept)
            csv = FileToSend(csv.name, csv.content_type, len(content), lambda: [content])
        return create(kind, csv, override_existing=override_existing)

    monkeypatch.setattr(runner.connectif, "create_import", created)
    return files


# --- rows that are lost


@pytest.mark.parametrize("consent", [True, False], ids=["consent", "main"])
def test_contacts__a_row_that_is_lost_once_is_sent_again_in_the_same_run(
    consent: bool, runner: SyncRunner, shop: SimulatedShop, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loses(runner, monkeypatch, [LOST], consent=consent, times=1)
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    there = held(shop)
    assert report.counts.reasons == {}
    assert {there[email]["name"] for email in people} == {"Ana"}
    assert {there[email]["newsletter_status"] for email in people} == {"subscribed"}
    assert report.counts.written == report.counts.outcomes[Outcome.SENT]


def test_contacts__a_row_lost_by_the_consent_import_is_not_created_by_the_main_import(
    runner: SyncRunner, shop: SimulatedShop, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.connectif.knobs.default_newsletter_status = "unsubscribed"
    loses(runner, monkeypatch, [LOST], consent=True)
    report = fails(runner, PipelineName.CONTACTS, LAST_HOURS, "run")
    there = held(shop)
    assert LOST not in there
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {"subscribed"}
    assert {there[email]["name"] for email in people if email != LOST} == {"Ana"}
    assert report.counts.reasons == {Reason.TARGET_UNCONFIRMED: 1}
    (row,) = runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_UNCONFIRMED)
    assert (row.key, row.outcome) == ("n03", Outcome.REJECTED)
    assert runner.state.progress.covered(PipelineName.CONTACTS) == []


def test_contacts__never_get_the_accounts_default_if_all_consent_files_lose_rows(
    runner: SyncRunner, shop: SimulatedShop, people: list[str]
) -> None:
    """Contacts that stay unidentified are held by name, and the next run sends all of them."""
    shop.connectif.knobs.default_newsletter_status = "unsubscribed"
    shop.connectif.knobs.import_lost_kind = "consent"
    shop.connectif.knobs.import_lost_rows = 3
    before = held(shop).keys()
    report = fails(runner, PipelineName.CONTACTS, LAST_HOURS, "run")
    there = held(shop)
    new = there.keys() - before
    assert {there[email]["newsletter_status"] for email in new} <= {"subscribed", "none"}
    unconfirmed = report.counts.reasons[Reason.TARGET_UNCONFIRMED]
    assert unconfirmed >= 3
    named = {
        row.key
        for row in runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_UNCONFIRMED)
    }
    assert len(named) == unconfirmed
    assert not any(key.startswith("unnamed") for key in named)
    assert {email for email in people if email not in there} <= {f"{key}@example.com" for key in named}
    shop.connectif.knobs.import_lost_rows = 0
    resolved_keys = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "next")
    assert resolved_keys.counts.reasons == {}
    assert {held(shop)[email]["newsletter_status"] for email in people} == {"subscribed"}
    assert runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_UNCONFIRMED) == []


def test_contacts__lost_by_the_main_import_are_named_and_sent_by_the_next_run(
    runner: SyncRunner, shop: SimulatedShop, people: list[str], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    with monkeypatch.context() as trouble:
        loses(runner, trouble, [LOST], consent=False)
        report = fails(runner, PipelineName.CONTACTS, EVERYTHING, "run")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] == 1
    assert report.counts.written == report.counts.outcomes[Outcome.SENT]
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)
    assert "1 not accounted for" in caplog.text
    assert "target_unconfirmed 1" in report.summary_line()
    assert "example.com" not in caplog.text
    assert held(shop)[LOST]["name"] is None, "the consent import has only the address"

    found = runner.compare(PipelineName.CONTACTS, EVERYTHING, "look")
    assert found.causes[Cause.REJECTED] >= 1
    differences = Staging(runner.folder / "look" / "compare_contacts").read_bytes(LIST).decode()
    assert '"n03","rejected","target_unconfirmed: ' in differences

    seen = status_page(
        overview(runner.state, (PipelineName.CONTACTS,), runner.settings, NOON),
        Reader(ZoneInfo("UTC"), "sandboxshop", may_explain=True),
        NOON,
    )
    assert "code=target_unconfirmed" in seen
    context = ExplainContext(
        runner.settings, runner.state, runner.vtex, runner.connectif, Staging(runner.folder / "kept")
    )
    explained = explain(context, "n03")
    assert "target_unconfirmed" in as_text(explained)

    replayed = runner.sync(PipelineName.CONTACTS, replay_of(Reason.TARGET_UNCONFIRMED), "replay")
    assert replayed.counts.outcomes == {Outcome.SENT: 1}
    assert held(shop)[LOST]["name"] == "Ana"
    assert runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_UNCONFIRMED) == []


def test_contacts__a_total_without_the_lost_rows_hides_nothing(
    runner: SyncRunner, shop: SimulatedShop, people: list[str]
) -> None:
    shop.connectif.knobs.import_lost_in_total = False
    shop.connectif.knobs.import_lost_kind = "contacts"
    shop.connectif.knobs.import_lost_rows = 1
    runner.change("run", reject_limit_percent=100.0)
    report = fails(runner, PipelineName.CONTACTS, LAST_HOURS, "run")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] >= 1
    sent = {email for email in people if held(shop)[email]["name"] == "Ana"}
    assert report.counts.outcomes[Outcome.SENT] <= len(sent) + len(held(shop)) - len(people)


def test_products__that_are_lost_are_not_recorded_as_sent(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    kept = {row["productId"]: row for row in last(runner)}
    lost = next(key for key, row in kept.items() if row["availability"] == "instock" and not row["withdrawn"])
    shop.on_vtex("DELETE", f"products/{lost}")
    with monkeypatch.context() as trouble:
        loses(runner, trouble, [kept[lost]["productDetailUrl"]], consent=False)
        report = fails(runner, PipelineName.PRODUCTS, EVERYTHING, "today")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] == 1
    assert {row["productId"]: row for row in last(runner)}[lost] == kept[lost], (
        "its withdrawal is not remembered"
    )
    assert shop.table("products", by="product_id")[lost]["availability"] == "instock"
    resolved_keys = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "tomorrow")
    assert Reason.TARGET_UNCONFIRMED not in resolved_keys.counts.reasons
    assert shop.table("products", by="product_id")[lost]["availability"] == "outofstock"


def last(runner: SyncRunner) -> list[dict[str, Any]]:
    name = runner.state.catalogue.last_path()
    assert name is not None
    return list(Staging(runner.folder / "kept").read_frame(name).to_dict("records"))


# --- a proxy that takes only small files


@pytest.mark.parametrize("body", ["html", "empty"])
def test_413__the_file_is_split(
    body: str, runner: SyncRunner, shop: SimulatedShop, people: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "large")
    large, uploads = held(shop), shop.writes()["create import"]
    shop.on_connectif("POST", "reset")
    shop.connectif.knobs.rate_limit = 0
    shop.connectif.knobs.import_proxy_bytes = 3_000
    shop.connectif.knobs.import_proxy_body = body  # type: ignore[assignment]
    report = runner.sync(PipelineName.CONTACTS, EVERYTHING, "small")
    assert report.counts.reasons.keys() <= {
        Reason.EMAIL_MISSING,
        Reason.EMAIL_INVALID,
        Reason.EMAIL_MASKED,
        Reason.DUPLICATE_EMAIL,
    }
    assert {email: row["name"] for email, row in held(shop).items()} == {
        email: row["name"] for email, row in large.items()
    }
    assert {row["newsletter_status"] for row in held(shop).values()} == {
        row["newsletter_status"] for row in large.values()
    }
    assert shop.writes()["create import"] > uploads
    assert caplog.text.count("HTTP 413") <= 6, "the limit is remembered"


def test_413__a_row_that_is_too_large_is_rejected_by_name(
    runner: SyncRunner, shop: SimulatedShop, people: list[str]
) -> None:
    put(shop, "giant", email="giant@example.com", firstName="Ana " * 2_000)
    shop.connectif.knobs.import_proxy_bytes = 4_000
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 1}
    (row,) = runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert row.key == "giant"
    assert row.detail.startswith("413")
    assert {held(shop)[email]["name"] for email in people} == {"Ana"}


# --- reports


@pytest.mark.parametrize("rows", ["row", "key", "line"])
@pytest.mark.parametrize("link", ["absolute", "relative", "redirect", "404"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_report__of_an_unknown_form_loses_only_the_names(
    rows: str, link: str, delimiter: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_products(shop)
    shop.connectif.knobs.import_checks_domains = True
    shop.connectif.knobs.error_report_rows = rows  # type: ignore[assignment]
    shop.connectif.knobs.error_report_link = link  # type: ignore[assignment]
    shop.connectif.knobs.error_report_delimiter = delimiter  # type: ignore[assignment]
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    runner.change("run", reject_limit_percent=100.0)
    report = runner.sync_refused(PipelineName.PRODUCTS, EVERYTHING, "run", allow_empty=True)
    assert report.counts.outcomes[Outcome.SENT] == 0
    refused = runner.state.records.outcomes(PipelineName.PRODUCTS, reason=Reason.TARGET_REJECTED)
    assert len(refused) == report.counts.reasons[Reason.TARGET_REJECTED] > 0
    assert not any(row.key.startswith("unnamed") for row in refused), "all were refused, so each is known"
    assert any("E0201" in row.detail or "domain" in row.detail for row in refused) == (link != "404")


def put_products(shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "products/9901", {"skus": [{"sku_id": 99010}]})


@pytest.mark.parametrize("link", ["absolute", "404"])
def test_report__that_does_not_name_a_contact_affects_only_that_contact(
    link: str, runner: SyncRunner, shop: SimulatedShop, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consent import finds the contact by halving: no contact may get the account's default status."""
    shop.connectif.knobs.default_newsletter_status = "unsubscribed"
    shop.connectif.knobs.error_report_link = link  # type: ignore[assignment]
    create = runner.connectif.create_import

    def created(kind: str, csv: FileToSend, *, override_existing: bool) -> Any:
        """Connectif reads the address as another value and refuses it."""
        content = b"".join(csv.pieces()).replace(b"n03@example.com", b"n03 example.com")
        csv = (
            csv if override_existing else FileToSend(csv.name, csv.content_type, csv.size, lambda: [content])
        )
        return create(kind, csv, override_existing=override_existing)

    monkeypatch.setattr(runner.connectif, "create_import", created)
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    there = held(shop)
    assert LOST not in there
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {"subscribed"}
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 1}
    (row,) = runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert row.key == "n03"


# --- an opt-out that is still pending


def waits(runner: SyncRunner, email: str, *, subscribed: bool, at: timedelta = timedelta()) -> None:
    instant = NOON - timedelta(hours=1) + at
    runner.state.newsletter.add_pending(email, subscribed, instant, NOON + timedelta(days=1), 3)


@pytest.mark.parametrize("consent", ["vtex", "none"])
def test_pending_opt_out__keeps_a_new_contact_unsubscribed(
    consent: str, runner: SyncRunner, shop: SimulatedShop, people: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runner.change("contacts", consent_for_new_contacts=consent)
    waits(runner, "N03@example.com", subscribed=False)
    waits(runner, "n04@example.com", subscribed=True)
    waits(runner, "stranger@example.com", subscribed=False)
    report = runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    yes = "subscribed" if consent == "vtex" else "none"
    there = held(shop)
    assert there[LOST]["newsletter_status"] == "none"
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {yes}
    assert there[LOST]["name"] == "Ana", "the other fields are sent"
    assert report.counts.reasons == {}
    assert ("1 contacts are sent with status none" in caplog.text) == (consent == "vtex")
    assert "example.com" not in caplog.text


def test_pending_opt_out__that_arrives_during_the_import_counts(
    runner: SyncRunner, shop: SimulatedShop, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The opt-out arrives while the file waits for Connectif's queue."""
    create, late = runner.connectif.create_import, iter([True])

    def created(*args: Any, **kwargs: Any) -> Any:
        if next(late, False):
            waits(runner, LOST, subscribed=False)
            from include.connectif.client import QueueFull  # noqa: PLC0415

            raise QueueFull("full")
        return create(*args, **kwargs)

    monkeypatch.setattr(runner.connectif, "create_import", created)
    runner.sync(PipelineName.CONTACTS, LAST_HOURS, "run")
    assert held(shop)[LOST]["newsletter_status"] == "none"
