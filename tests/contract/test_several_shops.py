"""The pipelines on several simulated shops at once: each target is right, and no record crosses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from include.errors import ConfigurationError
from include.outcomes import Outcome, PipelineName
from sandbox.shop import Sizes
from tests.builders import DAILY_PLANS, SimulatedShop, SyncRunner, simulated_shops

SIZES = Sizes(contacts=220, products=60, orders_per_day=40, days=2)
TABLES = {"contacts": "email", "products": "product_id", "purchases": "purchase_id"}


@pytest.fixture
def shops() -> Iterator[list[SimulatedShop]]:
    with simulated_shops(SIZES, 3) as shops:
        for shop in shops:
            shop.connectif.knobs.rate_limit = 0
        yield shops


def records(shop: SimulatedShop) -> dict[str, set[str]]:
    return {table: set(shop.table(table, by=key)) for table, key in TABLES.items()}


def test_pipelines__of_every_shop_write_to_its_own_target(shops: list[SimulatedShop], tmp_path: Path) -> None:
    before = [records(shop) for shop in shops]
    for number, shop in enumerate(shops):
        folder = tmp_path / shop.identity.account
        folder.mkdir()
        runner = SyncRunner(shop, folder)
        for pipeline, plan in DAILY_PLANS.items():
            sent = runner.sync(pipeline, plan, f"run-{pipeline}").counts.outcomes[Outcome.SENT]
            assert sent > 5, (shop.identity.account, pipeline)
        runner.close()
        assert [records(later) for later in shops[number + 1 :]] == before[number + 1 :]
    after = [records(shop) for shop in shops]
    for one, two in combinations(after, 2):
        assert all(not one[table] & two[table] for table in TABLES)


def test_phones__are_read_by_the_country_of_the_shop(shops: list[SimulatedShop], tmp_path: Path) -> None:
    spain = shops[1]
    runner = SyncRunner(spain, tmp_path)
    runner.sync(PipelineName.CONTACTS, DAILY_PLANS[PipelineName.CONTACTS], "run")
    runner.close()
    phones = {row["mobile_phone"] for row in spain.table("contacts", by="email").values()} - {None}
    assert "+34612345678" in phones, "typed without the code"
    assert sum(phone.startswith("+346") for phone in phones) > len(phones) / 2


def test_key__removed_in_one_account_stops_that_shop_alone(
    shops: list[SimulatedShop], tmp_path: Path
) -> None:
    brazil, spain, _ = shops
    spain.on_vtex("DELETE", f"keys/{spain.identity.vtex_key}")
    plan = DAILY_PLANS[PipelineName.CONTACTS]
    for shop in (spain, brazil):
        (tmp_path / shop.identity.account).mkdir()
    refused = SyncRunner(spain, tmp_path / spain.identity.account)
    with pytest.raises(ConfigurationError, match="401"):
        refused.sync(PipelineName.CONTACTS, plan, "run")
    right = SyncRunner(brazil, tmp_path / brazil.identity.account)
    assert right.sync(PipelineName.CONTACTS, plan, "run").counts.outcomes[Outcome.SENT] > 100
    for runner in (refused, right):
        runner.close()
