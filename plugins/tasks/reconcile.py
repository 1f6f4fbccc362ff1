"""The tasks of `reconcile`. They pass folders to each other, never records."""

from __future__ import annotations

from typing import Any

from airflow.sdk import ObjectStoragePath, task

from include.pipelines import RECONCILE
from include.shops import ConfiguredShop
from plugins.airflow_links import link_to_records
from plugins.default_args import report_asset


@task
def compare(pipeline: str) -> ObjectStoragePath:
    """Read both sides of a pipeline and stage the differences."""
    from plugins.runs.reconcile_run import compare_pipeline  # noqa: PLC0415 - heavy, and only needed in the task

    return compare_pipeline(pipeline)


@task(max_active_tis_per_dag=1)
def repair(purchases: ObjectStoragePath) -> ObjectStoragePath:
    """Send the missing purchases, if the run or the settings ask for the repair."""
    from plugins.runs.reconcile_run import repair_purchases  # noqa: PLC0415 - heavy, and only needed in the task

    return repair_purchases(purchases)


def report(shop: ConfiguredShop, *stages: Any) -> None:
    """Add the last task: it reports on the run, also as an event of the asset of the shop's DAG."""
    asset = report_asset(shop.dag_id(RECONCILE.dag_id))
    link_to_records(_report.override(task_id="report", outlets=[asset])(*stages))


@task(trigger_rule="all_done")
def _report(*stages: ObjectStoragePath | None) -> str:
    """Add up the differences, even if an earlier task failed. Fails if a comparison did not finish."""
    from plugins.runs.reconcile_run import report_run  # noqa: PLC0415 - heavy, and only needed in the task

    return report_run(*stages)
