"""Staged files hold personal data: they go when they are old enough."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from include.staging import Staging
from include.sync.run import BORN

log = logging.getLogger(__name__)


def remove_old_runs(dag_folder: Any, *, older_than: timedelta, now: datetime) -> int:
    """Remove the folders `<run>/<clear>` that were begun that long ago; returns how many.

    `dag_folder` is a path of `Staging`'s kind that can also `rmdir` with all that is below it.
    """
    removed = 0
    for run in list(dag_folder.iterdir()) if dag_folder.exists() else []:
        for cleared in list(run.iterdir()):
            if _born(Staging(cleared), now) <= now - older_than:
                cleared.rmdir(recursive=True)
                removed += 1
    if removed:
        log.info("%s staged runs of %s days or more ago removed", removed, older_than.days)
    return removed


def _born(cleared: Staging, now: datetime) -> datetime:
    """When the run began to stage; one that is just being made counts as new."""
    return datetime.fromisoformat(cleared.read_json(BORN)["at"]) if cleared.has(BORN) else now
