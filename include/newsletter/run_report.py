"""Saves what a newsletter run did, and returns the last line of its log."""

from __future__ import annotations

from datetime import datetime

from include.errors import UnsafeChange
from include.newsletter.apply import NewsletterSync
from include.outcomes import Outcome, PipelineName
from include.report import Report
from include.run_name import RunIdentity
from include.state import RecordOutcome, StateStore


def save_run_report(
    sync: NewsletterSync, state: StateStore, identity: RunIdentity, run_key: str, finished_at: datetime
) -> str:
    """Save report and outcomes, and return the summary line; UnsafeChange if the counts do not add up.

    If a pending or dropped subscription change is resolved at last, the state store records it as sent.
    """
    report = Report(pipeline=PipelineName.NEWSLETTER, mode="events", counts=sync.counts)
    resolved_keys = state.open_keys(
        PipelineName.NEWSLETTER, sync.resolved - {row.key for row in sync.outcomes}
    )
    rows = [*sync.outcomes, *(RecordOutcome(person, Outcome.SENT) for person in sorted(resolved_keys))]
    state.save_outcomes(PipelineName.NEWSLETTER, run_key, rows)
    state.save_report(
        report,
        PipelineName.NEWSLETTER,
        dag_id=identity.dag_id,
        run_id=identity.run_id,
        clear_number=identity.clear_number,
        run_key=run_key,
        state="failed" if report.missing else "success",
        started_at=identity.started_at,
        finished_at=finished_at,
    )
    if report.missing:
        raise UnsafeChange(f"newsletter: the counts do not add up ({report.missing:+d} unexplained)")
    return report.summary_line()
