"""Purchases of both sides by id: each difference has a cause, and a repair sends the missing ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.outcomes import Cause, PipelineName
from include.report import Compared
from tests.builders import SimulatedShop, SyncRunner, window_ending
from tests.orders import (
    EMAIL,
    LINE,
    MORNING,
    calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    put_purchase,
    vtex_instant,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
HOUR = timedelta(hours=1)
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
SEEDED = window_ending(hours=48)
ORDER = day_of(MORNING, hours=2)


def writes_but_exports(shop: SimulatedShop) -> dict[str, int]:
    return {route: number for route, number in shop.writes().items() if route != "create export"}


def named(found: Compared) -> dict[Cause, list[str]]:
    return found.examples


# --- the whole shop


def test_reconcile__names_and_repairs_three_deleted_purchases(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PURCHASES, SEEDED, "sync")
    complete = purchases(shop)
    removed = sorted(runner.state.purchases.done(complete))[3:30:9]
    for purchase_id in removed:
        shop.on_connectif("DELETE", f"purchases/{purchase_id}")
    shop.on_connectif("DELETE", "journal")
    shop.on_vtex("DELETE", "journal")
    fired = shop.on_connectif("GET", "workflows")

    found = runner.compare(PURCHASES, SEEDED, "compare")
    assert named(found)[Cause.GONE] == removed
    assert writes_but_exports(shop) == {}

    runner.compare(PURCHASES, SEEDED, "repair", repair=True)
    assert calls(shop, "create purchase") == 3
    assert set(purchases(shop)) == set(complete)
    assert shop.on_connectif("GET", "workflows") == fired
    assert Cause.GONE not in runner.compare(PURCHASES, SEEDED, "afterwards").causes


def test_reconcile__of_equal_sides_finds_intended_differences_only(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PURCHASES, SEEDED, "sync")
    found = runner.compare(PURCHASES, SEEDED, "compare")
    assert found.same > 30
    assert {Cause.CANCELED, Cause.EXCLUDED} <= set(found.causes)
    seeded = {Cause.REJECTED, Cause.CANCELED_SINCE}
    assert {cause for cause in found.causes if not cause.is_expected} == seeded, (
        "orders without lines; the tag's, canceled since"
    )


def test_reconcile__reads_details_only_of_orders_that_connectif_lacks(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PURCHASES, SEEDED, "sync")
    shop.on_vtex("DELETE", "journal")
    found = runner.compare(PURCHASES, SEEDED, "compare")
    assert calls(shop, "order detail") < found.compared - found.same + 10


# --- every cause, once


@pytest.fixture
def small_shop(shop: SimulatedShop) -> SimulatedShop:
    """A shop with one product, one customer, and only the purchases of the test."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    return shop


def compare(runner: SyncRunner, **options: Any) -> dict[Cause, list[str]]:
    return named(runner.compare(PURCHASES, ORDER, "compare", **options))


def sync(runner: SyncRunner, key: str = "sync") -> None:
    runner.sync(PURCHASES, ORDER, key)


def never_sent(runner: SyncRunner, shop: SimulatedShop) -> None:
    sync(runner)
    put_order(shop, "1-01", MORNING)


def not_covered(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING)


def too_young(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PURCHASES, day_of(MORNING - 2 * HOUR, hours=2), "earlier")
    put_order(shop, "1-01", MORNING)


def gone(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING)
    sync(runner)
    shop.on_connectif("DELETE", "purchases/1")


def rejected_by_connectif(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING)
    shop.fault_at_connectif("create purchase", calls=1, status=422, body={"status": 422, "title": "no"})
    sync(runner)


def rejected_by_us(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, lines=[])
    sync(runner)


def held(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, email=ALIAS, profile_id="p-1")
    sync(runner)


def canceled(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, fixed_status="canceled")


def incomplete(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, is_complete=False)


def sold_elsewhere(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, origin="Fulfillment")


def other_seller(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("purchases", sellers=("other-seller",))
    put_order(shop, "1-01", MORNING)


def other_id(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING)
    put_purchase(shop, "1-01")


def canceled_since(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING)
    sync(runner)
    put_order(shop, "1-01", MORNING, fixed_status="canceled")


def replaced_and_out_of_the_list(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Only by the tag's clock is the purchase in the window."""
    put_order(shop, "1-01", MORNING - 5 * HOUR, fixed_status="replaced")
    put_purchase(shop, "1")


def another_channel_but_there(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING, channel=7)
    sync(runner)
    runner.change("purchases", sales_channels=("1",))


def other_time(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING - 5 * HOUR)
    put_purchase(shop, "1")


def unknown_at_vtex(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_purchase(shop, "1")


def not_looked_up(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("reconcile", lookups=0)
    put_purchase(shop, "1")


CAUSES = {
    never_sent: Cause.NEVER_SENT,
    not_covered: Cause.NOT_COVERED,
    too_young: Cause.TOO_YOUNG,
    gone: Cause.GONE,
    rejected_by_connectif: Cause.REJECTED,
    rejected_by_us: Cause.REJECTED,
    held: Cause.HELD,
    canceled: Cause.CANCELED,
    incomplete: Cause.EXCLUDED,
    sold_elsewhere: Cause.EXCLUDED,
    other_seller: Cause.EXCLUDED,
    other_id: Cause.OTHER_ID,
    canceled_since: Cause.CANCELED_SINCE,
    replaced_and_out_of_the_list: Cause.CANCELED_SINCE,
    another_channel_but_there: Cause.EXCLUDED_BUT_THERE,
    other_time: Cause.OTHER_TIME,
    unknown_at_vtex: Cause.UNKNOWN_AT_VTEX,
    not_looked_up: Cause.NOT_LOOKED_UP,
}


@pytest.mark.parametrize("happens", CAUSES, ids=lambda happens: happens.__name__)
def test_reconcile__names_the_cause(happens: Any, runner: SyncRunner, small_shop: SimulatedShop) -> None:
    happens(runner, small_shop)
    assert compare(runner) == {CAUSES[happens]: ["1"]}


def test_reconcile__every_cause_is_tested() -> None:
    assert set(CAUSES.values()) | {Cause.ERASED} == {
        cause for cause in Cause if PipelineName.PURCHASES in cause.pipelines
    }


# --- what a repair sends


@pytest.mark.parametrize("happens", [never_sent, not_covered, gone, rejected_by_connectif])
def test_repair__sends_missing_purchases(happens: Any, runner: SyncRunner, small_shop: SimulatedShop) -> None:
    happens(runner, small_shop)
    fired = small_shop.on_connectif("GET", "workflows")
    compare(runner, repair=True)
    assert purchases(small_shop)["1"]["contact_email"] == EMAIL
    assert small_shop.on_connectif("GET", "workflows") == fired, "old purchases trigger no workflows"
    assert named(runner.compare(PURCHASES, ORDER, "afterwards")) == {}


@pytest.mark.parametrize("happens", [too_young, rejected_by_us, held, canceled, sold_elsewhere, other_id])
def test_repair__changes_nothing_else(happens: Any, runner: SyncRunner, small_shop: SimulatedShop) -> None:
    happens(runner, small_shop)
    state = small_shop.target()
    small_shop.on_connectif("DELETE", "journal")
    compare(runner, repair=True)
    assert writes_but_exports(small_shop) == {}
    assert small_shop.target() == state


def test_repair__sends_a_held_purchase_whose_customer_is_known_now(
    runner: SyncRunner, small_shop: SimulatedShop
) -> None:
    held(runner, small_shop)
    small_shop.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": "p-1"})
    assert compare(runner, repair=True) == {Cause.HELD: ["1"]}
    assert purchases(small_shop)["1"]["contact_email"] == "late@example.com"


def test_repair__sends_a_split_checkout_as_one_purchase(
    runner: SyncRunner, small_shop: SimulatedShop
) -> None:
    put_order(small_shop, "1-01", MORNING)
    put_order(small_shop, "1-02", MORNING, fixed_status="canceled")
    put_order(small_shop, "1-03", MORNING)
    assert compare(runner, repair=True) == {Cause.NOT_COVERED: ["1"]}
    assert purchases(small_shop)["1"]["total_quantity"] == 2


def test_reconcile__a_group_with_ids_of_another_form_is_the_same(
    runner: SyncRunner, small_shop: SimulatedShop
) -> None:
    put_order(small_shop, "abc", MORNING, order_group="1")
    put_purchase(small_shop, "1")
    assert compare(runner) == {}


def test_reconcile__by_order_id(runner: SyncRunner, small_shop: SimulatedShop) -> None:
    runner.change("purchases", purchase_id_source="order_id")
    put_order(small_shop, "1-01", MORNING)
    put_order(small_shop, "2-01", MORNING)
    put_purchase(small_shop, "1-01")
    put_purchase(small_shop, "2")
    assert compare(runner) == {Cause.OTHER_ID: ["2-01"]}


def test_reconcile__by_the_day_of_payment(runner: SyncRunner, small_shop: SimulatedShop) -> None:
    runner.change("purchases", purchase_when="paid")
    put_order(small_shop, "1-01", MORNING - 30 * HOUR, authorized=vtex_instant(MORNING))
    put_order(small_shop, "2-01", MORNING - 30 * HOUR, authorized=vtex_instant(MORNING))
    put_purchase(small_shop, "1", MORNING - 30 * HOUR)
    assert compare(runner) == {Cause.NOT_COVERED: ["2"]}


def test_reconcile__an_unusual_id_is_not_shown(runner: SyncRunner, small_shop: SimulatedShop) -> None:
    put_purchase(small_shop, "ana.silva@example.com")
    ((cause, (key,)),) = compare(runner).items()
    assert cause is Cause.UNKNOWN_AT_VTEX
    assert "ana" not in key


def test_reconcile__a_retry_reads_nothing_twice(runner: SyncRunner, small_shop: SimulatedShop) -> None:
    put_order(small_shop, "1-01", MORNING, lines=[LINE])
    put_purchase(small_shop, "2")
    first = compare(runner)
    before = {route: calls(small_shop, route) for route in ("order list", "order detail", "order group")}
    assert compare(runner) == first
    assert {route: calls(small_shop, route) for route in before} == before
    assert calls(small_shop, "create export") == 1
