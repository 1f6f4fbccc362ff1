"""Short form of what `make torture` prints: no staged file that is gone or damaged leaves a run green."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.shop import Sizes
from tests.builders import SimulatedShop, SyncRunner, simulated_shop
from tests.torture.damaged_files import DAMAGES, STEPS_OF, tried

SIZES = Sizes(contacts=60, products=30, orders_per_day=15, days=3)
FEWEST_FILES = 8


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(SIZES) as shop:
        yield shop


@pytest.mark.parametrize("pipeline", STEPS_OF)
def test_damage__of_any_staged_file_is_named_before_a_vendor_is_called(
    pipeline: str, shop: SimulatedShop, tmp_path: Path
) -> None:
    shop.reset()
    runner = SyncRunner(shop, tmp_path)
    rows = list(tried(pipeline, runner))
    runner.close()
    assert len(rows) >= FEWEST_FILES * len(DAMAGES)
    assert [row for row in rows if row.problem] == []
