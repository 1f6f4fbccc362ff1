"""A full load or an `only` run that finds no record fails, and does not count as the first load."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import pytest

from include.errors import ParameterError, UnsafeChange
from include.outcomes import Outcome, PipelineName
from include.plan import RunPlan
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, window_ending
from tests.orders import without_baskets

CONTACTS, PRODUCTS, PURCHASES = PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def remove_customers(shop: SimulatedShop) -> None:
    shop.vtex.database.execute("DELETE FROM client")
    shop.vtex.database.execute("DELETE FROM client_write")


def remove_products(shop: SimulatedShop) -> None:
    for table in ("offer", "sku", "product"):
        shop.vtex.database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names


def hide_products(shop: SimulatedShop) -> None:
    shop.vtex.database.execute("UPDATE product SET is_indexed = 0")


def is_untouched(runner: SyncRunner, shop: SimulatedShop, pipeline: PipelineName) -> bool:
    """Whether nothing was sent and nothing was stored."""
    kept = runner.state.catalogue.last_path()
    return not shop.writes() and not runner.state.progress.is_activated(pipeline) and kept is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_contacts__no_customer_stops_the_first_load(
    runner: SyncRunner, shop: SimulatedShop, *, dry_run: bool
) -> None:
    remove_customers(shop)
    with pytest.raises(
        UnsafeChange, match=r"no customer.*Check the account.*Read only documents.*allow_empty"
    ):
        runner.sync(CONTACTS, EVERYTHING, "first", dry_run=dry_run)
    assert is_untouched(runner, shop, CONTACTS)
    assert runner.state.progress.covered(CONTACTS) == []


def test_contacts__no_customer_is_allowed_with_allow_empty(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    remove_customers(shop)
    with caplog.at_level(logging.WARNING):
        report = runner.sync(CONTACTS, EVERYTHING, "first", allow_empty=True)
    assert report.counts.read == 0
    assert "empty load allowed by allow_empty: VTEX has no customer" in caplog.text
    assert runner.state.progress.is_activated(CONTACTS)


def test_contacts__no_customer_stops_a_later_full_load(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(CONTACTS, EVERYTHING, "first")
    before = runner.state.progress.covered(CONTACTS)
    remove_customers(shop)
    with pytest.raises(UnsafeChange, match="no customer"):
        runner.sync(CONTACTS, EVERYTHING, "later", full_asked=True)
    assert runner.state.progress.covered(CONTACTS) == before


def test_contacts__a_window_without_customers_is_valid(runner: SyncRunner, shop: SimulatedShop) -> None:
    remove_customers(shop)
    plan = window_ending()
    assert runner.sync(CONTACTS, plan, "a day").counts.read == 0
    assert plan.window in runner.state.progress.covered(CONTACTS)


def test_contacts__a_first_load_of_rejected_customers_does_not_activate(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    remove_customers(shop)
    for number in range(3):
        shop.on_vtex("PUT", f"documents/masked-{number}", {"email": f"a***{number}@example.com"})
    with pytest.raises(UnsafeChange, match="no record of the first full load can be sent"):
        runner.sync(CONTACTS, EVERYTHING, "first")
    assert not runner.state.progress.is_activated(CONTACTS)
    assert runner.state.progress.covered(CONTACTS) == []
    report = runner.sync(CONTACTS, EVERYTHING, "second", allow_empty=True)
    assert report.counts.outcomes == Counter({Outcome.REJECTED: 3})
    assert runner.state.progress.is_activated(CONTACTS)


def test_contacts__one_sent_customer_activates(runner: SyncRunner, shop: SimulatedShop) -> None:
    remove_customers(shop)
    shop.on_vtex("PUT", "documents/masked", {"email": "a***@example.com"})
    shop.on_vtex("PUT", "documents/good", {"email": "good@example.com"})
    runner.sync(CONTACTS, EVERYTHING, "first")
    assert runner.state.progress.is_activated(CONTACTS)


@pytest.mark.parametrize(
    ("remove", "message"),
    [(remove_products, "lists no product"), (hide_products, r"shows none of \d+ products")],
)
def test_products__no_product_stops_the_first_load(
    remove: Callable[[SimulatedShop], None], message: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    remove(shop)
    with pytest.raises(UnsafeChange, match=rf"{message}.*sales channel \(1\).*allow_empty"):
        runner.sync(PRODUCTS, EVERYTHING, "first")
    assert is_untouched(runner, shop, PRODUCTS)


def test_products__an_empty_new_shop_is_allowed_once(runner: SyncRunner, shop: SimulatedShop) -> None:
    remove_products(shop)
    assert runner.sync(PRODUCTS, EVERYTHING, "first", allow_empty=True).counts.read == 0
    assert runner.sync(PRODUCTS, EVERYTHING, "the next day").counts.read == 0, "the shop is known to be empty"
    shop.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    report = runner.sync(PRODUCTS, EVERYTHING, "the first product")
    assert report.counts.outcomes == Counter({Outcome.SENT: 1})


def test_products__an_empty_list_after_a_full_one_stops_a_small_shop(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The mass-change guard only works from ten products on."""
    remove_products(shop)
    shop.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    runner.sync(PRODUCTS, EVERYTHING, "first")
    shop.on_vtex("DELETE", "products/9901")
    before = runner.state.catalogue.last_path()
    with pytest.raises(UnsafeChange, match="lists no product"):
        runner.sync(PRODUCTS, EVERYTHING, "second")
    assert runner.state.catalogue.last_path() == before
    assert runner.sync(PRODUCTS, EVERYTHING, "third", allow_empty=True).counts.notes[-1] == "1 withdrawn"
    assert runner.sync(PRODUCTS, EVERYTHING, "fourth").counts.read == 0, "no product is on sale any more"


def test_products__an_empty_list_after_a_full_one_stops_a_large_shop(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PRODUCTS, EVERYTHING, "first")
    hide_products(shop)
    with pytest.raises(UnsafeChange, match=r"would vanish.*allow_mass_change"):
        runner.sync(PRODUCTS, EVERYTHING, "all hidden")
    remove_products(shop)
    with pytest.raises(UnsafeChange, match=r"lists no product.*allow_empty"):
        runner.sync(PRODUCTS, EVERYTHING, "none listed", full_asked=True, allow_mass_change=True)


def test_purchases__a_day_without_orders_is_valid(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    assert runner.sync(PURCHASES, window_ending(), "a day").counts.read == 0


@pytest.mark.parametrize("pipeline", [CONTACTS, PRODUCTS, PURCHASES])
def test_only__that_finds_no_record_fails_with_a_message(pipeline: PipelineName, runner: SyncRunner) -> None:
    with pytest.raises(
        (UnsafeChange, ParameterError),
        match=rf"{pipeline}: VTEX shows no record with the id 123456.*check the id",
    ):
        runner.sync(pipeline, only("123456"), "one")
