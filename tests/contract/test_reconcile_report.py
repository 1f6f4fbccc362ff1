"""A whole run of reconcile: what it takes, its report, and what it keeps to itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.errors import ConfigurationError, UnsafeChange
from include.outcomes import Area, Cause
from include.plan import RunRequest
from include.report import Report
from include.staging import Staging
from include.sync.finish import RunIdentity
from include.sync.reconcile import contacts, products, purchases
from include.sync.reconcile.plan import plan_of
from include.sync.reconcile.report import finish_comparison
from include.sync.run import SyncRun, run_stage
from tests.builders import NOON, Office, World, window_ending
from tests.orders import EMAIL, MORNING, day_of, put_order, put_product, without_baskets

IDENTITY = RunIdentity("reconcile", "run", 0, NOON)
FLOWS = {Area.CONTACTS: contacts, Area.PRODUCTS: products, Area.PURCHASES: purchases}


def compare_all(office: Office) -> tuple[SyncRun, dict[Area, Staging]]:
    run = office.run(Area.PURCHASES, day_of(MORNING, hours=2), "run")
    folders = {}
    for area, flow in FLOWS.items():
        of_area = office.run(area, run.plan, "run")
        folders[area] = run_stage(of_area, f"compare_{area}", flow.compare)
    return run, folders


def finished(run: SyncRun, folders: dict[Area, Staging]) -> Report:
    return finish_comparison(run, IDENTITY, folders, run.staging.within("repair"))


def test_report__is_kept_with_all_areas_and_adds_up(office: Office, world: World) -> None:
    run, folders = compare_all(office)
    report = finished(run, folders)
    (stored,) = office.store.reports(Area.RECONCILE)
    assert stored.report == report
    assert stored.state == "success"
    assert set(report.compared) == set(FLOWS)
    assert all(found.missing == 0 for found in report.compared.values())
    assert report.summary_line().count(" compared = ") == 3


def test_report__of_a_repair(office: Office, world: World) -> None:
    without_baskets(world)
    put_product(world)
    put_order(world, "1-01", MORNING)
    run, folders = compare_all(office)
    source = folders[Area.PURCHASES]
    run_stage(run, "repair", lambda run, target: purchases.repair(run, target, source=source))
    report = finished(run, folders)
    assert report.compared[Area.PURCHASES].causes == {Cause.NOT_COVERED: 1}
    assert report.compared[Area.PURCHASES].repaired == report.counts.written == 1
    assert report.missing == 0


def test_report__of_a_repair_closes_what_was_rejected_before(office: Office, world: World) -> None:
    without_baskets(world)
    put_product(world)
    put_order(world, "9-01", MORNING)
    world.connectif.knobs.authorised_domains = ["elsewhere.example"]
    office.change("run", reject_limit_percent=100.0)
    office.sync(Area.PURCHASES, day_of(MORNING, hours=2), "a day")
    assert office.store.open_keys(Area.PURCHASES, ["9-01"]) == {"9-01"}
    world.connectif.knobs.authorised_domains = []
    run, folders = compare_all(office)
    source = folders[Area.PURCHASES]
    run_stage(run, "repair", lambda run, target: purchases.repair(run, target, source=source))
    assert finished(run, folders).compared[Area.PURCHASES].repaired == 1
    assert office.store.open_keys(Area.PURCHASES, ["9-01"]) == set()


def test_report__of_a_comparison_that_broke_off(office: Office, world: World) -> None:
    run, folders = compare_all(office)
    folders[Area.CONTACTS] = run.staging.within("nowhere")
    with pytest.raises(UnsafeChange, match="the run ended in compare_contacts"):
        finished(run, folders)
    assert office.store.reports(Area.RECONCILE)[0].state == "failed"


def test_report__and_log_show_no_address(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    without_baskets(world)
    put_order(world, "1-01", MORNING, first_name="Piepmatz", email="piepmatz@example.com")
    world.on_vtex("PUT", "documents/bird", {"email": "piepmatz@example.com", "firstName": "Piepmatz"})
    run, folders = compare_all(office)
    said = f"{caplog.text} {finished(run, folders)!r} {office.store.reports(Area.RECONCILE)!r}".lower()
    assert "compared = " in said
    for secret in ("piepmatz", EMAIL, "@example"):
        assert secret not in said


def test_plan__of_purchases_is_the_last_days_but_for_the_indexs_lag(office: Office) -> None:
    window = plan_of(RunRequest("scheduled", NOON), Area.PURCHASES, office.settings).window
    assert window
    assert window == window_ending(NOON - timedelta(minutes=10), hours=7 * 24).window


def test_plan__takes_the_window_asked_for_and_no_half_one(office: Office) -> None:
    start, end = "2026-11-20T00:00:00-03:00", "2026-11-21T00:00:00-03:00"
    asked = RunRequest("manual", NOON, window_start=start, window_end=end)
    window = plan_of(asked, Area.PURCHASES, office.settings).window
    assert window
    assert window.start.isoformat() == "2026-11-20T03:00:00+00:00"
    with pytest.raises(ConfigurationError, match="together"):
        plan_of(RunRequest("manual", NOON, window_start=start), Area.PURCHASES, office.settings)
