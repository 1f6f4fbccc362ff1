"""Publishes a run's report for monitoring: as Airflow's metrics and as an event of an asset.

The report holds counts and codes only: no record keys, no addresses, no free text.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.observability import stats

from include.outcomes import Outcome
from include.report import Report
from include.shops import dag_id_of, section_of
from plugins.default_args import PROJECT, report_asset


def announce(report: Report, passed: bool) -> None:
    """Send the metrics and attach the event. Airflow writes the event only if this task succeeds."""
    section = section_of(get_current_context()["dag_run"].dag_id)
    send_metrics(report, passed=passed, section=section)
    _attach_event(report, section)


def send_metrics(report: Report, *, passed: bool, section: str = "") -> None:
    """Send counters and timings of one run, named `vtex_connectif.<pipeline>.…`.

    Those of a shop with a section are named `vtex_connectif.<pipeline>__<shop>.…`.

    They go to the metrics backend of Airflow (StatsD, OpenTelemetry), if one is configured. Names and not
    tags distinguish them, because plain StatsD drops tags. A dry run sends no outcomes, because they would
    look like written records.
    """
    pipeline, counts = f"{PROJECT}.{dag_id_of(report.pipeline, section)}", report.counts
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
    """The report as JSON with counts and codes only, without examples, names, notes and commands."""
    leave_out: dict[str, Any] = {
        "gaps": True,
        "failure": True,
        "section": True,
        "counts": {"notes": True, "catalogue": {"largest"}, "would_send": True},
        "compared": {pipeline: {"examples", "notes"} for pipeline in report.compared},
    }
    return {**report.model_dump(mode="json", exclude=leave_out), "missing": report.missing}


def _attach_event(report: Report, section: str) -> None:
    context = get_current_context()
    dag_id = context["dag_run"].dag_id
    context["outlet_events"][report_asset(dag_id)].extra = {
        "run_id": context["dag_run"].run_id,
        **({"shop": section} if section else {}),
        **counts_of(report),
    }
