"""The tasks of `reconcile`. They hand each other folders, never records."""

from __future__ import annotations

from airflow.sdk import ObjectStoragePath, task

from plugins.policy import report_asset


@task
def compare(area: str) -> ObjectStoragePath:
    """Read both sides of an area and stage what differs."""
    from plugins.reconcile_run import compare_area  # noqa: PLC0415 - heavy, and only needed in the task

    return compare_area(area)


@task(max_active_tis_per_dag=1)
def repair(purchases: ObjectStoragePath) -> ObjectStoragePath:
    """Send the purchases that are missing, where the run was asked to."""
    from plugins.reconcile_run import repair_purchases  # noqa: PLC0415 - heavy, and only needed in the task

    return repair_purchases(purchases)


@task(trigger_rule="all_done", outlets=[report_asset("reconcile")])
def report(*stages: ObjectStoragePath | None) -> str:
    """Add up what was found, whatever happened before; fails when a comparison did not finish."""
    from plugins.reconcile_run import report_run  # noqa: PLC0415 - heavy, and only needed in the task

    return report_run(*stages)
