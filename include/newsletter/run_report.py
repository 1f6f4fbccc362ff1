"""Saves what a newsletter run did, and returns the last line of its log."""

from __future__ import annotations

from datetime import datetime

from include.newsletter.apply import NewsletterSync
from include.outcomes import Outcome, PipelineName
from include.pipeline.finish import raise_problems, save_report
from include.report import Report
from include.run_name import RunIdentity
from include.state import RecordOutcome, StateStore


def save_run_report(
    sync: NewsletterSync, state: StateStore, identity: RunIdentity, run_key: str, finished_at: datetime
) -> str:
    """Save report and outcomes, and return the summary line; UnsafeChange if the counts do not add up.

    If a pending or dropped subscription change is resolved at last, the state store records it as sent.
    """
    resolved_keys = state.records.open_keys(
        PipelineName.NEWSLETTER, sync.resolved - {row.key for row in sync.outcomes}
    )
    rows = [*sync.outcomes, *(RecordOutcome(person, Outcome.SENT) for person in sorted(resolved_keys))]
    state.records.save(PipelineName.NEWSLETTER, run_key, rows)
    report = Report(pipeline=PipelineName.NEWSLETTER, mode="events", counts=sync.counts)
    return save_newsletter_report(report, state, identity, run_key, finished_at)


def save_newsletter_report(
    report: Report, state: StateStore, identity: RunIdentity, run_key: str, finished_at: datetime
) -> str:
    """Save a report, and return its summary line; UnsafeChange if the counts do not add up."""
    save_report(state, report, identity, run_key, finished_at, failed=bool(report.missing))
    if report.missing:
        raise_problems(report, [f"the counts do not add up ({report.missing:+d} unexplained)"])
    return report.summary_line()
