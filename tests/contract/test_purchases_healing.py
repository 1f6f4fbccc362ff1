"""A purchase whose contact or products Connectif lacks still lands, in the same run."""

from __future__ import annotations

from typing import Any

import pytest

from include.outcomes import Area, Drop, Outcome, Reason
from include.plan import RunPlan
from include.report import Report
from tests.builders import Office, World
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
def quiet_shop(world: World) -> None:
    """No orders but the test's own."""
    without_baskets(world)


def sync(office: Office) -> Report:
    return office.sync(Area.PURCHASES, day_of(MORNING, hours=2), "run")


def test_healing__a_deleted_contact_comes_back_without_a_subscription(office: Office, world: World) -> None:
    put_product(world)
    put_order(world, "1-01", MORNING, phone="+5511987654321")
    report = sync(office)
    contact = world.table("contacts", by="email")[EMAIL]
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert purchases(world)["1"]["contact_email"] == EMAIL
    known = (contact["name"], contact["surname"], contact["mobile_phone"], contact["newsletter_status"])
    assert known == ("Ana", "Silva", "+5511987654321", "none")


def test_healing__a_contact_that_came_meanwhile_keeps_its_subscription(office: Office, world: World) -> None:
    """Between Connectif's refusal and the healing the customer signs up in the shop."""
    put_product(world)
    put_order(world, "1-01", MORNING)
    session = office.connectif.transport.session
    send = session.request

    def request(method: str, url: str, **options: Any) -> Any:
        answer = send(method, url, **options)
        if url.endswith("/purchases/?triggerPurchaseEvent=true") and answer.status_code == 400:
            put_buyer(world)
        return answer

    session.request = request  # type: ignore[method-assign]
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert world.table("contacts", by="email")[EMAIL]["newsletter_status"] == "subscribed"
    assert calls(world, "patch contact") == 0


def test_healing__a_deleted_product_comes_back_as_the_catalogue_shows_it(
    office: Office, world: World
) -> None:
    put_buyer(world)
    offer = {"price": 2190, "list_price": 2990}
    world.on_vtex(
        "PUT",
        "products/900",
        {
            "name": "Chaleira azul",
            "link_text": "chaleira-azul",
            "skus": [{"sku_id": 9000, "offers": [offer]}],
        },
    )
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    product = world.table("products", by="product_id")["900"]
    assert (product["name"], product["unit_price"], product["availability"]) == (
        "Chaleira azul",
        21.9,
        "instock",
    )


def test_healing__a_product_without_a_picture_is_created_too(office: Office, world: World) -> None:
    """Its blank picture would be refused as no URL."""
    put_buyer(world)
    sku = {"sku_id": 9000, "has_image": False, "offers": [{"price": 2190}]}
    world.on_vtex("PUT", "products/900", {"name": "Chaleira", "link_text": "chaleira", "skus": [sku]})
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}


def test_healing__a_product_that_nobody_can_buy_now_has_its_base_price(office: Office, world: World) -> None:
    put_offered(world, quantity=0)
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(world) == (17.5, "outofstock")


def test_healing__a_product_that_was_sent_before_keeps_the_price_sent_last(
    office: Office, world: World
) -> None:
    put_offered(world, quantity=10)
    office.sync(Area.PRODUCTS, RunPlan("full", None, (), "everything"), "products")
    assert price_and_availability(world) == (21.9, "instock")
    put_offered(world, quantity=0)
    world.on_connectif("DELETE", "products/900")
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(world) == (21.9, "outofstock")


def test_healing__a_lost_catalogue_leaves_the_base_price(office: Office, world: World) -> None:
    office.store.replace_catalogue("lost.parquet", 1, "products")
    put_offered(world, quantity=0)
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(world) == (17.5, "outofstock")


@pytest.mark.parametrize("status", [400, 403, 503])
def test_healing__where_no_base_price_can_be_had_the_line_tells(
    status: int, office: Office, world: World
) -> None:
    put_offered(world, quantity=0)
    put_order(world, "1-01", MORNING)
    world.on_vtex("POST", "faults", {"script": [{"route": "price", "calls": 99, "status": status}]})
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert price_and_availability(world) == (24.9, "outofstock")


def put_offered(world: World, *, quantity: int) -> None:
    """A product that search shows; with a quantity of 0 nobody can buy it. And who has bought it."""
    put_buyer(world)
    sku = {"sku_id": 9000, "base_price": 1750, "offers": [{"price": 2190, "quantity": quantity}]}
    world.on_vtex("PUT", "products/900", {"name": "Chaleira", "link_text": "chaleira", "skus": [sku]})


def price_and_availability(world: World) -> tuple[float, str]:
    product = world.table("products", by="product_id")["900"]
    return product["unit_price"], product["availability"]


def test_healing__a_product_that_search_hides_is_made_from_the_line(office: Office, world: World) -> None:
    put_buyer(world)
    put_order(world, "1-01", MORNING, lines=[LINE | {"product": 999_999}])
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    product = world.table("products", by="product_id")["999999"]
    assert (product["unit_price"], product["availability"]) == (24.9, "outofstock")


def test_healing__a_product_without_any_price_is_left_out_and_counted(office: Office, world: World) -> None:
    put_buyer(world)
    put_product(world)
    gift = LINE | {"product": 999_999, "selling_price": 0, "price": 0, "list_price": 0}
    put_order(world, "1-01", MORNING, lines=[LINE, gift])
    report = sync(office)
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 1}
    assert "999999" not in purchases(world)["1"]["products"]
    assert purchases(world)["1"]["total_quantity"] == 1


def test_healing__contact_and_products_in_one_go(office: Office, world: World) -> None:
    put_order(world, "1-01", MORNING, lines=[LINE, LINE | {"product": 999_999}])
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert calls(world, "create purchase") == 4, (
        "refused twice for the contact, for the products, and accepted"
    )


@pytest.mark.parametrize(
    ("code", "named", "offered"),
    [("E0101", {}, 3), ("E0102", {"productIds": ["900"]}, 2)],
    ids=["contact", "product"],
)
def test_healing__is_tried_once(
    code: str, named: dict[str, list[str]], offered: int, office: Office, world: World
) -> None:
    """What Connectif still misses after it was created is a rejection, and no endless loop."""
    put_buyer(world)
    put_product(world)
    put_order(world, "1-01", MORNING)
    body = {"status": 400, "title": "Bad Request", "detail": "missing", "code": code, **named}
    world.fault_at_connectif("create purchase", calls=9, status=400, body=body)
    assert sync(office).counts.reasons == {Reason.TARGET_REJECTED: 1}
    assert calls(world, "create purchase") == offered
    assert calls(world, "patch contact") + calls(world, "patch product") == 1


@pytest.mark.parametrize("key", ["productIds", "productsId"])
@pytest.mark.parametrize("precedence", ["conflict_first", "references_first"])
def test_healing__whatever_the_documents_leave_open(
    key: str, precedence: str, office: Office, world: World
) -> None:
    world.connectif.knobs.products_key = key  # type: ignore[assignment]
    world.connectif.knobs.purchase_precedence = precedence  # type: ignore[assignment]
    world.connectif.knobs.created_status = 201
    put_order(world, "1-01", MORNING)
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}


def test_healing__a_foreign_domain_rejects_that_purchase_alone(office: Office, world: World) -> None:
    put_buyer(world)
    put_product(world)
    world.connectif.knobs.authorised_domains = ["another-shop.example"]
    for number in range(3):
        put_order(world, f"{number}-01", MORNING)
    report = sync(office)
    assert report.counts.reasons == {Reason.TARGET_REJECTED: 3}
    (first, *_) = office.store.outcomes(Area.PURCHASES, reason=Reason.TARGET_REJECTED)
    assert first.detail.startswith("E0103")


def test_healing__a_refusal_that_quotes_the_contact_is_kept_without_it(office: Office, world: World) -> None:
    put_product(world)
    put_order(world, "1-01", MORNING, first_name="Piepmatz")
    body = {"status": 400, "title": "Bad Request", "detail": "_name: Piepmatz is not allowed"}
    world.fault_at_connectif("patch contact", calls=9, status=400, body=body)
    sync(office)
    (row,) = office.store.outcomes(Area.PURCHASES, reason=Reason.TARGET_REJECTED)
    assert row.detail == "400: _name"
    assert "Piepmatz" in office.store.vendor_texts(Area.PURCHASES, [row.key])[row.key]


def test_healing__a_lost_answer_is_asked_for_and_nothing_is_doubled(office: Office, world: World) -> None:
    put_buyer(world)
    put_product(world)
    put_order(world, "1-01", MORNING)
    faults: list[dict[str, Any]] = [{"route": "create purchase", "kind": "reset_after"}]
    world.on_connectif("POST", "faults", {"script": faults})
    assert sync(office).counts.outcomes == {Outcome.SENT: 1}
    assert calls(world, "create purchase") == 1
    assert calls(world, "get purchase by purchase id") == 1
