"""Properties of the prices of an order's items, in generated orders whose correct prices are known."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from include.purchases.mapping import lines_of
from include.purchases.order_items import added_skus, catalogue_item, sold_items
from include.purchases.orders import PurchaseRules

RULES = PurchaseRules("www.sandbox-shop.example")
Json = dict[str, Any]


def _totals(items: int, discounts: int = 0, change: int | None = None) -> list[Json]:
    found = [{"id": "Items", "value": items}, {"id": "Discounts", "value": discounts}]
    return found if change is None else [*found, {"id": "Change", "value": change}]


@st.composite
def priced_orders(draw: st.DrawFn) -> tuple[Json, list[int]]:
    """An order with VTEX's prices, and the correct price of each line in cents.

    It has weighed goods, promotions and selling prices cut to whole cents. Price definitions are absent,
    exact, or omit the discount (Chain orders).
    """
    items, truths, full = [], [], 0
    for number in range(draw(st.integers(1, 4))):
        price, quantity = draw(st.integers(100, 50_000)), draw(st.integers(1, 5))
        thousandths = draw(st.sampled_from([1000, 1000, 10, 250, 300, 333, 500, 1500, 2000]))
        each_full = price * thousandths / 1000
        discount = draw(st.sampled_from([0, 0, 10, 25]))
        each = each_full * (100 - discount) / 100
        total, undiscounted = round(each * quantity), round(each_full * quantity)
        definition = draw(st.sampled_from([None, total, undiscounted]))
        items.append(
            {
                "id": str(number),
                "productId": f"p{number}",
                "quantity": quantity,
                "price": price,
                "listPrice": price + draw(st.sampled_from([0, 100])),
                "sellingPrice": int(each),
                "unitMultiplier": thousandths / 1000,
                "priceDefinition": None if definition is None else {"total": definition},
            }
        )
        truths.append(total)
        full += undiscounted
    return {"orderId": "1-01", "items": items, "totals": _totals(full, sum(truths) - full)}, truths


@settings(max_examples=300, deadline=None)
@given(priced_orders())
def test_lines__add_up_to_what_the_customer_paid(made: tuple[Json, list[int]]) -> None:
    order, truths = made
    lines, drops = lines_of([order], RULES, {})
    assert not drops
    for item, line, truth in zip(order["items"], lines, truths, strict=True):
        assert abs(round(line["price"] * 100) - truth) <= item["quantity"]
        assert 0 <= line["unitPrice"] <= line["unitPriceOriginal"]
        assert line["unitPrice"] * 100 <= item["price"] * item["unitMultiplier"] + 1
    pieces = sum(item["quantity"] for item in order["items"])
    assert sum(round(line["price"] * 100) for line in lines) <= order["totals"][0]["value"] + pieces


@st.composite
def changed_orders(draw: st.DrawFn) -> tuple[Json, dict[str, int]]:
    """An order that was changed one to three times, and the remaining quantity of each SKU.

    The item list is that before or after some of the changes. The totals have the changes as a total of their
    own or within Items.
    """
    prices = {str(number): draw(st.integers(101, 9_999)) for number in range(4)}
    history = [
        {"0": draw(st.integers(1, 4)), "1": draw(st.integers(0, 3)), "2": draw(st.integers(1, 3)), "3": 0}
    ]
    changes = []
    for _ in range(draw(st.integers(1, 3))):
        now = dict(history[-1])
        removed = {sku: draw(st.integers(0, number)) for sku, number in now.items()}
        added = {sku: draw(st.sampled_from([0, 0, 0, 1, 2])) for sku in now}
        history.append({sku: now[sku] - removed[sku] + added[sku] for sku in now})
        changes.append({"itemsRemoved": _named(removed, prices), "itemsAdded": _named(added, prices)})
    shown = draw(st.integers(0, len(history) - 1))
    worth = [sum(number * prices[sku] for sku, number in state.items()) for state in history]
    far = [abs(one - worth[shown]) > 50 for place, one in enumerate(worth) if place != shown]
    named = draw(st.booleans())
    order = {
        "orderId": "1-01",
        "items": [
            {
                "id": sku,
                "productId": f"p{sku}",
                "quantity": n,
                "price": prices[sku],
                "sellingPrice": prices[sku],
            }
            for sku, n in history[shown].items()
            if n
        ],
        "totals": _totals(worth[0], 0, worth[-1] - worth[0]) if named else _totals(worth[-1]),
        "changesAttachment": {"changesData": changes},
    }
    assume(all(far))  # changes with a sum of 0 do not change the totals
    return order, history[-1]


def _named(numbers: dict[str, int], prices: dict[str, int]) -> list[Json]:
    return [
        {"id": sku, "quantity": n, "price": prices[sku], "unitMultiplier": None}
        for sku, n in numbers.items()
        if n
    ]


CATALOGUE = {str(number): {"id": str(number), "productId": f"p{number}"} for number in range(4)}


@settings(max_examples=300, deadline=None)
@given(changed_orders())
def test_changed_orders__have_the_remaining_items_in_every_form_of_the_list(
    made: tuple[Json, dict[str, int]],
) -> None:
    order, left = made
    found: dict[str, int] = {}
    for sold in sold_items(order, CATALOGUE):
        found[sold.item["id"]] = found.get(sold.item["id"], 0) + sold.quantity
    assert found == {sku: number for sku, number in left.items() if number}


def test_added_skus__are_those_that_the_orders_items_lack() -> None:
    changes = [{"itemsAdded": [{"id": "1", "quantity": 1}, {"id": "2", "quantity": 1}], "itemsRemoved": None}]
    order = {"items": [{"id": "1"}], "changesAttachment": {"changesData": changes}}
    assert added_skus(order) == {"2"}
    assert added_skus({"items": None, "changesAttachment": None}) == set()


def test_catalogue_item__has_the_fields_of_a_line() -> None:
    product = {
        "productId": "11",
        "productName": "Jug",
        "brand": "Acme",
        "linkText": "jug",
        "categories": ["/Kitchen/Jugs/", "/Kitchen/"],
        "categoriesIds": ["/1/12/", "/1/"],
        "items": [
            {"itemId": "21", "nameComplete": "Jug 1 l"},
            {"itemId": "22", "nameComplete": "Jug 2 l", "images": [{"imageUrl": "https://x.example/2.jpg"}]},
        ],
    }
    added = {"itemsAdded": [{"id": "22", "name": "J", "quantity": 2, "price": 3000}], "itemsRemoved": []}
    order = {"items": [], "totals": _totals(6000), "changesAttachment": {"changesData": [added]}}
    lines, drops = lines_of([order], RULES, {"22": catalogue_item(product, "22")})
    assert lines == [
        {
            "productId": "11",
            "name": "Jug 2 l",
            "productDetailUrl": "https://www.sandbox-shop.example/jug/p",
            "imageUrl": "https://x.example/2.jpg",
            "brand": "Acme",
            "categories": ["Kitchen/Jugs"],
            "unitPrice": 30.0,
            "quantity": 2,
            "price": 60.0,
        }
    ]
    assert not drops
