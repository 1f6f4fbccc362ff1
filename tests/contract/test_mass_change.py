"""The mass-change guard stops a run before anything is sent, also the first run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from include.errors import MassChangeBlocked, UnsafeChange
from include.outcomes import Outcome, PipelineName
from include.pipeline.guards import Share
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, window_ending
from tests.mutations import AnswerMutator, VendorAnswer, mutate_answers
from tests.orders import MORNING, day_of, put_buyer, put_order, put_product, without_baskets

SEARCH = r"GET .*/products/search"
SCROLL = r"GET .*/dataentities/CL/scroll"


@contextmanager
def records_of(runner: SyncRunner, route: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Change each record in VTEX's answers of the route."""

    def mutate(answer: VendorAnswer) -> VendorAnswer:
        records = answer.body
        for record in records if isinstance(records, list) else []:
            change(record)
        return answer.with_body(records)

    with mutate_answers(AnswerMutator(route, mutate, 10_000), runner.vtex.transport.session):
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
    ("change", "message"),
    [
        (times(100), r"of \d+ products sent last time, \d+ would change price by a factor of 10 or more"),
        (times(0.01), r"would change price by a factor of 10 or more \(limit 20 %\)"),
        (blank("description", ""), r"of \d+ products that had a description last time, \d+ have none now"),
        (blank("categories", []), "that had a category last time"),
        (blank("brand", None), "that had a brand last time"),
        (without_pictures, "that had a picture last time"),
    ],
)
def test_products__a_change_of_most_products_is_blocked(
    change: Callable[[dict[str, Any]], None], message: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    before = shop.target()
    with records_of(runner, SEARCH, change):
        with pytest.raises(MassChangeBlocked, match=message):
            runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two")
        assert shop.target() == before
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "allowed", allow_mass_change=True)
    assert shop.target() != before


def test_products__a_sale_is_allowed(runner: SyncRunner) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    with records_of(runner, SEARCH, times(0.5)):
        assert runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two").counts.outcomes[Outcome.SENT] > 30


@pytest.mark.parametrize(
    ("change", "message"),
    [(blank("categories", []), "do not have a category"), (without_pictures, "do not have a picture")],
)
def test_products__an_implausible_first_run_is_blocked(
    change: Callable[[dict[str, Any]], None], message: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    with records_of(runner, SEARCH, change), pytest.raises(MassChangeBlocked, match=message):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    assert shop.writes() == {}
    assert runner.state.catalogue.last_path() is None


def test_products__a_first_run_without_products_is_blocked(runner: SyncRunner, shop: SimulatedShop) -> None:
    nothing = AnswerMutator(SEARCH, lambda seen: seen.with_body([]), 10_000)
    with (
        mutate_answers(nothing, runner.vtex.transport.session),
        pytest.raises(UnsafeChange, match="sales channel"),
    ):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    assert shop.writes() == {}


# --- purchases


@pytest.fixture
def orders(shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    for number in range(25):
        put_order(shop, f"{number}-01", MORNING + timedelta(minutes=number))


ORDER = r"GET .*/oms/pvt/orders/\d"


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("affiliateId", "MKT", r"of 25 orders .*, 25 would be left out \(25 order_excluded\)"),
        ("isCompleted", "true", r"25 target_busy"),
        ("clientProfileData", None, r"25 contact_unresolved"),
    ],
)
def test_purchases__a_day_with_all_orders_left_out_is_blocked(
    field: str, value: Any, message: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    def mutate(answer: VendorAnswer) -> VendorAnswer:
        return answer.with_body({**answer.body, field: value})

    with mutate_answers(AnswerMutator(ORDER, mutate, 10_000), runner.vtex.transport.session):
        with pytest.raises(MassChangeBlocked, match=message):
            runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "one")
        assert shop.writes() == {}
        assert runner.state.progress.covered(PipelineName.PURCHASES) == []
        runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "allowed", allow_mass_change=True)


@pytest.mark.usefixtures("orders")
def test_purchases__a_day_of_canceled_orders_is_allowed(runner: SyncRunner) -> None:
    def mutate(seen: VendorAnswer) -> VendorAnswer:
        return seen.with_body({**seen.body, "status": "canceled"})

    with mutate_answers(AnswerMutator(ORDER, mutate, 10_000), runner.vtex.transport.session):
        report = runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "one")
    assert report.counts.outcomes == {Outcome.EXCLUDED: 25}


# --- contacts


def nameless(document: dict[str, Any]) -> None:
    document.update(firstName=None, lastName=" ")


def test_contacts__names_that_most_contacts_lose_are_blocked(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "one")
    before = shop.target()
    with records_of(runner, SCROLL, nameless):
        with pytest.raises(
            MassChangeBlocked, match=r"should have a name, as in the previous run, \d+ have neither"
        ):
            runner.sync(PipelineName.CONTACTS, EVERYTHING, "two")
        assert shop.target() == before
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "allowed", allow_mass_change=True)


def test_contacts__a_first_run_without_names_is_blocked(runner: SyncRunner, shop: SimulatedShop) -> None:
    with (
        records_of(runner, SCROLL, nameless),
        pytest.raises(MassChangeBlocked, match="have neither name nor"),
    ):
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "one")
    assert shop.writes() == {}
    assert not runner.state.progress.is_activated(PipelineName.CONTACTS)


def test_contacts__a_few_without_a_name_are_allowed(runner: SyncRunner, shop: SimulatedShop) -> None:
    for number in range(8):
        shop.on_vtex("PUT", f"documents/n{number}", {"email": f"n{number}@example.com", "firstName": None})
    runner.sync(PipelineName.CONTACTS, window_ending(), "one")


# --- the share itself


@pytest.mark.parametrize(
    ("number", "of", "expected"),
    [(0, 0, False), (9, 9, False), (10, 40, True), (10, 50, False), (11, 50, True), (10, 10, True)],
)
def test_share__is_too_large_above_its_limit_and_from_its_minimum(
    number: int, of: int, expected: bool
) -> None:
    assert Share(number, of, "records", "odd", 20.0, 10, "Check.").is_too_large is expected


def test_share__of_no_records_is_never_too_large() -> None:
    assert not Share(0, 0, "records", "odd", 0.0, 0, "Check.").is_too_large
