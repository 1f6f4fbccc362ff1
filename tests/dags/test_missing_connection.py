"""A missing connection: every DAG fails at once and says what to create."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError, MissingConnection, TemporaryError
from plugins.hooks import airflow_connections
from tests.dags.test_policy import ALL, fails_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

CONNECTIONS = {
    "vtex_default": {
        "conn_type": "vtex",
        "host": "http://127.0.0.1:1",
        "login": "a-key",
        "password": "a-token",
    },
    "connectif_default": {
        "conn_type": "connectif",
        "host": "http://127.0.0.1:1",
        "login": "a-key",
        "password": "a-secret",
    },
    "sync_state": {"conn_type": "sqlite", "host": "/nowhere/state.db", "extra": {"hash_key": "k" * 32}},
}
EVENT = {"email": "ana@example.com", "subscribed": False, "occurred_at": "2026-11-23T10:00:00Z"}


@contextmanager
def run_of(dag: DAG) -> Iterator[None]:
    """The context of a manual run."""
    from airflow.sdk.execution_time.context import set_current_context  # noqa: PLC0415 - takes seconds

    now = datetime.now(UTC)
    run = SimpleNamespace(
        dag_id=dag.dag_id, run_id="a-run", run_type="manual", run_after=now, start_date=now, clear_number=0
    )
    params = {name: dag.params[name] for name in dag.params if name != "events"} | {"events": [EVENT]}
    with set_current_context({"dag_run": run, "params": params, "task": dag.tasks[0]}):  # type: ignore[arg-type,typeddict-item]
        yield


@pytest.mark.parametrize("missing", CONNECTIONS)
@pytest.mark.parametrize("dag_id", ALL)
def test_first_task__fails_at_once_and_says_what_to_create(
    dags: dict[str, DAG],
    dag_id: str,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for conn_id, fields in CONNECTIONS.items():
        if conn_id != missing:
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    dag = dags[dag_id]
    task: Any = dag.get_task(dag.topological_sort()[0].task_id)
    arguments = {"params": {"events": [EVENT]}} if dag_id == "update_newsletter" else {}
    with caplog.at_level(logging.INFO), run_of(dag), pytest.raises(ConfigurationError) as caught:
        task.python_callable(*task.op_args, **arguments)
    text = f"{caught.value}\n{caplog.text}"
    subject = f"connection {missing}"
    assert f"There is no {subject}. Create" in text or f"{subject}: does not exist. Create" in text
    assert "Create it in Admin > Connections (type " in text
    assert f"AIRFLOW_CONN_{missing.upper()}" in text
    assert "a-token" not in text
    assert fails_at_once(task, caught.value)


def test_missing_connection__is_not_retried_by_the_newsletter(dags: dict[str, DAG]) -> None:
    (task,) = dags["update_newsletter"].tasks
    assert fails_at_once(task, MissingConnection("…", advice="…"))
    assert not fails_at_once(task, ConfigurationError("…")), "a rejected key may work again soon"


class Supervisor:
    """The supervisor of a task, which answers with this error."""

    def __init__(self, error: str) -> None:
        self._error = error

    def send(self, _message: object) -> Any:
        from airflow.sdk.exceptions import ErrorType  # noqa: PLC0415 - importing Airflow takes seconds
        from airflow.sdk.execution_time.comms import ErrorResponse  # noqa: PLC0415

        return ErrorResponse(error=ErrorType[self._error])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("CONNECTION_NOT_FOUND", MissingConnection),
        ("API_SERVER_ERROR", TemporaryError),
        ("GENERIC_ERROR", TemporaryError),
    ],
)
def test_connection__is_not_missing_if_airflow_does_not_answer_now(
    monkeypatch: pytest.MonkeyPatch, answer: str, expected: type[Exception]
) -> None:
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - importing Airflow takes seconds

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(answer), raising=False)
    with pytest.raises(expected, match="vtex_default") as caught:
        airflow_connections.vtex_connection()
    assert type(caught.value) is expected


def test_connection__is_not_reported_missing_with_a_secrets_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(airflow_connections, "_secrets_backend", lambda: "VaultBackend")
    with pytest.raises(ConfigurationError, match="or VaultBackend does not answer") as caught:
        airflow_connections.vtex_connection()
    assert not isinstance(caught.value, MissingConnection)
