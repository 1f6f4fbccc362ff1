"""A full load that finds nothing: a wrong account, right or sales channel looks like an empty shop."""

from __future__ import annotations

import logging

from include.errors import UnsafeChange
from include.pipeline.run import SyncRun
from include.report import Report, StageCounts

log = logging.getLogger(__name__)


def stop_empty_load(run: SyncRun, found: str, check: str) -> None:
    """UnsafeChange with what was `found` and what to `check`; a warning where the run has allow_empty."""
    if run.allow_empty:
        log.warning("empty load let through by allow_empty: %s", found)
        return
    raise UnsafeChange(
        f"{run.pipeline}: {found}. A full load of nothing is taken for a fault: nothing was sent, and the pipeline "
        f"is not activated. Check {check}. If it is right, trigger the DAG with allow_empty"
    )


def not_found(record: str) -> str:
    """Why a run that was to take one record must fail."""
    return f"VTEX shows no record with the id {record} (parameter only): check it"


def is_empty_first_load(run: SyncRun, report: Report, load: StageCounts) -> bool:
    """Whether a full load that would activate the pipeline read records, and had none of them to `load`.

    What Connectif refuses is another matter: it was there to be sent.
    """
    if run.plan.window or run.plan.is_partial or run.allow_empty or run.state.is_activated(run.pipeline):
        return False
    return report.counts.read > 0 and not load.outcomes.total()
