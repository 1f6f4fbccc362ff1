"""A run's report for whoever watches from outside: Airflow's metrics, and an event of an asset.

Counts and codes only: no key of a record, no address, no free text.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.observability import stats

from include.outcomes import Outcome
from include.report import Report
from plugins.default_args import FAMILY, report_asset


def announce(report: Report, passed: bool) -> None:
    """Both, from the task that reports. Airflow writes the event only when that task, so the run, passes."""
    send_metrics(report, passed=passed)
    _attach(report)


def send_metrics(report: Report, *, passed: bool) -> None:
    """Counters and timings of one run, named `vtex_connectif.<pipeline>.…`; for any backend that Airflow is
    configured with (StatsD, OpenTelemetry), and nothing when it has none.

    What is told apart stands in the name: plain StatsD drops tags. Outcomes of a dry run are not sent: they
    would look as if something had been written.
    """
    pipeline, counts = f"{FAMILY}.{report.pipeline}", report.counts
    stats.incr(f"{pipeline}.runs.{'success' if passed else 'failed'}")
    for vendor, calls in counts.calls.items():
        stats.incr(f"{pipeline}.calls.{vendor}", calls.made)
        stats.incr(f"{pipeline}.calls_429.{vendor}", calls.throttled)
        stats.incr(f"{pipeline}.calls_repeated.{vendor}", calls.retried)
    for stage, seconds in counts.seconds.items():
        stats.timing(f"{pipeline}.duration.{stage}", timedelta(seconds=seconds))
    for compared_pipeline, compared in report.compared.items():
        stats.gauge(f"{pipeline}.to_look_at.{compared_pipeline}", compared.to_look_at)
    if report.dry_run:
        return
    stats.incr(f"{pipeline}.read", counts.read)
    stats.incr(f"{pipeline}.written", counts.written)
    for outcome in Outcome:
        stats.incr(f"{pipeline}.outcome.{outcome}", counts.outcomes[outcome])
    for reason, number in counts.reasons.items():
        stats.incr(f"{pipeline}.reason.{reason}", number)


def counts_of(report: Report) -> dict[str, Any]:
    """The report as JSON without its examples, notes and commands: what is left are counts and codes."""
    leave_out: dict[str, Any] = {
        "gaps": True,
        "counts": {"notes"},
        "compared": {pipeline: {"examples", "notes"} for pipeline in report.compared},
    }
    return {**report.model_dump(mode="json", exclude=leave_out), "missing": report.missing}


def _attach(report: Report) -> None:
    context = get_current_context()
    dag_id = context["dag_run"].dag_id
    context["outlet_events"][report_asset(dag_id)].extra = {
        "run_id": context["dag_run"].run_id,
        **counts_of(report),
    }
