"""A source that is wrong as a whole stops the run before anything is sent, on the first run too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from include.errors import BrakeApplied, UnsafeChange
from include.outcomes import Area, Outcome
from include.sync.mass_change import Share
from tests.builders import EVERYTHING, Office, World, window_ending
from tests.mutations import Changed, Seen, changing
from tests.orders import MORNING, day_of, put_buyer, put_order, put_product, without_baskets

SEARCH = r"GET .*/products/search"
SCROLL = r"GET .*/dataentities/CL/scroll"


@contextmanager
def records_of(office: Office, route: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """VTEX answers each record of the route changed."""

    def mutate(seen: Seen) -> Seen:
        records = seen.body
        for record in records if isinstance(records, list) else []:
            change(record)
        return seen.with_body(records)

    with changing(Changed(route, mutate, 10_000), office.vtex.transport.session):
        yield


def blank(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update({field: value})


def without_pictures(product: dict[str, Any]) -> None:
    for item in product["items"]:
        item["images"] = []


def times(factor: float) -> Callable[[dict[str, Any]], None]:
    def change(product: dict[str, Any]) -> None:
        for item in product["items"]:
            for seller in item["sellers"]:
                for price in ("Price", "ListPrice"):
                    seller["commertialOffer"][price] = round(seller["commertialOffer"][price] * factor, 2)

    return change


# --- products


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (times(100), r"of \d+ products sent last time, \d+ would cost 10 times as much, or as little"),
        (times(0.01), r"would cost 10 times as much, or as little \(limit 20 %\)"),
        (blank("description", ""), r"of \d+ products that had a description last time, \d+ have none now"),
        (blank("categories", []), "that had a category last time"),
        (blank("brand", None), "that had a brand last time"),
        (without_pictures, "that had a picture last time"),
    ],
)
def test_products__most_of_them_changed_at_once_is_taken_for_a_fault(
    change: Callable[[dict[str, Any]], None], says: str, office: Office, world: World
) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "one")
    before = world.target()
    with records_of(office, SEARCH, change):
        with pytest.raises(BrakeApplied, match=says):
            office.sync(Area.PRODUCTS, EVERYTHING, "two")
        assert world.target() == before
        office.sync(Area.PRODUCTS, EVERYTHING, "allowed", allow_mass_change=True)
    assert world.target() != before


def test_products__a_sale_is_no_fault(office: Office) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "one")
    with records_of(office, SEARCH, times(0.5)):
        assert office.sync(Area.PRODUCTS, EVERYTHING, "two").counts.outcomes[Outcome.SENT] > 30


@pytest.mark.parametrize(
    ("change", "says"),
    [(blank("categories", []), "do not have a category"), (without_pictures, "do not have a picture")],
)
def test_products__a_first_run_is_held_against_what_is_plausible(
    change: Callable[[dict[str, Any]], None], says: str, office: Office, world: World
) -> None:
    with records_of(office, SEARCH, change), pytest.raises(BrakeApplied, match=says):
        office.sync(Area.PRODUCTS, EVERYTHING, "one")
    assert world.writes() == {}
    assert office.store.last_catalogue() is None


def test_products__a_first_run_that_shows_none_is_a_fault(office: Office, world: World) -> None:
    nothing = Changed(SEARCH, lambda seen: seen.with_body([]), 10_000)
    with changing(nothing, office.vtex.transport.session), pytest.raises(UnsafeChange, match="sales channel"):
        office.sync(Area.PRODUCTS, EVERYTHING, "one")
    assert world.writes() == {}


# --- purchases


@pytest.fixture
def orders(world: World) -> None:
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    for number in range(25):
        put_order(world, f"{number}-01", MORNING + timedelta(minutes=number))


ORDER = r"GET .*/oms/pvt/orders/\d"


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("affiliateId", "MKT", r"of 25 orders .*, 25 would be left out \(25 order_excluded\)"),
        ("isCompleted", "true", r"25 target_busy"),
        ("clientProfileData", None, r"25 contact_unresolved"),
    ],
)
def test_purchases__all_of_them_left_out_is_taken_for_a_fault(
    field: str, value: Any, says: str, office: Office, world: World
) -> None:
    def mutate(seen: Seen) -> Seen:
        return seen.with_body({**seen.body, field: value})

    with changing(Changed(ORDER, mutate, 10_000), office.vtex.transport.session):
        with pytest.raises(BrakeApplied, match=says):
            office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "one")
        assert world.writes() == {}
        assert office.store.covered(Area.PURCHASES) == []
        office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "allowed", allow_mass_change=True)


@pytest.mark.usefixtures("orders")
def test_purchases__a_day_of_canceled_orders_is_none(office: Office) -> None:
    def mutate(seen: Seen) -> Seen:
        return seen.with_body({**seen.body, "status": "canceled"})

    with changing(Changed(ORDER, mutate, 10_000), office.vtex.transport.session):
        report = office.sync(Area.PURCHASES, day_of(MORNING, hours=1), "one")
    assert report.counts.outcomes == {Outcome.EXCLUDED: 25}


# --- contacts


def nameless(document: dict[str, Any]) -> None:
    document.update(firstName=None, lastName=" ")


def test_contacts__names_that_most_had_the_run_before(office: Office, world: World) -> None:
    office.sync(Area.CONTACTS, EVERYTHING, "one")
    before = world.target()
    with records_of(office, SCROLL, nameless):
        with pytest.raises(BrakeApplied, match=r"should have a name, as in the run before, \d+ have neither"):
            office.sync(Area.CONTACTS, EVERYTHING, "two")
        assert world.target() == before
        office.sync(Area.CONTACTS, EVERYTHING, "allowed", allow_mass_change=True)


def test_contacts__a_first_run_without_any_name(office: Office, world: World) -> None:
    with records_of(office, SCROLL, nameless), pytest.raises(BrakeApplied, match="have neither name nor"):
        office.sync(Area.CONTACTS, EVERYTHING, "one")
    assert world.writes() == {}
    assert not office.store.is_activated(Area.CONTACTS)


def test_contacts__a_few_without_a_name_are_no_fault(office: Office, world: World) -> None:
    for number in range(8):
        world.on_vtex("PUT", f"documents/n{number}", {"email": f"n{number}@example.com", "firstName": None})
    office.sync(Area.CONTACTS, window_ending(), "one")


# --- the share itself


@pytest.mark.parametrize(
    ("number", "of", "expected"),
    [(0, 0, False), (9, 9, False), (10, 40, True), (10, 50, False), (11, 50, True), (10, 10, True)],
)
def test_share__is_too_large_above_its_limit_and_from_its_minimum_on(
    number: int, of: int, expected: bool
) -> None:
    assert Share(number, of, "records", "odd", 20.0, 10, "Check.").is_too_large is expected


def test_share__a_minimum_of_0_does_not_make_an_alarm_of_nothing() -> None:
    assert not Share(0, 0, "records", "odd", 0.0, 0, "Check.").is_too_large
