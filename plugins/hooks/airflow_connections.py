"""Reads Airflow's connections; the error for a missing one says what to create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from include.errors import ConfigurationError, MissingConnection, TemporaryError

if TYPE_CHECKING:
    from airflow.sdk import Connection

VTEX, CONNECTIF, STATE = "vtex_default", "connectif_default", "sync_state"

VTEX_FIELDS = "type VTEX, with the App key as API Key, the App token as API Secret, and the Account"
CONNECTIF_FIELDS = "type Connectif, with the id of an API key as API key id and its secret as API key secret"
STATE_FIELDS = (
    "type sqlite with a file's path as host, or postgres; "
    "its extra is a JSON object with a long random hash_key"
)


def vtex_connection(conn_id: str = VTEX) -> Connection:
    return _connection(conn_id, VTEX_FIELDS)


def connectif_connection(conn_id: str = CONNECTIF) -> Connection:
    return _connection(conn_id, CONNECTIF_FIELDS)


def state_connection(conn_id: str = STATE) -> Connection:
    return _connection(conn_id, STATE_FIELDS)


def has_connection(conn_id: str) -> bool:
    """Whether a connection exists; SyncError if Airflow does not say so."""
    try:
        _connection(conn_id, "the fields that its type needs")
    except MissingConnection:
        return False
    return True


def _connection(conn_id: str, fields: str) -> Connection:
    """Read a connection; MissingConnection, which no task retries, if it does not exist.

    TemporaryError if Airflow does not answer now.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise _error_without_connection(conn_id, fields) from None


def _error_without_connection(conn_id: str, fields: str) -> ConfigurationError | TemporaryError:
    """Tell a missing connection from a failed look-up: Airflow reports "not defined" for both
    (`airflow/sdk/execution_time/context.py`, 3.3.2, read 2026-11-28).
    """
    advice = (
        f"Create it in Admin > Connections ({fields}), or set AIRFLOW_CONN_{conn_id.upper()}. "
        "`make airflow` starts a simulated shop with its connections"
    )
    if backend := _secrets_backend():
        return ConfigurationError(f"There is no connection {conn_id}, or {backend} does not answer. {advice}")
    if _is_unknown_to_airflow(conn_id):
        return MissingConnection(f"There is no connection {conn_id}", advice=advice)
    return TemporaryError(f"Airflow does not return the connection {conn_id} now: check the api-server")


def _secrets_backend() -> str:
    """The class that Airflow asks for connections before its database; "" without one."""
    path = conf.get("secrets", "backend", fallback="") or conf.get("workers", "secrets_backend", fallback="")
    return str(path or "").rpartition(".")[2]


def _is_unknown_to_airflow(conn_id: str) -> bool:
    """Whether Airflow has no such connection. In a task, ask the supervisor again for the reason.

    Outside of tasks the database has already answered.
    """
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - for an error only
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection  # noqa: PLC0415

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:
        return True
    try:
        answer = supervisor.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        answer = error.error
    return isinstance(answer, ErrorResponse) and answer.error == ErrorType.CONNECTION_NOT_FOUND
