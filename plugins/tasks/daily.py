"""The tasks of a daily sync. They pass folders to each other, never records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, task

from include.outcomes import PipelineName
from include.pipelines import DAILY_PIPELINES, DailyPipeline, PipelineCode
from include.shops import ConfiguredShop
from plugins.airflow_links import link_to_records
from plugins.default_args import report_asset

if TYPE_CHECKING:
    from include.report import StageCounts


@task(max_active_tis_per_dag=1)
def extract(pipeline: str) -> ObjectStoragePath:
    """Read from VTEX into staged files. One task at a time, because all share VTEX's rate limit."""
    return _run_stage(pipeline, "extract", lambda code: code.extract)


@task
def transform(pipeline: str, extracted: ObjectStoragePath) -> ObjectStoragePath:
    """Map the records to those that will be sent, and record why others are not sent."""
    return _run_stage(pipeline, "transform", lambda code: code.transform, extracted)


@task(max_active_tis_per_dag=1)
def load(pipeline: str, transformed: ObjectStoragePath) -> ObjectStoragePath:
    """Send the records to Connectif. One task at a time: all share one catalogue and one rate limit."""
    return _run_stage(pipeline, "load", lambda code: code.load, transformed)


def report(pipeline: DailyPipeline, shop: ConfiguredShop, *stages: Any) -> None:
    """Add the last task: it reports on the run, also as an event of the asset of the shop's DAG."""
    asset = report_asset(shop.dag_id(pipeline.dag_id))
    link_to_records(_report.override(task_id="report", outlets=[asset])(pipeline.name, *stages))


@task(trigger_rule="all_done")
def _report(pipeline: str, *stages: ObjectStoragePath | None) -> str:
    """Count the outcome of every record, even if an earlier task failed. Fails if the run must not pass."""
    from plugins.runs.sync_run import report_run  # noqa: PLC0415 - heavy, and only needed in the task

    return report_run(PipelineName(pipeline), *stages)


@task
def resolve_newsletter(extracted: ObjectStoragePath) -> str:
    """Apply the subscription changes that wait, and those without a callback from Connectif."""
    from plugins.tasks.resolve_newsletter import resolve  # noqa: PLC0415 - heavy, and only needed in the task

    return resolve(extracted)


def _run_stage(
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
