"""The comparison of the catalogue: VTEX's ids, the catalogue sent last, and a sample from Connectif."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.outcomes import Cause, Outcome, PipelineName
from include.report import Compared
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner
from tests.orders import calls

PRODUCTS = PipelineName.PRODUCTS
OFFER = {"price": 1990, "list_price": 2490}
NEW = {"name": "Chaleira", "skus": [{"sku_id": 90000, "offers": [OFFER]}]}


@pytest.fixture
def sent(runner: SyncRunner, shop: SimulatedShop) -> Compared:
    """The catalogue was sent, and all its products are read back: both sides are equal."""
    runner.change("reconcile", product_sample=1000, examples=1000)
    runner.sync(PRODUCTS, EVERYTHING, "sync")
    return compare_products(runner, "before")


def compare_products(runner: SyncRunner, key: str = "compare") -> Compared:
    return runner.compare(PRODUCTS, EVERYTHING, key)


def a_product(sent: Compared, shop: SimulatedShop) -> str:
    """A product that VTEX lists, and that Connectif has as it was sent."""
    hidden = {key for keys in sent.examples.values() for key in keys}
    rows = shop.table("products", by="product_id")
    return next(key for key in sorted(rows, key=int) if key not in hidden and int(key) < 50)


def never_sent(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_vtex("PUT", "products/900", NEW)
    return "900"


def rejected(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_vtex("PUT", "products/900", {**NEW, "name": " "})
    runner.sync(PRODUCTS, EVERYTHING, "again")
    return "900"


def hidden(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_vtex("PUT", "products/900", {**NEW, "is_indexed": 0})
    return "900"


def shown_again(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_vtex("PATCH", f"products/{product}", {"is_indexed": 0})
    runner.sync(PRODUCTS, EVERYTHING, "without it")
    shop.on_vtex("PATCH", f"products/{product}", {"is_indexed": 1})
    return product


def no_longer_listed(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_vtex("DELETE", f"products/{product}")
    return product


def gone(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_connectif("DELETE", f"products/{product}")
    return product


def differs(runner: SyncRunner, shop: SimulatedShop, product: str) -> str:
    shop.on_connectif("PUT", f"products/{product}", {"name": "Renamed", "unitPrice": 1.5, "tags": ["mine"]})
    return product


CAUSES = {
    never_sent: Cause.NEVER_SENT,
    rejected: Cause.REJECTED,
    hidden: Cause.HIDDEN,
    shown_again: Cause.SHOWN_AGAIN,
    no_longer_listed: Cause.NO_LONGER_LISTED,
    gone: Cause.GONE,
    differs: Cause.DIFFERS,
}


@pytest.mark.parametrize("happens", CAUSES, ids=lambda happens: happens.__name__)
def test_reconcile__names_the_cause(
    happens: Callable[[SyncRunner, SimulatedShop, str], str],
    sent: Compared,
    runner: SyncRunner,
    shop: SimulatedShop,
) -> None:
    key = happens(runner, shop, a_product(sent, shop))
    found = compare_products(runner)
    new = {
        cause: sorted(set(keys) - set(sent.examples.get(cause, []))) for cause, keys in found.examples.items()
    }
    assert {cause: keys for cause, keys in new.items() if keys} == {CAUSES[happens]: [key]}


def test_reconcile__every_cause_has_a_test() -> None:
    assert set(CAUSES.values()) == {cause for cause in Cause if PipelineName.PRODUCTS in cause.pipelines}


def test_reconcile__names_the_fields_that_differ(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    product = differs(runner, shop, a_product(sent, shop))
    compare_products(runner)
    assert f"products, differs, 1: {product} (name, unitPrice, tags). Run the sync again" in caplog.text


def test_reconcile__an_equal_catalogue_has_no_difference(sent: Compared) -> None:
    assert set(sent.causes) == {Cause.HIDDEN, Cause.REJECTED}
    assert sent.same > 40
    assert f"{sent.same} of them read back" in sent.line()


def test_reconcile__reads_back_at_most_the_sample(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("reconcile", product_sample=7)
    shop.on_connectif("DELETE", "journal")
    found = compare_products(runner)
    assert calls(shop, "get product") == 7
    assert found.same == sent.same
    compare_products(runner)
    assert calls(shop, "get product") == 7, "a retry requests nothing again"


def test_reconcile__writes_nothing(sent: Compared, runner: SyncRunner, shop: SimulatedShop) -> None:
    state = shop.target()
    shop.on_connectif("DELETE", "journal")
    compare_products(runner)
    assert shop.writes() == {}
    assert shop.target() == state


def test_reconcile__works_before_the_first_catalogue(runner: SyncRunner, shop: SimulatedShop) -> None:
    found = compare_products(runner)
    assert found.same == 0
    assert found.causes[Cause.NEVER_SENT] > 40
    assert found.notes == ["no catalogue has been sent yet: only VTEX's list was read"]


def test_reconcile__compares_skus_if_the_shop_sends_skus(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("products", product_id_source="sku")
    runner.sync(PRODUCTS, EVERYTHING, "sync")
    found = compare_products(runner)
    assert found.same > 60
    assert Cause.NO_LONGER_LISTED not in found.causes
    assert Cause.NEVER_SENT not in found.causes


def test_reconcile__does_not_compare_products_with_the_other_kind_of_id(runner: SyncRunner) -> None:
    sent = runner.sync(PRODUCTS, EVERYTHING, "sync").counts.outcomes[Outcome.SENT]
    runner.change("products", product_id_source="sku")
    found = compare_products(runner)
    assert f"{sent} were sent when product_id_source was not sku: not compared" in found.notes
    assert found.same == 0
    assert found.causes[Cause.NEVER_SENT] > 60
    assert Cause.NO_LONGER_LISTED not in found.causes
