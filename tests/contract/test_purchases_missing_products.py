"""One import before the purchases creates missing products, instead of one refusal for each (E0102)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import include.purchases.import_ahead
from include.errors import TemporaryError
from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.plan import RunPlan
from include.products.sent_catalogue import last_catalogue
from include.report import Report
from tests.builders import EVERYTHING, Killed, SimulatedShop, SyncRunner
from tests.orders import (
    EMAIL,
    LINE,
    MORNING,
    calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_purchase,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def empty_catalogue(shop: SimulatedShop) -> None:
    """Only the orders and products of the test; Connectif knows their one buyer."""
    without_baskets(shop)
    shop.connectif.database.execute("DELETE FROM products")
    put_buyer(shop)


def sell(
    shop: SimulatedShop, number: int, *, first: int = 90_000, hidden: bool = False, **sku: Any
) -> list[str]:
    """Put `number` orders of one product each; returns the product ids."""
    keys = [first + place for place in range(number)]
    for place, key in enumerate(keys):
        if not hidden:
            put_shown(shop, key, **sku)
        line = LINE | {"product": key, "sku": 10 * key, "name": f"Line {key}", "link": f"/line-{key}/p"}
        put_order(shop, f"{key}-01", MORNING + place * SECOND, lines=[line])
    return [str(key) for key in keys]


def put_shown(shop: SimulatedShop, key: int, **sku: Any) -> None:
    """Put a product that search shows at 21.90, with a picture.

    If no SKU data is given, the product has a second SKU that was never sold.
    """
    offers = [{"price": 2190, "list_price": 2990, "quantity": 5}]
    other = [] if sku else [{"sku_id": 10 * key + 1, "offers": offers}]
    skus = [{"sku_id": 10 * key, "offers": offers, **sku}, *other]
    shop.on_vtex("PUT", f"products/{key}", {"name": f"Chaleira {key}", "link_text": f"c-{key}", "skus": skus})


def sync(runner: SyncRunner, key: str = "run", **options: Any) -> Report:
    return runner.sync_refused(PURCHASES, day_of(MORNING, hours=2), key, **options)


def products(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("products", by="product_id")


def facts(shop: SimulatedShop, key: str) -> tuple[str, float, str]:
    row = products(shop)[key]
    return row["name"], row["unit_price"], row["availability"]


def assert_few_calls(shop: SimulatedShop, orders: int, unknown: int) -> None:
    """The target: posts ≤ 1.02 a purchase + 20, searches ≤ unknown products / 50 + 2."""
    assert calls(shop, "create purchase") <= orders * 1.02 + 20
    assert calls(shop, "product search") <= unknown / 50 + 2


@pytest.mark.parametrize("number", [10, 63, 130])
def test_empty_catalogue__needs_one_import(number: int, runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, number)
    assert sync(runner).counts.outcomes == {Outcome.SENT: number}
    assert_few_calls(shop, number, number)
    assert calls(shop, "create purchase") == number
    assert (calls(shop, "create import"), calls(shop, "patch product")) == (1, 0)
    assert {*products(shop)} == {*keys}
    assert facts(shop, keys[-1]) == (f"Chaleira {keys[-1]}", 21.9, "instock")


def test_created_products__equal_those_of_the_catalogue_run(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12)
    sync(runner)
    created = {key: products(shop)[key] for key in keys}
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "catalogue")
    assert {key: products(shop)[key] for key in keys} == created
    assert all(row["image_url"] and row["categories"] for row in created.values())


def test_full_catalogue__is_not_searched(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "catalogue")
    before, imports = calls(shop, "product search"), calls(shop, "create import")
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert calls(shop, "create purchase") == 12
    assert (calls(shop, "product search"), calls(shop, "create import")) == (before, imports)


def test_old_catalogue__only_new_products_are_searched(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 6)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "catalogue")
    shop.on_vtex("DELETE", "journal")
    new = sell(shop, 8, first=95_000)
    sync(runner)
    assert calls(shop, "product search") == 1
    assert {*new} <= {*products(shop)}


def test_old_catalogue__a_product_that_connectif_lost_is_created(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    keys = sell(shop, 12)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "catalogue")
    shop.on_connectif("DELETE", f"products/{keys[3]}")
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert (calls(shop, "create purchase"), calls(shop, "patch product")) == (13, 1)


def test_lost_catalogue__makes_all_products_unknown(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12)
    runner.state.catalogue.replace("lost.parquet", 1, "products")
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert_few_calls(shop, 12, 12)
    assert {*products(shop)} == {*keys}


def test_catalogue_sent_last__has_no_products_from_purchases(runner: SyncRunner, shop: SimulatedShop) -> None:
    """As with E0102: such a product has no last price and is not withdrawn later."""
    sell(shop, 12)
    sync(runner)
    assert last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look")) is None


# --- ids of SKUs


def test_skus__only_sold_skus_are_created(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("products", product_id_source="sku")
    keys = [f"{key}0" for key in sell(shop, 60)]
    assert sync(runner).counts.outcomes == {Outcome.SENT: 60}
    assert_few_calls(shop, 60, 60)
    assert {*products(shop)} == {*keys}
    assert calls(shop, "patch product") == 0


def test_skus__a_sent_product_with_the_same_number_is_another_record(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The catalogue was sent with product ids, which equal the SKU ids that are sold now."""
    keys = sell(shop, 12)
    for key in keys:
        put_shown(shop, int(f"{key}0"))
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "catalogue")
    shop.connectif.database.execute("DELETE FROM products")
    shop.on_vtex("DELETE", "journal")
    runner.change("products", product_id_source="sku")
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert_few_calls(shop, 12, 12)
    assert products(shop)[f"{keys[0]}0"]["url"] == f"https://www.sandbox-shop.example/c-{keys[0]}/p"


# --- prices


@pytest.mark.parametrize(("setting", "price"), [("unit", 6.57), ("measure", 21.9)])
def test_weighed_goods__have_the_price_of_the_setting(
    setting: str, price: float, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("products", weighed_price=setting)
    keys = sell(shop, 12, unit_multiplier=0.3)
    sync(runner)
    assert calls(shop, "patch product") == 0
    assert {products(shop)[key]["unit_price"] for key in keys} == {price}


def test_base_prices__are_read_for_products_without_an_offer(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12, offers=[], base_price=1750)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert {facts(shop, key)[1:] for key in keys} == {(17.5, "outofstock")}
    assert (calls(shop, "price"), calls(shop, "patch product")) == (12, 0)


def test_base_prices__a_missing_one_affects_only_its_product(runner: SyncRunner, shop: SimulatedShop) -> None:
    """The product without a base price has the list price of its line."""
    keys = sell(shop, 30, offers=[], base_price=1750)
    base_price = runner.vtex.base_price

    def without_one(sku: str) -> Any:
        if sku == f"{keys[7]}0":
            raise TemporaryError("no answer")
        return base_price(sku)

    runner.vtex.base_price = without_one  # type: ignore[method-assign]
    sync(runner)
    prices = {key: products(shop)[key]["unit_price"] for key in keys}
    assert prices == dict.fromkeys(keys, 17.5) | {keys[7]: 24.9}


def test_base_prices__without_the_permission_prices_come_from_the_lines(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    keys = sell(shop, 130, offers=[], base_price=1750)
    shop.fault_at_vtex("price", calls=999, status=403)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 130}
    assert {facts(shop, key) for key in keys} == {(f"Line {key}", 24.9, "outofstock") for key in keys}
    assert calls(shop, "price") < 130, "base prices are not requested again"


# --- hidden from search


def test_hidden_products__are_created_from_lines(runner: SyncRunner, shop: SimulatedShop) -> None:
    """They have the list price and no stock. One more call searches as many as fit."""
    shown, hidden = sell(shop, 70), sell(shop, 60, first=95_000, hidden=True)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 130}
    assert_few_calls(shop, 130, 130)
    assert {facts(shop, key) for key in hidden} == {(f"Line {key}", 24.9, "outofstock") for key in hidden}
    assert {facts(shop, key)[1:] for key in shown} == {(21.9, "instock")}
    row = products(shop)[hidden[0]]
    assert (row["brand"], row["categories"]) == ("Aurora", '["Casa/Cozinha"]')
    assert (row["url"], row["in_stock_units"]) == (f"https://www.sandbox-shop.example/line-{hidden[0]}/p", 0)
    assert calls(shop, "patch product") == 0


def test_search__that_omits_a_product_is_repeated_once(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 40)
    shop.on_vtex("POST", "knobs", {"search_omission_share": 0.3})
    sync(runner)
    hidden = [row for row in products(shop).values() if row["availability"] == "outofstock"]
    assert calls(shop, "product search") == 2
    assert len(hidden) <= 9, "of 40 about four are forgotten twice, twelve once"


def test_lines_without_a_price__are_left_out_and_counted(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    lines = [LINE | {"product": 90_000}, gift]
    for number in range(4):
        put_order(shop, f"7{number}-01", MORNING, lines=lines)
    report = sync(runner)
    assert report.counts.outcomes == {Outcome.SENT: 16}
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 4}
    assert "99999" not in products(shop)
    assert_few_calls(shop, 16, 13)


def test_gift__is_created_from_another_orders_line_with_a_price(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    sell(shop, 12)
    put_order(shop, "70-01", MORNING, lines=[LINE | {"product": 90_000}, gift])
    put_order(shop, "71-01", MORNING, lines=[LINE | {"product": 99_999}])
    report = sync(runner)
    assert report.counts.drops == {}
    assert products(shop)["99999"]["unit_price"] == 24.9
    assert '"99999"' in purchases(shop)["70"]["products"]


# --- products that Connectif has from the tag


def test_products_from_the_tag__are_not_changed(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12)
    page = {"name": "Of the tag", "productDetailUrl": "https://www.sandbox-shop.example/x/p", "unitPrice": 5,
            "description": "rich", "tags": ["new"], "rating": 4.5}  # fmt: skip
    shop.on_connectif("PUT", f"products/{keys[0]}", page)
    before = products(shop)[keys[0]]
    sync(runner)
    assert products(shop)[keys[0]] == before
    assert len(products(shop)) == 12


def test_few_purchases__create_products_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 9)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 9}
    assert (calls(shop, "create import"), calls(shop, "patch product")) == (0, 9)


def test_tracked_purchases__create_no_products(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12)
    put_shown(shop, 900)
    shop.on_connectif("PUT", "products/900", {"name": "a", "productDetailUrl": "https://www.sandbox-shop.example/a/p",
                                               "unitPrice": 1})  # fmt: skip
    for key in keys[3:]:
        put_purchase(shop, key)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 3, Outcome.ALREADY_THERE: 9}
    assert {*products(shop)} == {*keys[:3], "900"}


def test_erased_people__create_no_products(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    runner.state.erasure.erase(EMAIL)
    report = sync(runner)
    assert report.counts.reasons == {Reason.ERASED: 12}
    assert (products(shop), calls(shop, "product search")) == ({}, 0)


def test_dry_run__reads_and_writes_no_products(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    sync(runner, dry_run=True)
    assert shop.writes() == {}
    assert calls(shop, "product search") == 0


def test_only__creates_products_of_one_purchase(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 12)
    plan = RunPlan("only", None, (), "one", f"{keys[2]}-01")
    assert runner.sync(PURCHASES, plan, "one").counts.outcomes == {Outcome.SENT: 1}
    assert {*products(shop)} == {keys[2]}


# --- the import fails


def corrupt(runner: SyncRunner, spoil: Callable[[bytes], bytes]) -> None:
    """Change the file of an import on its way to Connectif."""
    create = runner.connectif.create_import

    def create_import(kind: str, csv: Any, *, override_existing: bool) -> Any:
        text = spoil(b"".join(csv.pieces()))
        other = type(csv)(csv.name, csv.content_type, len(text), lambda: iter([text]))
        return create(kind, other, override_existing=override_existing)

    runner.connectif.create_import = create_import  # type: ignore[method-assign]


def test_refused_rows__are_created_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 60)
    corrupt(runner, lambda text: text.replace(b',"29.90",', b',"none",', 7))
    assert sync(runner).counts.outcomes == {Outcome.SENT: 60}
    assert (calls(shop, "create purchase"), calls(shop, "patch product")) == (67, 7)
    assert_few_calls(shop, 60, 60 + 7 * 50)
    assert {facts(shop, key)[1:] for key in keys} == {(21.9, "instock")}


def test_lost_rows__are_created_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 60)
    shop.connectif.knobs.import_lost_rows = 5
    assert sync(runner).counts.outcomes == {Outcome.SENT: 60}
    assert calls(shop, "patch product") == 5


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400},
        {"status": 403},
        {"status": 413},
        {"status": 422},
        {"status": 503},
        {"status": 400, "body": {"status": 400, "title": "Bad Request", "detail": "queue", "code": "E0401"}},
    ],
    ids=["400", "403", "413", "422", "503", "queue full"],
)
def test_refused_import__products_are_created_one_by_one(
    fault: dict[str, Any], runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    keys = sell(shop, 12)
    runner.change("connectif", import_timeout_minutes=0.01)
    shop.fault_at_connectif("create import", calls=9_999, **fault)
    with caplog.at_level(logging.WARNING):
        assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert {facts(shop, key)[1:] for key in keys} == {(21.9, "instock")}
    assert calls(shop, "patch product") == 12
    assert ("created for each refused purchase" in caplog.text) == (fault["status"] != 413), (
        "rows are sent singly"
    )


def test_failed_import__products_are_created_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    corrupt(runner, lambda text: text.replace(b'"unitPrice",', b'"price",'))
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert calls(shop, "patch product") == 12


def test_endless_import__products_are_created_one_by_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    sell(shop, 12)
    runner.change("connectif", import_timeout_minutes=0.01)
    shop.connectif.knobs.imports_paused = True
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}
    assert calls(shop, "create import") == 1


def test_unauthorised_domain__is_reported_by_the_post(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Connectif takes such products in a file, but refuses their purchases (E0103)."""
    sell(shop, 12)
    shop.connectif.knobs.authorised_domains = ["another-shop.example"]
    assert sync(runner).counts.reasons == {Reason.TARGET_REJECTED: 12}
    (first, *_) = runner.state.records.outcomes(PURCHASES, reason=Reason.TARGET_REJECTED)
    assert first.detail.startswith("E0103")
    assert calls(shop, "create purchase") == 12


# --- the search fails


def test_search__that_refuses_ids_leaves_their_products_to_the_posts(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    keys = sell(shop, 60)
    shop.fault_at_vtex("product search", calls=1, status=400)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 60}
    assert {facts(shop, key)[1:] for key in keys} == {(21.9, "instock")}
    assert calls(shop, "patch product") in {10, 50}, "the products of one of two calls"


def test_search__that_always_refuses_an_id_leaves_the_line(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = sell(shop, 9)
    shop.fault_at_vtex("product search", calls=99, status=400)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 9}
    assert {facts(shop, key)[1:] for key in keys} == {(24.9, "outofstock")}


def test_search__in_an_outage_does_not_stop_purchases_of_known_products(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Connectif has these products from its tag, so none of them is missing."""
    for key in sell(shop, 12):
        body = {"name": "a", "productDetailUrl": "https://www.sandbox-shop.example/a/p", "unitPrice": 1}
        shop.on_connectif("PUT", f"products/{key}", body)
    shop.fault_at_vtex("product search", calls=9_999, status=503)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 12}


# --- retries


@pytest.mark.parametrize("moment", ["before the import is noted", "after it", "while it runs"])
def test_killed__a_retry_repeats_no_call(
    moment: str, runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(shop, 60)
    kills = iter([None])
    if moment == "while it runs":
        read = runner.connectif.read_import

        def read_import(import_id: str) -> Any:
            if next(kills, "no more") is None:
                raise Killed
            return read(import_id)

        monkeypatch.setattr(runner.connectif, "read_import", read_import)
    else:
        work = include.purchases.import_ahead.import_files

        def import_files(*arguments: Any, **options: Any) -> Any:
            done = work(*arguments, **options) if moment == "after it" else None
            if next(kills, "no more") is None:
                raise Killed
            return work(*arguments, **options) if done is None else done

        monkeypatch.setattr(include.purchases.import_ahead, "import_files", import_files)
    plan = day_of(MORNING, hours=2)
    assert runner.sync_with_retries(PURCHASES, plan, "run", tries=2).counts.outcomes == {Outcome.SENT: 60}
    assert (calls(shop, "create import"), calls(shop, "patch product")) == (1, 0)
    assert calls(shop, "product search") == 2
    assert calls(shop, "create purchase") == 60


# --- one by one: a record that several purchases lack is created once


def test_one_by_one__a_product_of_many_purchases_is_searched_and_created_once(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_shown(shop, 900)
    shop.fault_at_connectif("create import", calls=99, status=400)
    for number in range(50):
        put_order(shop, f"{number}-01", MORNING + number * SECOND)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 50}
    assert (calls(shop, "product search"), calls(shop, "patch product")) == (2, 1), "ahead, and once"


def test_one_by_one__a_contact_of_many_purchases_is_created_once(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_connectif("DELETE", f"contacts/{EMAIL}")
    put_shown(shop, 900)
    for number in range(50):
        put_order(shop, f"{number}-01", MORNING + number * SECOND)
    assert sync(runner).counts.outcomes == {Outcome.SENT: 50}
    assert calls(shop, "patch contact") == 1


def test_one_by_one__a_product_without_a_price_is_searched_once(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    put_shown(shop, 900)
    for number in range(9):
        put_order(shop, f"{number}-01", MORNING + number * SECOND, lines=[LINE, gift])
    report = sync(runner)
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 9}
    assert calls(shop, "product search") <= 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["gift first", "gift last"])
def test_one_by_one__a_gift_next_to_its_paid_product_keeps_the_line(
    order: tuple[int, int], runner: SyncRunner, shop: SimulatedShop
) -> None:
    paid = LINE | {"product": 99_999}
    gift = paid | {"selling_price": 0, "price": 0, "list_price": 0}
    put_order(shop, "1-01", MORNING, lines=[(gift, paid)[place] for place in order])
    report = sync(runner)
    assert report.counts.drops == {}
    assert purchases(shop)["1"]["total_quantity"] == 2
