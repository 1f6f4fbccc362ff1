"""A changed `product_id_source`: all products get new ids, and some of these numbers had another meaning.

VTEX numbers products and SKUs independently, so the id of a product is often the id of
another product's SKU.
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


def kept_ids(runner: SyncRunner) -> tuple[set[str], set[str]]:
    """The ids on sale and the withdrawn ids in the snapshot of the next run."""
    last = last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look"))
    assert last is not None
    return set(last.index[~last["withdrawn"]]), set(last.index[last["withdrawn"]])


def in_stock(runner: SyncRunner, shop: SimulatedShop) -> set[str]:
    """The ids that were ever sent and are in stock at Connectif. Connectif also has other products."""
    all_ids = set.union(*kept_ids(runner))
    return {key for key, row in sent(shop).items() if key in all_ids and row["availability"] == "instock"}


def sync(runner: SyncRunner, key: str, source: str, **options: Any) -> Report:
    runner.change("products", product_id_source=source)
    return runner.sync(PipelineName.PRODUCTS, EVERYTHING, key, **options)


def assert_needs_allow_mass_change(runner: SyncRunner, shop: SimulatedShop, key: str, source: str) -> Report:
    """The guard blocks the run and nothing is sent. With `allow_mass_change` the run succeeds."""
    before, (selling, _) = sent(shop), kept_ids(runner)
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("DELETE", "journal")
    with pytest.raises(MassChangeBlocked, match=rf"{len(selling)} would vanish.*product_id_source"):
        sync(runner, f"{key} stopped", source)
    assert shop.writes() == {}
    assert sent(shop) == before
    assert kept_ids(runner)[0] == selling
    return sync(runner, key, source, allow_mass_change=True)


def assert_changes_nothing(runner: SyncRunner, shop: SimulatedShop, key: str, source: str) -> None:
    """Another run needs no parameter, withdraws no product and changes nothing."""
    before = sent(shop)
    report = sync(runner, key, source)
    assert [note for note in report.counts.notes if "withdrawn" in note] == []
    assert sent(shop) == before


def test_id_source__changed_and_changed_back(runner: SyncRunner, shop: SimulatedShop) -> None:
    sync(runner, "products", "product")
    product_ids, _ = kept_ids(runner)
    assert_needs_allow_mass_change(runner, shop, "skus", "sku")
    sku_ids, gone = kept_ids(runner)
    assert (len(sku_ids) > 2 * len(product_ids), gone) == (True, product_ids)
    assert set() < in_stock(runner, shop) <= sku_ids
    assert_changes_nothing(runner, shop, "skus again", "sku")

    assert_needs_allow_mass_change(runner, shop, "back", "product")
    assert set() < in_stock(runner, shop) <= product_ids
    assert kept_ids(runner) == (product_ids, sku_ids)
    assert_changes_nothing(runner, shop, "back again", "product")
    assert all(row["unit_price"] > 0 for row in sent(shop).values())


def test_id_source__guard_blocks_although_the_new_ids_have_the_same_numbers(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Each product id is the SKU id of another product, so no number vanishes."""
    keys = [str(row[0]) for row in shop.vtex.database.rows("SELECT product_id FROM product")]
    for key in keys:
        shop.on_vtex("DELETE", f"products/{key}")
    for place in range(20):
        put_product(shop, str(9_000 + place), {"sku_id": 9_000 + (place + 7) % 20, **ON_OFFER})
    sync(runner, "products", "product")
    assert_needs_allow_mass_change(runner, shop, "skus", "sku")
    assert in_stock(runner, shop) == {str(9_000 + place) for place in range(20)}
    assert sent(shop)["9007"]["url"] == "https://www.sandbox-shop.example/9000/p"
    assert_changes_nothing(runner, shop, "skus again", "sku")


def test_id_source__prices_of_the_other_kind_of_id_are_not_used(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_product(shop, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, base_price=1_500))
    put_product(shop, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(runner, "products", "product")
    assert sent(shop)["99020"]["unit_price"] == 9.0
    sync(runner, "skus", "sku", allow_mass_change=True)
    assert sent(shop)["99020"]["name"] == "Chaleira 9901 M"
    assert sent(shop)["99020"]["unit_price"] == 15.0, "the SKU's own price, from the Pricing API"
    sync(runner, "back", "product", allow_mass_change=True)
    assert sent(shop)["99020"]["name"] == "Chaleira 99020"
    assert sent(shop)["99020"]["unit_price"] == 9.0


def test_id_source__a_product_is_withdrawn_although_its_number_is_rejected_now(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The SKU has no price and cannot be sent, and the product with the same number is not sent any more."""
    put_product(shop, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, has_price=False))
    put_product(shop, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(runner, "products", "product")
    known = sent(shop)["99020"]
    report = sync(runner, "skus", "sku", allow_mass_change=True)
    assert sent(shop)["99020"] == known | {"availability": "outofstock", "in_stock_units": 0}
    assert report.counts.reasons[Reason.PRICE_MISSING] >= 1
    assert report.counts.outcomes[Outcome.SENT] == report.counts.written
    assert_changes_nothing(runner, shop, "skus again", "sku")


def test_skus__a_product_without_skus_is_reported_although_a_sku_has_its_number(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Search has not shown such a product so far. If it does, no record may be lost."""
    search = VtexClient.search_products

    def without_some_skus(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        found = search(*args, **kwargs)
        return [one | {"items": []} if one["productId"] == "99020" else one for one in found]

    monkeypatch.setattr(VtexClient, "search_products", without_some_skus)
    put_product(shop, "9901", {"sku_id": 99020, **ON_OFFER})
    put_product(shop, "99020", {"sku_id": 99030})
    report = sync(runner, "skus", "sku")
    assert sent(shop)["99020"]["name"].startswith("Chaleira 9901")
    rejected = runner.state.records.outcomes_of(PipelineName.PRODUCTS, ["product-99020"])["product-99020"]
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, Reason.PRICE_MISSING)
    for plan in (only("product-99020"), replay_of("product-99020")):
        assert runner.sync(PipelineName.PRODUCTS, plan, plan.why).counts.reasons == {Reason.PRICE_MISSING: 1}
    assert runner.sync(PipelineName.PRODUCTS, only("99020"), "the SKU").counts.outcomes == {Outcome.SENT: 1}
    assert report.missing == 0


@pytest.mark.parametrize("plan", [only("99010"), replay_of("all")], ids=["only", "replay"])
def test_id_source__after_a_change_the_whole_catalogue_must_be_sent_first(
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


def test_only__one_sku_does_not_count_or_request_its_sibling_skus(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("products", product_id_source="sku")
    skus = [{"sku_id": 99010, **ON_OFFER}, sold_out(99011)]
    shop.on_vtex("PUT", "products/9901", {"skus": skus, "release_date": "soon"})
    shop.on_vtex("DELETE", "journal")
    report = runner.sync(PipelineName.PRODUCTS, only("99010"), "one")
    assert (report.counts.outcomes, report.counts.drops) == ({Outcome.SENT: 1}, {Drop.DATE_INVALID: 1})
    assert set(shop.counts()) == {"product search", "create import", "get import"}
