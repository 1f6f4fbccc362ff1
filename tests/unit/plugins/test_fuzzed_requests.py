"""2,000 hostile requests to the receiver and the pages: no run starts, no error, and no text in the log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.torture.fuzzed_requests import fuzz_pages, fuzz_receiver
from tests.torture.tried import Tried

REQUESTS = 2_000


def statuses_of(rows: Sequence[Tried]) -> dict[int, int]:
    """Count the statuses of the answers. A generator that reaches only one of them tests nothing."""
    found: dict[int, int] = {}
    for row in rows:
        if row.case[:3].isdigit():
            found[int(row.case[:3])] = found.get(int(row.case[:3]), 0) + 1
    return found


def test_receiver__accepts_none_of_1000_fuzzed_requests() -> None:
    rows = list(fuzz_receiver(REQUESTS // 2))
    assert [row for row in rows if row.problem] == []
    statuses = statuses_of(rows)
    assert sum(statuses.values()) == REQUESTS // 2
    assert {400, 401, 404, 405, 413, 414, 415} <= statuses.keys()
    assert 202 not in statuses
    assert statuses.get(200, 0) < 100  # bounces and health


def test_pages__answer_1000_fuzzed_requests_with_4xx(airflow_db: None, tmp_path: Path) -> None:
    rows = list(fuzz_pages(REQUESTS // 2, tmp_path))
    assert [row for row in rows if row.problem] == []
    statuses = statuses_of(rows)
    assert sum(statuses.values()) == REQUESTS // 2
    assert {400, 401, 404, 405, 413} <= statuses.keys()
