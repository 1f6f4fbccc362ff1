"""Short form of `make torture`: a kill at any place, and a retry, are as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders import SimulatedShop, simulated_shop
from tests.torture.kills import SCENARIOS, SIZES, Scenario, tried

KILLS = 2


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(SIZES) as shop:
        yield shop


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_kill__leaves_target_report_and_store_as_in_a_calm_run(
    scenario: Scenario, shop: SimulatedShop
) -> None:
    rows = list(tried(shop, kills=KILLS, scenarios=[scenario]))
    assert rows, "the test has to kill something"
    assert [row for row in rows if row.problem] == []
