"""Paths of Airflow's UI and of our pages in it, relative to the base URL of the UI.

They are the routes of Airflow 3.3.2 (`ui/dist`, read 2026-11-29).
"""

from __future__ import annotations

from urllib.parse import quote

from include.pipelines import pipeline_of

STATUS_PAGE = "vtex-connectif-status"


def run_path(dag_id: str, run_id: str) -> str:
    """A run."""
    return f"dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}"


def task_log_path(dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> str:
    """The log of one try of a task; `map_index` is -1 for a task that is not mapped."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"{run_path(dag_id, run_id)}/tasks/{_quoted(task_id)}{mapped}?try_number={try_number}"


def page_of_run(dag_id: str, run_id: str) -> str:
    """The page with the records of a run; for a DAG without records, the status page."""
    if not (pipeline := pipeline_of(dag_id)):
        return f"{STATUS_PAGE}/"
    return f"{STATUS_PAGE}/records?pipeline={pipeline.name}&run={_quoted(run_id)}"


def page_of_dag(dag_id: str) -> str:
    """The status page, at the part about a DAG."""
    pipeline = pipeline_of(dag_id)
    return f"{STATUS_PAGE}/#{pipeline.name}" if pipeline else f"{STATUS_PAGE}/"


def _quoted(text: str) -> str:
    return quote(text, safe="")
