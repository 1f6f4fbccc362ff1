"""A changed `product_id_source`: every product becomes another one, also where the numbers are the same.

VTEX numbers products and SKUs apart, so that a product and somebody else's SKU often have the same id.
"""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import BrakeApplied
from include.outcomes import Area, Drop, Outcome, Reason
from include.plan import RunPlan
from include.report import Report
from include.sync.products.catalogue import last_catalogue
from include.vtex.client import VtexClient
from tests.builders import EVERYTHING, Office, World, replay_of

ON_OFFER = {"offers": [{"price": 900, "list_price": 1_200, "quantity": 3}]}


def sold_out(sku_id: int, **more: Any) -> dict[str, Any]:
    return {"sku_id": sku_id, "name": "M", "offers": [], **more}


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def put_product(world: World, key: str, *skus: dict[str, Any]) -> None:
    world.on_vtex("PUT", f"products/{key}", {"name": f"Chaleira {key}", "link_text": key, "skus": [*skus]})


def sent(world: World) -> dict[str, dict[str, Any]]:
    return world.table("products", by="product_id")


def ids_kept(office: Office) -> tuple[set[str], set[str]]:
    """(under which something is sold, said goodbye to), as the next run finds them."""
    last = last_catalogue(office.run(Area.PRODUCTS, EVERYTHING, "look"))
    assert last is not None
    return set(last.index[~last["withdrawn"]]), set(last.index[last["withdrawn"]])


def in_stock(office: Office, world: World) -> set[str]:
    """Of all ids that were ever sent those that can be bought at Connectif, which has others too."""
    ours = set.union(*ids_kept(office))
    return {key for key, row in sent(world).items() if key in ours and row["availability"] == "instock"}


def sync(office: Office, key: str, source: str, **options: Any) -> Report:
    office.change("products", product_id_source=source)
    return office.sync(Area.PRODUCTS, EVERYTHING, key, **options)


def assert_let_through_only_when_asked(office: Office, world: World, key: str, source: str) -> Report:
    """The brake holds and nothing is written; with `allow_mass_change` it goes: the report of that."""
    before, (selling, _) = sent(world), ids_kept(office)
    for vendor in (world.on_vtex, world.on_connectif):
        vendor("DELETE", "journal")
    with pytest.raises(BrakeApplied, match=rf"{len(selling)} would vanish.*product_id_source"):
        sync(office, f"{key} stopped", source)
    assert world.writes() == {}
    assert sent(world) == before
    assert ids_kept(office)[0] == selling
    return sync(office, key, source, allow_mass_change=True)


def assert_quiet(office: Office, world: World, key: str, source: str) -> None:
    """Another run needs no parameter, says goodbye to nobody and changes nothing."""
    before = sent(world)
    report = sync(office, key, source)
    assert [note for note in report.counts.notes if "withdrawn" in note] == []
    assert sent(world) == before


def test_id_source__changed_and_changed_back(office: Office, world: World) -> None:
    sync(office, "products", "product")
    product_ids, _ = ids_kept(office)
    assert_let_through_only_when_asked(office, world, "skus", "sku")
    sku_ids, gone = ids_kept(office)
    assert (len(sku_ids) > 2 * len(product_ids), gone) == (True, product_ids)
    assert set() < in_stock(office, world) <= sku_ids
    assert_quiet(office, world, "skus again", "sku")

    assert_let_through_only_when_asked(office, world, "back", "product")
    assert set() < in_stock(office, world) <= product_ids
    assert ids_kept(office) == (product_ids, sku_ids)
    assert_quiet(office, world, "back again", "product")
    assert all(row["unit_price"] > 0 for row in sent(world).values())


def test_id_source__brake_holds_though_all_numbers_are_taken(office: Office, world: World) -> None:
    """Each product id is the SKU id of another product: by number nothing vanishes."""
    keys = [str(row[0]) for row in world.vtex._database.rows("SELECT product_id FROM product")]
    for key in keys:
        world.on_vtex("DELETE", f"products/{key}")
    for place in range(20):
        put_product(world, str(9_000 + place), {"sku_id": 9_000 + (place + 7) % 20, **ON_OFFER})
    sync(office, "products", "product")
    assert_let_through_only_when_asked(office, world, "skus", "sku")
    assert in_stock(office, world) == {str(9_000 + place) for place in range(20)}
    assert sent(world)["9007"]["url"] == "https://www.sandbox-shop.example/9000/p"
    assert_quiet(office, world, "skus again", "sku")


def test_id_source__prices_of_another_kind_of_id_are_no_last_prices(office: Office, world: World) -> None:
    put_product(world, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, base_price=1_500))
    put_product(world, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(office, "products", "product")
    assert sent(world)["99020"]["unit_price"] == 9.0
    sync(office, "skus", "sku", allow_mass_change=True)
    assert sent(world)["99020"]["name"] == "Chaleira 9901 M"
    assert sent(world)["99020"]["unit_price"] == 15.0, "the SKU's own, by the Pricing API"
    sync(office, "back", "product", allow_mass_change=True)
    assert sent(world)["99020"]["name"] == "Chaleira 99020"
    assert sent(world)["99020"]["unit_price"] == 9.0


def test_id_source__goodbye_also_where_the_same_number_is_rejected_now(office: Office, world: World) -> None:
    """The SKU cannot be sent (it has no price), the product of that number is not what the shop reports."""
    put_product(world, "9901", {"sku_id": 99010, **ON_OFFER}, sold_out(99020, has_price=False))
    put_product(world, "99020", {"sku_id": 99030, **ON_OFFER})
    sync(office, "products", "product")
    known = sent(world)["99020"]
    report = sync(office, "skus", "sku", allow_mass_change=True)
    assert sent(world)["99020"] == known | {"availability": "outofstock", "in_stock_units": 0}
    assert report.counts.reasons[Reason.PRICE_MISSING] >= 1
    assert report.counts.outcomes[Outcome.SENT] == report.counts.written
    assert_quiet(office, world, "skus again", "sku")


def test_skus__a_product_without_any_is_reported_though_a_sku_has_its_number(
    office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Search shows none so far; should it ever, then no record may be lost for that."""
    search = VtexClient.search_products

    def without_some_skus(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        found = search(*args, **kwargs)
        return [one | {"items": []} if one["productId"] == "99020" else one for one in found]

    monkeypatch.setattr(VtexClient, "search_products", without_some_skus)
    put_product(world, "9901", {"sku_id": 99020, **ON_OFFER})
    put_product(world, "99020", {"sku_id": 99030})
    report = sync(office, "skus", "sku")
    assert sent(world)["99020"]["name"].startswith("Chaleira 9901")
    rejected = office.store.outcomes_of(Area.PRODUCTS, ["product-99020"])["product-99020"]
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, Reason.PRICE_MISSING)
    for plan in (only("product-99020"), replay_of("product-99020")):
        assert office.sync(Area.PRODUCTS, plan, plan.why).counts.reasons == {Reason.PRICE_MISSING: 1}
    assert office.sync(Area.PRODUCTS, only("99020"), "the SKU").counts.outcomes == {Outcome.SENT: 1}
    assert report.missing == 0


@pytest.mark.parametrize("plan", [only("99010"), replay_of("all")], ids=["only", "replay"])
def test_id_source__changed_lets_no_single_records_go_before_the_whole_catalogue(
    plan: RunPlan, office: Office, world: World
) -> None:
    put_product(world, "9901", {"sku_id": 99010, **ON_OFFER})
    sync(office, "products", "product")
    office.change("products", product_id_source="sku")
    before = sent(world)
    with pytest.raises(BrakeApplied, match=r"product_id_source was not sku then.*whole catalogue"):
        office.sync(Area.PRODUCTS, plan, "few")
    assert sent(world) == before
    sync(office, "skus", "sku", allow_mass_change=True)
    office.sync(Area.PRODUCTS, plan, "few again")


def test_only__one_sku_counts_and_asks_nothing_of_its_sisters(office: Office, world: World) -> None:
    office.change("products", product_id_source="sku")
    skus = [{"sku_id": 99010, **ON_OFFER}, sold_out(99011)]
    world.on_vtex("PUT", "products/9901", {"skus": skus, "release_date": "soon"})
    world.on_vtex("DELETE", "journal")
    report = office.sync(Area.PRODUCTS, only("99010"), "one")
    assert (report.counts.outcomes, report.counts.drops) == ({Outcome.SENT: 1}, {Drop.DATE_INVALID: 1})
    assert set(world.counts()) == {"product search", "create import", "get import"}
