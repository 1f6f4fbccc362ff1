"""The order list with its limits and lags, and the details of orders."""

from typing import Any

import pytest

from sandbox.tests.vtex_api import ORDERS, VtexCaller

DAY = "creationDate:[2026-11-22T00:00:00.000Z TO 2026-11-22T23:59:59.999Z]"


def list_orders(vtex: VtexCaller, **query: Any) -> Any:
    answer = vtex.get(ORDERS, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def list_day(vtex: VtexCaller) -> list[Any]:
    rows: list[Any] = list_orders(vtex, f_creationDate=DAY, per_page=100, orderBy="creationDate,asc")["list"]
    return rows


def read_details(vtex: VtexCaller) -> list[Any]:
    return [vtex.get(f"{ORDERS}/{row['orderId']}").json() for row in list_day(vtex)]


def put_order(vtex: VtexCaller, id_: str, created: str, **values: Any) -> None:
    vtex.control("PUT", f"orders/{id_}-01", {"order_group": id_, "created": created} | values)


def test_list__has_pages_of_15_to_100(vtex: VtexCaller) -> None:
    page = list_orders(vtex, f_creationDate=DAY)
    assert len(page["list"]) == 15
    assert page["paging"] == {"total": 43, "pages": 3, "currentPage": 1, "perPage": 15}
    assert list_orders(vtex, f_creationDate=DAY, per_page=1_000)["paging"]["perPage"] == 100


def test_list__is_newest_first_by_default(vtex: VtexCaller) -> None:
    dates = [row["creationDate"] for row in list_orders(vtex, per_page=100)["list"]]
    assert dates == sorted(dates, reverse=True)
    dates = [row["creationDate"] for row in list_day(vtex)]
    assert dates == sorted(dates)


@pytest.mark.parametrize("status", ["400", "404", "416"])
def test_list__ends_at_page_30(vtex: VtexCaller, status: str) -> None:
    vtex.knobs(oms_page_31_status=status)
    assert list_orders(vtex, page=30)["list"] == []
    answer = vtex.get(ORDERS, page=31)
    assert answer.status_code == int(status)
    assert answer.json()["error"]["message"].startswith("Max page exceed")


@pytest.mark.parametrize("pages", ["0", "1"])
def test_list__can_be_empty(vtex: VtexCaller, pages: str) -> None:
    vtex.knobs(oms_empty_pages=pages)
    page = list_orders(vtex, f_creationDate=DAY.replace("2026", "2025"))
    assert (page["list"], page["paging"]["pages"]) == ([], int(pages))


def test_list__bounds_are_utc_milliseconds_and_included(vtex: VtexCaller) -> None:
    put_order(vtex, "a", "2025-06-01T10:00:00.0000000")
    put_order(vtex, "b", "2025-06-01T10:59:59.9995000")
    hour = "creationDate:[2025-06-01T10:00:00.000Z TO 2025-06-01T10:59:59.999Z]"
    assert [row["orderId"] for row in list_orders(vtex, f_creationDate=hour)["list"]] == ["b-01", "a-01"]


@pytest.mark.parametrize(
    "query",
    [
        {"f_creationDate": "creationDate:[2026-11-22 TO 2026-11-23]"},
        {"f_creationDate": "creationDate:[2026-11-22T00:00:00-03:00 TO 2026-11-23T00:00:00-03:00]"},
        {"f_creationDate": "2026-11-22"},
        {"f_status": "paid"},
        {"orderBy": "creationDate"},
        {"f_lastChange": "x"},
        {"page": "first"},
    ],
)
def test_list__refuses_invalid_parameters(vtex: VtexCaller, query: dict[str, Any]) -> None:
    assert vtex.get(ORDERS, **query).status_code == 400


def test_list__is_four_minutes_late_and_the_detail_is_not(vtex: VtexCaller) -> None:
    (order_id, *_) = vtex.control("POST", "arrivals", {"count": 1})["orders"]
    assert vtex.get(f"{ORDERS}/{order_id}").status_code == 200
    vtex.advance(239)
    assert order_id not in [row["orderId"] for row in list_orders(vtex)["list"]]
    vtex.advance(2)
    assert list_orders(vtex)["list"][0]["orderId"] == order_id


def test_list__new_orders_shift_descending_pages(vtex: VtexCaller) -> None:
    vtex.knobs(oms_arrivals_per_page=3)
    first = {row["orderId"] for row in list_orders(vtex, page=1)["list"]}
    second = {row["orderId"] for row in list_orders(vtex, page=2)["list"]}
    assert first & second


def test_list__has_float_totals_null_items_and_no_address(vtex: VtexCaller) -> None:
    row = list_day(vtex)[0]
    assert isinstance(row["totalValue"], float)
    assert row["items"] is None
    assert "@" not in str(row)


def test_list__one_status_in_ten_is_stale(vtex: VtexCaller) -> None:
    vtex.knobs(oms_stale_status_seconds=86_400)
    rows = list_day(vtex)
    stale = [row for row in rows if row["status"] != vtex.get(f"{ORDERS}/{row['orderId']}").json()["status"]]
    assert 0 < len(stale) < len(rows) / 3


def test_list__has_filters(vtex: VtexCaller) -> None:
    assert {row["orderIsComplete"] for row in list_orders(vtex, incompleteOrders="true")["list"]} == {False}
    assert {row["affiliateId"] for row in list_orders(vtex, f_affiliateId="MLB")["list"]} == {"MLB"}
    assert {row["status"] for row in list_orders(vtex, f_status="canceled")["list"]} == {"canceled"}
    assert {row["salesChannel"] for row in list_orders(vtex, salesChannelId=2)["list"]} == {"2"}
    authorized = list_orders(vtex, f_authorizedDate=DAY.replace("creation", "authorized"), per_page=100)[
        "list"
    ]
    assert {row["authorizedDate"][:10] for row in authorized} == {"2026-11-22"}


def test_list__ends_two_years_ago(vtex: VtexCaller) -> None:
    put_order(vtex, "old", "2024-11-01T10:00:00.0000000")
    assert vtex.get(f"{ORDERS}/old-01").status_code == 404
    old = "creationDate:[2024-11-01T00:00:00.000Z TO 2024-11-02T00:00:00.000Z]"
    assert list_orders(vtex, f_creationDate=old)["list"] == []


def totals_of(order: Any) -> dict[str, int]:
    return {total["id"]: total["value"] for total in order["totals"]}


def line_price(item: Any) -> int:
    """The price of a line: the total of the definition, unless that ignores a discount."""
    total, plain = item["priceDefinition"]["total"], item["sellingPrice"] * item["quantity"]
    return int(total if abs(total - plain) <= item["quantity"] else plain)


def test_detail__adds_up_in_cents(vtex: VtexCaller) -> None:
    for order in read_details(vtex):
        totals = totals_of(order)
        change = totals.get("Change", 0)
        assert order["value"] == sum(totals.values())
        rounding = sum(item["quantity"] for item in order["items"]) if order["origin"] == "Chain" else 0
        lines = sum(map(line_price, order["items"]))
        assert abs(totals["Items"] + totals["Discounts"] - lines) <= rounding
        assert abs(order["value"] - lines - totals["Shipping"] - change) <= rounding
        transactions = order["paymentData"]["transactions"]
        active = [one for one in transactions if one.get("isActive") is not False]
        paid = sum(payment["value"] for one in active for payment in one["payments"])
        if not totals_are_rewritten(order):
            assert order["value"] - change == paid


def totals_are_rewritten(order: Any) -> bool:
    return order["changesAttachment"] is not None and "Change" not in totals_of(order)


def test_detail__can_be_read_by_sequence(vtex: VtexCaller) -> None:
    row = list_day(vtex)[0]
    assert vtex.get(f"{ORDERS}/seq{row['sequence']}").json()["orderId"] == row["orderId"]


def test_detail__an_unknown_id_is_404(vtex: VtexCaller) -> None:
    answer = vtex.get(f"{ORDERS}/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Order Not Found"
    assert vtex.get(f"{ORDERS}/order-group/nothing").status_code == 404


def test_group__returns_the_parts(vtex: VtexCaller) -> None:
    group = list_day(vtex)[0]["orderId"].removesuffix("-01")
    parts = vtex.get(f"{ORDERS}/order-group/{group}").json()
    assert [part["orderId"] for part in parts] == [f"{group}-01", f"{group}-02"]
    assert parts[0]["items"][0]["seller"] != parts[1]["items"][0]["seller"]


def test_statuses__move_with_the_clock(vtex: VtexCaller) -> None:
    put_order(vtex, "a", "2026-11-23T11:00:00.0000000", authorized="2026-11-23T12:10:00.0000000",
        handled="2026-11-23T15:00:00.0000000", invoiced="2026-11-24T15:00:00.0000000")  # fmt: skip
    states = []
    for seconds in (0, 900, 1_800, 10_800, 86_400):
        vtex.advance(seconds)
        order = vtex.get(f"{ORDERS}/a-01").json()
        states.append(
            (order["status"], order["authorizedDate"] is not None, order["invoicedDate"] is not None)
        )
    assert states == [
        ("payment-pending", False, False),
        ("window-to-cancel", True, False),
        ("ready-for-handling", True, False),
        ("handling", True, False),
        ("invoiced", True, True),
    ]


def test_statuses__can_be_fixed_and_canceled(vtex: VtexCaller) -> None:
    put_order(vtex, "a", "2026-11-22T11:00:00.0000000", fixed_status="something-new")
    put_order(
        vtex, "b", "2026-11-22T11:00:00.0000000", canceled="2026-11-22T12:00:00.0000000", ends_as="replaced"
    )
    assert vtex.get(f"{ORDERS}/a-01").json()["status"] == "something-new"
    assert vtex.get(f"{ORDERS}/b-01").json()["status"] == "replaced"


def test_day__has_every_oddity(vtex: VtexCaller) -> None:
    orders = read_details(vtex)
    emails = [order["clientProfileData"]["email"] for order in orders]
    assert any(email.endswith("@ct.vtex.com.br") for email in emails)
    assert any(email.endswith("b.ct.vtex.com.br") for email in emails)
    assert any("ct.vtex" not in email for email in emails)
    assert None in [order["clientProfileData"]["userProfileId"] for order in orders]
    assert {order["origin"] for order in orders} == {"Marketplace", "Fulfillment", "Chain"}
    assert {"", "MLB", "SLR", "FVG"} == {order["affiliateId"] for order in orders}
    assert {order["storePreferencesData"]["currencyCode"] for order in orders} == {"BRL", "USD"}
    assert {None, "canceled", "replaced", "payment-pending"} <= {order["status"] for order in orders}
    assert [order["isCompleted"] for order in orders].count(False) == 1
    items = [item for order in orders for item in order["items"]]
    assert any(item["isGift"] for item in items)
    assert any(item["components"] for item in items)
    assert any(item["unitMultiplier"] != 1 for item in items)
    assert any(item["sellingPrice"] * item["quantity"] != item["priceDefinition"]["total"] for item in items)
    assert any(not order["items"] for order in orders)
    transactions = [one for order in orders for one in order["paymentData"]["transactions"]]
    assert any(len(one["payments"]) > 1 for one in transactions)
    assert {one.get("isActive") for one in transactions} == {True, False, None}
    assert sum(order["orderId"].endswith("-02") for order in orders) == 3
    changes = [order["changesAttachment"] for order in orders if order["changesAttachment"]]
    assert [len(change["changesData"]) for change in changes] == [1] * 5
    assert any(item["sellingPrice"] < 0 and item["priceDefinition"]["total"] < 0 for item in items)


def test_profiles__have_the_real_address(vtex: VtexCaller) -> None:
    profiles = {order["clientProfileData"]["userProfileId"] for order in read_details(vtex)} - {None}
    found = [vtex.documents(userId=profile, _fields="email") for profile in sorted(profiles)]
    assert sum(bool(rows) for rows in found) > 25
    assert [] in found
