"""How the state store and the staging folder call a run of Airflow. Light to import."""

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
    """Names a run and its clear number: clearing does the work again, a retry goes on."""
    return run_key_of(run.dag_id, run.run_id, attempt_of_run(run, params))


def run_folder(base: Any, run: DagRunProtocol, params: Mapping[str, Any]) -> Any:
    """Where the run stages its files, below the folder of its shop."""
    return base / run.dag_id / safe_name(run.run_id) / attempt_of_run(run, params)


def attempt_of_run(run: DagRunProtocol, params: Mapping[str, Any] | None = None) -> str:
    """The same for all tasks and retries of a run; another one after a clear, for a run that is made again
    under the same id, and for another request (`params`: not of a DAG whose params hold personal data).

    Airflow tells a task neither the row id of its run nor when that was queued (execution API of 3.3,
    `DagRun`; read 2026-11-28). It tells `start_date`, to the microsecond, which is set once, when the run
    begins, and anew when an ended run is cleared; and `run_after`, which `airflow dags test` takes from
    the clock while its `start_date` is the logical date.
    """
    if run.start_date is None:  # set to "queued" by hand while a task of it was on its way
        raise TemporaryError(f"Airflow: run {run.run_id} has not started: a retry finds when it did")
    interval = (run.data_interval_start, run.data_interval_end)
    times = [at and at.astimezone(UTC).isoformat() for at in (run.run_after, *interval)]
    request = (run.dag_id, run.run_id, str(run.run_type), *times, dict(params or {}))
    return attempt_name(run.clear_number or 0, run.start_date, *request)


def run_identity() -> RunIdentity:
    """How Airflow calls the run of the current task."""
    run = get_current_context()["dag_run"]
    return RunIdentity(run.dag_id, run.run_id, run.clear_number or 0, run.start_date or run.run_after)
