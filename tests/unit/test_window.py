"""Windows and the properties of their arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.window import Window, local_text, merged, subtracted

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def day(number: int) -> datetime:
    """06:00 UTC of a day of November 2026."""
    return datetime(2026, 11, 1, 6, tzinfo=UTC) + (number - 1) * DAY


def days(first: int, last: int) -> Window:
    return Window(day(first), day(last))


def test_window__is_in_utc_and_accepts_pendulum() -> None:
    window = Window(
        pendulum.datetime(2026, 11, 22, tz="America/Sao_Paulo"), datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert window.start == datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert type(window.start) is datetime
    assert window.start.tzinfo is UTC
    assert str(window) == "2026-11-22T03:00:00Z to 2026-11-23T00:00:00Z"


def test_local_text__is_on_the_clock_of_the_zone() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    assert local_text(datetime(2026, 11, 24, 12, 30, 59, tzinfo=UTC), zone) == "2026-11-24 09:30"
    assert days(1, 2).in_zone(zone) == "2026-11-01 03:00 to 2026-11-02 03:00 America/Sao_Paulo"
    assert days(1, 2).in_zone(UTC) == "2026-11-01 06:00 to 2026-11-02 06:00 UTC"


@pytest.mark.parametrize("end", [day(1), day(1) - HOUR, day(2).replace(tzinfo=None)])
def test_window__refuses_empty_and_naive(end: datetime) -> None:
    with pytest.raises(ValueError, match=r"window must end|needs an offset"):
        Window(day(1), end)


def test_window__contains_its_start_but_not_its_end() -> None:
    window = days(1, 2)
    assert window.start in window
    assert window.end not in window
    assert window.widened(HOUR) == Window(day(1) - HOUR, day(2))
    assert window.until(day(1) + HOUR) == Window(day(1), day(1) + HOUR)
    assert window.until(day(1)) is None
    assert Window.from_json(window.to_json()) == window


windows = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(
        lambda pair: Window(day(1) + pair[0] * HOUR, day(1) + sum(pair) * HOUR)
    ),
    max_size=8,
)


def hours(taken: list[Window]) -> set[datetime]:
    return {
        hour for hour in (day(1) + n * HOUR for n in range(90)) if any(hour in window for window in taken)
    }


@given(windows)
def test_merged__keeps_the_time_in_separate_sorted_windows(some: list[Window]) -> None:
    result = merged(some)
    assert hours(result) == hours(some)
    assert all(left.end < right.start for left, right in pairwise(result))
    assert merged(result) == result
    assert merged(reversed(some)) == result


@given(windows, windows)
def test_subtracted__is_the_difference_of_the_time(some: list[Window], taken: list[Window]) -> None:
    rest = subtracted(some, taken)
    assert hours(rest) == hours(some) - hours(taken)
    assert subtracted(rest, taken) == rest
    assert merged([*rest, *subtracted(some, rest)]) == merged(some)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/Sao_Paulo", "2026-11-01 03:00"),
        ("Asia/Kolkata", "2026-11-01 11:30"),
        ("UTC", "2026-11-01 06:00"),
    ],
)
def test_local_text__is_by_the_clock_of_the_zone(zone: str, text: str) -> None:
    assert local_text(day(1), ZoneInfo(zone)) == text
