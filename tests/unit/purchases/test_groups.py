"""Order groups: the orders of one checkout."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.purchases.extract import INCOMPLETE_GROUPS, MISSING, PART, _as_table, whole_groups_in
from include.purchases.orders import group_of, missing_parts
from include.staging import Staging


@pytest.mark.parametrize(
    ("order_id", "group"),
    [
        ("v502556llux-01", "v502556llux"),
        ("1172452900788-12", "1172452900788"),
        ("FVG-123-01", "FVG-123"),
        ("seq502556", "seq502556"),
        ("v1-1", "v1-1"),
        ("v1-001", "v1-001"),
        ("-01", "-01"),
        ("", ""),
    ],
)
def test_group_of(order_id: str, group: str) -> None:
    assert group_of(order_id) == group


@pytest.mark.parametrize(
    ("ids", "missing"),
    [
        (["a-01", "b-01", "b-02"], set()),
        (["a-02"], {"a-01"}),
        (["a-01", "a-04"], {"a-02", "a-03"}),
        (["a-01", "a-01"], set()),
        (["seq7", "odd", "a-00"], set()),
        ([], set()),
    ],
)
def test_missing_parts__are_the_lower_numbers(ids: list[str], missing: set[str]) -> None:
    assert missing_parts(ids) == missing


def order(order_id: str) -> dict[str, Any]:
    return {"orderId": order_id, "creationDate": datetime(2026, 11, 23, tzinfo=UTC).isoformat()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.dictionaries(st.from_regex(r"[0-9]{1,3}", fullmatch=True), st.integers(1, 4), max_size=12),
    size=st.integers(1, 5),
    missing=st.integers(0, 5),
)
def test_whole_groups__never_split_a_checkout(
    tmp_path_factory: pytest.TempPathFactory, parts: dict[str, int], size: int, missing: int
) -> None:
    folder = Staging(Path(tmp_path_factory.mktemp("parts")))
    ids = sorted(f"{group}-{number:02}" for group, count in parts.items() for number in range(1, count + 1))
    late, listed = ids[:missing], ids[missing:]
    listed_groups = {group_of(one) for one in listed}
    late = [one for one in late if group_of(one) in listed_groups]
    for number, first in enumerate(range(0, len(listed), size), start=1):
        chunk = listed[first : first + size]
        folder.write_table(f"{PART}{number:05}.parquet", _as_table(order(one) for one in chunk))
    folder.write_table(MISSING, _as_table(order(one) for one in late))
    folder.write_json(INCOMPLETE_GROUPS, [])

    seen: list[str] = []
    finished: set[str] = set()
    for orders in whole_groups_in(folder):
        found = [str(one["orderId"]) for one in orders]
        groups = {group_of(one) for one in found}
        assert not groups & finished
        finished |= groups
        seen += found
    assert sorted(seen) == sorted([*listed, *late]), "each order once"
