"""How long to wait before the same call is sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.http.retry import RetryPolicy, TryAgain, parse_retry_after, server_time

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def pauses(retry_after: float | None, **policy: float) -> list[float]:
    """The pauses between the attempts of a call that always fails."""
    slept: list[float] = []
    retrying = RetryPolicy(sleep=slept.append, **policy).retrying()  # type: ignore[arg-type]

    def fail() -> None:
        raise TryAgain("HTTP 503", retry_after)

    with pytest.raises(TryAgain):
        retrying(fail)
    return slept


def test_pauses__are_one_fewer_than_attempts() -> None:
    assert len(pauses(None)) == 5


def test_pauses__are_random_below_a_doubling_bound() -> None:
    runs = [pauses(None) for _ in range(50)]
    for number, bound in enumerate([1, 2, 4, 8, 16]):
        drawn = [run[number] for run in runs]
        assert all(0 <= pause <= bound for pause in drawn)
        assert max(drawn) - min(drawn) > bound / 4


def test_pauses__follow_a_longer_retry_after() -> None:
    assert pauses(40.0) == [40.0] * 5


def test_pauses__ignore_a_shorter_retry_after() -> None:
    runs = [pauses(0.001, attempts=8) for _ in range(30)]
    assert max(run[-1] for run in runs) > 5


def test_pauses__never_exceed_the_cap() -> None:
    assert pauses(86_400.0) == [300.0] * 5
    assert all(pause <= 3 for run in range(20) for pause in pauses(None, attempts=9, longest_seconds=3))


def test_retry_after__in_seconds() -> None:
    assert parse_retry_after("120") == 120.0


def test_retry_after__date_is_compared_with_the_servers_clock() -> None:
    servers_now = NOW + timedelta(days=300)
    header = format_datetime(servers_now + timedelta(seconds=90), usegmt=True)
    assert parse_retry_after(header, servers_now) == 90.0


def test_retry_after__date_without_a_zone_is_utc() -> None:
    assert parse_retry_after("Mon, 23 Nov 2026 10:00:30 -0000", NOW) == 30.0


@pytest.mark.parametrize(("text", "seconds"), [("1.5", 1.5), ("0.25", 0.25), (" 3 ", 3.0), ("0", 0.0)])
def test_retry_after__accepts_decimals(text: str, seconds: float) -> None:
    assert parse_retry_after(text, NOW) == seconds


def test_retry_after__date_in_the_past_means_now() -> None:
    assert parse_retry_after(format_datetime(NOW - timedelta(hours=1), usegmt=True), NOW) == 0.0


@pytest.mark.parametrize(
    "text", [None, "", "soon", "-5", "inf", "-inf", "nan", "1e999", "Mon, 99 Nov 2026 10:00:00 GMT", "٣x"]
)
def test_retry_after__unreadable_text_is_ignored(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


@given(st.text(max_size=40))
def test_retry_after__accepts_any_text(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


def test_server_time__is_the_date_of_the_answer() -> None:
    assert server_time("Mon, 23 Nov 2026 10:00:00 GMT") == NOW


def test_server_time__is_the_local_clock_without_a_date() -> None:
    before = datetime.now(UTC)
    assert before <= server_time(None) <= datetime.now(UTC)
