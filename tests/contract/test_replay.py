"""A replay sends only records that were not sent before, and does not change the state of other records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, TemporaryError
from include.outcomes import Outcome, PipelineName, Reason
from include.report import Tracking
from include.state import StoredOutcome
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, replay_of, window_ending
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


def put_document(shop: SimulatedShop, document_id: str, email: str | None, **fields: Any) -> None:
    shop.on_vtex("PUT", f"documents/{document_id}", {"createdIn": RECENT, "email": email, **fields})


def row_of(runner: SyncRunner, pipeline: PipelineName, key: str) -> StoredOutcome:
    return next(row for row in runner.state.records.outcomes(pipeline) if row.key == key)


# --- contacts


@pytest.fixture
def two_without_an_address(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_document(shop, "one", None)
    put_document(shop, "two", "nobody")
    report = runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "day 1")
    assert {Reason.EMAIL_MISSING, Reason.EMAIL_INVALID} <= report.counts.reasons.keys()


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_were_corrected_are_sent_and_their_outcomes_are_closed(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_document(shop, "one", "one@example.com")
    put_document(shop, "two", "two@example.com")
    report = runner.sync(PipelineName.CONTACTS, replay_of("email_missing"), "replay")
    assert report.counts.outcomes[Outcome.SENT] >= 1
    assert "one@example.com" in shop.table("contacts", by="email")
    assert "two@example.com" not in shop.table("contacts", by="email")
    assert row_of(runner, PipelineName.CONTACTS, "one").outcome is Outcome.SENT
    assert row_of(runner, PipelineName.CONTACTS, "two").reason is Reason.EMAIL_INVALID
    assert runner.sync(PipelineName.CONTACTS, replay_of("two"), "by key").counts.outcomes == {Outcome.SENT: 1}
    with pytest.raises(ConfigurationError, match="the key of an unsent record"):
        runner.sync(PipelineName.CONTACTS, replay_of("two"), "and no more after that")


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__of_several_keys_are_sent_and_sent_ones_are_reported(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    put_document(shop, "one", "one@example.com")
    put_document(shop, "two", "two@example.com")
    report = runner.sync(PipelineName.CONTACTS, replay_of("one,two"), "both")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert report.counts.notes == []
    put_document(shop, "three", None)
    runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "day 2")
    put_document(shop, "three", "three@example.com")
    report = runner.sync(PipelineName.CONTACTS, replay_of("one,three"), "one of both")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert report.counts.notes == ["chosen keys that have no unsent record any more: 1"]
    assert "1 of 2 chosen keys have no unsent record any more: one." in caplog.text
    with pytest.raises(ConfigurationError, match="the key of an unsent record"):
        runner.sync(PipelineName.CONTACTS, replay_of("one,three"), "none of both")


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_a_daily_run_sends_later_are_no_longer_rejected(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_document(shop, "one", "one@example.com")
    runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "day 2")
    row = row_of(runner, PipelineName.CONTACTS, "one")
    assert (row.outcome, row.reason, row.run_key) == (Outcome.SENT, None, "day 2")


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_replay_activates_and_covers_nothing(runner: SyncRunner) -> None:
    before = runner.state.progress.covered(PipelineName.CONTACTS)
    runner.sync(PipelineName.CONTACTS, replay_of(), "replay")
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)
    assert runner.state.progress.covered(PipelineName.CONTACTS) == before


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_dry_replay_writes_nothing(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_document(shop, "one", "one@example.com")
    shop.on_connectif("DELETE", "journal")
    before = shop.target()
    report = runner.sync(PipelineName.CONTACTS, replay_of("one"), "dry", dry_run=True)
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert shop.target() == before
    assert shop.writes() == {}
    assert row_of(runner, PipelineName.CONTACTS, "one").reason is Reason.EMAIL_MISSING


def test_contacts__a_replayed_duplicate_does_not_replace_the_later_document(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_document(shop, "older", "twin@example.com", firstName="Old", updatedIn=RECENT)
    put_document(shop, "newer", "Twin@Example.com", firstName="New", updatedIn=LATER)
    runner.sync(PipelineName.CONTACTS, window_ending(NOON, hours=4), "run")
    report = runner.sync(PipelineName.CONTACTS, replay_of("older"), "replay")
    assert report.counts.reasons == {Reason.DUPLICATE_EMAIL: 1}
    assert shop.table("contacts", by="email")["twin@example.com"]["name"] == "New"
    shop.on_vtex("DELETE", "documents/newer")
    assert runner.sync(PipelineName.CONTACTS, replay_of("older"), "again").counts.outcomes == {
        Outcome.SENT: 1
    }
    assert shop.table("contacts", by="email")["twin@example.com"]["name"] == "Old"


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__that_vtex_does_not_have_are_counted_in_a_note(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("DELETE", "documents/one")
    report = runner.sync(PipelineName.CONTACTS, replay_of("one"), "replay")
    assert (report.counts.read, report.counts.notes) == (0, ["VTEX does not show 1 of 1 replayed records"])


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__are_read_one_by_one_if_ids_cannot_be_filtered(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.fault_at_vtex("md search", calls=1, status=400, body={"Message": "Invalid filter"})
    put_document(shop, "one", "one@example.com")
    assert runner.sync(PipelineName.CONTACTS, replay_of("one"), "replay").counts.outcomes == {Outcome.SENT: 1}


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__many_repeated_rejects_do_not_fail_the_run(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("run", reject_limit_minimum=1)
    report = runner.sync(PipelineName.CONTACTS, replay_of(), "replay")
    assert report.counts.outcomes[Outcome.REJECTED] == report.counts.read > 1


def test_contacts__a_replay_without_records_succeeds(runner: SyncRunner, shop: SimulatedShop) -> None:
    for pipeline in (PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES):
        assert runner.sync(pipeline, replay_of(), f"replay {pipeline}").counts.read == 0
    assert shop.writes() == {}


@pytest.mark.usefixtures("two_without_an_address")
def test_contacts__a_retry_of_a_replay_reads_the_same_records(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_document(shop, "one", "one@example.com")
    shop.fault_at_connectif("create import", calls=30, status=503)
    with pytest.raises(TemporaryError):
        runner.sync(PipelineName.CONTACTS, replay_of(), "replay")
    shop.on_connectif("DELETE", "faults")
    report = runner.sync(PipelineName.CONTACTS, replay_of(), "replay")
    assert report.counts.outcomes[Outcome.SENT] == 1


# --- products


def put_catalogue_product(shop: SimulatedShop, name: str = "Chaleira") -> None:
    shop.on_vtex("PUT", "products/9901", {"name": name, "skus": [{"sku_id": 99010}, {"sku_id": 99011}]})


def test_products__a_replay_sends_only_its_records_and_keeps_the_catalogue(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_catalogue_product(shop, name="")
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    before = runner.run(PipelineName.PRODUCTS, EVERYTHING, "look").kept.read_frame(
        runner.state.catalogue.last_path() or ""
    )
    put_catalogue_product(shop)
    shop.vtex.knobs.search_omission_share = 0.0
    shop.on_connectif("DELETE", "journal")
    report = runner.sync(PipelineName.PRODUCTS, replay_of("name_missing"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert report.counts.written == 1
    after = runner.run(PipelineName.PRODUCTS, EVERYTHING, "look").kept.read_frame(
        runner.state.catalogue.last_path() or ""
    )
    assert set(after["productId"]) == {*before["productId"], "9901"}
    assert not after["withdrawn"].any()
    assert row_of(runner, PipelineName.PRODUCTS, "9901").outcome is Outcome.SENT
    assert calls(shop, "product ids") == 1, "only the first run read the list"


def test_products__a_replay_withdraws_nothing_and_is_not_blocked(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    put_catalogue_product(shop, name="")
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 2")
    shop.vtex.knobs.search_omission_share = 1.0
    before = shop.table("products", by="product_id")
    report = runner.sync(PipelineName.PRODUCTS, replay_of("9901"), "replay")
    assert report.counts.read == 0
    assert report.counts.notes == ["VTEX does not show 1 of 1 replayed records"]
    assert shop.table("products", by="product_id") == before


def test_products__with_sku_ids_are_replayed_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("products", product_id_source="sku")
    priceless = {"offers": [], "base_price": None, "has_price": False}
    skus = [{"sku_id": 99010, **priceless}, {"sku_id": 99011}]
    shop.on_vtex("PUT", "products/9901", {"name": "Chaleira", "skus": skus})
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    shop.on_vtex("PUT", "products/9901", {"name": "Nova", "skus": [{"sku_id": 99010}, {"sku_id": 99011}]})
    report = runner.sync(PipelineName.PRODUCTS, replay_of("99010"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    names = {key: row["name"] for key, row in shop.table("products", by="product_id").items()}
    assert names["99010"].startswith("Nova")
    assert not names["99011"].startswith("Nova")


# --- purchases


@pytest.fixture
def undisturbed_shop(shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_product(shop)
    put_buyer(shop)


def customer_appears(shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": PROFILE})


@pytest.mark.usefixtures("undisturbed_shop")
@pytest.mark.parametrize("wanted", ["all", "contact_unresolved", "1", "1-01", "1-01,1-02", "1,1-02"])
def test_purchases__held_for_too_long_are_sent_by_a_replay(
    wanted: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    put_order(shop, "1-02", MORNING, email=ALIAS, profile_id=PROFILE)
    put_order(shop, "2-01", MORNING, affiliate="MKT")
    runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "day 1")
    shop.clock.advance(30 * 86_400)
    customer_appears(shop)
    report = runner.sync(PipelineName.PURCHASES, replay_of(wanted), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert purchases(shop)["1"]["contact_email"] == "late@example.com"
    assert purchases(shop)["1"]["total_quantity"] == 2
    assert {row.key: row.outcome for row in runner.state.records.outcomes(PipelineName.PURCHASES)} == {
        "1-01": Outcome.SENT, "1-02": Outcome.SENT, "2-01": Outcome.EXCLUDED
    }  # fmt: skip
    assert shop.on_connectif("GET", "workflows") == [], "old purchases trigger no workflows"
    assert report.counts.tracking == {f"{MORNING:%Y-%m-%d}": Tracking(added=1, whole=False)}


@pytest.mark.usefixtures("undisturbed_shop")
def test_purchases__that_connectif_refused_are_sent_after_a_correction(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    put_order(shop, "1-01", MORNING)
    put_order(shop, "2-01", MORNING)
    runner.sync_refused(PipelineName.PURCHASES, day_of(MORNING, hours=1), "day 1")
    assert {row.detail[:5] for row in runner.state.records.outcomes(PipelineName.PURCHASES)} == {"E0103"}
    shop.connectif.knobs.authorised_domains = []
    report = runner.sync(PipelineName.PURCHASES, replay_of("1"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(shop)) == {"1"}
    assert row_of(runner, PipelineName.PURCHASES, "2-01").reason is Reason.TARGET_REJECTED
    assert len(shop.on_connectif("GET", "workflows")) == 1, "a purchase of this morning triggers a workflow"


@pytest.mark.usefixtures("undisturbed_shop")
def test_purchases__a_replay_finds_those_of_an_unfinished_load(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Results are recorded at once, but the orders' outcomes only when the load finishes."""
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    put_order(shop, "1-01", MORNING)
    put_order(shop, "2-01", MORNING + timedelta(minutes=1))
    shop.fault_at_connectif("create purchase", skip=1, calls=30, status=403, body={})
    with pytest.raises(ConfigurationError):
        runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "day 1")
    shop.on_connectif("DELETE", "faults")
    shop.connectif.knobs.authorised_domains = []
    report = runner.sync(PipelineName.PURCHASES, replay_of("target_rejected"), "replay")
    assert report.counts.outcomes == {Outcome.SENT: 1}


@pytest.mark.usefixtures("undisturbed_shop")
def test_purchases__a_dry_replay_covers_and_writes_nothing(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "day 1")
    covered = runner.state.progress.covered(PipelineName.PURCHASES)
    customer_appears(shop)
    shop.on_connectif("DELETE", "journal")
    shop.on_vtex("DELETE", "journal")
    dry = runner.sync(PipelineName.PURCHASES, replay_of(), "dry", dry_run=True)
    assert dry.counts.outcomes == {Outcome.SENT: 1}
    assert shop.writes() == {}
    runner.sync(PipelineName.PURCHASES, replay_of(), "replay")
    assert runner.state.progress.covered(PipelineName.PURCHASES) == covered


@pytest.mark.usefixtures("undisturbed_shop")
def test_purchases__that_were_canceled_are_closed(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "day 1")
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE, fixed_status="canceled")
    assert runner.sync(PipelineName.PURCHASES, replay_of(), "replay").counts.reasons == {
        Reason.ORDER_CANCELED: 1
    }
    assert runner.sync(PipelineName.PURCHASES, replay_of(), "again").counts.read == 0
