"""Retention: remove old staged files, which hold personal data, and old outcomes and reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from include.errors import SyncError
from include.pipeline.run import KEPT
from include.run_name import attempt_of, safe_name, started_at
from include.setting_types import Settings
from include.staging_folder import folder_at
from include.state import StateStore

log = logging.getLogger(__name__)

_CREATED_AT = "born.json"
"""File with the start of a run in folders of an earlier version, whose names do not hold it."""


def remove_old(state: StateStore, base: Any, settings: Settings, now: datetime) -> None:
    """Remove files, outcomes and reports of the shop that are older than its settings allow.

    Those of shops that no longer run are removed at the same age. `base` is the folder of all staged files.
    Errors do not fail the run: they are logged, and the next run tries again.
    """
    keep = settings.run
    try:
        age = timedelta(days=keep.staging_retention_days)
        folders = [base / shop.folder for shop in state.retention.shops()]
        files = sum(remove_old_runs(folder, older_than=age, now=now) for folder in folders)
        if last_erasure := state.erasure.last_erasure():
            files += remove_runs_with_people(state, base, started_before=last_erasure, now=now)[0]
        outcomes = state.retention.remove_outcomes(now - timedelta(days=keep.outcome_retention_days))
        reports = state.retention.remove_reports(now - timedelta(days=keep.report_retention_days))
    except SyncError as error:
        log.warning(
            "retention: some old files or outcomes could not be removed, the next run tries again: %s", error
        )
        return
    if files or outcomes or reports:
        log.info(
            "retention: removed %s staged runs, %s outcomes, %s reports", files, f"{outcomes:,}", reports
        )


def remove_old_runs(folder: Any, *, older_than: timedelta, now: datetime) -> int:
    """Remove the folders `<dag>/<run>/<attempt>` of a shop that are older; returns how many.

    `folder` is a path as in `Staging`. No other folders are touched: the base folder may be a bucket that
    other applications use too.
    """
    removed = 0
    for run in _runs(folder):
        for cleared in _folders(run):
            if _created_at(cleared, now) <= now - older_than:
                folder_at(cleared).remove_all()
                removed += 1
        folder_at(run).remove_if_empty()
    return removed


def remove_runs_with_people(
    state: StateStore, base: Any, *, started_before: datetime, now: datetime
) -> tuple[int, list[str]]:
    """Remove all staged files of the shop's finished runs: each of them may hold an erased person.

    Returns the number of removed runs, and the runs that started before that time and have no report yet
    (`dag/run/attempt`). The files of those runs stay.
    """
    finished: dict[str, set[tuple[str, str, str]]] = {}
    for one in state.erasure.finished_runs():
        place = (one.dag_id, safe_name(one.run_id), attempt_of(one.run_key))
        finished.setdefault(one.shop.folder, set()).add(place)
    removed, running = 0, list[str]()
    for folder in (base / shop.folder for shop in state.erasure.shops_of_the_vtex_account()):
        for cleared in _folders_started_before(folder, started_before, now):
            place = (cleared.parent.parent.name, cleared.parent.name, cleared.name)
            if place in finished.get(folder.name, ()):
                folder_at(cleared).remove_all()
                removed += 1
            else:
                running.append("/".join(place))
    return removed, running


def _folders_started_before(folder: Any, instant: datetime, now: datetime) -> Iterator[Any]:
    """The folders of a shop's runs, one for each clear, that started before the instant."""
    for run in _runs(folder):
        yield from (cleared for cleared in _folders(run) if _created_at(cleared, now) < instant)


def _runs(folder: Any) -> Iterator[Any]:
    for dag in _folders(folder):
        if dag.name != KEPT:
            yield from _folders(dag)


def _folders(path: Any) -> list[Any]:
    return [path / name for name in folder_at(path).folders()]


def _created_at(cleared: Any, now: datetime) -> datetime:
    """When the run started; a folder without a known start counts as new."""
    if started := started_at(cleared.name):
        return started
    try:
        return datetime.fromisoformat(orjson.loads(folder_at(cleared).read(_CREATED_AT) or b"")["at"])
    except (ValueError, LookupError, TypeError):
        return now
