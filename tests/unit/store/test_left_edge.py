"""Since when time is to be covered: over sequences of runs, and out of stores that older programs left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from include.outcomes import Area
from include.plan import RunPlan, RunRequest, plan_run
from include.store import Store, open_store, upgrade
from include.store.database import WRITE, engine_for, make_room, parsed, transaction
from include.window import BEGINNING, Window
from tests.unit.store.conftest import HASH_KEY, SHOP, Clock, Opener

HOUR = timedelta(hours=1)
FIRST = datetime(2026, 6, 1, 7, tzinfo=UTC)
REACH_DAYS = 7
PURCHASES = Area.PURCHASES


def hour_of(instant: datetime) -> int:
    return int((instant - FIRST) / HOUR)


def hours(first: int, last: int) -> Window:
    return Window(FIRST + first * HOUR, FIRST + last * HOUR)


def hours_in(windows: Sequence[Window]) -> set[int]:
    return {hour for one in windows for hour in range(hour_of(one.start), hour_of(one.end))}


@dataclass(frozen=True)
class Step:
    """Something that happens, in hours from the first scheduled interval (which begins at 0)."""

    kind: str
    first: int = 0
    last: int = 0
    passes: bool = True


def planned(store: Store, step: Step) -> RunPlan:
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
        area=PURCHASES,
        dag_id="sync_purchases",
        activated=False,
        left_edge=store.left_edge(PURCHASES),
        covered=store.covered(PURCHASES),
        coverage_days=REACH_DAYS,
    )


def lived(store: Store, steps: Sequence[Step]) -> list[RunPlan]:
    """Plans of all runs, each of which leaves its traces as a run does."""
    plans = []
    for step in steps:
        plan = planned(store, step)
        assert plan.window
        if step.kind == "scheduled":
            store.begin(PURCHASES, plan.window.start)
        if step.passes:
            store.cover(PURCHASES, plan.window)
        plans.append(plan)
    return plans


class NewShops:
    """A store of which each use is another shop's, and so without a past."""

    def __init__(self, url: str) -> None:
        self._url, self._numbers = url, count()

    @contextmanager
    def one(self) -> Iterator[Store]:
        accounts = replace(SHOP, vtex_account=f"shop{next(self._numbers)}")
        with open_store(self._url, HASH_KEY, accounts) as store:
            yield store


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> NewShops:
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
    upgrade(url)
    return NewShops(url)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Up to twenty days of a shop: nights that pass, fail or never run, and what people ask for meanwhile."""
    steps: list[Step] = []
    for day in range(draw(st.integers(1, 20))):
        for _ in range(draw(st.integers(0, 2))):
            first = draw(st.integers(-9_000, day * 24 - 1))
            kind = draw(st.sampled_from(["backfill", "manual"]))
            last = min(first + draw(st.integers(1, 100)), max(day * 24, first + 1))
            steps.append(Step(kind, first, last, draw(st.booleans())))
        fate = draw(st.sampled_from(["passes", "passes", "fails", "never ran"]))
        if fate != "never ran":
            steps.append(Step("scheduled", day * 24, day * 24 + 24, fate == "passes"))
    return steps


@given(steps=histories())
@settings(max_examples=60, deadline=None)
def test_history__gaps_are_what_is_uncovered_since_the_left_edge(shops: NewShops, steps: list[Step]) -> None:
    with shops.one() as store:
        plans = lived(store, steps)
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
def test_history__what_was_asked_for_before_the_edge_changes_no_scheduled_run(
    shops: NewShops, steps: list[Step]
) -> None:
    nights = [step.first for step in steps if step.kind == "scheduled"]
    edge = nights[0] if nights else 0
    without = [step for step in steps if step.kind == "scheduled" or step.last > edge]
    with shops.one() as store, shops.one() as other:
        plans = [p for s, p in zip(steps, lived(store, steps), strict=True) if s.kind == "scheduled"]
        same = [p for s, p in zip(without, lived(other, without), strict=True) if s.kind == "scheduled"]
    assert plans == same


def test_backfill__of_a_day_of_last_year_is_no_beginning(store: Store) -> None:
    last_year = Step("backfill", -365 * 24, -364 * 24)
    days = [Step("scheduled", day * 24, day * 24 + 24) for day in range(3)]
    plans = lived(store, [last_year, days[0], last_year, days[1], days[2]])
    assert [plan.window for plan in plans[-2:]] == [hours(24, 48), hours(48, 72)]
    assert [plan.gaps for plan in plans] == [()] * 5
    assert store.left_edge(PURCHASES) == FIRST


def test_full_load__begins_where_it_began_to_read(store: Store, clock: Clock) -> None:
    assert store.left_edge(Area.CONTACTS) is None
    store.mark_activated(Area.CONTACTS, "run 1", clock.now)
    first = clock.now
    clock.advance(timedelta(days=9))
    store.mark_activated(Area.CONTACTS, "run 2", clock.now)
    assert store.left_edge(Area.CONTACTS) == first
    assert store.left_edge(PURCHASES) is None
    assert store.covered(Area.CONTACTS) == [Window(BEGINNING, clock.now)]


# --- stores that older programs left


@contextmanager
def at_revision(url: str, revision: str) -> Iterator[sa.Connection]:
    """A store as the program of that revision made it."""
    address = parsed(url)
    make_room(address)
    engine = engine_for(address)
    config = Config()
    migrations = Path(__file__).parents[3] / "include" / "store" / "migrations"
    config.set_main_option("script_location", str(migrations))
    with transaction(engine, WRITE) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(
            sa.text("INSERT INTO sync_pair VALUES (1, :a, :v, :c, :k)"),
            {
                "a": SHOP.vtex_account,
                "v": SHOP.vtex_host,
                "c": SHOP.connectif_host,
                "k": SHOP.connectif_key_id,
            },
        )
        yield connection
    engine.dispose()


def put_coverage(connection: sa.Connection, area: str, window: Window) -> None:
    connection.execute(
        sa.text("INSERT INTO sync_coverage VALUES (1, :area, :first, :last)"),
        {
            "area": area,
            "first": f"{window.start:%Y-%m-%d %H:%M:%S.%f}",
            "last": f"{window.end:%Y-%m-%d %H:%M:%S.%f}",
        },
    )


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL reads what has no offset by the session's time zone."""
    monkeypatch.setenv("PGTZ", "UTC")


@pytest.mark.usefixtures("utc")
def test_upgrade__finds_the_mark_behind_a_back_fill_and_removes_it(
    empty_url: str, opened_later: Opener
) -> None:
    with at_revision(empty_url, "0004") as connection:
        put_coverage(connection, PURCHASES, Window(FIRST - timedelta(microseconds=1), FIRST))
        put_coverage(connection, PURCHASES, hours(0, 24))
        put_coverage(connection, PURCHASES, hours(-9_000, -8_976))
    upgrade(empty_url)
    store = opened_later()
    assert store.left_edge(PURCHASES) == FIRST
    assert store.covered(PURCHASES) == [hours(-9_000, -8_976), hours(0, 24)]


@pytest.mark.usefixtures("utc")
def test_upgrade__takes_the_activation_and_else_the_first_scheduled_window(
    empty_url: str, opened_later: Opener
) -> None:
    with at_revision(empty_url, "0004") as connection:
        connection.execute(
            sa.text("INSERT INTO sync_activation VALUES (1, 'contacts', 'run', :at, :at)"),
            {"at": f"{FIRST:%Y-%m-%d %H:%M:%S.%f}"},
        )
        put_coverage(connection, PURCHASES, hours(-9_000, -8_976))
        put_coverage(connection, PURCHASES, hours(24, 72))
        for run_id, window in (
            ("backfill__1", hours(-9_000, -8_976)),
            ("scheduled__2", hours(48, 72)),
            ("scheduled__1", hours(24, 48)),
            ("scheduledXX0", hours(0, 24)),
        ):
            connection.execute(
                sa.text(
                    "INSERT INTO sync_run (pair_id, run_key, area, dag_id, run_id, clear_number, state, "
                    "started_at, report) VALUES (1, :id, 'purchases', 'd', :id, 0, 'success', :at, :report)"
                ),
                {
                    "id": run_id,
                    "at": f"{FIRST:%Y-%m-%d %H:%M:%S.%f}",
                    "report": f'{{"window": {{"start": "{window.start.isoformat()}"}}}}',
                },
            )
    upgrade(empty_url)
    store = opened_later()
    assert store.left_edge(Area.CONTACTS) == FIRST
    assert store.left_edge(PURCHASES) == FIRST + 24 * HOUR
    assert store.left_edge(Area.PRODUCTS) is None


@pytest.fixture
def opened_later(empty_url: str, clock: Clock) -> Iterator[Opener]:
    """Opens the store once it has its tables."""
    stores: list[Store] = []

    def open_it() -> Store:
        stores.append(open_store(empty_url, HASH_KEY, SHOP, clock=clock))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()
