"""A replay takes up what was not sent, that alone, and changes nothing of what a run knows about the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, TemporaryError
from include.outcomes import Area, Outcome, Reason
from include.store import StoredOutcome
from tests.builders import EVERYTHING, NOON, Office, World, replay_of, window_ending
from tests.orders import (
    MORNING,
    calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    without_baskets,
)

RECENT = "2026-11-23T09:00:00.0000000Z"
LATER = "2026-11-23T10:00:00.0000000Z"
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
PROFILE = "11111111-2222-4333-8444-555555555555"


def put_document(world: World, document_id: str, email: str | None, **fields: Any) -> None:
    world.on_vtex("PUT", f"documents/{document_id}", {"createdIn": RECENT, "email": email, **fields})


def row_of(office: Office, area: Area, key: str) -> StoredOutcome:
    return next(row for row in office.store.outcomes(area) if row.key == key)


# --- contacts


@pytest.fixture
def two_without_an_address(office: Office, world: World) -> None:
    put_document(world, "one", None)
    put_document(world, "two", "nobody")
    report = office.sync(Area.CONTACTS, window_ending(NOON, hours=4), "day 1")
    assert {Reason.EMAIL_MISSING, Reason.EMAIL_INVALID} <= report.counts.reasons.keys()


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_were_mended_are_sent_and_their_rows_say_so(office: Office, world: World) -> None:
    put_document(world, "one", "one@example.com")
    put_document(world, "two", "two@example.com")
    report = office.sync(Area.CONTACTS, replay_of("email_missing"), "replay")
    assert report.counts.outcomes[Outcome.SENT] >= 1
    assert "one@example.com" in world.table("contacts", by="email")
    assert "two@example.com" not in world.table("contacts", by="email")
    assert row_of(office, Area.CONTACTS, "one").outcome is Outcome.SENT
    assert row_of(office, Area.CONTACTS, "two").reason is Reason.EMAIL_INVALID
    assert office.sync(Area.CONTACTS, replay_of("two"), "by key").counts.outcomes == {Outcome.SENT: 1}
    with pytest.raises(ConfigurationError, match="that waits to be sent"):
        office.sync(Area.CONTACTS, replay_of("two"), "and no more after that")


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_an_ordinary_run_sends_later_are_no_rejects_any_more(
    office: Office, world: World
) -> None:
    put_document(world, "one", "one@example.com")
    office.sync(Area.CONTACTS, window_ending(NOON, hours=4), "day 2")
    row = row_of(office, Area.CONTACTS, "one")
    assert (row.outcome, row.reason, row.run_key) == (Outcome.SENT, None, "day 2")


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_replay_activates_and_covers_nothing(office: Office) -> None:
    before = office.store.covered(Area.CONTACTS)
    office.sync(Area.CONTACTS, replay_of(), "replay")
    assert not office.store.is_activated(Area.CONTACTS)
    assert office.store.covered(Area.CONTACTS) == before


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_dry_replay_writes_nothing(office: Office, world: World) -> None:
    put_document(world, "one", "one@example.com")
    world.on_connectif("DELETE", "journal")
    before = world.target()
    report = office.sync(Area.CONTACTS, replay_of("one"), "dry", dry_run=True)
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert world.target() == before
    assert world.writes() == {}
    assert row_of(office, Area.CONTACTS, "one").reason is Reason.EMAIL_MISSING


def test_contacts__a_replayed_duplicate_does_not_win_over_the_later_document(
    office: Office, world: World
) -> None:
    put_document(world, "older", "twin@example.com", firstName="Old", updatedIn=RECENT)
    put_document(world, "newer", "Twin@Example.com", firstName="New", updatedIn=LATER)
    office.sync(Area.CONTACTS, window_ending(NOON, hours=4), "run")
    report = office.sync(Area.CONTACTS, replay_of("older"), "replay")
    assert report.counts.reasons == {Reason.DUPLICATE_EMAIL: 1}
    assert world.table("contacts", by="email")["twin@example.com"]["name"] == "New"
    world.on_vtex("DELETE", "documents/newer")
    assert office.sync(Area.CONTACTS, replay_of("older"), "again").counts.outcomes == {Outcome.SENT: 1}
    assert world.table("contacts", by="email")["twin@example.com"]["name"] == "Old"


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_are_gone_are_named_by_number(office: Office, world: World) -> None:
    world.on_vtex("DELETE", "documents/one")
    report = office.sync(Area.CONTACTS, replay_of("one"), "replay")
    assert (report.counts.read, report.counts.notes) == (0, ["1 of 1 replayed records are not shown by VTEX"])


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__are_read_one_by_one_where_ids_cannot_be_filtered(office: Office, world: World) -> None:
    world.fault_at_vtex("md search", calls=1, status=400, body={"Message": "Invalid filter"})
    put_document(world, "one", "one@example.com")
    assert office.sync(Area.CONTACTS, replay_of("one"), "replay").counts.outcomes == {Outcome.SENT: 1}


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__many_rejects_again_are_no_alarm(office: Office, world: World) -> None:
    office.change("run", reject_limit_minimum=1)
    report = office.sync(Area.CONTACTS, replay_of(), "replay")
    assert report.counts.outcomes[Outcome.REJECTED] == report.counts.read > 1


def test_contacts__nothing_to_replay_is_a_quiet_run(office: Office, world: World) -> None:
    for area in (Area.CONTACTS, Area.PRODUCTS, Area.PURCHASES):
        assert office.sync(area, replay_of(), f"replay {area}").counts.read == 0
    assert world.writes() == {}


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_retry_of_a_replay_takes_up_the_same_records(office: Office, world: World) -> None:
    put_document(world, "one", "one@example.com")
    world.fault_at_connectif("create import", calls=30, status=503)
    with pytest.raises(TemporaryError):
        office.sync(Area.CONTACTS, replay_of(), "replay")
    world.on_connectif("DELETE", "faults")
    report = office.sync(Area.CONTACTS, replay_of(), "replay")
    assert report.counts.outcomes[Outcome.SENT] == 1


# --- products


def put_catalogue_product(world: World, name: str = "Chaleira") -> None:
    world.on_vtex("PUT", "products/9901", {"name": name, "skus": [{"sku_id": 99010}, {"sku_id": 99011}]})


def test_products__a_replay_sends_only_its_own_and_keeps_the_catalogue(office: Office, world: World) -> None:
    put_catalogue_product(world, name="")
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    before = office.run(Area.PRODUCTS, EVERYTHING, "look").kept.read_frame(
        office.store.last_catalogue() or ""
    )
    put_catalogue_product(world)
    world.vtex.knobs.search_omission_share = 0.0
    world.on_connectif("DELETE", "journal")
    report = office.sync(Area.PRODUCTS, replay_of("name_missing"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert report.counts.written == 1
    after = office.run(Area.PRODUCTS, EVERYTHING, "look").kept.read_frame(office.store.last_catalogue() or "")
    assert set(after["productId"]) == {*before["productId"], "9901"}
    assert not after["withdrawn"].any()
    assert row_of(office, Area.PRODUCTS, "9901").outcome is Outcome.SENT
    assert calls(world, "product ids") == 1, "only the first run read the list"


def test_products__a_replay_says_no_goodbye_and_meets_no_brake(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    put_catalogue_product(world, name="")
    office.sync(Area.PRODUCTS, EVERYTHING, "day 2")
    world.vtex.knobs.search_omission_share = 1.0
    before = world.table("products", by="product_id")
    report = office.sync(Area.PRODUCTS, replay_of("9901"), "replay")
    assert report.counts.read == 0
    assert report.counts.notes == ["1 of 1 replayed records are not shown by VTEX"]
    assert world.table("products", by="product_id") == before


def test_products__of_a_shop_with_skus_as_products_go_alone(office: Office, world: World) -> None:
    office.change("products", product_id_source="sku")
    priceless = {"offers": [], "base_price": None, "has_price": False}
    skus = [{"sku_id": 99010, **priceless}, {"sku_id": 99011}]
    world.on_vtex("PUT", "products/9901", {"name": "Chaleira", "skus": skus})
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    world.on_vtex("PUT", "products/9901", {"name": "Nova", "skus": [{"sku_id": 99010}, {"sku_id": 99011}]})
    report = office.sync(Area.PRODUCTS, replay_of("99010"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    names = {key: row["name"] for key, row in world.table("products", by="product_id").items()}
    assert names["99010"].startswith("Nova")
    assert not names["99011"].startswith("Nova")


# --- purchases


@pytest.fixture
def quiet_shop(world: World) -> None:
    without_baskets(world)
    put_product(world)
    put_buyer(world)


def customer_appears(world: World) -> None:
    world.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": PROFILE})


@pytest.mark.usefixtures("quiet_shop")
@pytest.mark.parametrize("wanted", ["all", "contact_unresolved", "1", "1-01"])
def test_purchases__held_too_long_go_by_a_replay(wanted: str, office: Office, world: World) -> None:
    put_order(world, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    put_order(world, "1-02", MORNING, email=ALIAS, profile_id=PROFILE)
    put_order(world, "2-01", MORNING, affiliate="MKT")
    office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "day 1")
    world.clock.advance(30 * 86_400)
    customer_appears(world)
    report = office.sync(Area.PURCHASES, replay_of(wanted), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert purchases(world)["1"]["contact_email"] == "late@example.com"
    assert purchases(world)["1"]["total_quantity"] == 2
    assert {row.key: row.outcome for row in office.store.outcomes(Area.PURCHASES)} == {
        "1-01": Outcome.SENT, "1-02": Outcome.SENT, "2-01": Outcome.EXCLUDED
    }  # fmt: skip
    assert world.on_connectif("GET", "workflows") == [], "history is quiet"
    assert report.counts.tracking == {}


@pytest.mark.usefixtures("quiet_shop")
def test_purchases__that_the_target_refused_go_when_it_has_been_mended(office: Office, world: World) -> None:
    world.connectif.knobs.authorised_domains = ["elsewhere.example"]
    put_order(world, "1-01", MORNING)
    put_order(world, "2-01", MORNING)
    office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "day 1")
    assert {row.detail[:5] for row in office.store.outcomes(Area.PURCHASES)} == {"E0103"}
    world.connectif.knobs.authorised_domains = []
    report = office.sync(Area.PURCHASES, replay_of("1"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(world)) == {"1"}
    assert row_of(office, Area.PURCHASES, "2-01").reason is Reason.TARGET_REJECTED
    assert len(world.on_connectif("GET", "workflows")) == 1, "a purchase of this morning is no history"


@pytest.mark.usefixtures("quiet_shop")
def test_purchases__a_replay_finds_those_of_a_load_that_never_ended(office: Office, world: World) -> None:
    """Answers are written down at once, the records' outcomes only by a load that ends."""
    world.connectif.knobs.authorised_domains = ["elsewhere.example"]
    put_order(world, "1-01", MORNING)
    put_order(world, "2-01", MORNING + timedelta(minutes=1))
    world.fault_at_connectif("create purchase", skip=1, calls=30, status=403, body={})
    with pytest.raises(ConfigurationError):
        office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "day 1")
    world.on_connectif("DELETE", "faults")
    world.connectif.knobs.authorised_domains = []
    report = office.sync(Area.PURCHASES, replay_of("target_rejected"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}


@pytest.mark.usefixtures("quiet_shop")
def test_purchases__a_replay_covers_nothing_and_writes_nothing_when_dry(office: Office, world: World) -> None:
    put_order(world, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "day 1")
    covered = office.store.covered(Area.PURCHASES)
    customer_appears(world)
    world.on_connectif("DELETE", "journal")
    world.on_vtex("DELETE", "journal")
    dry = office.sync(Area.PURCHASES, replay_of(), "dry", dry_run=True)
    assert dry.counts.outcomes == {Outcome.SENT: 1}
    assert world.writes() == {}
    office.sync(Area.PURCHASES, replay_of(), "replay")
    assert office.store.covered(Area.PURCHASES) == covered


@pytest.mark.usefixtures("quiet_shop")
def test_purchases__canceled_meanwhile_wait_no_longer(office: Office, world: World) -> None:
    put_order(world, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "day 1")
    put_order(world, "1-01", MORNING, email=ALIAS, profile_id=PROFILE, fixed_status="canceled")
    assert office.sync(Area.PURCHASES, replay_of(), "replay").counts.reasons == {Reason.ORDER_CANCELED: 1}
    assert office.sync(Area.PURCHASES, replay_of(), "again").counts.read == 0
