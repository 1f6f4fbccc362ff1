"""One odd answer of a vendor, anywhere: the run ends right, or says what it could not do, or fails by name.

Never green with another target.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.errors import SyncError
from include.outcomes import Area, Outcome
from include.report import Report
from sandbox.shop import Sizes
from tests.builders import EVERYTHING, Office, World, simulated_shop, window_ending
from tests.mutations import OF_A_RECORD, STRUCTURAL, Changed, Mutation, changing

SMALL = Sizes(contacts=8, products=6, orders_per_day=6, days=2)
ALWAYS, ONCE = 10_000, 1

# What each flow calls; a route that none does would try nothing (`Changed.count`).
ROUTES: list[tuple[Area, str]] = [
    (Area.CONTACTS, r"GET .*/dataentities/CL/scroll\?_where"),
    (Area.CONTACTS, r"GET .*/dataentities/CL/scroll\?_token"),
    (Area.CONTACTS, r"GET .*/dataentities/CL/search"),
    (Area.CONTACTS, r"POST /imports/"),
    (Area.CONTACTS, r"GET /imports/."),
    (Area.PRODUCTS, r"GET .*/GetProductAndSkuIds"),
    (Area.PRODUCTS, r"GET .*/products/search"),
    (Area.PRODUCTS, r"GET .*/pricing/prices"),
    (Area.PRODUCTS, r"POST /imports/"),
    (Area.PRODUCTS, r"GET /imports/."),
    (Area.PURCHASES, r"GET .*/oms/pvt/orders\?"),
    (Area.PURCHASES, r"GET .*/oms/pvt/orders/\d"),
    (Area.PURCHASES, r"GET .*/saleschannel/list"),
    (Area.PURCHASES, r"GET .*/dataentities/CL/search"),
    (Area.PURCHASES, r"POST /exports/"),
    (Area.PURCHASES, r"GET /exports/."),
    (Area.PURCHASES, r"POST /purchases/"),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with simulated_shop(SMALL) as made:
        yield made


def plan(area: Area) -> Any:
    return window_ending() if area is Area.PURCHASES else EVERYTHING


@pytest.fixture(scope="module")
def calm(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[Area, tuple[dict[str, Any], Report]]:
    """Target and report of each area's run when nothing is odd."""
    found = {}
    for area in (Area.CONTACTS, Area.PRODUCTS, Area.PURCHASES):
        world.reset()
        office = Office(world, Path(tmp_path_factory.mktemp("calm")))
        report = office.sync(area, plan(area), "run")
        office.close()
        found[area] = target_of(world), report
    return found


def target_of(world: World) -> dict[str, Any]:
    """What was written, without the times of writing."""
    passing = {"created_at", "updated_at", "last_updated", "id"}
    return {
        table: {key: {k: v for k, v in row.items() if k not in passing} for key, row in rows.items()}
        for table, rows in world.target().items()
        if isinstance(rows, dict) and table != "vtex"
    }


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (table, key)
        for table in one
        for key in {*one[table], *other[table]}
        if one[table].get(key) != other[table].get(key)
    }


def said(report: Report) -> int:
    """How many records the run says it could not plainly send, and fields that it left out."""
    return (
        sum(report.counts.outcomes[one] for one in (Outcome.HELD, Outcome.REJECTED))
        + report.counts.drops.total()
    )


def tried(table: dict[str, Mutation], area: Area, route: str, calls: int) -> Iterator[tuple[str, Mutation]]:
    """All of a table with TORTURE=1; else a part of it, another one for each route."""
    # "it is there already" (409) is what Connectif says of a purchase that it has: there is no telling
    table = {name: one for name, one in table.items() if "POST /purchases" not in route or "409" not in name}
    step = 1 if os.environ.get("TORTURE") else 2 if calls == ONCE else 6
    first = ROUTES.index((area, route)) % step
    yield from list(table.items())[first::step]


def outcome_of(
    world: World, folder: Path, area: Area, route: str, mutation: Mutation, calls: int
) -> tuple[Report | SyncError, Changed]:
    world.reset()
    office = Office(world, folder)
    changed = Changed(route, mutation, calls)
    try:
        with changing(changed, office.vtex.transport.session, office.connectif.transport.session):
            return office.sync(area, plan(area), "run"), changed
    except SyncError as error:
        return error, changed
    finally:
        office.close()


@pytest.mark.parametrize(("area", "route"), ROUTES, ids=[f"{area}-{route}" for area, route in ROUTES])
@pytest.mark.parametrize("calls", [ONCE, ALWAYS], ids=["once", "always"])
def test_structure__an_odd_answer_is_right_or_said_or_an_error_by_name(
    area: Area,
    route: str,
    calls: int,
    world: World,
    calm: dict[Area, tuple[dict[str, Any], Report]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    target, report = calm[area]
    wrong: list[str] = []
    for name, mutation in tried(STRUCTURAL, area, route, calls):
        found, changed = outcome_of(world, tmp_path_factory.mktemp("run"), area, route, mutation, calls)
        assert changed.count, f"nothing calls {route}"
        if isinstance(found, SyncError):
            assert "VTEX" in str(found) or "Connectif" in str(found) or str(area) in str(found), str(found)
            continue
        others = differing(target, target_of(world))
        if others and said(found) <= said(report) and not set(found.counts.notes) - set(report.counts.notes):
            wrong.append(f"{name}: green, and other: {sorted(others)[:4]}")
    assert wrong == []


RECORD_ROUTES = [
    one for one in ROUTES if "imports" not in one[1] and "exports" not in one[1] and "POST" not in one[1]
]


@pytest.mark.parametrize(
    ("area", "route"), RECORD_ROUTES, ids=[f"{area}-{route}" for area, route in RECORD_ROUTES]
)
def test_record__an_odd_one_costs_itself_alone(
    area: Area,
    route: str,
    world: World,
    calm: dict[Area, tuple[dict[str, Any], Report]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    target, _ = calm[area]
    wrong: list[str] = []
    for name, mutation in tried(OF_A_RECORD, area, route, ONCE):
        found, _changed = outcome_of(world, tmp_path_factory.mktemp("run"), area, route, mutation, ONCE)
        others = set() if isinstance(found, SyncError) else differing(target, target_of(world))
        records = {key for table, key in others if table == str(area)}
        if len(records) > 1:
            wrong.append(f"{name}: {sorted(records)[:4]}")
    assert wrong == []
