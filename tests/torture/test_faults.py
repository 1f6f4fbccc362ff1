"""Short form of what `make torture` prints: faults of the machine leave one sentence and no half state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from include.outcomes import PipelineName
from tests.builders import simulated_shop
from tests.torture import faults
from tests.torture.faults import SIZES, TrialShop
from tests.torture.machine import NotPossibleHere

TRIALS = (
    (faults.disk, [PipelineName.PURCHASES], 15),
    (faults.sqlite, [PipelineName.PURCHASES], 12),
    (faults.clock, [PipelineName.PURCHASES], 12),
    (faults.postgresql, [PipelineName.PURCHASES], 4),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialShop]:
    with simulated_shop(SIZES) as shop:
        yield TrialShop(shop, tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize(
    ("part", "pipelines", "number"), TRIALS, ids=lambda one: getattr(one, "__name__", "")
)
def test_fault__is_named_and_leaves_no_half_state(
    part: faults.Part, pipelines: Sequence[PipelineName], number: int, shop: TrialShop
) -> None:
    try:
        rows = list(part(shop, pipelines))
    except NotPossibleHere as reason:
        pytest.skip(str(reason))
    assert len(rows) == number
    assert [row for row in rows if row.problem] == []


def test_tried__yields_the_rows_of_all_its_parts(shop: TrialShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PARTS", (faults.two_airflows,))
    rows = list(faults.tried(shop.shop, shop.folder / "tried", [PipelineName.PRODUCTS]))
    assert [row.group for row in rows] == list(faults.TWO_AIRFLOWS)
    assert [row for row in rows if row.problem] == []
    assert {row.kind for row in rows} == {"faults"}
