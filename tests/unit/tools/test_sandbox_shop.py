"""The simulated shop, as tools and tests start it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from include.settings import load_settings
from tools.sandbox_shop import last_complete_day


@pytest.mark.parametrize(
    ("minute", "expected"),
    [(0, date(2026, 11, 24)), (9, date(2026, 11, 24)), (10, date(2026, 11, 25))],
)
def test_last_complete_day__is_a_day_that_a_run_reads_at_once(minute: int, expected: date) -> None:
    assert load_settings().purchases.index_lag_minutes == 10
    assert last_complete_day(datetime(2026, 11, 26, 0, minute, tzinfo=UTC)) == expected
