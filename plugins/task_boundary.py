"""What Airflow calls before and after each try of a task. Light to import.

Failures are recorded in the state store: for the report, for alerts and for the status page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.errors import ParameterError, SyncError
from include.parameters import ADDED_BY_AIRFLOW, unknown_parameters
from include.shops import load_shops
from include.task_failure import TaskFailure, task_failure
from plugins.short_tracebacks import shorten_tracebacks

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.state import StateStore

log = logging.getLogger(__name__)


def before_task(context: Context) -> None:
    """Airflow's `pre_execute`: prepare the log, and refuse unknown parameters with ParameterError."""
    shorten_tracebacks()
    require_known_parameters(context)


def require_known_parameters(context: Context) -> None:
    """Raise ParameterError for a key of conf that the DAG does not know: not every run is created over REST.

    Also raise it if Airflow ignores conf: a run that should be a dry run would write. Nothing is read before.
    """
    conf = context["dag_run"].conf or {}
    if problem := unknown_parameters(conf, context["dag"].params):
        raise ParameterError(f"The run's conf has an {problem}. Nothing was read. Trigger a new run")
    requested = {key: value for key, value in conf.items() if key not in ADDED_BY_AIRFLOW}
    ignored = [key for key, value in requested.items() if context["params"].get(key) != value]
    if ignored:
        raise ParameterError(
            f"Airflow ignores {', '.join(ignored)} of conf: [core] dag_run_conf_overrides_params is "
            "off. Nothing was read. Turn this option on and trigger a new run"
        )


def record_failure(context: Any) -> None:
    """Airflow's callback for a failed task. The DAG processor calls it if the task's process was killed."""
    _record(context, failure_in(context))


def record_retry(context: Any) -> None:
    """Airflow's callback for a failed try that Airflow repeats."""
    _record(context, failure_in(context, retried=True))


def _record(context: Any, failure: TaskFailure) -> None:
    """Save the failure. Without a state store only log why: the log of the task has the failure itself."""
    from include.state import StoredFailure  # noqa: PLC0415 - heavy, and only needed after a failure

    ti, run = context["ti"], context["dag_run"]
    stored = StoredFailure(ti.dag_id, ti.run_id, run.start_date or run.run_after, failure)
    try:
        with _state(ti.dag_id) as state:
            state.task_failures.save(stored)
    except SyncError as problem:
        log.warning("this failure is not on the status page, because it could not be recorded: %s", problem)


def forget_failure(context: Any) -> None:
    """Airflow's callback for a task that succeeds: remove the failure of an earlier try.

    If the state store cannot be opened, log why.
    """
    ti = context["ti"]
    if ti.try_number == 1:
        return
    try:
        with _state(ti.dag_id) as state:
            state.task_failures.remove(ti.dag_id, ti.run_id, ti.task_id, _map_index(ti))
    except SyncError as problem:
        log.warning("the failure of an earlier try stays on the status page: %s", problem)


def failure_in(context: Any, *, retried: bool = False) -> TaskFailure:
    """The failure of the task that Airflow's callback is about."""
    ti, error = context["ti"], context.get("exception")
    return task_failure(
        ti.dag_id,
        ti.run_id,
        ti.task_id,
        map_index=_map_index(ti),
        try_number=ti.try_number,
        error=error if isinstance(error, BaseException) else None,
        failed_at=datetime.now(UTC),
        retried=retried,
    )


def recorded_failure(dag_id: str, run_id: str, run_started_at: datetime) -> TaskFailure | None:
    """The first failure of a run that no later try of its task has ended; SyncError without a state store."""
    with _state(dag_id) as state:
        return next(iter(state.task_failures.of_run(dag_id, run_id, run_started_at)), None)


def _map_index(ti: Any) -> int:
    return -1 if ti.map_index is None else ti.map_index


@contextmanager
def _state(dag_id: str) -> Iterator[StateStore]:
    """The state store of the DAG's shop, also if the failure is that another account is behind its name."""
    from plugins.hooks.accounts import shop_of_connections  # noqa: PLC0415 - heavy, only after a failure
    from plugins.hooks.state_store import open_state  # noqa: PLC0415

    with open_state(shop_of_connections(load_shops().of_dag(dag_id)), any_account=True) as state:
        yield state
