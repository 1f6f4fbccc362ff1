"""A run's report as metrics and as an event of an asset: the content, and what they leave out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.observability import stats

from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.report import Calls, Compared, Report, StageCounts
from plugins.default_args import report_asset
from plugins.runs import run_signals
from plugins.runs.run_signals import announce, counts_of, send_metrics


class Metrics:
    """A backend of Airflow's metrics that stores the values."""

    def __init__(self) -> None:
        self.counted: dict[str, float] = {}

    def incr(self, stat: str, count: int = 1, **_options: Any) -> None:
        self.counted[stat] = self.counted.get(stat, 0) + count

    def timing(self, stat: str, dt: Any, **_options: Any) -> None:
        self.counted[stat] = dt.total_seconds()

    def gauge(self, stat: str, value: float, **_options: Any) -> None:
        self.counted[stat] = value


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    backend = Metrics()
    stats.initialize(factory=lambda: backend, export_legacy_names=True)  # type: ignore[arg-type,return-value]
    yield backend
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


def report_of(*, dry_run: bool = False) -> Report:
    counts = StageCounts(
        read=5, written=3, calls={"vtex": Calls(made=9, throttled=2, retried=2)}, seconds={"load": 1.5}
    )
    counts.count(Outcome.SENT, 3)
    counts.count(Reason.EMAIL_MISSING, 2)
    counts.notes = ["a note about ana@example.com"]
    return Report(pipeline=PipelineName.CONTACTS, mode="full", dry_run=dry_run, counts=counts)


def test_metrics__are_named_by_pipeline_vendor_stage_and_code(metrics: Metrics) -> None:
    send_metrics(report_of(), passed=True)
    zeros = {f"vtex_connectif.contacts.outcome.{o}": 0 for o in Outcome}
    assert metrics.counted == zeros | {
        "vtex_connectif.contacts.runs.success": 1,
        "vtex_connectif.contacts.calls.vtex": 9,
        "vtex_connectif.contacts.calls_429.vtex": 2,
        "vtex_connectif.contacts.calls_repeated.vtex": 2,
        "vtex_connectif.contacts.duration.load": 1.5,
        "vtex_connectif.contacts.read": 5,
        "vtex_connectif.contacts.written": 3,
        "vtex_connectif.contacts.outcome.sent": 3,
        "vtex_connectif.contacts.outcome.rejected": 2,
        "vtex_connectif.contacts.reason.email_missing": 2,
    }


def test_metrics__dry_run_counts_calls_but_no_outcomes(metrics: Metrics) -> None:
    send_metrics(report_of(dry_run=True), passed=False)
    assert metrics.counted["vtex_connectif.contacts.calls.vtex"] == 9
    assert metrics.counted["vtex_connectif.contacts.runs.failed"] == 1
    assert not [name for name in metrics.counted if ".outcome." in name or ".written" in name]


def test_announce__attaches_the_counts_to_the_asset_event(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = OutletEventAccessors()
    run = SimpleNamespace(dag_id="sync_contacts", run_id="a-run")
    monkeypatch.setattr(run_signals, "get_current_context", lambda: {"dag_run": run, "outlet_events": events})
    announce(report_of(), passed=True)
    extra: Any = events[report_asset("sync_contacts")].extra
    assert extra["run_id"] == "a-run"
    assert extra["counts"]["outcomes"] == {"rejected": 2, "sent": 3}
    assert extra["missing"] == 0
    assert "@" not in json.dumps(extra)
    assert metrics.counted["vtex_connectif.contacts.runs.success"] == 1


def test_counts__of_a_comparison_have_no_examples(metrics: Metrics) -> None:
    found = Compared(
        compared=1, causes=Counter({Cause.GONE: 1}), examples={Cause.GONE: ["an-order"]}, notes=["a note"]
    )
    report = Report(pipeline=PipelineName.RECONCILE, mode="compare", compared={PipelineName.PURCHASES: found})
    send_metrics(report, passed=True)
    assert metrics.counted["vtex_connectif.reconcile.to_look_at.purchases"] == 1
    assert counts_of(report)["compared"]["purchases"]["causes"] == {"gone": 1}
    assert "an-order" not in json.dumps(counts_of(report))


def test_asset__has_its_own_name_and_the_group_of_the_project() -> None:
    assert report_asset("reconcile") == Asset(name="reconcile_report", group="vtex_connectif")
