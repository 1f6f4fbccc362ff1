"""A full load that finds nothing, and `only` that finds nothing: said, and no good first day."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import pytest

from include.errors import ParameterError, UnsafeChange
from include.outcomes import Area, Outcome
from include.plan import RunPlan
from tests.builders import EVERYTHING, Office, World, window_ending
from tests.orders import without_baskets

CONTACTS, PRODUCTS, PURCHASES = Area.CONTACTS, Area.PRODUCTS, Area.PURCHASES


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def remove_customers(world: World) -> None:
    world.vtex._database.execute("DELETE FROM client")
    world.vtex._database.execute("DELETE FROM client_write")


def remove_products(world: World) -> None:
    for table in ("offer", "sku", "product"):
        world.vtex._database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names


def hide_products(world: World) -> None:
    world.vtex._database.execute("UPDATE product SET is_indexed = 0")


def untouched(office: Office, world: World, area: Area) -> bool:
    """Nothing was written anywhere, and nothing is remembered as done."""
    kept = office.store.last_catalogue()
    return not world.writes() and not office.store.is_activated(area) and kept is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_contacts__none_at_all_stops_the_first_load(office: Office, world: World, *, dry_run: bool) -> None:
    remove_customers(world)
    with pytest.raises(
        UnsafeChange, match=r"no customer.*Check the account.*Read only documents.*allow_empty"
    ):
        office.sync(CONTACTS, EVERYTHING, "first", dry_run=dry_run)
    assert untouched(office, world, CONTACTS)
    assert office.store.covered(CONTACTS) == []


def test_contacts__none_is_let_through_by_allow_empty(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    remove_customers(world)
    with caplog.at_level(logging.WARNING):
        report = office.sync(CONTACTS, EVERYTHING, "first", allow_empty=True)
    assert report.counts.read == 0
    assert "empty load let through by allow_empty: VTEX shows no customer" in caplog.text
    assert office.store.is_activated(CONTACTS)


def test_contacts__none_after_thousands_is_suspicious_too(office: Office, world: World) -> None:
    office.sync(CONTACTS, EVERYTHING, "first")
    before = office.store.covered(CONTACTS)
    remove_customers(world)
    with pytest.raises(UnsafeChange, match="no customer"):
        office.sync(CONTACTS, EVERYTHING, "later", full_asked=True)
    assert office.store.covered(CONTACTS) == before


def test_contacts__a_window_without_any_is_an_ordinary_day(office: Office, world: World) -> None:
    remove_customers(world)
    plan = window_ending()
    assert office.sync(CONTACTS, plan, "a day").counts.read == 0
    assert plan.window in office.store.covered(CONTACTS)


def test_contacts__all_rejected_do_not_activate(office: Office, world: World) -> None:
    remove_customers(world)
    for number in range(3):
        world.on_vtex("PUT", f"documents/masked-{number}", {"email": f"a***{number}@example.com"})
    with pytest.raises(UnsafeChange, match="no record of the first full load can be sent"):
        office.sync(CONTACTS, EVERYTHING, "first")
    assert not office.store.is_activated(CONTACTS)
    assert office.store.covered(CONTACTS) == []
    report = office.sync(CONTACTS, EVERYTHING, "second", allow_empty=True)
    assert report.counts.outcomes == Counter({Outcome.REJECTED: 3})
    assert office.store.is_activated(CONTACTS)


def test_contacts__one_that_goes_activates(office: Office, world: World) -> None:
    remove_customers(world)
    world.on_vtex("PUT", "documents/masked", {"email": "a***@example.com"})
    world.on_vtex("PUT", "documents/good", {"email": "good@example.com"})
    office.sync(CONTACTS, EVERYTHING, "first")
    assert office.store.is_activated(CONTACTS)


@pytest.mark.parametrize(
    ("emptied", "says"),
    [(remove_products, "lists no product"), (hide_products, r"shows none of \d+ products")],
)
def test_products__none_stops_the_first_load(
    emptied: Callable[[World], None], says: str, office: Office, world: World
) -> None:
    emptied(world)
    with pytest.raises(UnsafeChange, match=rf"{says}.*sales channel \(1\).*allow_empty"):
        office.sync(PRODUCTS, EVERYTHING, "first")
    assert untouched(office, world, PRODUCTS)


def test_products__of_a_new_shop_are_let_through_once_and_come_later(office: Office, world: World) -> None:
    remove_products(world)
    assert office.sync(PRODUCTS, EVERYTHING, "first", allow_empty=True).counts.read == 0
    assert office.sync(PRODUCTS, EVERYTHING, "the next day").counts.read == 0, "known to be empty"
    world.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    report = office.sync(PRODUCTS, EVERYTHING, "the first product")
    assert report.counts.outcomes == Counter({Outcome.SENT: 1})


def test_products__an_empty_list_after_a_full_one_stops_a_small_shop_too(
    office: Office, world: World
) -> None:
    """The mass-change guard begins at ten products."""
    remove_products(world)
    world.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    office.sync(PRODUCTS, EVERYTHING, "first")
    world.on_vtex("DELETE", "products/9901")
    before = office.store.last_catalogue()
    with pytest.raises(UnsafeChange, match="lists no product"):
        office.sync(PRODUCTS, EVERYTHING, "second")
    assert office.store.last_catalogue() == before
    assert office.sync(PRODUCTS, EVERYTHING, "third", allow_empty=True).counts.notes[-1] == "1 withdrawn"
    assert office.sync(PRODUCTS, EVERYTHING, "fourth").counts.read == 0, "nothing is on sale since"


def test_products__an_empty_list_after_a_full_one_stops_a_large_shop(office: Office, world: World) -> None:
    office.sync(PRODUCTS, EVERYTHING, "first")
    hide_products(world)
    with pytest.raises(UnsafeChange, match=r"would vanish.*allow_mass_change"):
        office.sync(PRODUCTS, EVERYTHING, "all hidden")
    remove_products(world)
    with pytest.raises(UnsafeChange, match=r"lists no product.*allow_empty"):
        office.sync(PRODUCTS, EVERYTHING, "none listed", full_asked=True, allow_mass_change=True)


def test_purchases__a_day_without_any_is_an_ordinary_day(office: Office, world: World) -> None:
    without_baskets(world)
    assert office.sync(PURCHASES, window_ending(), "a day").counts.read == 0


@pytest.mark.parametrize("area", [CONTACTS, PRODUCTS, PURCHASES])
def test_only__that_finds_nothing_fails_and_says_so(area: Area, office: Office) -> None:
    with pytest.raises(
        (UnsafeChange, ParameterError), match=rf"{area}: VTEX shows no record with the id 123456.*check it"
    ):
        office.sync(area, only("123456"), "one")
