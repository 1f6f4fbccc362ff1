"""A run on the seeded shop: the lines of each kind of unusual order add up to VTEX's totals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from include.outcomes import Drop, Outcome, PipelineName, Reason
from tests.builders import NOON, SimulatedShop, SyncRunner, window_ending
from tests.orders import (
    MORNING,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    vtex_instant,
    without_baskets,
)
from tests.seeded import SeededRun, odd, seeded_run

ALL_BASKETS = window_ending(NOON - timedelta(hours=12), hours=120)
"""Not the last half day: a change of an order may still lie ahead there."""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededRun]:
    """A run over all orders; the shop's tag has reported none of them."""
    folder = tmp_path_factory.mktemp("orders")
    with seeded_run(folder, PipelineName.PURCHASES, ALL_BASKETS, "purchases") as run:
        yield run


def at_vtex(shop: SimulatedShop, path: str, **query: str) -> Any:
    key = shop.vtex.keys[0]
    headers = {"X-VTEX-API-AppKey": key.id, "X-VTEX-API-AppToken": key.secret}
    return shop.session.get(f"{shop.vtex_url}{path}", headers=headers, params=query, timeout=5).json()


def details(shop: SimulatedShop, label: str) -> list[dict[str, Any]]:
    """The orders with this property that the run has read."""
    orders = [at_vtex(shop, f"/api/oms/pvt/orders/{id_}") for id_ in odd(shop, "orders", label)]
    found = [order for order in orders if order["creationDate"] < "2026-11-23T00:00"]
    assert found
    return found


def sent(orders: SeededRun, label: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The orders with this property that were sent, and their purchases; the other buyers have no address."""
    known, found = purchases(orders.shop), []
    for order in details(orders.shop, label):
        if order["orderGroup"] in known:
            found.append((order, known[order["orderGroup"]]))
        else:
            reasons = orders.reasons([order["orderId"]])
            assert [reason for reason, _ in reasons] == [Reason.CONTACT_UNRESOLVED], (label, order["orderId"])
    assert found
    return found


def lines_of(purchase: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(purchase["products"])
    return lines


def paid(purchase: dict[str, Any]) -> int:
    """The sum of the lines, in cents."""
    return sum(cents(line["price"]) for line in lines_of(purchase))


def cents(value: float) -> int:
    return round(value * 100)


def goods(order: dict[str, Any]) -> int:
    """The items, discounts and changes in the order's totals, in cents."""
    return sum(t["value"] for t in order["totals"] if t["id"] in ("Items", "Discounts", "Change"))


PLAIN = (
    "weighed goods",
    "weighed goods again",
    "weighed goods once more",
    "item removed and still listed",
    "item removed from the list too",
    "one more of an item",
    "chain whose price definition ignores the discount",
    "abandoned payment",
    "transactions without isActive",
    "buyer's name and phone of odd types",
)


def added_and_unknown(shop: SimulatedShop, order: dict[str, Any]) -> int:
    """The price of the added items that search does not show, in cents."""
    (change,) = order["changesAttachment"]["changesData"]
    search = "/api/catalog_system/pub/products/search"
    unknown = [one for one in change["itemsAdded"] if not at_vtex(shop, search, fq=f"skuId:{one['id']}")]
    return sum(one["price"] * one["quantity"] for one in unknown)


def test_orders__lines_add_up_to_the_totals(orders: SeededRun) -> None:
    for label in PLAIN:
        for order, purchase in sent(orders, label):
            assert cents(purchase["total_price"]) == order["value"], label
            pieces = sum(line["quantity"] for line in lines_of(purchase))
            rounding = pieces if order["origin"] == "Chain" else 0
            assert abs(paid(purchase) - goods(order)) <= rounding, (label, order["orderId"])


def test_orders__only_the_unknown_item_is_left_out_and_counted(orders: SeededRun) -> None:
    """Catalogue items can be unknown too: the seed has products without SKUs."""
    lost = 0
    for label in ("unknown item added", "item of the catalogue added"):
        for order, purchase in sent(orders, label):
            missing = added_and_unknown(orders.shop, order)
            lost += missing > 0
            assert paid(purchase) == goods(order) - missing
            assert cents(purchase["total_price"]) == order["value"]
    assert orders.report.counts.drops[Drop.LINE_UNKNOWN] == lost > 0


def test_orders__a_negative_line_is_sent_as_0_and_counted(orders: SeededRun) -> None:
    found = sent(orders, "negative line")
    assert orders.report.counts.drops[Drop.LINE_NEGATIVE] == len(found)
    for order, purchase in found:
        (negative,) = [item for item in order["items"] if item["sellingPrice"] < 0]
        assert min(line["unitPrice"] for line in lines_of(purchase)) >= 0
        assert paid(purchase) == goods(order) - negative["priceDefinition"]["total"]


def test_orders__of_another_currency_are_excluded(orders: SeededRun) -> None:
    ids = [order["orderId"] for order in details(orders.shop, "another currency")]
    found = orders.reasons(ids)
    assert {reason for reason, _ in found} == {Reason.ORDER_EXCLUDED}
    assert all("currency" in detail for _, detail in found)


def test_orders__gifts_of_a_canceled_checkout_are_no_purchase(orders: SeededRun) -> None:
    groups = {
        order["orderGroup"] for order in details(orders.shop, "gift that remains of a canceled checkout")
    }
    assert groups & purchases(orders.shop).keys() == set()


def test_orders__abandoned_payments_are_left_out(orders: SeededRun) -> None:
    for _, purchase in sent(orders, "abandoned payment"):
        assert "Boleto" not in purchase["payment_method"]
    for _, purchase in sent(orders, "transactions without isActive"):
        assert purchase["payment_method"]


def test_orders__of_a_buyer_without_an_address_are_held(orders: SeededRun) -> None:
    ids = [order["orderId"] for order in details(orders.shop, "buyer's e-mail as a number")]
    found = {reason for reason, _ in orders.reasons(ids)}
    assert found == {Reason.CONTACT_UNRESOLVED}


@pytest.mark.parametrize("answer", ["brief", "empty", "404"])
def test_orders__are_the_same_purchases_whatever_the_order_group_answers(
    answer: str, orders: SeededRun, runner: SyncRunner, shop: SimulatedShop
) -> None:
    whole = {key: row["total_price"] for key, row in purchases(orders.shop).items()}
    shop.connectif.database.execute("DELETE FROM purchases")
    shop.vtex.knobs.oms_group_answer = answer  # type: ignore[assignment]
    report = runner.sync(PipelineName.PURCHASES, ALL_BASKETS, "run")
    assert report.missing == 0
    assert {key: row["total_price"] for key, row in purchases(shop).items()} == whole


@pytest.mark.parametrize("answer", ["full", "brief", "empty", "404"])
def test_split__parts_without_the_flag_is_completed_are_sent_together(
    answer: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """A missing flag is not false, whatever the order group answers."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    shop.vtex.knobs.oms_group_answer = answer  # type: ignore[assignment]
    for part in ("5-01", "5-02"):
        put_order(shop, part, MORNING, absent=["isCompleted"])
    report = runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "run")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert purchases(shop)["5"]["total_quantity"] == 2


def test_changed__an_order_whose_only_item_was_removed_is_no_purchase(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Like VTEX's sample: the item is still listed, and only shipping remains to be paid."""
    without_baskets(shop)
    change = {"at": vtex_instant(MORNING), "removed": [{"id": "9000", "name": "Chaleira", "price": 1_990}]}
    put_order(shop, "6-01", MORNING, shipping=1_160, changes=[change])
    runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "run")
    assert purchases(shop) == {}
    assert [row.reason for row in runner.state.records.outcomes(PipelineName.PURCHASES)] == [Reason.NO_LINES]
