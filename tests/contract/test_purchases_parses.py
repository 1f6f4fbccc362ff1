"""The load parses a staged purchase at most twice: for its head and for its post."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from include.outcomes import Outcome, PipelineName
from include.plan import RunPlan
from include.purchases.staged import PURCHASES
from include.staging import Staging
from tests.builders import SimulatedShop, SyncRunner
from tests.orders import (
    LINE,
    MORNING,
    day_of,
    put_buyer,
    put_order,
    put_product,
    put_purchase,
    without_baskets,
)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file of staged purchases is parsed."""
    counter, read_json = Counter[str](), Staging.read_json

    def counted(folder: Staging, name: str) -> Any:
        if name.startswith(PURCHASES):
            counter[name] += 1
        return read_json(folder, name)

    monkeypatch.setattr(Staging, "read_json", counted)
    return counter


def sell(shop: SimulatedShop, number: int) -> None:
    """Orders of unknown guests, each of a product that search does not show."""
    without_baskets(shop)
    for place in range(number):
        line = LINE | {"product": 90_000 + place, "sku": 900_000 + place}
        put_order(shop, f"{place}-01", MORNING, lines=[line], email=f"guest-{place}@example.com")


@pytest.mark.parametrize("number", [1, 30])
@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=["real run", "dry run"])
def test_load__parses_a_staged_purchase_at_most_twice(
    number: int, options: dict[str, bool], runner: SyncRunner, shop: SimulatedShop, parses: Counter[str]
) -> None:
    sell(shop, number)
    put_buyer(shop)
    put_product(shop)
    put_purchase(shop, "0")
    report = runner.sync(PipelineName.PURCHASES, day_of(MORNING, hours=1), "run", **options)
    assert report.counts.outcomes.total() == number
    assert parses
    assert max(parses.values()) <= 2


def test_load__of_one_order_parses_it_at_most_twice(
    runner: SyncRunner, shop: SimulatedShop, parses: Counter[str]
) -> None:
    sell(shop, 1)
    report = runner.sync(PipelineName.PURCHASES, RunPlan("only", None, (), "a test", only="0-01"), "run")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert max(parses.values()) == 2
