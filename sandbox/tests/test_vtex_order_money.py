"""Orders with special amounts: weighed goods, changes, chains, negative lines, attempts, currencies.

The figures are from VTEX's published samples, or have the same form.
"""

from typing import Any

import pytest

from sandbox.shop.baskets import line_price, unit_price
from sandbox.tests.contracts import needs_contracts, order_problems
from sandbox.tests.vtex_api import ORDERS, VtexCaller

PLACED, PAID, CHANGED = (f"2026-11-22T{at}:00.0000000" for at in ("10:00", "10:05", "11:00"))


def put_order(vtex: VtexCaller, *lines: dict[str, Any], id_: str = "900-01", **values: Any) -> Any:
    body = {"order_group": id_.rpartition("-")[0], "created": PLACED, "authorized": PAID}
    vtex.control("PUT", f"orders/{id_}", body | {"lines": list(lines) or [{}]} | values)
    return vtex.get(f"{ORDERS}/{id_}").json()


def totals(found: Any) -> dict[str, int]:
    return {one["id"]: one["value"] for one in found["totals"]}


# --- weighed goods


def test_weighed__three_packs_of_300_grams_are_like_vtexs_sample(vtex: VtexCaller) -> None:
    found = put_order(vtex, {"price": 199, "list_price": 199, "quantity": 3, "unit_multiplier": 0.3})
    (item,) = found["items"]
    assert (item["price"], item["unitMultiplier"], item["sellingPrice"]) == (199, 0.3, 59)
    assert item["measurementUnit"] == "kg"
    assert item["priceDefinition"] == {
        "sellingPrices": [{"value": 60, "quantity": 2}, {"value": 59, "quantity": 1}],
        "calculatedSellingPrice": 59,
        "total": 179,
        "reason": None,
    }
    assert (found["value"], totals(found)["Items"], totals(found)["Discounts"]) == (179, 179, 0)


@pytest.mark.parametrize(
    ("price", "multiplier", "quantity", "selling", "total"),
    [
        (765, 2.0, 1, 1_530, 1_530),
        (416, 1.3, 1, 540, 541),
        (199, 0.3, 1, 59, 60),
        (1_000, 0.345, 2, 345, 690),
        (990, 0.01, 3, 9, 30),
        (1_000, 1.0, 4, 1_000, 4_000),
    ],
)
def test_weighed__selling_price_is_cut_and_the_total_is_rounded_once(
    price: int, multiplier: float, quantity: int, selling: int, total: int
) -> None:
    assert (unit_price(price, multiplier), line_price(price, multiplier, quantity)) == (selling, total)


def test_weighed__the_selling_price_includes_a_discount(vtex: VtexCaller) -> None:
    """A kilogram at 10.00 costs 9.00, so two packs of 2.5 kg cost 22.50 each."""
    line = {"price": 1_000, "quantity": 2, "unit_multiplier": 2.5, "selling_price": 2_250}
    found = put_order(vtex, line, shipping=500)
    assert found["items"][0]["priceDefinition"]["total"] == 4_500
    assert totals(found) == {"Items": 5_000, "Discounts": -500, "Shipping": 500, "Tax": 0}
    assert found["value"] == 5_000


def test_weighed__can_lack_the_price_definition(vtex: VtexCaller) -> None:
    found = put_order(vtex, {"price": 765, "unit_multiplier": 2.0, "has_definition": False})
    assert (found["items"][0]["priceDefinition"], found["value"]) == (None, 1_530)


def test_seed__weighed_lines_have_the_multiplier_of_their_sku(vtex: VtexCaller) -> None:
    """Every day has weighed lines. Their total is within one cent per unit of the selling price."""
    days = [f"creationDate:[2026-11-{day}T00:00:00.000Z TO 2026-11-{day}T23:59:59.999Z]" for day in (21, 22)]
    for day in days:
        rows = vtex.get(ORDERS, f_creationDate=day, per_page=100).json()["list"]
        orders = [vtex.get(f"{ORDERS}/{row['orderId']}").json() for row in rows]
        weighed = [i for one in orders for i in one["items"] if i["unitMultiplier"] in (0.3, 0.345, 2.5)]
        assert len(weighed) >= 3
        for item in weighed:
            search = vtex.get("/api/catalog_system/pub/products/search", fq=f"productId:{item['productId']}")
            multipliers = {sku["itemId"]: sku["unitMultiplier"] for sku in search.json()[0]["items"]}
            assert multipliers[item["id"]] == item["unitMultiplier"]
            pieces = item["priceDefinition"]["sellingPrices"]
            assert sum(one["quantity"] for one in pieces) == item["quantity"]
            total = sum(one["value"] * one["quantity"] for one in pieces)
            assert total == item["priceDefinition"]["total"]
            assert 0 <= total - item["sellingPrice"] * item["quantity"] <= item["quantity"]
            assert item["sellingPrice"] <= item["price"] * item["unitMultiplier"]


# --- changed orders

REMOVED = {"id": "1000", "name": "Bule", "quantity": 1, "price": 3_290}


def test_changed__a_removed_item_is_still_listed_as_in_vtexs_sample(vtex: VtexCaller) -> None:
    line = {"name": "Bule", "price": 3_290, "list_price": 3_290}
    found = put_order(vtex, line, shipping=1_160, changes=[{"at": CHANGED, "removed": [REMOVED]}])
    assert found["value"] == 1_160
    expected = {"Items": 3_290, "Discounts": 0, "Shipping": 1_160, "Tax": 0, "Change": -3_290}
    assert totals(found) == expected
    assert [item["id"] for item in found["items"]] == ["1000"]
    (payment,) = found["paymentData"]["transactions"][0]["payments"]
    assert payment["value"] == 4_450, "the payment stays as it was placed"
    assert found["changesAttachment"]["id"] == "changeAttachment"
    (change,) = found["changesAttachment"]["changesData"]
    assert (change["discountValue"], change["incrementValue"]) == (3_290, 0)
    assert change["itemsRemoved"] == [REMOVED | {"unitMultiplier": None}]
    assert (change["itemsAdded"], change["reason"]) == ([], "Item em falta")
    assert change["receipt"]["date"] == f"{CHANGED}+00:00"
    assert change["receipt"]["orderId"] == "900-01"


def test_changed__the_list_of_items_can_show_the_change(vtex: VtexCaller) -> None:
    kept, removed = {"sku": 1, "price": 1_000}, {"sku": 2, "price": 3_290}
    change = {"at": CHANGED, "removed": [REMOVED | {"id": "2"}], "lines": [kept]}
    found = put_order(vtex, kept, removed, shipping=500, changes=[change])
    assert [item["id"] for item in found["items"]] == ["1"]
    assert totals(found) == {"Items": 1_000, "Discounts": 0, "Shipping": 500, "Tax": 0}
    assert found["value"] == 1_500
    assert found["changesAttachment"]["changesData"][0]["itemsRemoved"][0]["id"] == "2"


def test_changed__an_added_item_is_only_in_the_attachment(vtex: VtexCaller) -> None:
    added = {"id": "3", "name": "Jarra", "quantity": 2, "price": 1_500, "unitMultiplier": "1.0"}
    found = put_order(vtex, {"sku": 1, "price": 1_000}, changes=[{"at": CHANGED, "added": [added]}])
    assert (found["value"], totals(found)["Change"], totals(found)["Items"]) == (4_000, 3_000, 1_000)
    assert [item["id"] for item in found["items"]] == ["1"]
    assert found["changesAttachment"]["changesData"][0]["itemsAdded"] == [added]


def test_changed__can_change_only_the_value(vtex: VtexCaller) -> None:
    found = put_order(vtex, {"price": 1_000}, changes=[{"at": CHANGED, "discount": 200, "reason": "Avaria"}])
    assert (found["value"], totals(found)["Change"]) == (800, -200)
    assert found["changesAttachment"]["changesData"][0]["reason"] == "Avaria"


def test_changed__applies_from_its_instant_on(vtex: VtexCaller) -> None:
    change = {"at": "2026-11-23T13:00:00.0000000", "removed": [REMOVED]}
    found = put_order(vtex, {"price": 3_290}, {"sku": 2, "price": 700}, changes=[change])
    assert (found["value"], found["changesAttachment"], "Change" in totals(found)) == (3_990, None, False)
    vtex.advance(3_600)
    found = vtex.get(f"{ORDERS}/900-01").json()
    assert (found["value"], totals(found)["Change"]) == (700, -3_290)
    assert found["lastChange"] == "2026-11-23T13:00:00.0000000+00:00"
    vtex.advance(600)
    listed = vtex.get(ORDERS, per_page=100, f_creationDate="creationDate:"
                      "[2026-11-22T10:00:00.000Z TO 2026-11-22T10:00:00.000Z]").json()["list"]  # fmt: skip
    assert [row["totalValue"] for row in listed if row["orderId"] == "900-01"] == [700.0]


def test_changed__can_happen_twice(vtex: VtexCaller) -> None:
    second = {"at": "2026-11-22T12:00:00.0000000", "added": [{"id": "1000", "price": 3_290}]}
    found = put_order(vtex, {"price": 3_290}, changes=[{"at": CHANGED, "removed": [REMOVED]}, second])
    assert (found["value"], totals(found)["Change"]) == (3_290, 0)
    assert len(found["changesAttachment"]["changesData"]) == 2


@needs_contracts
def test_changed__has_the_vendors_structure(vtex: VtexCaller) -> None:
    changes = [{"at": CHANGED, "removed": [REMOVED], "added": [REMOVED | {"unitMultiplier": "0.3"}]}]
    found = put_order(vtex, {"price": 3_290}, changes=changes)
    assert order_problems(found) == []


# --- chains, negative lines


def test_chain__the_definition_can_ignore_the_discount(vtex: VtexCaller) -> None:
    """Known issue 663203: the definition has `price`; selling price and totals include the discount."""
    line = {"price": 10_000, "list_price": 10_000, "selling_price": 9_000, "defined_price": 10_000}
    found = put_order(vtex, line, origin="Chain")
    (item,) = found["items"]
    assert (item["sellingPrice"], found["value"]) == (9_000, 9_000)
    assert item["priceDefinition"]["total"] == item["priceDefinition"]["calculatedSellingPrice"] == 10_000
    assert totals(found) == {"Items": 10_000, "Discounts": -1_000, "Shipping": 0, "Tax": 0}


def test_negative__a_line_is_negative_but_the_order_is_not(vtex: VtexCaller) -> None:
    """Known issue 867838: a discount of $50 on $500; one line of $100 has the unit multiplier 0.01."""
    cut = {"sku": 1, "price": 10_000, "unit_multiplier": 0.01, "selling_price": -900}
    cloth = {"sku": 2, "price": 20_000, "selling_price": 18_000, "quantity": 2}
    found = put_order(vtex, cut, cloth)
    first = found["items"][0]
    assert (first["sellingPrice"], first["priceDefinition"]["total"]) == (-900, -900)
    assert first["priceDefinition"]["sellingPrices"] == [{"value": -900, "quantity": 1}]
    assert (found["value"], totals(found)["Items"], totals(found)["Discounts"]) == (35_100, 40_100, -5_000)


# --- payments, currencies, gifts, odd members


def test_abandoned_attempt__is_a_separate_transaction(vtex: VtexCaller) -> None:
    transactions = put_order(vtex, abandoned=["Boleto Bancário"])["paymentData"]["transactions"]
    assert [one["isActive"] for one in transactions] == [False, True]
    names = [[payment["paymentSystemName"] for payment in one["payments"]] for one in transactions]
    assert names == [["Boleto Bancário"], ["Visa"]]
    assert len({one["transactionId"] for one in transactions}) == 2


def test_transaction__can_lack_is_active(vtex: VtexCaller) -> None:
    (transaction,) = put_order(vtex, marks_active=False)["paymentData"]["transactions"]
    assert "isActive" not in transaction


@pytest.mark.parametrize(
    ("currency", "symbol", "locale"), [("BRL", "R$", 1046), ("USD", "$", 1033), ("CLP", "CLP", None)]
)
def test_currency__is_the_orders_own(
    vtex: VtexCaller, currency: str, symbol: str, locale: int | None
) -> None:
    found = put_order(vtex, currency=currency)["storePreferencesData"]
    assert (found["currencyCode"], found["currencySymbol"], found["currencyLocale"]) == (
        currency,
        symbol,
        locale,
    )


def test_gift__alone_has_no_transaction(vtex: VtexCaller) -> None:
    found = put_order(vtex, {"price": 5_000, "selling_price": 0, "is_gift": True})
    assert (found["value"], found["paymentData"]["transactions"]) == (0, [])
    assert totals(found) == {"Items": 5_000, "Discounts": -5_000, "Shipping": 0, "Tax": 0}


def test_seed__gifts_remain_after_a_canceled_part(vtex: VtexCaller) -> None:
    day = "creationDate:[2026-11-22T00:00:00.000Z TO 2026-11-22T23:59:59.999Z]"
    ids = [row["orderId"] for row in vtex.get(ORDERS, f_creationDate=day, per_page=100).json()["list"]]
    found = {id_: vtex.get(f"{ORDERS}/{id_}").json() for id_ in ids if id_[-2:] in ("01", "02")}
    (gift,) = [
        one
        for one in found.values()
        if one["orderId"].endswith("-02") and all(item["isGift"] for item in one["items"])
    ]
    first = found[f"{gift['orderGroup']}-01"]
    assert (gift["value"], gift["items"][0]["price"] > 0) == (0, True)
    assert (first["status"], first["value"] > 0) == ("canceled", True)


@pytest.mark.parametrize("value", [None, "false", 0, [], {}])
def test_members__can_have_other_values(vtex: VtexCaller, value: object) -> None:
    found = put_order(vtex, shown={"isCompleted": value, "clientProfileData": {"email": value}})
    assert found["isCompleted"] == value
    assert (found["clientProfileData"]["email"], found["clientProfileData"]["firstName"]) == (value, "Ana")


def test_members__can_be_absent(vtex: VtexCaller) -> None:
    found = put_order(vtex, absent=["isCompleted", "totals"])
    assert not {"isCompleted", "totals"} & found.keys()


# --- order groups


def put_split_order(vtex: VtexCaller) -> list[Any]:
    return [put_order(vtex, id_=f"900-0{number}") for number in (1, 2)]


def test_group__can_be_brief_while_details_are_complete(vtex: VtexCaller) -> None:
    parts = put_split_order(vtex)
    vtex.knobs(oms_group_answer="brief")
    answer = vtex.get(f"{ORDERS}/order-group/900").json()
    assert [one["orderId"] for one in answer] == ["900-01", "900-02"]
    for one, part in zip(answer, parts, strict=True):
        members = {
            "orderId",
            "sequence",
            "orderGroup",
            "status",
            "statusDescription",
            "value",
            "creationDate",
        }
        assert set(one) == members
        assert one == {name: part[name] for name in members}
    assert [vtex.get(f"{ORDERS}/{part['orderId']}").json() for part in parts] == parts


@pytest.mark.parametrize(("answer", "status", "body"), [("empty", 200, []), ("404", 404, None)])
def test_group__can_hide_its_parts(vtex: VtexCaller, answer: str, status: int, body: object) -> None:
    put_split_order(vtex)
    vtex.knobs(oms_group_answer=answer)
    found = vtex.get(f"{ORDERS}/order-group/900")
    assert found.status_code == status
    assert body is None or found.json() == body
    assert vtex.get(f"{ORDERS}/order-group/nothing").status_code == 404
    assert vtex.get(f"{ORDERS}/900-01").status_code == 200
