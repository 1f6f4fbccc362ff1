"""Short form of `make torture`: after a kill at any place and a retry, the result is as without a kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders import SimulatedShop, simulated_shop
from tests.torture.kills import SCENARIOS, SIZES, Scenario, run_trials

KILLS = 2


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(SIZES) as shop:
        yield shop


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_kill__leaves_target_report_and_state_store_as_in_an_undisturbed_run(
    scenario: Scenario, shop: SimulatedShop
) -> None:
    rows = list(run_trials(shop, kills=KILLS, scenarios=[scenario]))
    assert rows, "the test must kill at least once"
    assert [row for row in rows if row.problem] == []
