"""Runs one task in a process of its own, with the modules of a worker's task process.

Reads a job (JSON) from standard input and writes the cost (JSON) as the last line of standard output. The
task finds the files of earlier tasks in the folder of the job, and the state store.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tools.bench.usage import peak_megabytes, processor_seconds

AIRFLOW_MODULES = (
    "airflow.providers.celery.executors.celery_executor_utils",
    "airflow.executors.workloads",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
)
"""What a Celery worker's slot and the task process that it forks import (Airflow 3.3.2: `execute_workload`,
`supervise_task`, `task_runner.parse`)."""
DAG_FILES = {
    "contacts": "sync_contacts",
    "products": "sync_products",
    "purchases": "sync_purchases",
    "newsletter": "update_newsletter",
}
COMPARE = "compare"
APPLY = "apply"


def main() -> None:
    """Run the job and print its cost."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    job = json.load(sys.stdin)
    pipeline, task = job["scenario"]["pipeline"], job["task"]
    work = _import_all(pipeline, task)
    base_megabytes, base_seconds, begun = peak_megabytes(), processor_seconds(), time.monotonic()
    calls = work(job)
    cost = {
        "base_megabytes": base_megabytes,
        "base_seconds": base_seconds,
        "peak_megabytes": peak_megabytes(),
        "processor_seconds": processor_seconds(),
        "elapsed_seconds": round(time.monotonic() - begun, 2),
        **calls,
    }
    print(f"\n{json.dumps(cost)}")


def _import_all(pipeline: str, task: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Import what an Airflow task process imports before our code works; returns the work."""
    for module in (*AIRFLOW_MODULES, f"dags.{DAG_FILES[pipeline]}"):
        import_module(module)
    from airflow.sdk.listener import get_listener_manager  # noqa: PLC0415 - after the modules of the worker

    get_listener_manager()  # scans the folder of plugins
    import_module("plugins.runs.newsletter_run" if task == APPLY else "plugins.runs.sync_run")
    work = import_module("tools.bench.sizing.work")
    run_task: Callable[[Mapping[str, Any]], dict[str, Any]] = work.prepare(pipeline, task)
    return run_task


if __name__ == "__main__":
    main()
