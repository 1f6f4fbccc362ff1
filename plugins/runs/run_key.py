"""The names of an Airflow run in the state store and in the staging folder. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from include.errors import TemporaryError
from include.run_name import RunIdentity, attempt_name, run_key_of, safe_name

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol


def run_key(run: DagRunProtocol, params: Mapping[str, Any] | None = None) -> str:
    """The key of a run and its attempt. Clearing a run starts its work again; a retry continues it."""
    return run_key_of(run.dag_id, run.run_id, attempt_of_run(run, params))


def run_folder(base: Any, run: DagRunProtocol, params: Mapping[str, Any]) -> Any:
    """The folder of the run's staged files, below the folder of its shop."""
    return base / run.dag_id / safe_name(run.run_id) / attempt_of_run(run, params)


def attempt_of_run(run: DagRunProtocol, params: Mapping[str, Any] | None = None) -> str:
    """The name of a run's attempt: the same for all tasks and retries of a run.

    It changes after a clear, for a deleted run that is created again with the same id, and with other params.
    Do not pass the params of a DAG if they hold personal data.

    A task does not get the row id of its run or the time when it was queued (execution API of 3.3, `DagRun`;
    read 2026-11-28). It gets `start_date`, to the microsecond: Airflow sets it when the run starts, and again
    when a finished run is cleared. It also gets `run_after`: `airflow dags test` takes it from the clock, and
    sets `start_date` to the logical date.
    """
    if run.start_date is None:  # the run was set to "queued" by hand while one of its tasks was starting
        raise TemporaryError(f"Airflow: run {run.run_id} has no start date yet: the task is retried")
    interval = (run.data_interval_start, run.data_interval_end)
    times = [at and at.astimezone(UTC).isoformat() for at in (run.run_after, *interval)]
    request = (run.dag_id, run.run_id, str(run.run_type), *times, dict(params or {}))
    return attempt_name(run.clear_number or 0, run.start_date, *request)


def run_identity() -> RunIdentity:
    """The identity of the current task's run in Airflow."""
    run = get_current_context()["dag_run"]
    return RunIdentity(run.dag_id, run.run_id, run.clear_number or 0, run.start_date or run.run_after)
