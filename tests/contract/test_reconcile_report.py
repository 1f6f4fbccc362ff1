"""A whole run of reconcile: its plan, its report, and no personal data in report and log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.contacts import reconcile as contacts
from include.errors import ConfigurationError, UnsafeChange
from include.outcomes import Cause, PipelineName
from include.pipeline.comparison import finish_comparison, plan_comparison
from include.pipeline.run import SyncRun, run_stage
from include.plan import RunRequest
from include.products import reconcile as products
from include.purchases import reconcile as purchases
from include.report import Report
from include.run_name import RunIdentity
from include.staging import Staging
from tests.builders import NOON, SimulatedShop, SyncRunner, window_ending
from tests.orders import EMAIL, MORNING, day_of, put_order, put_product, without_baskets

IDENTITY = RunIdentity("reconcile", "run", 0, NOON)
MODULES = {
    PipelineName.CONTACTS: contacts,
    PipelineName.PRODUCTS: products,
    PipelineName.PURCHASES: purchases,
}


def compare_all(runner: SyncRunner) -> tuple[SyncRun, dict[PipelineName, Staging]]:
    run = runner.run(PipelineName.PURCHASES, day_of(MORNING, hours=2), "run")
    folders = {}
    for pipeline, module in MODULES.items():
        of_pipeline = runner.run(pipeline, run.plan, "run")
        folders[pipeline] = run_stage(of_pipeline, f"compare_{pipeline}", module.compare)
    return run, folders


def finished(run: SyncRun, folders: dict[PipelineName, Staging]) -> Report:
    return finish_comparison(run, IDENTITY, folders, run.staging.within("repair"))


def test_report__is_saved_with_all_pipelines_and_adds_up(runner: SyncRunner, shop: SimulatedShop) -> None:
    run, folders = compare_all(runner)
    report = finished(run, folders)
    (stored,) = runner.state.reports.latest(PipelineName.RECONCILE)
    assert stored.report == report
    assert stored.state == "success"
    assert set(report.compared) == set(MODULES)
    assert all(found.missing == 0 for found in report.compared.values())
    assert report.summary_line().count(" compared = ") == 3


def test_report__of_a_repair(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_product(shop)
    put_order(shop, "1-01", MORNING)
    run, folders = compare_all(runner)
    source = folders[PipelineName.PURCHASES]
    run_stage(run, "repair", lambda run, target: purchases.repair(run, target, source=source))
    report = finished(run, folders)
    assert report.compared[PipelineName.PURCHASES].causes == {Cause.NOT_COVERED: 1}
    assert report.compared[PipelineName.PURCHASES].repaired == report.counts.written == 1
    assert report.missing == 0


def test_report__of_a_repair_closes_rejected_records(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_product(shop)
    put_order(shop, "9-01", MORNING)
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    runner.change("run", reject_limit_percent=100.0)
    runner.sync_refused(PipelineName.PURCHASES, day_of(MORNING, hours=2), "a day")
    assert runner.state.records.open_keys(PipelineName.PURCHASES, ["9-01"]) == {"9-01"}
    shop.connectif.knobs.authorised_domains = []
    run, folders = compare_all(runner)
    source = folders[PipelineName.PURCHASES]
    run_stage(run, "repair", lambda run, target: purchases.repair(run, target, source=source))
    assert finished(run, folders).compared[PipelineName.PURCHASES].repaired == 1
    assert runner.state.records.open_keys(PipelineName.PURCHASES, ["9-01"]) == set()


def test_report__of_a_comparison_that_did_not_finish(runner: SyncRunner, shop: SimulatedShop) -> None:
    run, folders = compare_all(runner)
    folders[PipelineName.CONTACTS] = run.staging.within("nowhere")
    with pytest.raises(UnsafeChange, match="the run ended in compare_contacts"):
        finished(run, folders)
    assert runner.state.reports.latest(PipelineName.RECONCILE)[0].state == "failed"


def test_report__and_log_have_no_address(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    without_baskets(shop)
    put_order(shop, "1-01", MORNING, first_name="Piepmatz", email="piepmatz@example.com")
    shop.on_vtex("PUT", "documents/bird", {"email": "piepmatz@example.com", "firstName": "Piepmatz"})
    run, folders = compare_all(runner)
    finished_report = finished(run, folders)
    stored = runner.state.reports.latest(PipelineName.RECONCILE)
    text = f"{caplog.text} {finished_report!r} {stored!r}".lower()
    assert "compared = " in text
    for secret in ("piepmatz", EMAIL, "@example"):
        assert secret not in text


def test_plan__of_purchases_is_the_last_days_without_the_lag_of_the_index(runner: SyncRunner) -> None:
    window = plan_comparison(RunRequest("scheduled", NOON), PipelineName.PURCHASES, runner.settings).window
    assert window
    assert window == window_ending(NOON - timedelta(minutes=10), hours=7 * 24).window


def test_plan__uses_the_requested_window_and_refuses_half_a_window(runner: SyncRunner) -> None:
    start, end = "2026-11-20T00:00:00-03:00", "2026-11-21T00:00:00-03:00"
    asked = RunRequest("manual", NOON, window_start=start, window_end=end)
    window = plan_comparison(asked, PipelineName.PURCHASES, runner.settings).window
    assert window
    assert window.start.isoformat() == "2026-11-20T03:00:00+00:00"
    with pytest.raises(ConfigurationError, match="together"):
        plan_comparison(
            RunRequest("manual", NOON, window_start=start), PipelineName.PURCHASES, runner.settings
        )
