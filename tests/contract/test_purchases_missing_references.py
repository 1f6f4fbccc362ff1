"""A purchase arrives in the same run if Connectif lacks its contact or its products."""

from __future__ import annotations

from typing import Any

import pytest

from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.plan import RunPlan
from include.report import Report
from tests.builders import SimulatedShop, SyncRunner
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
    without_baskets,
)


@pytest.fixture(autouse=True)
def undisturbed_shop(shop: SimulatedShop) -> None:
    """Only the orders of the test."""
    without_baskets(shop)


def sync(runner: SyncRunner) -> Report:
    return runner.sync_refused(PipelineName.PURCHASES, day_of(MORNING, hours=2), "run")


def test_missing_contact__is_created_without_a_subscription(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_product(shop)
    put_order(shop, "1-01", MORNING, phone="+5511987654321")
    report = sync(runner)
    contact = shop.table("contacts", by="email")[EMAIL]
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert purchases(shop)["1"]["contact_email"] == EMAIL
    known = (contact["name"], contact["surname"], contact["mobile_phone"], contact["newsletter_status"])
    assert known == ("Ana", "Silva", "+5511987654321", "none")


def test_missing_contact__that_signs_up_meanwhile_keeps_its_subscription(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The customer signs up in the shop after Connectif's refusal, before the contact is created."""
    put_product(shop)
    put_order(shop, "1-01", MORNING)
    session = runner.connectif.transport.session
    send = session.request

    def request(method: str, url: str, **options: Any) -> Any:
        answer = send(method, url, **options)
        if url.endswith("/purchases/?triggerPurchaseEvent=true") and answer.status_code == 400:
            put_buyer(shop)
        return answer

    session.request = request  # type: ignore[method-assign]
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert shop.table("contacts", by="email")[EMAIL]["newsletter_status"] == "subscribed"
    assert calls(shop, "patch contact") == 0


def test_missing_product__is_created_as_the_catalogue_shows_it(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_buyer(shop)
    offer = {"price": 2190, "list_price": 2990}
    shop.on_vtex(
        "PUT",
        "products/900",
        {
            "name": "Chaleira azul",
            "link_text": "chaleira-azul",
            "skus": [{"sku_id": 9000, "offers": [offer]}],
        },
    )
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    product = shop.table("products", by="product_id")["900"]
    assert (product["name"], product["unit_price"], product["availability"]) == (
        "Chaleira azul",
        21.9,
        "instock",
    )


def test_missing_product__without_a_picture_is_created(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Connectif refuses a blank picture, because it is not a URL."""
    put_buyer(shop)
    sku = {"sku_id": 9000, "has_image": False, "offers": [{"price": 2190}]}
    shop.on_vtex("PUT", "products/900", {"name": "Chaleira", "link_text": "chaleira", "skus": [sku]})
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}


def test_missing_product__without_an_offer_gets_its_base_price(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_offered(shop, quantity=0)
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(shop) == (17.5, "outofstock")


def test_missing_product__that_was_sent_before_gets_the_price_sent_last(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_offered(shop, quantity=10)
    runner.sync(PipelineName.PRODUCTS, RunPlan("full", None, (), "everything"), "products")
    assert price_and_availability(shop) == (21.9, "instock")
    put_offered(shop, quantity=0)
    shop.on_connectif("DELETE", "products/900")
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(shop) == (21.9, "outofstock")


def test_missing_product__gets_its_base_price_if_the_catalogue_is_lost(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.state.catalogue.replace("lost.parquet", 1, "products")
    put_offered(shop, quantity=0)
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(shop) == (17.5, "outofstock")


@pytest.mark.parametrize("status", [400, 403, 503])
def test_missing_product__is_created_from_the_line_without_a_base_price(
    status: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_offered(shop, quantity=0)
    put_order(shop, "1-01", MORNING)
    shop.on_vtex("POST", "faults", {"script": [{"route": "price", "calls": 99, "status": status}]})
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(shop) == (24.9, "outofstock")


def put_offered(shop: SimulatedShop, *, quantity: int) -> None:
    """Put a product that search shows (a quantity of 0 means no offer), and an order of it."""
    put_buyer(shop)
    sku = {"sku_id": 9000, "base_price": 1750, "offers": [{"price": 2190, "quantity": quantity}]}
    shop.on_vtex("PUT", "products/900", {"name": "Chaleira", "link_text": "chaleira", "skus": [sku]})


def price_and_availability(shop: SimulatedShop) -> tuple[float, str]:
    product = shop.table("products", by="product_id")["900"]
    return product["unit_price"], product["availability"]


def test_missing_product__that_search_hides_is_created_from_the_line(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_buyer(shop)
    put_order(shop, "1-01", MORNING, lines=[LINE | {"product": 999_999}])
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    product = shop.table("products", by="product_id")["999999"]
    assert (product["unit_price"], product["availability"]) == (24.9, "outofstock")


def test_missing_product__without_any_price_is_left_out_and_counted(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_buyer(shop)
    put_product(shop)
    gift = LINE | {"product": 999_999, "selling_price": 0, "price": 0, "list_price": 0}
    put_order(shop, "1-01", MORNING, lines=[LINE, gift])
    report = sync(runner)
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 1}
    assert "999999" not in purchases(shop)["1"]["products"]
    assert purchases(shop)["1"]["total_quantity"] == 1


def test_missing_references__contact_and_products_are_created_in_one_run(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING, lines=[LINE, LINE | {"product": 999_999}])
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert calls(shop, "create purchase") == 4, (
        "refused twice for the contact, for the products, and accepted"
    )


@pytest.mark.parametrize(
    ("code", "named", "offered"),
    [("E0101", {}, 3), ("E0102", {"productIds": ["900"]}, 2)],
    ids=["contact", "product"],
)
def test_missing_references__are_created_only_once(
    code: str, named: dict[str, list[str]], offered: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """If Connectif lacks a created record again, the purchase is rejected: there is no endless loop."""
    put_buyer(shop)
    put_product(shop)
    put_order(shop, "1-01", MORNING)
    body = {"status": 400, "title": "Bad Request", "detail": "missing", "code": code, **named}
    shop.fault_at_connectif("create purchase", calls=9, status=400, body=body)
    assert sync(runner).counts.reasons == {Reason.TARGET_REJECTED: 1}
    assert calls(shop, "create purchase") == offered
    assert calls(shop, "patch contact") + calls(shop, "patch product") == 1


@pytest.mark.parametrize("key", ["productIds", "productsId"])
@pytest.mark.parametrize("precedence", ["conflict_first", "references_first"])
def test_missing_references__are_created_whatever_form_the_refusal_has(
    key: str, precedence: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.products_key = key  # type: ignore[assignment]
    shop.connectif.knobs.purchase_precedence = precedence  # type: ignore[assignment]
    shop.connectif.knobs.created_status = 201
    put_order(shop, "1-01", MORNING)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}


def test_refusal__of_a_foreign_domain_rejects_only_that_purchase(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_buyer(shop)
    put_product(shop)
    shop.connectif.knobs.authorised_domains = ["another-shop.example"]
    for number in range(3):
        put_order(shop, f"{number}-01", MORNING)
    report = sync(runner)
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 3}
    (first, *_) = runner.state.records.outcomes(PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED)
    assert first.detail.startswith("E0103")


def test_refusal__that_quotes_the_contact_is_stored_without_the_quote(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_product(shop)
    put_order(shop, "1-01", MORNING, first_name="Piepmatz")
    body = {"status": 400, "title": "Bad Request", "detail": "_name: Piepmatz is not allowed"}
    shop.fault_at_connectif("patch contact", calls=9, status=400, body=body)
    sync(runner)
    (row,) = runner.state.records.outcomes(PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED)
    assert row.detail == "400: _name"
    assert "Piepmatz" in runner.state.vendor_texts.of(PipelineName.PURCHASES, [row.key])[row.key]


def test_lost_answer__doubles_no_purchase(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_buyer(shop)
    put_product(shop)
    put_order(shop, "1-01", MORNING)
    faults: list[dict[str, Any]] = [{"route": "create purchase", "kind": "reset_after"}]
    shop.on_connectif("POST", "faults", {"script": faults})
    assert sync(runner).counts.outcomes == {Outcome.SENT: 1}
    assert calls(shop, "create purchase") == 1
    assert calls(shop, "get purchase by purchase id") == 1
