"""What must never happen, whatever the run: consent touched, aliases sent, half a catalogue believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.errors import TemporaryError, UnsafeChange
from include.outcomes import Area, Outcome, Reason
from tests.builders import EVERYTHING, NOON, Office, World, window_ending


def contacts(world: World) -> dict[str, dict[str, Any]]:
    return world.table("contacts", by="email")


def products(world: World) -> dict[str, dict[str, Any]]:
    return world.table("products", by="product_id")


def put_document(world: World, document_id: str, **fields: Any) -> None:
    world.on_vtex("PUT", f"documents/{document_id}", fields)


# --- consent


@pytest.mark.parametrize("default", ["subscribed", "unsubscribed", "none"])
def test_consent__of_a_contact_that_exists_is_never_touched(
    default: str, office: Office, world: World
) -> None:
    world.connectif.knobs.default_newsletter_status = default  # type: ignore[assignment]
    for status in ("subscribed", "unsubscribed", "none"):
        world.on_connectif("PUT", f"contacts/{status}@example.com", {"_newsletterSubscriptionStatus": status})
        for opted_in in (True, False, None):
            put_document(
                world, f"{status}-{opted_in}", email=f"{status}@example.com", isNewsletterOptIn=opted_in
            )
    before = {email: row["newsletter_status"] for email, row in contacts(world).items()}
    office.sync(Area.CONTACTS, EVERYTHING, "run")
    after = contacts(world)
    assert {email: after[email]["newsletter_status"] for email in before} == before


@pytest.mark.parametrize("consent", ["vtex", "none"])
def test_consent__of_a_new_contact_is_explicit(consent: str, office: Office, world: World) -> None:
    office.change("contacts", consent_for_new_contacts=consent)
    for opted_in in (True, False, None):
        put_document(
            world, f"new-{opted_in}", email=f"new.{opted_in}@example.com", isNewsletterOptIn=opted_in
        )
    before = contacts(world)
    office.sync(Area.CONTACTS, EVERYTHING, "run")
    after = contacts(world)
    new = {email: row["newsletter_status"] for email, row in after.items() if email not in before}
    assert len(new) > 20
    assert set(new.values()) <= {"subscribed", "none"}, "None would be the account's own default"
    yes = "subscribed" if consent == "vtex" else "none"
    assert [new[f"new.{answer}@example.com"] for answer in ("true", "false", "none")] == [yes, "none", "none"]


def test_consent__unsubscribes_nobody_and_so_calls_nobody_back(office: Office, world: World) -> None:
    office.sync(Area.CONTACTS, EVERYTHING, "run")
    assert world.on_connectif("GET", "callbacks")["made"] == []


def test_consent__is_there_before_the_contact_even_if_the_run_dies_between(
    office: Office, world: World
) -> None:
    """The main import never gets through: those whom the first one created have their explicit status."""
    world.fault_at_connectif("create import", skip=1, calls=500, status=503)
    before = contacts(world)
    with pytest.raises(TemporaryError):
        office.sync(Area.CONTACTS, EVERYTHING, "run")
    new = {email: row for email, row in contacts(world).items() if email not in before}
    assert new
    assert {row["newsletter_status"] for row in new.values()} <= {"subscribed", "none"}


def test_consent__of_a_buyer_whom_nobody_knew_is_none(office: Office, world: World) -> None:
    before = contacts(world)
    office.sync(Area.PURCHASES, window_ending(), "run")
    new = {email: row["newsletter_status"] for email, row in contacts(world).items() if email not in before}
    assert new
    assert None not in new.values()
    assert "unsubscribed" not in new.values()


# --- addresses


def test_aliases__arrive_nowhere(office: Office, world: World) -> None:
    put_document(world, "alias-1", email="0a1b2c3d@ct.vtex.com.br")
    put_document(world, "alias-2", email="ana@example.com-12b.ct.vtex.com.br")
    put_document(world, "alias-3", email="a**@example.com")
    office.sync(Area.CONTACTS, EVERYTHING, "contacts")
    office.sync(Area.PURCHASES, window_ending(), "purchases")
    addresses = [
        *contacts(world),
        *(row["contact_email"] for row in world.table("purchases", by="row").values()),
    ]
    assert [email for email in addresses if "ct.vtex.com" in email or "*" in email] == []


def test_addresses__two_spellings_are_one_contact(office: Office, world: World) -> None:
    put_document(world, "d1", email="Twin@Example.com", firstName="Old", updatedIn="2026-01-01T00:00:00Z")
    put_document(world, "d2", email=" twin@example.COM", firstName="New", updatedIn="2026-02-01T00:00:00Z")
    report = office.sync(Area.CONTACTS, EVERYTHING, "run")
    assert [row["name"] for email, row in contacts(world).items() if email.lower() == "twin@example.com"] == [
        "New"
    ]
    assert report.counts.reasons[Reason.DUPLICATE_EMAIL] >= 1


# --- the catalogue


def test_brake__half_a_catalogue_is_not_believed(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "yesterday")
    before = products(world)
    world.vtex.knobs.search_omission_share = 0.75
    for url in (world.on_vtex, world.on_connectif):
        url("DELETE", "journal")
    with pytest.raises(
        UnsafeChange, match=r"of \d+ products sent last time, \d+ would turn out of stock and \d+ would"
    ):
        office.sync(Area.PRODUCTS, EVERYTHING, "today")
    assert world.writes() == {}
    assert products(world) == before


def test_brake__may_be_let_go(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "yesterday")
    world.vtex.knobs.search_omission_share = 0.75
    report = office.sync(Area.PRODUCTS, EVERYTHING, "today", allow_mass_change=True)
    assert report.missing == 0
    assert len([row for row in products(world).values() if row["availability"] == "outofstock"]) > 10


def test_withdrawn__one_product_says_goodbye_once_and_comes_back(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "one")
    gone = next(key for key, row in products(world).items() if row["availability"] == "instock")
    known = products(world)[gone]
    world.on_vtex("PATCH", f"products/{gone}", {"is_indexed": 0})
    report = office.sync(Area.PRODUCTS, EVERYTHING, "two")
    assert report.counts.notes[-1] == "1 withdrawn"
    row = products(world)[gone]
    assert (row["availability"], row["name"], row["unit_price"]) == (
        "outofstock",
        known["name"],
        known["unit_price"],
    )
    assert office.sync(Area.PRODUCTS, EVERYTHING, "three").counts.read == report.counts.read - 1
    world.on_vtex("PATCH", f"products/{gone}", {"is_indexed": 1})
    office.sync(Area.PRODUCTS, EVERYTHING, "four")
    assert products(world)[gone]["availability"] == "instock"


def test_price__of_zero_never_arrives(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "run")
    assert all(row["unit_price"] and row["unit_price"] > 0 for row in products(world).values())


def test_links__never_hold_the_host_that_was_called(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "products")
    office.sync(Area.PURCHASES, window_ending(), "purchases")
    lines = "".join(row["products"] for row in world.table("purchases", by="row").values())
    assert "127.0.0.1" not in lines
    assert all(row["url"].startswith("https://www.sandbox-shop.example/") for row in products(world).values())


# --- windows


def test_window__takes_new_and_changed_customers_and_no_others(office: Office, world: World) -> None:
    old, recent = "2020-01-01T00:00:00.0000000Z", "2026-11-23T09:00:00.0000000Z"
    put_document(world, "new", email="new@example.com", createdIn=recent, updatedIn=None)
    put_document(world, "changed", email="changed@example.com", createdIn=old, updatedIn=recent)
    put_document(world, "old", email="old@example.com", createdIn=old, updatedIn=old)
    office.sync(Area.CONTACTS, window_ending(NOON, hours=4), "run")
    assert {"new@example.com", "changed@example.com"} <= contacts(world).keys()
    assert "old@example.com" not in contacts(world)


def test_window__is_covered_and_a_full_load_activates(office: Office) -> None:
    assert not office.store.is_activated(Area.CONTACTS)
    office.sync(Area.CONTACTS, window_ending(), "window")
    assert not office.store.is_activated(Area.CONTACTS)
    assert window_ending().window in office.store.covered(Area.CONTACTS)
    office.sync(Area.CONTACTS, EVERYTHING, "full")
    assert office.store.is_activated(Area.CONTACTS)


def test_window__of_purchases_that_lies_ahead_is_read_as_far_as_it_has_come(
    office: Office, world: World
) -> None:
    began = world.clock.now()
    report = office.sync(Area.PURCHASES, window_ending(NOON + timedelta(days=3), hours=96), "run")
    assert world.clock.now() - began < timedelta(hours=1), "nobody waits for three days"
    assert report.counts.outcomes[Outcome.SENT] > 0


def test_history__is_quiet_in_a_backfill_and_when_old(office: Office, world: World) -> None:
    office.sync(Area.PURCHASES, window_ending(), "backfill", backfill=True)
    office.sync(Area.PURCHASES, window_ending(NOON - timedelta(hours=50)), "old")
    assert world.target()["workflows"] == 0
