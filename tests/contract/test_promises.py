"""Guarantees of every run: it keeps consent, sends no aliases, and trusts no incomplete catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.errors import TemporaryError, UnsafeChange
from include.outcomes import Outcome, PipelineName, Reason
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, window_ending


def contacts(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("contacts", by="email")


def products(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("products", by="product_id")


def put_document(shop: SimulatedShop, document_id: str, **fields: Any) -> None:
    shop.on_vtex("PUT", f"documents/{document_id}", fields)


# --- consent


@pytest.mark.parametrize("default", ["subscribed", "unsubscribed", "none"])
def test_consent__of_an_existing_contact_never_changes(
    default: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.default_newsletter_status = default  # type: ignore[assignment]
    for status in ("subscribed", "unsubscribed", "none"):
        shop.on_connectif("PUT", f"contacts/{status}@example.com", {"_newsletterSubscriptionStatus": status})
        for opted_in in (True, False, None):
            put_document(
                shop, f"{status}-{opted_in}", email=f"{status}@example.com", isNewsletterOptIn=opted_in
            )
    before = {email: row["newsletter_status"] for email, row in contacts(shop).items()}
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    after = contacts(shop)
    assert {email: after[email]["newsletter_status"] for email in before} == before


@pytest.mark.parametrize("consent", ["vtex", "none"])
def test_consent__of_a_new_contact_is_explicit(consent: str, runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("contacts", consent_for_new_contacts=consent)
    for opted_in in (True, False, None):
        put_document(shop, f"new-{opted_in}", email=f"new.{opted_in}@example.com", isNewsletterOptIn=opted_in)
    before = contacts(shop)
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    after = contacts(shop)
    new = {email: row["newsletter_status"] for email, row in after.items() if email not in before}
    assert len(new) > 20
    assert set(new.values()) <= {"subscribed", "none"}, "a status of None means the account's own default"
    yes = "subscribed" if consent == "vtex" else "none"
    assert [new[f"new.{answer}@example.com"] for answer in ("true", "false", "none")] == [yes, "none", "none"]


def test_consent__unsubscribes_no_contact_and_causes_no_callback(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    assert shop.on_connectif("GET", "callbacks")["made"] == []


def test_consent__is_explicit_even_if_the_run_fails_after_the_first_import(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The main import fails: the contacts of the first import have an explicit status."""
    shop.fault_at_connectif("create import", skip=1, calls=500, status=503)
    before = contacts(shop)
    with pytest.raises(TemporaryError):
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    new = {email: row for email, row in contacts(shop).items() if email not in before}
    assert new
    assert {row["newsletter_status"] for row in new.values()} <= {"subscribed", "none"}


def test_consent__of_an_unknown_buyer_is_none(runner: SyncRunner, shop: SimulatedShop) -> None:
    before = contacts(shop)
    runner.sync(PipelineName.PURCHASES, window_ending(), "run")
    new = {email: row["newsletter_status"] for email, row in contacts(shop).items() if email not in before}
    assert new
    assert None not in new.values()
    assert "unsubscribed" not in new.values()


# --- addresses


def test_aliases__are_never_sent(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_document(shop, "alias-1", email="0a1b2c3d@ct.vtex.com.br")
    put_document(shop, "alias-2", email="ana@example.com-12b.ct.vtex.com.br")
    put_document(shop, "alias-3", email="a**@example.com")
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "contacts")
    runner.sync(PipelineName.PURCHASES, window_ending(), "purchases")
    addresses = [
        *contacts(shop),
        *(row["contact_email"] for row in shop.table("purchases", by="row").values()),
    ]
    assert [email for email in addresses if "ct.vtex.com" in email or "*" in email] == []


def test_addresses__two_spellings_are_one_contact(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_document(shop, "d1", email="Twin@Example.com", firstName="Old", updatedIn="2026-01-01T00:00:00Z")
    put_document(shop, "d2", email=" twin@example.COM", firstName="New", updatedIn="2026-02-01T00:00:00Z")
    report = runner.sync(PipelineName.CONTACTS, EVERYTHING, "run")
    assert [row["name"] for email, row in contacts(shop).items() if email.lower() == "twin@example.com"] == [
        "New"
    ]
    assert report.counts.reasons[Reason.DUPLICATE_EMAIL] >= 1


# --- the catalogue


def test_mass_change_guard__blocks_an_incomplete_catalogue(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    before = products(shop)
    shop.vtex.knobs.search_omission_share = 0.75
    for url in (shop.on_vtex, shop.on_connectif):
        url("DELETE", "journal")
    with pytest.raises(
        UnsafeChange, match=r"of \d+ products sent last time, \d+ would turn out of stock and \d+ would"
    ):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert shop.writes() == {}
    assert products(shop) == before


def test_mass_change_guard__can_be_allowed(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    shop.vtex.knobs.search_omission_share = 0.75
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today", allow_mass_change=True)
    assert report.missing == 0
    assert len([row for row in products(shop).values() if row["availability"] == "outofstock"]) > 10


def test_withdrawn__a_product_is_withdrawn_once_and_comes_back(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    withdrawn = next(key for key, row in products(shop).items() if row["availability"] == "instock")
    known = products(shop)[withdrawn]
    shop.on_vtex("PATCH", f"products/{withdrawn}", {"is_indexed": 0})
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two")
    assert report.counts.notes[-1] == "1 withdrawn"
    row = products(shop)[withdrawn]
    assert (row["availability"], row["name"], row["unit_price"]) == (
        "outofstock",
        known["name"],
        known["unit_price"],
    )
    assert runner.sync(PipelineName.PRODUCTS, EVERYTHING, "three").counts.read == report.counts.read - 1
    shop.on_vtex("PATCH", f"products/{withdrawn}", {"is_indexed": 1})
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "four")
    assert products(shop)[withdrawn]["availability"] == "instock"


def test_price__of_zero_is_never_sent(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run")
    assert all(row["unit_price"] and row["unit_price"] > 0 for row in products(shop).values())


def test_links__never_contain_the_api_host(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "products")
    runner.sync(PipelineName.PURCHASES, window_ending(), "purchases")
    lines = "".join(row["products"] for row in shop.table("purchases", by="row").values())
    assert "127.0.0.1" not in lines
    assert all(row["url"].startswith("https://www.sandbox-shop.example/") for row in products(shop).values())


# --- windows


def test_window__reads_only_new_and_changed_customers(runner: SyncRunner, shop: SimulatedShop) -> None:
    old, recent = "2020-01-01T00:00:00.0000000Z", "2026-11-23T09:00:00.0000000Z"
    put_document(shop, "new", email="new@example.com", createdIn=recent, updatedIn=None)
    put_document(shop, "changed", email="changed@example.com", createdIn=old, updatedIn=recent)
    put_document(shop, "old", email="old@example.com", createdIn=old, updatedIn=old)
    runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "run")
    assert {"new@example.com", "changed@example.com"} <= contacts(shop).keys()
    assert "old@example.com" not in contacts(shop)


def test_window__is_recorded_and_a_full_load_activates(runner: SyncRunner) -> None:
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)
    runner.sync(PipelineName.CONTACTS, window_ending(), "window")
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)
    assert window_ending().window in runner.state.progress.covered(PipelineName.CONTACTS)
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "full")
    assert runner.state.progress.is_activated(PipelineName.CONTACTS)


def test_window__of_purchases_in_the_future_is_read_until_now(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    began = shop.clock.now()
    report = runner.sync(PipelineName.PURCHASES, window_ending(NOON + timedelta(days=3), hours=96), "run")
    assert shop.clock.now() - began < timedelta(hours=1), "the run does not wait for the end of the window"
    assert report.counts.outcomes[Outcome.SENT] > 0


def test_workflows__do_not_fire_in_a_backfill_or_for_old_purchases(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PURCHASES, window_ending(), "backfill", backfill=True)
    runner.sync(PipelineName.PURCHASES, window_ending(NOON - timedelta(hours=50)), "old")
    assert shop.target()["workflows"] == 0
