"""Imports end to end against a Connectif that loses rows, takes small files only, or reports oddly."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import UnsafeChange
from include.explain import Desk, explain
from include.outcomes import Area, Cause, Outcome, Reason
from include.page.overview import overview
from include.page.status import Reader, status_page
from include.report import Report
from include.rest.form import FileToSend
from include.staging import Staging
from include.sync.reconcile.differences import LIST
from tests.builders import EVERYTHING, NOON, Office, World, replay_of, window_ending

RECENT = "2026-11-23T09:00:00.0000000Z"
LAST_HOURS = window_ending(NOON, hours=4)
LOST = "n03@example.com"


def put(world: World, document_id: str, **fields: Any) -> None:
    world.on_vtex("PUT", f"documents/{document_id}", {"createdIn": RECENT, **fields})


@pytest.fixture
def people(world: World) -> list[str]:
    """Thirty new customers, all of whom want the newsletter."""
    emails = [f"n{number:02}@example.com" for number in range(30)]
    for email in emails:
        put(world, email[:3], email=email, firstName="Ana", isNewsletterOptIn=True)
    return emails


def held(world: World) -> dict[str, dict[str, Any]]:
    return world.table("contacts", by="email")


def fails(office: Office, area: Area, *args: Any, **options: Any) -> Report:
    """The report of a run that has done all it could and is not green."""
    with pytest.raises(UnsafeChange, match="target_unconfirmed"):
        office.sync(area, *args, **options)
    (stored,) = office.store.reports(area)
    assert stored.state == "failed"
    report = stored.report
    assert report.missing == 0
    return report


def loses(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    keys: Collection[str],
    *,
    consent: bool,
    times: int = 10**9,
) -> list[int]:
    """Connectif never sees these rows, so many times. Returns how many files it was sent."""
    create, files, left = office.connectif.create_import, [0], [times]

    def created(kind: str, csv: FileToSend, *, override_existing: bool) -> Any:
        files[0] += 1
        lines = b"".join(csv.pieces()).splitlines(keepends=True)
        kept = [line for line in lines if not any(key.encode() in line for key in keys)]
        if override_existing is not consent and len(kept) < len(lines) and left[0]:
            left[0] -= 1
            content = b"".join(kept)
            csv = FileToSend(csv.name, csv.content_type, len(content), lambda: [content])
        return create(kind, csv, override_existing=override_existing)

    monkeypatch.setattr(office.connectif, "create_import", created)
    return files


# --- rows that are lost


@pytest.mark.parametrize("consent", [True, False], ids=["consent", "main"])
def test_contacts__a_row_that_is_lost_once_arrives_in_the_same_run(
    consent: bool, office: Office, world: World, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loses(office, monkeypatch, [LOST], consent=consent, times=1)
    report = office.sync(Area.CONTACTS, LAST_HOURS, "run")
    there = held(world)
    assert report.counts.reasons == {}
    assert {there[email]["name"] for email in people} == {"Ana"}
    assert {there[email]["newsletter_status"] for email in people} == {"subscribed"}
    assert report.counts.written == report.counts.outcomes[Outcome.SENT]


def test_contacts__who_is_lost_by_the_consent_import_is_not_created_by_the_other_one(
    office: Office, world: World, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connectif.knobs.default_newsletter_status = "unsubscribed"
    loses(office, monkeypatch, [LOST], consent=True)
    report = fails(office, Area.CONTACTS, LAST_HOURS, "run")
    there = held(world)
    assert LOST not in there
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {"subscribed"}
    assert {there[email]["name"] for email in people if email != LOST} == {"Ana"}
    assert report.counts.reasons == {Reason.TARGET_UNCONFIRMED: 1}
    (row,) = office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_UNCONFIRMED)
    assert (row.key, row.outcome) == ("n03", Outcome.REJECTED)
    assert office.store.covered(Area.CONTACTS) == []


def test_contacts__where_every_consent_file_loses_rows_nobody_gets_the_accounts_default(
    office: Office, world: World, people: list[str]
) -> None:
    """Whoever cannot be cleared up is held, by name, and the next run takes all."""
    world.connectif.knobs.default_newsletter_status = "unsubscribed"
    world.connectif.knobs.import_lost_kind = "consent"
    world.connectif.knobs.import_lost_rows = 3
    before = held(world).keys()
    report = fails(office, Area.CONTACTS, LAST_HOURS, "run")
    there = held(world)
    new = there.keys() - before
    assert {there[email]["newsletter_status"] for email in new} <= {"subscribed", "none"}
    unconfirmed = report.counts.reasons[Reason.TARGET_UNCONFIRMED]
    assert unconfirmed >= 3
    named = {row.key for row in office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_UNCONFIRMED)}
    assert len(named) == unconfirmed
    assert not any(key.startswith("unnamed") for key in named)
    assert {email for email in people if email not in there} <= {f"{key}@example.com" for key in named}
    world.connectif.knobs.import_lost_rows = 0
    healed = office.sync(Area.CONTACTS, LAST_HOURS, "next")
    assert healed.counts.reasons == {}
    assert {held(world)[email]["newsletter_status"] for email in people} == {"subscribed"}
    assert office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_UNCONFIRMED) == []


def test_contacts__lost_by_the_main_import_are_named_and_taken_by_the_next_run(
    office: Office, world: World, people: list[str], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    with monkeypatch.context() as trouble:
        loses(office, trouble, [LOST], consent=False)
        report = fails(office, Area.CONTACTS, EVERYTHING, "run")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] == 1
    assert report.counts.written == report.counts.outcomes[Outcome.SENT]
    assert not office.store.is_activated(Area.CONTACTS)
    assert "1 not accounted for" in caplog.text
    assert "target_unconfirmed 1" in report.summary_line()
    assert "example.com" not in caplog.text
    assert held(world)[LOST]["name"] is None, "the consent import knows no more than the address"

    found = office.compare(Area.CONTACTS, EVERYTHING, "look")
    assert found.causes[Cause.REJECTED] >= 1
    differences = Staging(office.folder / "look" / "compare_contacts").read_bytes(LIST).decode()
    assert '"n03","rejected","target_unconfirmed: ' in differences

    seen = status_page(
        overview(office.store, (Area.CONTACTS,), office.settings, NOON),
        Reader(ZoneInfo("UTC"), "sandboxshop", may_explain=True),
        NOON,
    )
    assert "code=target_unconfirmed" in seen
    desk = Desk(office.settings, office.store, office.vtex, office.connectif, Staging(office.folder / "kept"))
    explained = explain(desk, "n03")
    facts = [fact.value for part in explained.parts for fact in part.facts]
    assert any("target_unconfirmed" in line for line in [*explained.decision, *facts])

    replayed = office.sync(Area.CONTACTS, replay_of(Reason.TARGET_UNCONFIRMED), "replay")
    assert replayed.counts.outcomes == {Outcome.SENT: 1}
    assert held(world)[LOST]["name"] == "Ana"
    assert office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_UNCONFIRMED) == []


def test_contacts__a_total_without_the_lost_rows_hides_nothing(
    office: Office, world: World, people: list[str]
) -> None:
    world.connectif.knobs.import_lost_in_total = False
    world.connectif.knobs.import_lost_kind = "contacts"
    world.connectif.knobs.import_lost_rows = 1
    office.change("run", reject_limit_percent=100.0)
    report = fails(office, Area.CONTACTS, LAST_HOURS, "run")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] >= 1
    sent = {email for email in people if held(world)[email]["name"] == "Ana"}
    assert report.counts.outcomes[Outcome.SENT] <= len(sent) + len(held(world)) - len(people)


def test_products__that_are_lost_are_not_remembered_as_sent(
    office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "yesterday")
    kept = {row["productId"]: row for row in last(office)}
    lost = next(key for key, row in kept.items() if row["availability"] == "instock" and not row["withdrawn"])
    world.on_vtex("DELETE", f"products/{lost}")
    with monkeypatch.context() as trouble:
        loses(office, trouble, [kept[lost]["productDetailUrl"]], consent=False)
        report = fails(office, Area.PRODUCTS, EVERYTHING, "today")
    assert report.counts.reasons[Reason.TARGET_UNCONFIRMED] == 1
    assert {row["productId"]: row for row in last(office)}[lost] == kept[lost], (
        "its goodbye is not remembered"
    )
    assert world.table("products", by="product_id")[lost]["availability"] == "instock"
    healed = office.sync(Area.PRODUCTS, EVERYTHING, "tomorrow")
    assert Reason.TARGET_UNCONFIRMED not in healed.counts.reasons
    assert world.table("products", by="product_id")[lost]["availability"] == "outofstock"


def last(office: Office) -> list[dict[str, Any]]:
    name = office.store.last_catalogue()
    assert name is not None
    return list(Staging(office.folder / "kept").read_frame(name).to_dict("records"))


# --- a proxy that takes small files only


@pytest.mark.parametrize("body", ["html", "empty"])
def test_413__the_file_goes_in_pieces(
    body: str, office: Office, world: World, people: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    office.sync(Area.CONTACTS, EVERYTHING, "large")
    large, uploads = held(world), world.writes()["create import"]
    world.on_connectif("POST", "reset")
    world.connectif.knobs.rate_limit = 0
    world.connectif.knobs.import_proxy_bytes = 3_000
    world.connectif.knobs.import_proxy_body = body  # type: ignore[assignment]
    report = office.sync(Area.CONTACTS, EVERYTHING, "small")
    assert report.counts.reasons.keys() <= {
        Reason.EMAIL_MISSING,
        Reason.EMAIL_INVALID,
        Reason.EMAIL_MASKED,
        Reason.DUPLICATE_EMAIL,
    }
    assert {email: row["name"] for email, row in held(world).items()} == {
        email: row["name"] for email, row in large.items()
    }
    assert {row["newsletter_status"] for row in held(world).values()} == {
        row["newsletter_status"] for row in large.values()
    }
    assert world.writes()["create import"] > uploads
    assert caplog.text.count("HTTP 413") <= 6, "the limit is remembered"


def test_413__a_row_that_is_too_large_alone_is_rejected_by_name(
    office: Office, world: World, people: list[str]
) -> None:
    put(world, "giant", email="giant@example.com", firstName="Ana " * 2_000)
    world.connectif.knobs.import_proxy_bytes = 4_000
    report = office.sync(Area.CONTACTS, LAST_HOURS, "run")
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 1}
    (row,) = office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert row.key == "giant"
    assert row.detail.startswith("413")
    assert {held(world)[email]["name"] for email in people} == {"Ana"}


# --- reports


@pytest.mark.parametrize("rows", ["row", "key", "line"])
@pytest.mark.parametrize("link", ["absolute", "relative", "redirect", "404"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_report__in_any_form_costs_at_most_names(
    rows: str, link: str, delimiter: str, office: Office, world: World
) -> None:
    put_products(world)
    world.connectif.knobs.import_checks_domains = True
    world.connectif.knobs.error_report_rows = rows  # type: ignore[assignment]
    world.connectif.knobs.error_report_link = link  # type: ignore[assignment]
    world.connectif.knobs.error_report_delimiter = delimiter  # type: ignore[assignment]
    world.connectif.knobs.authorised_domains = ["elsewhere.example"]
    office.change("run", reject_limit_percent=100.0)
    report = office.sync(Area.PRODUCTS, EVERYTHING, "run", allow_empty=True)
    assert report.counts.outcomes[Outcome.SENT] == 0
    refused = office.store.outcomes(Area.PRODUCTS, reason=Reason.TARGET_REJECTED)
    assert len(refused) == report.counts.reasons[Reason.TARGET_REJECTED] > 0
    assert not any(row.key.startswith("unnamed") for row in refused), "all were refused, so each is known"
    assert any("E0201" in row.detail or "domain" in row.detail for row in refused) == (link != "404")


def put_products(world: World) -> None:
    world.on_vtex("PUT", "products/9901", {"skus": [{"sku_id": 99010}]})


@pytest.mark.parametrize("link", ["absolute", "404"])
def test_report__that_does_not_name_a_contact_costs_that_contact_alone(
    link: str, office: Office, world: World, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the consent import, which must not leave anybody to the account's default: it is found by halves."""
    world.connectif.knobs.default_newsletter_status = "unsubscribed"
    world.connectif.knobs.error_report_link = link  # type: ignore[assignment]
    create = office.connectif.create_import

    def created(kind: str, csv: FileToSend, *, override_existing: bool) -> Any:
        """Connectif reads the address as something else, which it refuses."""
        content = b"".join(csv.pieces()).replace(b"n03@example.com", b"n03 example.com")
        csv = (
            csv if override_existing else FileToSend(csv.name, csv.content_type, csv.size, lambda: [content])
        )
        return create(kind, csv, override_existing=override_existing)

    monkeypatch.setattr(office.connectif, "create_import", created)
    report = office.sync(Area.CONTACTS, LAST_HOURS, "run")
    there = held(world)
    assert LOST not in there
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {"subscribed"}
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 1}
    (row,) = office.store.outcomes(Area.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert row.key == "n03"


# --- a no that waits


def waits(office: Office, email: str, *, subscribed: bool, at: timedelta = timedelta()) -> None:
    instant = NOON - timedelta(hours=1) + at
    office.store.add_pending(email, subscribed, instant, NOON + timedelta(days=1), 3)


@pytest.mark.parametrize("consent", ["vtex", "none"])
def test_waiting__a_no_keeps_a_new_contact_from_being_subscribed(
    consent: str, office: Office, world: World, people: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    office.change("contacts", consent_for_new_contacts=consent)
    waits(office, "N03@example.com", subscribed=False)
    waits(office, "n04@example.com", subscribed=True)
    waits(office, "stranger@example.com", subscribed=False)
    report = office.sync(Area.CONTACTS, LAST_HOURS, "run")
    yes = "subscribed" if consent == "vtex" else "none"
    there = held(world)
    assert there[LOST]["newsletter_status"] == "none"
    assert {there[email]["newsletter_status"] for email in people if email != LOST} == {yes}
    assert there[LOST]["name"] == "Ana", "all else is sent"
    assert report.counts.reasons == {}
    assert ("1 are not subscribed" in caplog.text) == (consent == "vtex")
    assert "example.com" not in caplog.text


def test_waiting__a_no_that_comes_while_the_files_are_sent(
    office: Office, world: World, people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here: while the file waits for Connectif's queue."""
    create, late = office.connectif.create_import, iter([True])

    def created(*args: Any, **kwargs: Any) -> Any:
        if next(late, False):
            waits(office, LOST, subscribed=False)
            from include.connectif.client import QueueFull  # noqa: PLC0415

            raise QueueFull("full")
        return create(*args, **kwargs)

    monkeypatch.setattr(office.connectif, "create_import", created)
    office.sync(Area.CONTACTS, LAST_HOURS, "run")
    assert held(world)[LOST]["newsletter_status"] == "none"
