"""The left edge: the instant from which runs must cover time, over random sequences of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.outcomes import PipelineName
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan, RunRequest, plan_run
from include.state import StateStore, open_state_store, upgrade
from include.window import BEGINNING, Window
from tests.unit.state.conftest import HASH_KEY, SHOP, Clock

HOUR = timedelta(hours=1)
FIRST = datetime(2026, 6, 1, 7, tzinfo=UTC)
REACH_DAYS = 7
PURCHASES = PipelineName.PURCHASES


def hour_of(instant: datetime) -> int:
    return int((instant - FIRST) / HOUR)


def hours(first: int, last: int) -> Window:
    return Window(FIRST + first * HOUR, FIRST + last * HOUR)


def hours_in(windows: Sequence[Window]) -> set[int]:
    return {hour for one in windows for hour in range(hour_of(one.start), hour_of(one.end))}


@dataclass(frozen=True)
class Step:
    """One run; times are hours from the start of the first scheduled interval."""

    kind: str
    first: int = 0
    last: int = 0
    passes: bool = True


def plan_step(state: StateStore, step: Step) -> RunPlan:
    window = hours(step.first, step.last)
    asked = step.kind == "manual"
    request = RunRequest(
        run_type=step.kind,
        run_after=window.end,
        data_interval_start=None if asked else window.start,
        data_interval_end=None if asked else window.end,
        window_start=window.start.isoformat() if asked else None,
        window_end=window.end.isoformat() if asked else None,
    )
    return plan_run(
        request,
        pipeline=DAILY_PIPELINES[PURCHASES],
        activated=False,
        left_edge=state.progress.left_edge(PURCHASES),
        covered=state.progress.covered(PURCHASES),
        coverage_days=REACH_DAYS,
    )


def run_steps(state: StateStore, steps: Sequence[Step]) -> list[RunPlan]:
    """Run all steps, record their left edge and coverage, and return their plans."""
    plans = []
    for step in steps:
        plan = plan_step(state, step)
        assert plan.window
        if step.kind == "scheduled":
            state.progress.begin(PURCHASES, plan.window.start)
        if step.passes:
            state.progress.cover(PURCHASES, plan.window)
        plans.append(plan)
    return plans


class NewShops:
    """A state store in which every test example uses a new shop."""

    def __init__(self, url: str) -> None:
        self._url, self._numbers = url, count()

    @contextmanager
    def one(self) -> Iterator[StateStore]:
        shop = replace(SHOP, name=f"shop{next(self._numbers)}", folder="")
        with open_state_store(self._url, HASH_KEY, shop) as state:
            yield state


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> NewShops:
    url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db"
    upgrade(url)
    return NewShops(url)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Up to twenty days of scheduled runs that pass, fail or do not run, with manual runs and back-fills."""
    steps: list[Step] = []
    for day in range(draw(st.integers(1, 20))):
        for _ in range(draw(st.integers(0, 2))):
            first = draw(st.integers(-9_000, day * 24 - 1))
            kind = draw(st.sampled_from(["backfill", "manual"]))
            last = min(first + draw(st.integers(1, 100)), max(day * 24, first + 1))
            steps.append(Step(kind, first, last, draw(st.booleans())))
        result = draw(st.sampled_from(["passes", "passes", "fails", "never ran"]))
        if result != "never ran":
            steps.append(Step("scheduled", day * 24, day * 24 + 24, result == "passes"))
    return steps


@given(steps=histories())
@settings(max_examples=60, deadline=None)
def test_history__gaps_are_the_uncovered_time_since_the_left_edge(shops: NewShops, steps: list[Step]) -> None:
    with shops.one() as state:
        plans = run_steps(state, steps)
    edge: int | None = None
    covered: set[int] = set()
    for step, plan in zip(steps, plans, strict=True):
        assert plan.window
        if step.kind == "scheduled":
            edge = step.first if edge is None else edge
            missing = set(range(edge, step.first)) - covered
            in_reach = {hour for hour in missing if hour >= step.first - REACH_DAYS * 24}
            assert hour_of(plan.window.start) == min(in_reach, default=step.first)
            assert hour_of(plan.window.end) == step.last
            assert hours_in([gap.window for gap in plan.gaps]) == missing - in_reach
        else:
            assert (plan.window, plan.gaps) == (hours(step.first, step.last), ())
        if step.passes:
            covered |= hours_in([plan.window])


@given(steps=histories())
@settings(max_examples=60, deadline=None)
def test_history__runs_before_the_edge_change_no_scheduled_run(shops: NewShops, steps: list[Step]) -> None:
    nights = [step.first for step in steps if step.kind == "scheduled"]
    edge = nights[0] if nights else 0
    without = [step for step in steps if step.kind == "scheduled" or step.last > edge]
    with shops.one() as state, shops.one() as other:
        plans = [p for s, p in zip(steps, run_steps(state, steps), strict=True) if s.kind == "scheduled"]
        same = [p for s, p in zip(without, run_steps(other, without), strict=True) if s.kind == "scheduled"]
    assert plans == same


def test_backfill__of_last_year_does_not_set_the_left_edge(state: StateStore) -> None:
    last_year = Step("backfill", -365 * 24, -364 * 24)
    days = [Step("scheduled", day * 24, day * 24 + 24) for day in range(3)]
    plans = run_steps(state, [last_year, days[0], last_year, days[1], days[2]])
    assert [plan.window for plan in plans[-2:]] == [hours(24, 48), hours(48, 72)]
    assert [plan.gaps for plan in plans] == [()] * 5
    assert state.progress.left_edge(PURCHASES) == FIRST


def test_full_load__sets_the_left_edge_where_it_began_to_read(state: StateStore, clock: Clock) -> None:
    assert state.progress.left_edge(PipelineName.CONTACTS) is None
    state.progress.mark_activated(PipelineName.CONTACTS, "run 1", clock.now)
    first = clock.now
    clock.advance(timedelta(days=9))
    state.progress.mark_activated(PipelineName.CONTACTS, "run 2", clock.now)
    assert state.progress.left_edge(PipelineName.CONTACTS) == first
    assert state.progress.left_edge(PURCHASES) is None
    assert state.progress.covered(PipelineName.CONTACTS) == [Window(BEGINNING, clock.now)]
