"""What a run did with wishes, for the store and for the last line of its log."""

from __future__ import annotations

from datetime import datetime

from include.errors import UnsafeChange
from include.outcomes import Area, Outcome
from include.report import Report
from include.store import OutcomeRow, Store
from include.sync.finish import RunIdentity
from include.sync.newsletter.apply import NewsletterSync


def keep_report(
    sync: NewsletterSync, store: Store, identity: RunIdentity, run_key: str, finished_at: datetime
) -> str:
    """Save report and outcomes, and return the summary line; UnsafeChange when counts do not add up.

    A wish that has waited, or was let go, and is settled at last, is so in the store as well.
    """
    report = Report(area=Area.NEWSLETTER, mode="events", counts=sync.counts)
    healed = store.open_keys(Area.NEWSLETTER, sync.settled - {row.key for row in sync.outcomes})
    rows = [*sync.outcomes, *(OutcomeRow(person, Outcome.SENT) for person in sorted(healed))]
    store.save_outcomes(Area.NEWSLETTER, run_key, rows)
    store.save_report(
        report,
        Area.NEWSLETTER,
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
