"""Whole flows on the simulated shop: figures, repeats, kills, faults, and what must never happen."""

from __future__ import annotations

import pytest

from include.outcomes import Area, Outcome
from include.plan import RunPlan
from tests.builders import EVERYTHING, Office, World, window_ending

DAILY: list[tuple[Area, RunPlan]] = [
    (Area.CONTACTS, EVERYTHING),
    (Area.PRODUCTS, EVERYTHING),
    (Area.PURCHASES, window_ending()),
]
AREAS = pytest.mark.parametrize(("area", "plan"), DAILY, ids=[area.value for area, _ in DAILY])


@AREAS
def test_flow__figures_add_up_and_something_is_sent(area: Area, plan: RunPlan, office: Office) -> None:
    report = office.sync(area, plan, "once")
    assert report.missing == 0
    assert report.counts.read > 0
    assert report.counts.outcomes[Outcome.SENT] > 0
    assert report.counts.written > 0


@AREAS
def test_flow__a_second_run_leaves_the_target_unchanged(
    area: Area, plan: RunPlan, office: Office, world: World
) -> None:
    office.sync(area, plan, "first")
    before = world.target()
    office.sync(area, plan, "second")
    assert world.target() == before


@AREAS
def test_dry_run__writes_nothing(area: Area, plan: RunPlan, office: Office, world: World) -> None:
    before = world.target()
    report = office.sync(area, plan, "dry", dry_run=True)
    assert report.missing == 0
    assert report.counts.outcomes[Outcome.SENT] > 0
    assert report.counts.written == 0
    assert world.writes() == {}
    assert world.target() == before
    assert not office.store.is_activated(area)
    assert office.store.covered(area) == []
