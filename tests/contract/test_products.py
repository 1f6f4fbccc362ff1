"""The catalogue on the simulated shop: short reads, missing rights, a lost snapshot, SKUs as products."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import TemporaryError, UnsafeChange
from include.outcomes import Area, Outcome, Reason
from include.sync.products.catalogue import last_catalogue
from tests.builders import EVERYTHING, Office, World, vtex_client


def sent(world: World) -> dict[str, dict[str, Any]]:
    return world.table("products", by="product_id")


def calls(world: World, route: str) -> int:
    return sum(world.counts().get(route, {}).values())


def yesterday(office: Office, world: World) -> dict[str, dict[str, Any]]:
    """What a first run leaves; afterwards nothing has been called."""
    office.sync(Area.PRODUCTS, EVERYTHING, "yesterday")
    for there in (world.on_vtex, world.on_connectif):
        there("DELETE", "journal")
    return sent(world)


def sold_out(sku_id: int, **prices: Any) -> dict[str, Any]:
    return {"sku_id": sku_id, "offers": [], **prices}


# --- nothing is sent of what was not read whole


@pytest.mark.parametrize(
    ("route", "trouble"),
    [
        ("product ids", {"status": 503}),
        ("product ids", {"status": 200, "body": {"data": {"1": [1001]}, "range": {"total": 60}}}),
        ("product search", {"skip": 1, "status": 503}),
        ("price", {"skip": 1, "status": 503}),
    ],
    ids=["no list", "short list", "no search", "no prices"],
)
def test_reading__that_fails_or_stays_short_sends_nothing(
    route: str, trouble: dict[str, Any], office: Office, world: World
) -> None:
    before = yesterday(office, world)
    world.fault_at_vtex(route, calls=500, **trouble)
    with pytest.raises(TemporaryError):
        office.sync(Area.PRODUCTS, EVERYTHING, "today")
    assert world.writes() == {}
    assert sent(world) == before


def test_reading__half_the_list_is_not_believed_though_it_is_consistent(office: Office, world: World) -> None:
    before = yesterday(office, world)
    half = {"data": {str(key): [] for key in range(30)}, "range": {"total": 30}}
    world.fault_at_vtex("product ids", calls=500, status=200, body=half)
    with pytest.raises(UnsafeChange, match=r"of \d+ products sent last time, 0 .* and \d+ would vanish"):
        office.sync(Area.PRODUCTS, EVERYTHING, "today")
    assert world.writes() == {}
    assert sent(world) == before


def test_brake__counts_what_turns_out_of_stock(office: Office, world: World) -> None:
    before = yesterday(office, world)
    last = last_catalogue(office.run(Area.PRODUCTS, EVERYTHING, "look"))
    assert last is not None
    in_stock = list(last.index[last["availability"] == "instock"])
    for key in in_stock[:20]:
        world.on_vtex("PUT", f"products/{key}", {"name": "x", "skus": [sold_out(int(key) + 50_000)]})
    with pytest.raises(UnsafeChange, match="20 would turn out of stock and 0 would vanish"):
        office.sync(Area.PRODUCTS, EVERYTHING, "today")
    assert sent(world) == before
    office.sync(Area.PRODUCTS, EVERYTHING, "let through", allow_mass_change=True)
    assert {sent(world)[key]["availability"] for key in in_stock[:20]} == {"outofstock"}
    assert {sent(world)[key]["unit_price"] for key in in_stock[:20]} == {
        before[key]["unit_price"] for key in in_stock[:20]
    }, "the price of the day before"


def test_snapshot__that_got_lost_stops_the_run_before_it_reads(office: Office, world: World) -> None:
    yesterday(office, world)
    (office.folder / "kept" / (office.store.last_catalogue() or "")).unlink()
    with pytest.raises(UnsafeChange, match=r"the catalogue sent last is not in .* allow_mass_change"):
        office.sync(Area.PRODUCTS, EVERYTHING, "today")
    assert calls(world, "product ids") == 0
    report = office.sync(Area.PRODUCTS, EVERYTHING, "go on", allow_mass_change=True)
    assert report.counts.outcomes[Outcome.SENT] > 0
    office.sync(Area.PRODUCTS, EVERYTHING, "and again without")


# --- prices that stand nowhere but in the Pricing API


def test_base_price__is_asked_for_only_where_nothing_else_gives_one(office: Office, world: World) -> None:
    world.on_vtex("PUT", "products/9901", {"skus": [sold_out(99010, base_price=None), sold_out(99011)]})
    office.sync(Area.PRODUCTS, EVERYTHING, "one")
    assert (sent(world)["9901"]["unit_price"], sent(world)["9901"]["availability"]) == (10.0, "outofstock")
    asked = {call["path"].rsplit("/", 1)[1] for call in journal_of(world, "price")}
    assert {"99010", "99011"} <= asked
    on_offer = {"1000", "1001"} & asked
    assert not on_offer
    world.on_vtex("DELETE", "journal")
    office.sync(Area.PRODUCTS, EVERYTHING, "two")
    again = {call["path"].rsplit("/", 1)[1] for call in journal_of(world, "price")}
    assert again < asked
    assert not {"99010", "99011"} & again, "the price sent before stands"


def journal_of(world: World, route: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.on_vtex("GET", f"journal?route={route}&limit=500")["calls"]
    return found


def test_base_price__without_the_right_the_catalogue_goes_and_the_report_says_so(
    office: Office, world: World
) -> None:
    world.on_vtex("POST", "keys", {"id": "poor", "secret": "s", "rights": ["Product management"]})
    office.vtex.transport.session.close()
    office.vtex = vtex_client(world, key="poor", token="s")
    report = office.sync(Area.PRODUCTS, EVERYTHING, "run")
    assert report.counts.outcomes[Outcome.SENT] > 30
    assert report.counts.reasons[Reason.PRICE_MISSING] > 0
    assert any("give it Pricing / Price List / Read prices" in note for note in report.counts.notes)


# --- what is not on the way of the catalogue


def test_metadata__is_not_asked_for(office: Office, world: World) -> None:
    """Category tree and brand list answer 429 for half an hour at times: names and paths come by search."""
    office.sync(Area.PRODUCTS, EVERYTHING, "run")
    assert {call["route"] for call in world.on_vtex("GET", "journal?limit=5000")["calls"]} == {
        "product ids",
        "product search",
        "price",
    }
