"""Properties of the purchase mapping, and the records to create for a refused purchase."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ContractError
from include.purchases.mapping import (
    PurchaseRules,
    classify_orders,
    earliest_instants,
    map_purchases,
    profile_id,
    purchase_id,
)
from include.purchases.missing_references import (
    contact_from_order,
    product_from_line,
    products_from_lines,
    without_products,
)

# Connectif: reference of PurchaseCreation and its products (read 2026-11-23), without fields we never send
BODY_KEYS = {
    "purchaseId",
    "cartId",
    "contactEmail",
    "purchaseDate",
    "paymentMethod",
    "totalPrice",
    "totalQuantity",
    "products",
}
LINE_KEYS = {
    "productId",
    "name",
    "productDetailUrl",
    "imageUrl",
    "brand",
    "categories",
    "unitPrice",
    "unitPriceOriginal",
    "quantity",
    "price",
}
RULES = PurchaseRules(shop_domain="www.sandbox-shop.example")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _object(**likely: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={field: value | JSON_VALUES for field, value in likely.items()})


CENTS = st.integers(0, 10**6)
ITEMS = st.lists(
    _object(
        id=st.just("18"),
        productId=st.sampled_from(["6", "7"]),
        quantity=st.integers(0, 3),
        sellingPrice=CENTS,
        listPrice=CENTS,
        unitMultiplier=st.floats(0, 3),
        priceDefinition=_object(total=CENTS),
        detailUrl=st.just("/glass/p") | st.text(max_size=10),
        additionalInfo=_object(categoriesIds=st.just("/1/"), categories=st.just([{"id": 1, "name": "A"}])),
    ),
    max_size=3,
)
LIKELY_ORDER = _object(
    orderGroup=st.sampled_from(["a", "b"]),
    isCompleted=st.just(True),
    origin=st.sampled_from(["Marketplace", "Chain", "Fulfillment"]),
    affiliateId=st.just(""),
    status=st.sampled_from(["handling", "canceled"]),
    creationDate=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.isoformat() + "Z"),  # noqa: DTZ001  # hypothesis wants naive bounds
    value=CENTS,
    clientProfileData=_object(email=st.just("ana@example.com"), userProfileId=st.just("p")),
    items=ITEMS,
    paymentData=_object(transactions=st.just([{"payments": [{"paymentSystemName": "Pix"}]}])),
)
ORDERS = st.lists(LIKELY_ORDER, max_size=4).map(
    lambda orders: [{**order, "orderId": str(number)} for number, order in enumerate(orders)]
)
ALL_RULES = st.sampled_from(
    [RULES, PurchaseRules("www.sandbox-shop.example", "order_id", "sku", "paid", sellers=frozenset("1"))]
)


@settings(max_examples=80, deadline=None)
@given(ORDERS, ALL_RULES)
def test_map_purchases__has_its_properties_for_any_orders(
    orders: list[dict[str, Any]], rules: PurchaseRules
) -> None:
    before = deepcopy(orders)
    mapped = map_purchases(orders, rules, {"p": "bo@example.com"})
    assert orders == before
    ended = [order_id for purchase in mapped.purchases for order_id in purchase.order_ids]
    assert sorted([*ended, *mapped.outcomes["key"]]) == sorted(order["orderId"] for order in orders)
    for purchase in mapped.purchases:
        body = purchase.body
        assert set(body) <= BODY_KEYS
        assert body["purchaseId"]
        assert body["cartId"]
        assert body["totalQuantity"] == sum(line["quantity"] for line in body["products"]) > 0
        _is_cents(body["totalPrice"])
        for line in body["products"]:
            assert set(line) <= LINE_KEYS
            assert line["productDetailUrl"].startswith("https://www.sandbox-shop.example/")
            assert line["quantity"] >= 1
            assert line.get("unitPriceOriginal", line["unitPrice"]) >= line["unitPrice"] >= 0
            _is_cents(line["price"])
        assert len({(line["productId"], line["unitPrice"]) for line in body["products"]}) == len(
            body["products"]
        )
    again = map_purchases(orders, rules, {"p": "bo@example.com"})
    assert again.purchases == mapped.purchases


def _is_cents(amount: float) -> None:
    """Whether the number has at most two decimal places."""
    exponent = Decimal(repr(amount)).as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -2


@settings(max_examples=40, deadline=None)
@given(ORDERS, ALL_RULES)
def test_classify_orders__accepts_the_accepted_orders_again(
    orders: list[dict[str, Any]], rules: PurchaseRules
) -> None:
    outcomes, going = classify_orders(orders, rules)
    assert len(outcomes) + len(going) == len(orders)
    assert classify_orders(going, rules)[0].empty
    assert map_purchases(going, rules, {}).outcomes["reason"].isin(["no_lines", "contact_unresolved"]).all()


@settings(max_examples=30, deadline=None)
@given(st.data(), ORDERS)
def test_map_purchases__does_not_depend_on_the_sequence_of_orders(
    data: st.DataObject, orders: list[dict[str, Any]]
) -> None:
    shuffled = data.draw(st.permutations(orders))
    one, other = (
        {purchase.purchase_id: purchase.body for purchase in map_purchases(read, RULES, {}).purchases}
        for read in (orders, shuffled)
    )
    assert one == other


def _order(order_id: str, **more: Any) -> dict[str, Any]:
    return {
        "orderId": order_id,
        "orderGroup": "g",
        "isCompleted": True,
        "origin": "Marketplace",
        "status": "handling",
        "creationDate": "2026-11-22T10:00:00.0000000+00:00",
        "value": 990,
        "clientProfileData": {"email": "ana@example.com", "userProfileId": "p"},
        "items": [{"id": "18", "productId": "6", "name": "Glass", "quantity": 1, "sellingPrice": 990}],
        **more,
    }


def test_order__without_id_stops_the_run() -> None:
    with pytest.raises(ContractError, match="orderId"):
        classify_orders([{"orderGroup": "g"}], RULES)


def test_purchase__shows_no_personal_data() -> None:
    mapped = map_purchases([_order("g-01")], RULES, {})
    assert "ana@example.com" in str(mapped.purchases[0].body)
    assert "ana@example.com" not in repr(mapped) + repr(mapped.purchases)


def test_purchase__has_its_orders_and_time() -> None:
    early = _order("g-02", creationDate="2026-11-22T09:00:00Z", status="canceled")
    (purchase,) = map_purchases([_order("g-01"), early], RULES, {}).purchases
    assert [order["orderId"] for order in purchase.orders] == ["g-01"]
    assert purchase.happened == datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_earliest_instants__include_canceled_parts() -> None:
    orders = [
        _order("g-01", authorizedDate="2026-11-23T08:00:00Z"),
        _order("g-02", creationDate="2026-11-22T09:30:00Z", status="canceled"),
        _order("g-03", creationDate="2026-11-22T11:00:00Z", authorizedDate="2026-11-23T09:00:00Z"),
        _order("h-01", orderGroup="h", creationDate=None),
    ]
    paid = PurchaseRules("www.sandbox-shop.example", purchase_when="paid")
    by_order = PurchaseRules("www.sandbox-shop.example", purchase_id_source="order_id")
    assert earliest_instants(orders, RULES) == {"g": datetime(2026, 11, 22, 9, 30, tzinfo=UTC)}
    assert earliest_instants(orders, paid) == {"g": datetime(2026, 11, 23, 8, tzinfo=UTC)}
    assert set(earliest_instants(orders, by_order)) == {"g-01", "g-02", "g-03"}


def test_profile_id__is_empty_if_the_order_has_none() -> None:
    assert profile_id(_order("g-01")) == "p"
    assert profile_id(_order("g-01", clientProfileData=None)) == ""
    assert purchase_id(_order("g-01"), RULES) == "g"


def test_contact_from_order__has_the_orders_data_and_no_consent() -> None:
    profile = {"firstName": " Ana ", "lastName": "Paz", "phone": "(11) 98765-4321", "email": "x@example.com"}
    assert contact_from_order([_order("g-01", clientProfileData=profile)], country="BR") == {
        "_name": "Ana",
        "_surname": "Paz",
        "_mobilePhone": "+5511987654321",
        "_newsletterSubscriptionStatus": "none",
    }


def test_contact_from_order__masked_and_bad_values_are_not_sent() -> None:
    masked = _order("g-01", clientProfileData={"firstName": "A**", "lastName": None, "phone": "000"})
    assert contact_from_order([masked], country="BR") == {"_newsletterSubscriptionStatus": "none"}
    known = _order("g-02", clientProfileData={"firstName": "Ana"})
    assert contact_from_order([masked, known], country="BR")["_name"] == "Ana"


LINE = {
    "productId": "6",
    "name": "Glass",
    "productDetailUrl": "https://www.sandbox-shop.example/glass/p",
    "imageUrl": "https://sandboxshop.vteximg.com.br/arquivos/ids/1-55-55/g.jpg",
    "brand": "Acme",
    "categories": ["Kitchen"],
    "unitPrice": 9.9,
    "unitPriceOriginal": 19.9,
    "quantity": 2,
    "price": 19.8,
}


def test_product_from_line__has_the_list_price_and_no_stock() -> None:
    assert product_from_line(LINE) == {
        "productDetailUrl": "https://www.sandbox-shop.example/glass/p",
        "name": "Glass",
        "unitPrice": 19.9,
        "unitPriceOriginal": 19.9,
        "discountedAmount": 0.0,
        "discountedPercentage": 0.0,
        "availability": "outofstock",
        "inStockUnits": 0,
        "categories": ["Kitchen"],
        "brand": "Acme",
        "imageUrl": "https://sandboxshop.vteximg.com.br/arquivos/ids/1-55-55/g.jpg",
        "thumbnailUrl": "https://sandboxshop.vteximg.com.br/arquivos/ids/1-300-300/g.jpg",
    }


def test_product_from_line__has_the_unit_price_without_a_list_price() -> None:
    bare = {field: LINE[field] for field in ("productId", "name", "productDetailUrl", "unitPrice")}
    body = product_from_line(bare)
    assert body is not None
    assert body["unitPrice"] == 9.9
    assert product_from_line({**bare, "unitPrice": 0.0}) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_products_from_lines__use_the_first_line_with_a_price(order: tuple[int, ...]) -> None:
    """Product 6 is a gift and paid for, product 7 is only a gift, product 8 is not requested."""
    gift = {**LINE, "unitPrice": 0.0, "unitPriceOriginal": 0.0}
    lines = [gift, LINE, {**gift, "productId": "7"}]
    bodies = products_from_lines([*(lines[place] for place in order), {**LINE, "productId": "8"}], {"6", "7"})
    assert bodies == {"6": product_from_line(LINE)}


def test_without_products__keeps_the_rest_of_the_purchase() -> None:
    body = {
        "totalPrice": 30.0,
        "totalQuantity": 3,
        "products": [LINE, {**LINE, "productId": "7", "quantity": 1}],
    }
    left = without_products(body, {"6"})
    assert left == {
        "totalPrice": 30.0,
        "totalQuantity": 1,
        "products": [{**LINE, "productId": "7", "quantity": 1}],
    }
    assert len(body["products"]) == 2
    assert without_products(body, {"6", "7"}) is None
