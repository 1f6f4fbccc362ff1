"""Products that Connectif lacks come by one import ahead of the purchases, not by a refusal each (E0102)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import include.sync.purchases.ahead
from include.errors import TemporaryError
from include.outcomes import Area, Drop, Outcome, Reason
from include.plan import RunPlan
from include.report import Report
from include.sync.products.catalogue import last_catalogue
from tests.builders import EVERYTHING, Killed, Office, World
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

PURCHASES = Area.PURCHASES
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def empty_catalogue(world: World) -> None:
    """No orders and no products at Connectif but the test's own. The one buyer is known."""
    without_baskets(world)
    world.connectif.account.database.execute("DELETE FROM products")
    put_buyer(world)


def sell(world: World, number: int, *, first: int = 90_000, hidden: bool = False, **sku: Any) -> list[str]:
    """So many orders of a product each; the products' ids."""
    keys = [first + place for place in range(number)]
    for place, key in enumerate(keys):
        if not hidden:
            put_shown(world, key, **sku)
        line = LINE | {"product": key, "sku": 10 * key, "name": f"Line {key}", "link": f"/line-{key}/p"}
        put_order(world, f"{key}-01", MORNING + place * SECOND, lines=[line])
    return [str(key) for key in keys]


def put_shown(world: World, key: int, **sku: Any) -> None:
    """A product that search shows at 21.90, with a picture; unless its SKU is given, with another SKU that
    nobody has bought."""
    offers = [{"price": 2190, "list_price": 2990, "quantity": 5}]
    other = [] if sku else [{"sku_id": 10 * key + 1, "offers": offers}]
    skus = [{"sku_id": 10 * key, "offers": offers, **sku}, *other]
    world.on_vtex(
        "PUT", f"products/{key}", {"name": f"Chaleira {key}", "link_text": f"c-{key}", "skus": skus}
    )


def sync(office: Office, key: str = "run", **options: Any) -> Report:
    return office.sync(PURCHASES, day_of(MORNING, hours=2), key, **options)


def products(world: World) -> dict[str, dict[str, Any]]:
    return world.table("products", by="product_id")


def facts(world: World, key: str) -> tuple[str, float, str]:
    row = products(world)[key]
    return row["name"], row["unit_price"], row["availability"]


def assert_few_calls(world: World, orders: int, unknown: int) -> None:
    """The target: posts ≤ 1.02 a purchase + 20, searches ≤ unknown products / 50 + 2."""
    assert calls(world, "create purchase") <= orders * 1.02 + 20
    assert calls(world, "product search") <= unknown / 50 + 2


@pytest.mark.parametrize("number", [10, 63, 130])
def test_empty_catalogue__takes_one_import(number: int, office: Office, world: World) -> None:
    keys = sell(world, number)
    assert sync(office).counts.outcomes == {Outcome.SENT: number}
    assert_few_calls(world, number, number)
    assert calls(world, "create purchase") == number
    assert (calls(world, "create import"), calls(world, "patch product")) == (1, 0)
    assert {*products(world)} == {*keys}
    assert facts(world, keys[-1]) == (f"Chaleira {keys[-1]}", 21.9, "instock")


def test_created_products__are_what_the_catalogue_sends(office: Office, world: World) -> None:
    keys = sell(world, 12)
    sync(office)
    created = {key: products(world)[key] for key in keys}
    office.sync(Area.PRODUCTS, EVERYTHING, "catalogue")
    assert {key: products(world)[key] for key in keys} == created
    assert all(row["image_url"] and row["categories"] for row in created.values())


def test_full_catalogue__is_not_searched(office: Office, world: World) -> None:
    sell(world, 12)
    office.sync(Area.PRODUCTS, EVERYTHING, "catalogue")
    before, imports = calls(world, "product search"), calls(world, "create import")
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert calls(world, "create purchase") == 12
    assert (calls(world, "product search"), calls(world, "create import")) == (before, imports)


def test_old_catalogue__only_new_products_are_searched(office: Office, world: World) -> None:
    sell(world, 6)
    office.sync(Area.PRODUCTS, EVERYTHING, "catalogue")
    world.on_vtex("DELETE", "journal")
    new = sell(world, 8, first=95_000)
    sync(office)
    assert calls(world, "product search") == 1
    assert {*new} <= {*products(world)}


def test_old_catalogue__what_connectif_has_lost_since_is_healed(office: Office, world: World) -> None:
    keys = sell(world, 12)
    office.sync(Area.PRODUCTS, EVERYTHING, "catalogue")
    world.on_connectif("DELETE", f"products/{keys[3]}")
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert (calls(world, "create purchase"), calls(world, "patch product")) == (13, 1)


def test_lost_catalogue__leaves_all_products_unknown(office: Office, world: World) -> None:
    keys = sell(world, 12)
    office.store.replace_catalogue("lost.parquet", 1, "products")
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert_few_calls(world, 12, 12)
    assert {*products(world)} == {*keys}


def test_catalogue__does_not_learn_of_what_purchases_created(office: Office, world: World) -> None:
    """As with E0102: neither a withdrawal nor a last price follows from it."""
    sell(world, 12)
    sync(office)
    assert last_catalogue(office.run(Area.PRODUCTS, EVERYTHING, "look")) is None


# --- ids of SKUs


def test_skus__only_those_bought_are_created(office: Office, world: World) -> None:
    office.change("products", product_id_source="sku")
    keys = [f"{key}0" for key in sell(world, 60)]
    assert sync(office).counts.outcomes == {Outcome.SENT: 60}
    assert_few_calls(world, 60, 60)
    assert {*products(world)} == {*keys}
    assert calls(world, "patch product") == 0


def test_skus__a_product_of_the_same_number_that_was_sent_is_another(office: Office, world: World) -> None:
    """The catalogue was sent by products, whose numbers are those of the SKUs that are bought now."""
    keys = sell(world, 12)
    for key in keys:
        put_shown(world, int(f"{key}0"))
    office.sync(Area.PRODUCTS, EVERYTHING, "catalogue")
    world.connectif.account.database.execute("DELETE FROM products")
    world.on_vtex("DELETE", "journal")
    office.change("products", product_id_source="sku")
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert_few_calls(world, 12, 12)
    assert products(world)[f"{keys[0]}0"]["url"] == f"https://www.sandbox-shop.example/c-{keys[0]}/p"


# --- prices


@pytest.mark.parametrize(("setting", "price"), [("unit", 6.57), ("measure", 21.9)])
def test_weighed_goods__cost_what_the_setting_says(
    setting: str, price: float, office: Office, world: World
) -> None:
    office.change("products", weighed_price=setting)
    keys = sell(world, 12, unit_multiplier=0.3)
    sync(office)
    assert calls(world, "patch product") == 0
    assert {products(world)[key]["unit_price"] for key in keys} == {price}


def test_base_prices__are_those_of_products_that_nobody_can_buy(office: Office, world: World) -> None:
    keys = sell(world, 12, offers=[], base_price=1750)
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert {facts(world, key)[1:] for key in keys} == {(17.5, "outofstock")}
    assert (calls(world, "price"), calls(world, "patch product")) == (12, 0)


def test_base_prices__one_that_cannot_be_had_costs_its_product_alone(office: Office, world: World) -> None:
    """That one has the list price of its line."""
    keys = sell(world, 30, offers=[], base_price=1750)
    base_price = office.vtex.base_price

    def without_one(sku: str) -> Any:
        if sku == f"{keys[7]}0":
            raise TemporaryError("no answer")
        return base_price(sku)

    office.vtex.base_price = without_one  # type: ignore[method-assign]
    sync(office)
    prices = {key: products(world)[key]["unit_price"] for key in keys}
    assert prices == dict.fromkeys(keys, 17.5) | {keys[7]: 24.9}


def test_base_prices__without_the_right_the_lines_tell(office: Office, world: World) -> None:
    keys = sell(world, 130, offers=[], base_price=1750)
    world.fault_at_vtex("price", calls=999, status=403)
    assert sync(office).counts.outcomes == {Outcome.SENT: 130}
    assert {facts(world, key) for key in keys} == {(f"Line {key}", 24.9, "outofstock") for key in keys}
    assert calls(world, "price") < 130, "not asked for on and on"


# --- hidden from search


def test_hidden_products__are_made_from_lines(office: Office, world: World) -> None:
    """List price, out of stock; asked for once more, as far as one call goes."""
    shown, hidden = sell(world, 70), sell(world, 60, first=95_000, hidden=True)
    assert sync(office).counts.outcomes == {Outcome.SENT: 130}
    assert_few_calls(world, 130, 130)
    assert {facts(world, key) for key in hidden} == {(f"Line {key}", 24.9, "outofstock") for key in hidden}
    assert {facts(world, key)[1:] for key in shown} == {(21.9, "instock")}
    row = products(world)[hidden[0]]
    assert (row["brand"], row["categories"]) == ("Aurora", '["Casa/Cozinha"]')
    assert (row["url"], row["in_stock_units"]) == (f"https://www.sandbox-shop.example/line-{hidden[0]}/p", 0)
    assert calls(world, "patch product") == 0


def test_forgetful_search__is_asked_once_more(office: Office, world: World) -> None:
    sell(world, 40)
    world.on_vtex("POST", "knobs", {"search_omission_share": 0.3})
    sync(office)
    hidden = [row for row in products(world).values() if row["availability"] == "outofstock"]
    assert calls(world, "product search") == 2
    assert len(hidden) <= 9, "of 40 about four are forgotten twice, twelve once"


def test_lines_without_a_price__are_left_out_and_counted(office: Office, world: World) -> None:
    sell(world, 12)
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    lines = [LINE | {"product": 90_000}, gift]
    for number in range(4):
        put_order(world, f"7{number}-01", MORNING, lines=lines)
    report = sync(office)
    assert report.counts.outcomes == {Outcome.SENT: 16}
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 4}
    assert "99999" not in products(world)
    assert_few_calls(world, 16, 13)


def test_gifts__that_another_order_pays_for_are_created_by_that_line(office: Office, world: World) -> None:
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    sell(world, 12)
    put_order(world, "70-01", MORNING, lines=[LINE | {"product": 90_000}, gift])
    put_order(world, "71-01", MORNING, lines=[LINE | {"product": 99_999}])
    report = sync(office)
    assert report.counts.drops == {}
    assert products(world)["99999"]["unit_price"] == 24.9
    assert '"99999"' in purchases(world)["70"]["products"]


# --- what Connectif has by other means


def test_products_by_other_means__are_left_alone(office: Office, world: World) -> None:
    keys = sell(world, 12)
    page = {"name": "Of the tag", "productDetailUrl": "https://www.sandbox-shop.example/x/p", "unitPrice": 5,
            "description": "rich", "tags": ["new"], "rating": 4.5}  # fmt: skip
    world.on_connectif("PUT", f"products/{keys[0]}", page)
    before = products(world)[keys[0]]
    sync(office)
    assert products(world)[keys[0]] == before
    assert len(products(world)) == 12


def test_few_purchases__are_healed_one_by_one(office: Office, world: World) -> None:
    sell(world, 9)
    assert sync(office).counts.outcomes == {Outcome.SENT: 9}
    assert (calls(world, "create import"), calls(world, "patch product")) == (0, 9)


def test_purchases_that_are_there__create_no_products(office: Office, world: World) -> None:
    keys = sell(world, 12)
    put_shown(world, 900)
    world.on_connectif("PUT", "products/900", {"name": "a", "productDetailUrl": "https://www.sandbox-shop.example/a/p",
                                               "unitPrice": 1})  # fmt: skip
    for key in keys[3:]:
        put_purchase(world, key)
    assert sync(office).counts.outcomes == {Outcome.SENT: 3, Outcome.ALREADY_THERE: 9}
    assert {*products(world)} == {*keys[:3], "900"}


def test_erased_people__create_no_products(office: Office, world: World) -> None:
    sell(world, 12)
    office.store.erase(EMAIL)
    report = sync(office)
    assert report.counts.reasons == {Reason.ERASED: 12}
    assert (products(world), calls(world, "product search")) == ({}, 0)


def test_dry_run__asks_and_writes_nothing(office: Office, world: World) -> None:
    sell(world, 12)
    sync(office, dry_run=True)
    assert world.writes() == {}
    assert calls(world, "product search") == 0


def test_only__stays_with_one_purchase(office: Office, world: World) -> None:
    keys = sell(world, 12)
    plan = RunPlan("only", None, (), "one", f"{keys[2]}-01")
    assert office.sync(PURCHASES, plan, "one").counts.outcomes == {Outcome.SENT: 1}
    assert {*products(world)} == {keys[2]}


# --- trouble with the import


def corrupt(office: Office, spoil: Callable[[bytes], bytes]) -> None:
    """What is sent as the file of an import is changed on its way."""
    create = office.connectif.create_import

    def create_import(kind: str, csv: Any, *, override_existing: bool) -> Any:
        text = spoil(b"".join(csv.pieces()))
        other = type(csv)(csv.name, csv.content_type, len(text), lambda: iter([text]))
        return create(kind, other, override_existing=override_existing)

    office.connectif.create_import = create_import  # type: ignore[method-assign]


def test_refused_rows__are_healed_one_by_one(office: Office, world: World) -> None:
    keys = sell(world, 60)
    corrupt(office, lambda text: text.replace(b',"29.90",', b',"none",', 7))
    assert sync(office).counts.outcomes == {Outcome.SENT: 60}
    assert (calls(world, "create purchase"), calls(world, "patch product")) == (67, 7)
    assert_few_calls(world, 60, 60 + 7 * 50)
    assert {facts(world, key)[1:] for key in keys} == {(21.9, "instock")}


def test_lost_rows__are_healed_one_by_one(office: Office, world: World) -> None:
    sell(world, 60)
    world.connectif.knobs.import_lost_rows = 5
    assert sync(office).counts.outcomes == {Outcome.SENT: 60}
    assert calls(world, "patch product") == 5


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
def test_import_that_is_refused__leaves_the_other_way(
    fault: dict[str, Any], office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    keys = sell(world, 12)
    office.change("connectif", import_timeout_minutes=0.01)
    world.fault_at_connectif("create import", calls=9_999, **fault)
    with caplog.at_level(logging.WARNING):
        assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert {facts(world, key)[1:] for key in keys} == {(21.9, "instock")}
    assert calls(world, "patch product") == 12
    assert ("created purchase by purchase" in caplog.text) == (fault["status"] != 413), "rows go singly"


def test_import_that_ends_in_an_error__leaves_the_other_way(office: Office, world: World) -> None:
    sell(world, 12)
    corrupt(office, lambda text: text.replace(b'"unitPrice",', b'"price",'))
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert calls(world, "patch product") == 12


def test_import_that_never_ends__leaves_the_other_way(office: Office, world: World) -> None:
    sell(world, 12)
    office.change("connectif", import_timeout_minutes=0.01)
    world.connectif.knobs.imports_paused = True
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}
    assert calls(world, "create import") == 1


def test_domain_that_is_not_authorised__is_told_by_the_post(office: Office, world: World) -> None:
    """Connectif takes such products by file, and refuses their purchases (E0103)."""
    sell(world, 12)
    world.connectif.knobs.authorised_domains = ["another-shop.example"]
    assert sync(office).counts.reasons == {Reason.TARGET_REJECTED: 12}
    (first, *_) = office.store.outcomes(PURCHASES, reason=Reason.TARGET_REJECTED)
    assert first.detail.startswith("E0103")
    assert calls(world, "create purchase") == 12


# --- trouble with the search


def test_search_that_refuses_some_ids__leaves_these_to_the_other_way(office: Office, world: World) -> None:
    keys = sell(world, 60)
    world.fault_at_vtex("product search", calls=1, status=400)
    assert sync(office).counts.outcomes == {Outcome.SENT: 60}
    assert {facts(world, key)[1:] for key in keys} == {(21.9, "instock")}
    assert calls(world, "patch product") in {10, 50}, "the products of one call of two"


def test_search_that_refuses_an_id_for_good__leaves_the_line(office: Office, world: World) -> None:
    keys = sell(world, 9)
    world.fault_at_vtex("product search", calls=99, status=400)
    assert sync(office).counts.outcomes == {Outcome.SENT: 9}
    assert {facts(world, key)[1:] for key in keys} == {(24.9, "outofstock")}


def test_search_out_of_order__does_not_stop_purchases_of_known_products(office: Office, world: World) -> None:
    """Products that Connectif has by its tag: none of them is needed."""
    for key in sell(world, 12):
        body = {"name": "a", "productDetailUrl": "https://www.sandbox-shop.example/a/p", "unitPrice": 1}
        world.on_connectif("PUT", f"products/{key}", body)
    world.fault_at_vtex("product search", calls=9_999, status=503)
    assert sync(office).counts.outcomes == {Outcome.SENT: 12}


# --- retries


@pytest.mark.parametrize("moment", ["before the import is noted", "after it", "while it runs"])
def test_killed__a_retry_does_nothing_twice(
    moment: str, office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(world, 60)
    kills = iter([None])
    if moment == "while it runs":
        read = office.connectif.read_import

        def read_import(import_id: str) -> Any:
            if next(kills, "no more") is None:
                raise Killed
            return read(import_id)

        monkeypatch.setattr(office.connectif, "read_import", read_import)
    else:
        work = include.sync.purchases.ahead.import_files

        def import_files(*arguments: Any, **options: Any) -> Any:
            done = work(*arguments, **options) if moment == "after it" else None
            if next(kills, "no more") is None:
                raise Killed
            return work(*arguments, **options) if done is None else done

        monkeypatch.setattr(include.sync.purchases.ahead, "import_files", import_files)
    plan = day_of(MORNING, hours=2)
    assert office.sync_with_retries(PURCHASES, plan, "run", tries=2).counts.outcomes == {Outcome.SENT: 60}
    assert (calls(world, "create import"), calls(world, "patch product")) == (1, 0)
    assert calls(world, "product search") == 2
    assert calls(world, "create purchase") == 60


# --- one by one: what several purchases lack is created once


def test_one_by_one__a_product_of_many_purchases_is_searched_and_created_once(
    office: Office, world: World
) -> None:
    put_shown(world, 900)
    world.fault_at_connectif("create import", calls=99, status=400)
    for number in range(50):
        put_order(world, f"{number}-01", MORNING + number * SECOND)
    assert sync(office).counts.outcomes == {Outcome.SENT: 50}
    assert (calls(world, "product search"), calls(world, "patch product")) == (2, 1), "ahead, and once"


def test_one_by_one__a_contact_of_many_purchases_is_created_once(office: Office, world: World) -> None:
    world.on_connectif("DELETE", f"contacts/{EMAIL}")
    put_shown(world, 900)
    for number in range(50):
        put_order(world, f"{number}-01", MORNING + number * SECOND)
    assert sync(office).counts.outcomes == {Outcome.SENT: 50}
    assert calls(world, "patch contact") == 1


def test_one_by_one__a_product_without_a_price_is_searched_once(office: Office, world: World) -> None:
    gift = LINE | {"product": 99_999, "selling_price": 0, "price": 0, "list_price": 0}
    put_shown(world, 900)
    for number in range(9):
        put_order(world, f"{number}-01", MORNING + number * SECOND, lines=[LINE, gift])
    report = sync(office)
    assert report.counts.drops == {Drop.LINE_WITHOUT_PRICE: 9}
    assert calls(world, "product search") <= 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["gift first", "gift last"])
def test_one_by_one__a_gift_beside_its_paid_product_does_not_cost_the_line(
    order: tuple[int, int], office: Office, world: World
) -> None:
    paid = LINE | {"product": 99_999}
    gift = paid | {"selling_price": 0, "price": 0, "list_price": 0}
    put_order(world, "1-01", MORNING, lines=[(gift, paid)[place] for place in order])
    report = sync(office)
    assert report.counts.drops == {}
    assert purchases(world)["1"]["total_quantity"] == 2
