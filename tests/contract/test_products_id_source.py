"""A changed `product_id_source`: every product becomes another one, also where the numbers are the same.

VTEX numbers products and SKUs apart, so that a product and somebody else's SKU often have the same id.
"""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import MassChangeBlocked
from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.plan import RunPlan
from include.products.sent_catalogue import last_catalogue
from include.report import Report
from include.vtex.client import VtexClient
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, replay_of

ON_OFFER = {"offers": [{"price": 900, "list_price": 1_200, "quantity": 3}]}


def sold_out(sku_id: int, **more: Any) -> dict[str, Any]:
    return {"sku_id": sku_id, "name": "M", "offers": [], **more}


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def put_product(shop: SimulatedShop, key: str, *skus: dict[str, Any]) -> None:
    shop.on_vtex("PUT", f"products/{key}", {"name": f"Chaleira {key}", "link_text": key, "skus": [*skus]})


def sent(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("products", by="product_id")


def ids_kept(runner: SyncRunner) -> tuple[set[str], set[str]]:
    """(under which something is sold, said withdrawal to), as the next run finds them."""
    last = last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look"))
    assert last is not None
    return set(last.index[~last["withdrawn"]]), set(last.index[last["withdrawn"]])


def in_stock(runner: SyncRunner, shop: SimulatedShop) -> set[str]:
    """Of all ids that were ever sent those that can be bought at Connectif, which has others too."""
    ours = set.union(*ids_kept(runner))
    return {key for key, row in sent(shop).items() if key in ours and row["availability"] == "instock"}


def sync(runner: SyncRunner, key: str, source: str, **options: Any) -> Report:
    runner.change("products", product_id_source=source)
    return runner.sync(PipelineName.PRODUCTS, EVERYTHING, key, **options)


def assert_let_through_only_when_asked(
    runner: SyncRunner, shop: SimulatedShop, key: str, source: str
) -> Report:
    """The mass-change guard holds and nothing is written; with `allow_mass_change` it goes: the report of that."""
    before, (selling, _) = sent(shop), ids_kept(runner)
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("DELETE", "journal")
    with pytest.raises(MassChangeBlocked, match=rf"{len(selling)} would vanish.*product_id_source"):
        sync(runner, f"{key} stopped", source)
    assert shop.writes() == {}
    assert sent(shop) == before
    assert ids_kept(runner)[0] == selling
    return sync(runner, key, source, allow_mass_change=True)


def assert_quiet(runner: SyncRunner, shop: SimulatedShop, key: str, source: str) -> None:
    """Another run needs no parameter, says withdrawal to nobody and changes nothing."""
    before = sent(shop)
    report = sync(runner, key, source)
    assert [note for note in report.counts.notes if "withdrawn" in note] == []
    assert sent(shop) == before


def test_id_source__changed_and_changed_back(runner: SyncRunner, shop: SimulatedShop) -> None:
    sync(runner, "products", "product")
    product_ids, _ = ids_kept(runner)
    assert_let_through_only_when_asked(runner, shop, "skus", "sku")
    sku_ids, gone = ids_kept(runner)
    assert (len(sku_ids) > 2 * len(product_ids), gone) == (True, product_ids)
    assert set() < in_stock(runner, shop) <= sku_ids
    assert_quiet(runner, shop, "skus again", "sku")

    assert_let_through_only_when_asked(runner, shop, "back", "product")
    assert set() < in_stock(runner, shop) <= product_ids
    assert ids_kept(runner) == (product_ids, sku_ids)
    assert_quiet(runner, shop, "back again", "product")
    assert all(row["unit_price"] > 0 for row in sent(shop).values())


def test_id_source__mass_change_guard_holds_though_all_numbers_are_taken(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Each product id is the SKU id of another product: by number nothing vanishes."""
    keys = [str(row[0]) for row in shop.vtex.database.rows("SELECT product_id FROM product")]
    for key in keys:
        shop.on_vtex("DELETE", f"products/{key}")
    for place in range(20):
        put_product(shop, str(9_000 + place), {"sku_id": 9_000 + (place + 7) % 20, **ON_OFFER})
    sync(runner, "products", "product")
    assert_let_through_only_when_asked(runner, shop, "skus", "sku")
    assert in_stock(runner, shop) == {str(9_000 + place) for place in range(20)}
    assert sent(shop)["9007"]["url"] == "https://www.sandbox-shop.example/9000/p"
    assert_quiet(runner, shop, "skus again", "sku")


def test_id_source__prices_of_another_kind_of_id_are_no_last_prices(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_product(shop, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, base_price=1_500))
    put_product(shop, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(runner, "products", "product")
    assert sent(shop)["99020"]["unit_price"] == 9.0
    sync(runner, "skus", "sku", allow_mass_change=True)
    assert sent(shop)["99020"]["name"] == "Chaleira 9901 M"
    assert sent(shop)["99020"]["unit_price"] == 15.0, "the SKU's own, by the Pricing API"
    sync(runner, "back", "product", allow_mass_change=True)
    assert sent(shop)["99020"]["name"] == "Chaleira 99020"
    assert sent(shop)["99020"]["unit_price"] == 9.0


def test_id_source__withdrawal_also_where_the_same_number_is_rejected_now(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The SKU cannot be sent (it has no price), the product of that number is not what the shop reports."""
    put_product(shop, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, has_price=False))
    put_product(shop, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(runner, "products", "product")
    known = sent(shop)["99020"]
    report = sync(runner, "skus", "sku", allow_mass_change=True)
    assert sent(shop)["99020"] == known | {"availability": "outofstock", "in_stock_units": 0}
    assert report.counts.reasons[Reason.PRICE_MISSING] >= 1
    assert report.counts.outcomes[Outcome.SENT] == report.counts.written
    assert_quiet(runner, shop, "skus again", "sku")


def test_skus__a_product_without_any_is_reported_though_a_sku_has_its_number(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Search shows none so far; should it ever, then no record may be lost for that."""
    search = VtexClient.search_products

    def without_some_skus(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        found = search(*args, **kwargs)
        return [one | {"items": []} if one["productId"] == "99020" else one for one in found]

    monkeypatch.setattr(VtexClient, "search_products", without_some_skus)
    put_product(shop, "9901", {"sku_id": 99020, **ON_OFFER})
    put_product(shop, "99020", {"sku_id": 99030})
    report = sync(runner, "skus", "sku")
    assert sent(shop)["99020"]["name"].startswith("Chaleira 9901")
    rejected = runner.state.outcomes_of(PipelineName.PRODUCTS, ["product-99020"])["product-99020"]
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, Reason.PRICE_MISSING)
    for plan in (only("product-99020"), replay_of("product-99020")):
        assert runner.sync(PipelineName.PRODUCTS, plan, plan.why).counts.reasons == {Reason.PRICE_MISSING: 1}
    assert runner.sync(PipelineName.PRODUCTS, only("99020"), "the SKU").counts.outcomes == {Outcome.SENT: 1}
    assert report.missing == 0


@pytest.mark.parametrize("plan", [only("99010"), replay_of("all")], ids=["only", "replay"])
def test_id_source__changed_lets_no_single_records_go_before_the_whole_catalogue(
    plan: RunPlan, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_product(shop, "9901", {"sku_id": 99010, **ON_OFFER})
    sync(runner, "products", "product")
    runner.change("products", product_id_source="sku")
    before = sent(shop)
    with pytest.raises(MassChangeBlocked, match=r"product_id_source was not sku then.*whole catalogue"):
        runner.sync(PipelineName.PRODUCTS, plan, "few")
    assert sent(shop) == before
    sync(runner, "skus", "sku", allow_mass_change=True)
    runner.sync(PipelineName.PRODUCTS, plan, "few again")


def test_only__one_sku_counts_and_asks_nothing_of_its_sisters(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("products", product_id_source="sku")
    skus = [{"sku_id": 99010, **ON_OFFER}, sold_out(99011)]
    shop.on_vtex("PUT", "products/9901", {"skus": skus, "release_date": "soon"})
    shop.on_vtex("DELETE", "journal")
    report = runner.sync(PipelineName.PRODUCTS, only("99010"), "one")
    assert (report.counts.outcomes, report.counts.drops) == ({Outcome.SENT: 1}, {Drop.DATE_INVALID: 1})
    assert set(shop.counts()) == {"product search", "create import", "get import"}
