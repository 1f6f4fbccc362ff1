"""The four tasks of a daily sync. They hand each other folders, never records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, task

from include.outcomes import PipelineName
from include.pipelines import DAILY_PIPELINES, PipelineCode
from plugins.default_args import report_asset

if TYPE_CHECKING:
    from include.report import StageCounts


@task(max_active_tis_per_dag=1)
def extract(pipeline: str) -> ObjectStoragePath:
    """Read from VTEX into staged files; one task at a time, because there is one budget of calls."""
    return _stage(pipeline, "extract", lambda code: code.extract)


@task
def transform(pipeline: str, extracted: ObjectStoragePath) -> ObjectStoragePath:
    """Map what was read into what will be sent, and say why the rest will not."""
    return _stage(pipeline, "transform", lambda code: code.transform, extracted)


@task(max_active_tis_per_dag=1)
def load(pipeline: str, transformed: ObjectStoragePath) -> ObjectStoragePath:
    """Send it to Connectif; one task at a time, because there is one catalogue and one rate limit to share."""
    return _stage(pipeline, "load", lambda code: code.load, transformed)


def report(pipeline: PipelineName, *stages: Any) -> None:
    """The last task: the report of the run, also as an event of its asset."""
    asset = report_asset(DAILY_PIPELINES[pipeline].dag_id)
    _report.override(task_id="report", outlets=[asset])(pipeline, *stages)


@task(trigger_rule="all_done")
def _report(pipeline: str, *stages: ObjectStoragePath | None) -> str:
    """Count what became of every record, whatever happened before; fails when the run must not pass."""
    from plugins.runs.daily_report import report_run  # noqa: PLC0415 - heavy, and only needed in the task

    return report_run(PipelineName(pipeline), *stages)


@task
def resolve_newsletter(extracted: ObjectStoragePath) -> str:
    """Apply the subscription changes that wait, and those that Connectif did not call for."""
    from plugins.tasks.resolve_newsletter import resolve  # noqa: PLC0415 - heavy, and only needed in the task

    return resolve(extracted)


def _stage(
    pipeline: str,
    name: str,
    stage_of: Callable[[PipelineCode], Callable[..., StageCounts]],
    source: ObjectStoragePath | None = None,
) -> ObjectStoragePath:
    from include.pipeline.run import run_stage  # noqa: PLC0415 - heavy, and only needed in the task
    from include.staging import Staging  # noqa: PLC0415
    from plugins.runs.sync_run import sync_run  # noqa: PLC0415

    stage = stage_of(DAILY_PIPELINES[PipelineName(pipeline)].code())
    with sync_run(PipelineName(pipeline), after=source) as run:
        folder = run_stage(run, name, stage, source=Staging(source) if source else None)
        return ObjectStoragePath(str(folder))
