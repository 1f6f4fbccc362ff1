"""The plan of each kind of run: all records, or which window."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import ParameterError
from include.outcomes import PipelineName
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan, RunRequest, check_request, plan_run
from include.window import BEGINNING, Window, merged, subtracted

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def day(number: int) -> datetime:
    """06:00 UTC of a day of November 2026."""
    return datetime(2026, 11, 1, 6, tzinfo=UTC) + (number - 1) * DAY


def days(first: int, last: int) -> Window:
    return Window(day(first), day(last))


LAST_NIGHT = days(22, 23)


def request(run_type: str = "scheduled", interval: Window | None = LAST_NIGHT, **more: object) -> RunRequest:
    return RunRequest(
        run_type=run_type,
        run_after=more.pop("run_after", day(23)),  # type: ignore[arg-type]
        data_interval_start=interval.start if interval else None,
        data_interval_end=interval.end if interval else None,
        **more,  # type: ignore[arg-type]
    )


def plan(run_request: RunRequest, pipeline: PipelineName = PipelineName.CONTACTS, **more: object) -> RunPlan:
    covered: list[Window] = more.get("covered", [])  # type: ignore[assignment]
    facts = {
        "activated": True,
        "left_edge": covered[0].start if covered else None,
        "covered": covered,
        "coverage_days": 7,
    } | more
    return plan_run(run_request, pipeline=DAILY_PIPELINES[pipeline], **facts)  # type: ignore[arg-type]


def test_plan__scheduled_run_reads_its_interval() -> None:
    for covered in ([], [days(15, 22)], [days(15, 23)], [days(23, 25)]):
        result = plan(request(), PipelineName.PURCHASES, covered=covered)
        assert (result.mode, result.window, result.gaps) == ("window", days(22, 23), ())


@pytest.mark.parametrize("pipeline", [PipelineName.CONTACTS, PipelineName.PURCHASES])
def test_plan__scheduled_run_starts_where_the_coverage_ends(pipeline: PipelineName) -> None:
    result = plan(request(), pipeline, covered=[days(10, 19)])
    assert result.window == days(19, 23)
    assert result.gaps == ()
    assert "it starts at 2026-11-19 06:00 because" in result.why


def test_plan__scheduled_run_also_reads_a_hole_in_the_coverage() -> None:
    assert plan(request(), covered=[days(10, 17), days(18, 22)]).window == days(17, 23)


def test_plan__older_gaps_are_named_with_the_command_that_covers_them() -> None:
    result = plan(request(), covered=[days(1, 5), days(6, 10)])
    assert result.window == days(15, 23)
    assert [gap.window for gap in result.gaps] == [days(5, 6), days(10, 15)]
    assert result.gaps[0].command.startswith(
        "airflow backfill create --dag-id sync_contacts --from-date 2026-11-"
    )
    assert RunPlan.from_json(result.to_json()) == result


@given(st.integers(0, 23), st.integers(1, 400), st.sampled_from([UTC, ZoneInfo("Europe/Madrid")]))
def test_plan__the_command_selects_the_intervals_of_the_gap(offset: int, length: int, zone: tzinfo) -> None:
    """Airflow's back-fill selects intervals that start between the two dates, inclusive."""
    gap = Window(
        datetime(2026, 10, 20, tzinfo=UTC) + offset * HOUR,
        datetime(2026, 10, 20, tzinfo=UTC) + (offset + length) * HOUR,
    )
    until = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    known = [Window(BEGINNING, gap.start), Window(gap.end, until.start)]
    [found] = plan(request(interval=until), covered=known).gaps
    assert found.window == gap
    first, last = (datetime.fromisoformat(text) for text in re.findall(r"-date (\S+)", found.command))
    selected = [
        interval for interval in daily(zone, date(2026, 10, 15), 45) if first <= interval.start <= last
    ]
    assert subtracted([gap], selected) == []


def test_plan__time_before_the_activation_is_never_missing() -> None:
    result = plan(request(), covered=[Window(BEGINNING, day(20) + HOUR)])
    assert (result.window, result.gaps) == (Window(day(20) + HOUR, day(23)), ())


def test_plan__first_contact_run_reads_all_records_and_a_backfill_never() -> None:
    for run_type in ("scheduled", "manual"):
        assert plan(request(run_type), activated=False).mode == "full"
    assert plan(request("manual", None), activated=False).mode == "full"
    assert plan(request("backfill"), activated=False).window == days(22, 23)
    assert plan(request(), PipelineName.PURCHASES, activated=False).window == days(22, 23)


def test_plan__mode_forces_a_full_load_or_a_window() -> None:
    assert plan(request("manual", mode="full")).mode == "full"
    assert plan(request("backfill", mode="window"), activated=False).window == days(22, 23)


def test_plan__backfill_and_manual_windows_are_exact() -> None:
    for run_type in ("backfill", "manual", "asset_triggered"):
        assert plan(request(run_type), covered=[days(1, 5)]).window == days(22, 23)


def test_plan__without_an_interval_the_24_hours_before_are_read() -> None:
    after = day(23) + 7 * HOUR
    assert plan(request("manual", None, run_after=after)).window == Window(after - DAY, after)
    for run_type in ("backfill", "manual", "scheduled"):
        empty = RunRequest(run_type, after, day(20), day(20))
        assert plan(empty).window == days(19, 20)


def test_plan__the_window_of_the_parameters_is_exact() -> None:
    run_request = request(
        "manual", window_start="2026-11-01T00:00:00-03:00", window_end="2026-11-02T00:00:00Z"
    )
    for activated in (True, False):
        result = plan(run_request, activated=activated, covered=[days(1, 2)])
        assert result.window == Window(
            datetime(2026, 11, 1, 3, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
        )
        assert result.mode == "window"


def test_plan__products_are_always_read_in_full() -> None:
    for mode in ("auto", "full"):
        assert plan(request(mode=mode), PipelineName.PRODUCTS, activated=True).mode == "full"


START, END = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"


@pytest.mark.parametrize(
    ("run_request", "pipeline", "says"),
    [
        (request("manual", window_start=START), PipelineName.CONTACTS, "give both or neither"),
        (request("manual", window_end=END), PipelineName.CONTACTS, "give both or neither"),
        (request("manual", window_start=END, window_end=START), PipelineName.CONTACTS, "must be before"),
        (request("manual", window_start=START, window_end=START), PipelineName.CONTACTS, "must be before"),
        (
            request("manual", window_start="2026-11-01", window_end=END),
            PipelineName.CONTACTS,
            "window_start.*with an offset",
        ),
        (
            request("manual", window_start=START, window_end="2026-11-02T00:00:00"),
            PipelineName.CONTACTS,
            "with an offset",
        ),
        (
            request("manual", window_start="yesterday", window_end=END),
            PipelineName.CONTACTS,
            "with an offset",
        ),
        (
            request("manual", mode="full", window_start=START, window_end=END),
            PipelineName.CONTACTS,
            "contradict mode full",
        ),
        (
            request("backfill", window_start=START, window_end=END),
            PipelineName.PURCHASES,
            "choose the dates of the back-fill",
        ),
        (request("backfill", mode="full"), PipelineName.CONTACTS, "do not use mode full"),
        (request("manual", mode="full"), PipelineName.PURCHASES, "cannot be read in full"),
        (request("manual", mode="some"), PipelineName.CONTACTS, "allowed is auto, full, window or replay"),
        (request("manual", mode="window"), PipelineName.PRODUCTS, "no window"),
        (request("manual", mode="window"), PipelineName.CONTACTS, "needs window_start and window_end"),
        (request("manual", mode="window"), PipelineName.PURCHASES, "needs window_start and window_end"),
        (
            request("manual", only="d1", window_start=START, window_end=END),
            PipelineName.CONTACTS,
            "leave out mode, window_start",
        ),
        (
            request("manual", window_start="0001-01-01T00:00:00+14:00", window_end=END),
            PipelineName.PURCHASES,
            "window_start.*with an offset",
        ),
        (
            request("manual", window_start=START, window_end="2026-12-31T23:59:60Z"),
            PipelineName.PURCHASES,
            "window_end.*with an offset",
        ),
        (request("manual", replay="all"), PipelineName.CONTACTS, "goes with mode replay"),
        (request("manual", mode="replay", only="d1"), PipelineName.CONTACTS, "leave out only"),
        (
            request("manual", mode="replay", window_start=START, window_end=END),
            PipelineName.PURCHASES,
            "leave out only, window_start",
        ),
        (request("backfill", mode="replay"), PipelineName.PURCHASES, "do not use it in a back-fill"),
        (
            request("manual", mode="replay", replay="ana@example.com"),
            PipelineName.CONTACTS,
            "holds an address",
        ),
        (
            request("manual", mode="replay", replay="a,ana@example.com"),
            PipelineName.CONTACTS,
            "holds an address",
        ),
        (
            request("manual", mode="replay", replay=",".join(map(str, range(101)))),
            PipelineName.PRODUCTS,
            "has 101 keys, at most 100",
        ),
        (request("manual", mode="replay", replay="all,77-01"), PipelineName.PURCHASES, "do not mix"),
        (request("manual", mode="replay", replay="77-01,no_lines"), PipelineName.PURCHASES, "do not mix"),
        (request("manual", mode="replay", replay=","), PipelineName.PURCHASES, "do not mix"),
        (request("manual", window_start=START, window_end=END), PipelineName.PRODUCTS, "no window"),
    ],
)
def test_plan__contradictions_are_refused(run_request: RunRequest, pipeline: PipelineName, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        plan(run_request, pipeline)
    with pytest.raises(ParameterError, match=says):
        check_request(run_request, DAILY_PIPELINES[pipeline])


def daily(zone: tzinfo, first: date, count: int, at: tuple[int, int] = (3, 0)) -> list[Window]:
    """The intervals of Airflow's CronDataIntervalTimetable for a daily cron in local time."""
    joints = [datetime.combine(first + n * DAY, time(*at), zone) for n in range(count + 1)]
    return [Window(left, right) for left, right in pairwise(joints)]


@given(
    first=st.sampled_from([date(2026, 3, 20), date(2026, 10, 18)]),
    at=st.sampled_from([(0, 0), (2, 30), (3, 0), (23, 59)]),
    lost=st.sets(st.integers(0, 15)),
)
def test_plan__windows_are_adjacent_over_both_clock_changes(
    first: date, at: tuple[int, int], lost: set[int]
) -> None:
    """After lost runs, the coverage has no holes except the named gaps."""
    intervals = daily(ZoneInfo("Europe/Madrid"), first, 17, at)
    assert {interval.end - interval.start for interval in intervals} >= {24 * HOUR}
    start = intervals[0].start
    covered = [Window(start - timedelta(microseconds=1), start)]  # the state store after the first plan
    named: list[Window] = []
    for number, interval in enumerate(intervals):
        if number in lost:
            continue
        result = plan(request(interval=interval), PipelineName.PURCHASES, covered=covered)
        assert result.window is not None
        assert result.window.end == interval.end
        if not lost:
            assert result.window == interval
            assert not subtracted([result.window], [result.window, *covered])
        covered.append(result.window)
        named += [gap.window for gap in result.gaps]
    assert merged(covered + named) == [Window(covered[0].start, intervals[-1].end)]
    if not lost:
        assert all(left.end == right.start for left, right in pairwise(covered))


@pytest.mark.parametrize(("first", "length"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25)])
def test_plan__the_day_of_a_clock_change_has_its_own_length(first: date, length: int) -> None:
    [interval] = daily(ZoneInfo("Europe/Madrid"), first, 1)
    result = plan(request(interval=interval), PipelineName.PURCHASES)
    assert result.window is not None
    assert result.window.end - result.window.start == length * HOUR


@pytest.mark.parametrize("pipeline", [PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES])
@pytest.mark.parametrize(
    ("parameter", "wanted"), [(None, "all"), ("no_lines", "no_lines"), ("77-01,78-01", "77-01,78-01")]
)
def test_plan__a_replay_has_no_window_and_survives_json(
    pipeline: PipelineName, parameter: str | None, wanted: str
) -> None:
    result = plan(request("manual", mode="replay", replay=parameter), pipeline, activated=False)
    assert (result.mode, result.window, result.replay, result.is_partial) == ("replay", None, wanted, True)
    assert RunPlan.from_json(result.to_json()) == result
