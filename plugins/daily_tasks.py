"""The four tasks of a daily sync. They hand each other folders, never records."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, task

from include.outcomes import Area
from plugins.policy import report_asset

if TYPE_CHECKING:
    from types import ModuleType


@task(max_active_tis_per_dag=1)
def extract(area: str) -> ObjectStoragePath:
    """Read from VTEX into staged files; one at a time, because there is one budget of calls."""
    return _stage(area, "extract", None)


@task
def transform(area: str, extracted: ObjectStoragePath) -> ObjectStoragePath:
    """Map what was read into what will be sent, and say why the rest will not."""
    return _stage(area, "transform", extracted)


@task(max_active_tis_per_dag=1)
def load(area: str, transformed: ObjectStoragePath) -> ObjectStoragePath:
    """Send it to Connectif; one at a time, because there is one snapshot and one minute to share."""
    return _stage(area, "load", transformed)


def report(area: Area, *stages: Any) -> None:
    """The last task: the report of the run, also as an event of its asset."""
    _report.override(task_id="report", outlets=[report_asset(f"sync_{area}")])(area, *stages)


@task(trigger_rule="all_done")
def _report(area: str, *stages: ObjectStoragePath | None) -> str:
    """Count what became of every record, whatever happened before; fails when the run must not pass."""
    from plugins.daily_report import report_run  # noqa: PLC0415 - heavy, and only needed in the task

    return report_run(Area(area), *stages)


@task
def settle_newsletter(extracted: ObjectStoragePath) -> str:
    """Newsletter wishes that wait for their person, and those that Connectif did not call for."""
    from plugins.newsletter_settle import settle  # noqa: PLC0415 - heavy, and only needed in the task

    return settle(extracted)


def _stage(area: str, name: str, source: ObjectStoragePath | None) -> ObjectStoragePath:
    from include.staging import Staging  # noqa: PLC0415 - heavy, and only needed in the task
    from include.sync.run import run_stage  # noqa: PLC0415
    from plugins.sync_run import sync_run  # noqa: PLC0415

    work = getattr(_flow(area), name)
    with sync_run(Area(area), after=source) as run:
        folder = run_stage(run, name, work, source=Staging(source) if source else None)
        return ObjectStoragePath(str(folder))


def _flow(area: str) -> ModuleType:
    """The area's extract, transform and load: `include.sync.contacts` and so on."""
    return import_module(f"include.sync.{Area(area).value}")
