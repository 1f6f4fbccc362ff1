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
from include.outcomes import Outcome, PipelineName
from include.report import Report
from sandbox.shop import Sizes
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, simulated_shop, window_ending
from tests.mutations import OF_A_RECORD, STRUCTURAL, Changed, Mutation, changing

SMALL = Sizes(contacts=8, products=6, orders_per_day=6, days=2)
ALWAYS, ONCE = 10_000, 1

# What each flow calls; a route that none does would try nothing (`Changed.count`).
ROUTES: list[tuple[PipelineName, str]] = [
    (PipelineName.CONTACTS, r"GET .*/dataentities/CL/scroll\?_where"),
    (PipelineName.CONTACTS, r"GET .*/dataentities/CL/scroll\?_token"),
    (PipelineName.CONTACTS, r"GET .*/dataentities/CL/search"),
    (PipelineName.CONTACTS, r"POST /imports/"),
    (PipelineName.CONTACTS, r"GET /imports/."),
    (PipelineName.PRODUCTS, r"GET .*/GetProductAndSkuIds"),
    (PipelineName.PRODUCTS, r"GET .*/products/search"),
    (PipelineName.PRODUCTS, r"GET .*/pricing/prices"),
    (PipelineName.PRODUCTS, r"POST /imports/"),
    (PipelineName.PRODUCTS, r"GET /imports/."),
    (PipelineName.PURCHASES, r"GET .*/oms/pvt/orders\?"),
    (PipelineName.PURCHASES, r"GET .*/oms/pvt/orders/\d"),
    (PipelineName.PURCHASES, r"GET .*/saleschannel/list"),
    (PipelineName.PURCHASES, r"GET .*/dataentities/CL/search"),
    (PipelineName.PURCHASES, r"POST /exports/"),
    (PipelineName.PURCHASES, r"GET /exports/."),
    (PipelineName.PURCHASES, r"POST /purchases/"),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(SMALL) as made:
        yield made


def plan(pipeline: PipelineName) -> Any:
    return window_ending() if pipeline is PipelineName.PURCHASES else EVERYTHING


@pytest.fixture(scope="module")
def calm(
    shop: SimulatedShop, tmp_path_factory: pytest.TempPathFactory
) -> dict[PipelineName, tuple[dict[str, Any], Report]]:
    """Target and report of each pipeline's run when nothing is odd."""
    found = {}
    for pipeline in (PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES):
        shop.reset()
        runner = SyncRunner(shop, Path(tmp_path_factory.mktemp("calm")))
        report = runner.sync(pipeline, plan(pipeline), "run")
        runner.close()
        found[pipeline] = target_of(shop), report
    return found


def target_of(shop: SimulatedShop) -> dict[str, Any]:
    """What was written, without the times of writing."""
    passing = {"created_at", "updated_at", "last_updated", "id"}
    return {
        table: {key: {k: v for k, v in row.items() if k not in passing} for key, row in rows.items()}
        for table, rows in shop.target().items()
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


def tried(
    table: dict[str, Mutation], pipeline: PipelineName, route: str, calls: int
) -> Iterator[tuple[str, Mutation]]:
    """All of a table with TORTURE=1; else a part of it, another one for each route."""
    # "it is there already" (409) is what Connectif says of a purchase that it has: there is no telling
    table = {name: one for name, one in table.items() if "POST /purchases" not in route or "409" not in name}
    step = 1 if os.environ.get("TORTURE") else 2 if calls == ONCE else 6
    first = ROUTES.index((pipeline, route)) % step
    yield from list(table.items())[first::step]


def outcome_of(
    shop: SimulatedShop, folder: Path, pipeline: PipelineName, route: str, mutation: Mutation, calls: int
) -> tuple[Report | SyncError, Changed]:
    shop.reset()
    runner = SyncRunner(shop, folder)
    changed = Changed(route, mutation, calls)
    try:
        with changing(changed, runner.vtex.transport.session, runner.connectif.transport.session):
            return runner.sync(pipeline, plan(pipeline), "run"), changed
    except SyncError as error:
        return error, changed
    finally:
        runner.close()


@pytest.mark.parametrize(
    ("pipeline", "route"), ROUTES, ids=[f"{pipeline}-{route}" for pipeline, route in ROUTES]
)
@pytest.mark.parametrize("calls", [ONCE, ALWAYS], ids=["once", "always"])
def test_structure__an_odd_answer_is_right_or_said_or_an_error_by_name(
    pipeline: PipelineName,
    route: str,
    calls: int,
    shop: SimulatedShop,
    calm: dict[PipelineName, tuple[dict[str, Any], Report]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    target, report = calm[pipeline]
    wrong: list[str] = []
    for name, mutation in tried(STRUCTURAL, pipeline, route, calls):
        found, changed = outcome_of(shop, tmp_path_factory.mktemp("run"), pipeline, route, mutation, calls)
        assert changed.count, f"nothing calls {route}"
        if isinstance(found, SyncError):
            assert "VTEX" in str(found) or "Connectif" in str(found) or str(pipeline) in str(found), str(
                found
            )
            continue
        others = differing(target, target_of(shop))
        if others and said(found) <= said(report) and not set(found.counts.notes) - set(report.counts.notes):
            wrong.append(f"{name}: green, and other: {sorted(others)[:4]}")
    assert wrong == []


RECORD_ROUTES = [
    one for one in ROUTES if "imports" not in one[1] and "exports" not in one[1] and "POST" not in one[1]
]


@pytest.mark.parametrize(
    ("pipeline", "route"), RECORD_ROUTES, ids=[f"{pipeline}-{route}" for pipeline, route in RECORD_ROUTES]
)
def test_record__an_odd_one_costs_itself_alone(
    pipeline: PipelineName,
    route: str,
    shop: SimulatedShop,
    calm: dict[PipelineName, tuple[dict[str, Any], Report]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    target, _ = calm[pipeline]
    wrong: list[str] = []
    for name, mutation in tried(OF_A_RECORD, pipeline, route, ONCE):
        found, _changed = outcome_of(shop, tmp_path_factory.mktemp("run"), pipeline, route, mutation, ONCE)
        others = set() if isinstance(found, SyncError) else differing(target, target_of(shop))
        records = {key for table, key in others if table == str(pipeline)}
        if len(records) > 1:
            wrong.append(f"{name}: {sorted(records)[:4]}")
    assert wrong == []
