"""A purchase is held while its customer's address is unknown, and retried for some days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.outcomes import Outcome, PipelineName, Reason
from tests.builders import SimulatedShop, SyncRunner
from tests.orders import MORNING, calls, day_of, purchases, put_order, put_product, without_baskets

PURCHASES = PipelineName.PURCHASES
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
PROFILE = "11111111-2222-4333-8444-555555555555"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def one_purchase_is_held(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_product(shop)
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "day 1")
    assert report.counts.reasons == {Reason.CONTACT_UNRESOLVED: 1}
    assert report.missing == 0


def customer_appears(shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": PROFILE})


def next_run(runner: SyncRunner, shop: SimulatedShop, days: float = 1, **options: bool) -> dict[Outcome, int]:
    """A run of an hour without orders, that many days later."""
    shop.clock.advance(days * 86_400)
    plan = day_of(MORNING + timedelta(days=days), hours=1)
    report = runner.sync(PURCHASES, plan, f"after {days} days", **options)
    assert report.missing == 0
    return dict(report.counts.outcomes)


def test_held__an_alias_never_becomes_a_contact(shop: SimulatedShop) -> None:
    assert purchases(shop) == {}
    assert not [email for email in shop.table("contacts", by="email") if "ct.vtex.com.br" in email]


def test_held__is_sent_by_the_next_run_when_the_customer_has_a_document(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    customer_appears(shop)
    assert next_run(runner, shop) == {Outcome.SENT: 1}
    assert purchases(shop)["1"]["contact_email"] == "late@example.com"
    assert next_run(runner, shop, 2) == {}, "and never again"


def test_held__stays_held_while_the_address_is_unknown(runner: SyncRunner, shop: SimulatedShop) -> None:
    assert next_run(runner, shop, 1) == {Outcome.HELD: 1}
    assert next_run(runner, shop, 1.5) == {Outcome.HELD: 1}
    customer_appears(shop)
    assert next_run(runner, shop, 0.2) == {Outcome.SENT: 1}


def test_held__is_not_retried_after_held_days(runner: SyncRunner, shop: SimulatedShop) -> None:
    customer_appears(shop)
    runner.change("purchases", held_days=2)
    assert next_run(runner, shop, 2.5) == {}
    assert purchases(shop) == {}


def test_held__triggers_no_workflows_when_it_is_old(runner: SyncRunner, shop: SimulatedShop) -> None:
    customer_appears(shop)
    next_run(runner, shop, 2.5)
    assert set(purchases(shop)) == {"1"}
    assert shop.on_connectif("GET", "workflows") == []


def test_held__is_closed_when_the_order_is_canceled(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id=PROFILE, fixed_status="canceled")
    assert next_run(runner, shop) == {Outcome.EXCLUDED: 1}
    assert next_run(runner, shop, 0.5) == {}


def test_held__is_not_retried_by_a_back_fill(runner: SyncRunner, shop: SimulatedShop) -> None:
    customer_appears(shop)
    assert next_run(runner, shop, backfill=True) == {}
    assert next_run(runner, shop, 0.5) == {Outcome.SENT: 1}


def test_held__a_dry_run_neither_sends_nor_closes_it(runner: SyncRunner, shop: SimulatedShop) -> None:
    customer_appears(shop)
    assert next_run(runner, shop, 0.5, dry_run=True) == {Outcome.SENT: 1}
    assert purchases(shop) == {}
    assert next_run(runner, shop, 1) == {Outcome.SENT: 1}


def test_held__is_sent_with_all_parts_of_its_checkout(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "2-01", MORNING, email=ALIAS, profile_id=PROFILE)
    put_order(shop, "2-02", MORNING, email=ALIAS, profile_id=PROFILE)
    runner.sync(PURCHASES, day_of(MORNING, hours=1), "day 1 again")
    customer_appears(shop)
    assert next_run(runner, shop) == {Outcome.SENT: 3}
    assert purchases(shop)["2"]["total_quantity"] == 2


def test_addresses__are_searched_fifty_at_a_time(runner: SyncRunner, shop: SimulatedShop) -> None:
    for number in range(120):
        profile = f"22222222-2222-4333-8444-{number:012}"
        put_order(shop, f"9{number:03}-01", MORNING, email=ALIAS, profile_id=profile)
        shop.on_vtex("PUT", f"documents/d{number}", {"email": f"c{number}@example.com", "userId": profile})
    shop.on_vtex("DELETE", "journal")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "many")
    assert report.counts.outcomes == {Outcome.SENT: 120, Outcome.HELD: 1}
    assert calls(shop, "md search") == 3
