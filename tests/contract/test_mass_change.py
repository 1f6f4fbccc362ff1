"""A source that is wrong as a whole stops the run before anything is sent, on the first run too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from include.errors import MassChangeBlocked, UnsafeChange
from include.outcomes import Outcome, PipelineName
from include.pipeline.mass_change import Share
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, window_ending
from tests.mutations import AnswerMutator, VendorAnswer, mutate_answers
from tests.orders import MORNING, day_of, put_buyer, put_order, put_product, without_baskets

SEARCH = r"GET .*/products/search"
SCROLL = r"GET .*/dataentities/CL/scroll"


@contextmanager
def records_of(runner: SyncRunner, route: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """VTEX answers each record of the route changed."""

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
    change: Callable[[dict[str, Any]], None], says: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    before = shop.target()
    with records_of(runner, SEARCH, change):
        with pytest.raises(MassChangeBlocked, match=says):
            runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two")
        assert shop.target() == before
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "allowed", allow_mass_change=True)
    assert shop.target() != before


def test_products__a_sale_is_no_fault(runner: SyncRunner) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    with records_of(runner, SEARCH, times(0.5)):
        assert runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two").counts.outcomes[Outcome.SENT] > 30


@pytest.mark.parametrize(
    ("change", "says"),
    [(blank("categories", []), "do not have a category"), (without_pictures, "do not have a picture")],
)
def test_products__a_first_run_is_held_against_what_is_plausible(
    change: Callable[[dict[str, Any]], None], says: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    with records_of(runner, SEARCH, change), pytest.raises(MassChangeBlocked, match=says):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    assert shop.writes() == {}
    assert runner.state.last_catalogue() is None


def test_products__a_first_run_that_shows_none_is_a_fault(runner: SyncRunner, shop: SimulatedShop) -> None:
    nothing = AnswerMutator(SEARCH, lambda answer: answer.with_body([]), 10_000)
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
    ("field", "value", "says"),
    [
        ("affiliateId", "MKT", r"of 25 orders .*, 25 would be left out \(25 order_excluded\)"),
        ("isCompleted", "true", r"25 target_busy"),
        ("clientProfileData", None, r"25 contact_unresolved"),
    ],
)
def test_purchases__all_of_them_left_out_is_taken_for_a_fault(
    field: str, value: Any, says: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    def mutate(answer: VendorAnswer) -> VendorAnswer:
        return answer.with_body({**answer.body, field: value})

    with mutate_answers(AnswerMutator(ORDER, mutate, 10_000), runner.vtex.transport.session):
        with pytest.raises(MassChangeBlocked, match=says):
            runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "one")
        assert shop.writes() == {}
        assert runner.state.covered(PipelineName.PURCHASES) == []
        runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "allowed", allow_mass_change=True)


@pytest.mark.usefixtures("orders")
def test_purchases__a_day_of_canceled_orders_is_none(runner: SyncRunner) -> None:
    def mutate(answer: VendorAnswer) -> VendorAnswer:
        return answer.with_body({**answer.body, "status": "canceled"})

    with mutate_answers(AnswerMutator(ORDER, mutate, 10_000), runner.vtex.transport.session):
        report = runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "one")
    assert report.counts.outcomes == {Outcome.EXCLUDED: 25}


# --- contacts


def nameless(document: dict[str, Any]) -> None:
    document.update(firstName=None, lastName=" ")


def test_contacts__names_that_most_had_the_run_before(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "one")
    before = shop.target()
    with records_of(runner, SCROLL, nameless):
        with pytest.raises(
            MassChangeBlocked, match=r"should have a name, as in the run before, \d+ have neither"
        ):
            runner.sync(PipelineName.CONTACTS, EVERYTHING, "two")
        assert shop.target() == before
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "allowed", allow_mass_change=True)


def test_contacts__a_first_run_without_any_name(runner: SyncRunner, shop: SimulatedShop) -> None:
    with (
        records_of(runner, SCROLL, nameless),
        pytest.raises(MassChangeBlocked, match="have neither name nor"),
    ):
        runner.sync(PipelineName.CONTACTS, EVERYTHING, "one")
    assert shop.writes() == {}
    assert not runner.state.is_activated(PipelineName.CONTACTS)


def test_contacts__a_few_without_a_name_are_no_fault(runner: SyncRunner, shop: SimulatedShop) -> None:
    for number in range(8):
        shop.on_vtex("PUT", f"documents/n{number}", {"email": f"n{number}@example.com", "firstName": None})
    runner.sync(PipelineName.CONTACTS, window_ending(), "one")


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
