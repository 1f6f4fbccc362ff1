"""The seeded account, the reset and the page."""

from __future__ import annotations

import requests

from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.tests.connectif_api import ConnectifCaller, purchase, start


def test_seed__has_the_records_of_the_web_tag(api: ConnectifCaller) -> None:
    state = api.control("GET", "/state")
    assert {origin for table in state["origins"].values() for origin in table} == {"web"}
    assert set(state["newsletter"]) == {"subscribed", "unsubscribed", "none"}
    assert 0 < state["products"] <= 20
    assert state["purchases"] > 5
    assert state["fired_workflows"] == 0


def test_seed__purchases_have_the_order_group_as_id(api: ConnectifCaller) -> None:
    groups = {basket.group for basket in api.shop.tracked_purchases()}
    rows = api.vendor.database.rows("SELECT purchase_id FROM purchases")
    assert {row[0] for row in rows} <= groups
    first = api.get(f"/purchases/purchase-id/{rows[0][0]}")
    assert first["products"][0]["id"]
    assert api.get(f"/contacts/email/{first['contactEmail']}")["_totalPurchases"] >= 1


def test_seed__purchases_can_have_order_ids() -> None:
    vendor, server, clock = start(ConnectifKnobs(web_purchase_id="orderId"))
    with server:
        api = ConnectifCaller(vendor, server, clock)
        orders = {part.order_id for basket in api.shop.tracked_purchases() for part in basket.parts}
        rows = vendor.database.rows("SELECT purchase_id FROM purchases")
        assert rows
        assert {row[0] for row in rows} <= orders
    vendor.close()


def test_reset__restores_the_seed(api: ConnectifCaller) -> None:
    before = [tuple(row) for row in api.vendor.database.rows("SELECT * FROM purchases")]
    api.put_contact()
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    api.reset()
    assert [tuple(row) for row in api.vendor.database.rows("SELECT * FROM purchases")] == before


def test_page__shows_the_records(api: ConnectifCaller) -> None:
    api.put_contact("ana-on-the-page@example.com")
    page = requests.get(f"{api.url}/_sandbox/", timeout=5)
    assert page.status_code == 200
    for text in (
        "ana-on-the-page@example.com",
        "Purchases (",
        "Imports (0)",
        "Fired workflows (0)",
        "Callbacks (0)",
    ):
        assert text in page.text
