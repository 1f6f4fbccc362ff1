"""Airflow's connections; one that does not exist is named with what to create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from include.errors import ConfigurationError, MissingConnection, TemporaryError

if TYPE_CHECKING:
    from airflow.sdk import Connection

VTEX, CONNECTIF, STORE = "vtex_default", "connectif_default", "sync_state"

VTEX_FIELDS = "type vtex, with the App key as login, the App token as password, and the account"
CONNECTIF_FIELDS = "type connectif, with the id of an API key as login and its secret as password"
STORE_FIELDS = (
    "type sqlite with a file's path as host, or postgres; "
    "its extra is a JSON object with a long random hash_key"
)


def vtex_connection(conn_id: str = VTEX) -> Connection:
    return _connection(conn_id, VTEX_FIELDS)


def connectif_connection(conn_id: str = CONNECTIF) -> Connection:
    return _connection(conn_id, CONNECTIF_FIELDS)


def store_connection() -> Connection:
    return _connection(STORE, STORE_FIELDS)


def _connection(conn_id: str, fields: str) -> Connection:
    """MissingConnection, which no task retries, where there is none; TemporaryError where Airflow does not
    answer now.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise _reason(conn_id, fields) from None


def _reason(conn_id: str, fields: str) -> ConfigurationError | TemporaryError:
    """Airflow says "not defined" also while its API or a secrets backend does not answer
    (`airflow/sdk/execution_time/context.py`, 3.3.2, read 2026-11-28).
    """
    advice = (
        f"Create it in Admin > Connections ({fields}), or give it as AIRFLOW_CONN_{conn_id.upper()}. "
        "`make airflow` brings a simulated shop with its connections"
    )
    if backend := _secrets_backend():
        return ConfigurationError(f"There is no connection {conn_id}, or {backend} does not answer. {advice}")
    if _is_unknown_to_airflow(conn_id):
        return MissingConnection(f"There is no connection {conn_id}", advice=advice)
    return TemporaryError(f"Airflow does not tell the connection {conn_id} now: is the api-server up?")


def _secrets_backend() -> str:
    """The class that is asked for connections before Airflow's database is; "" without one."""
    path = conf.get("secrets", "backend", fallback="") or conf.get("workers", "secrets_backend", fallback="")
    return str(path or "").rpartition(".")[2]


def _is_unknown_to_airflow(conn_id: str) -> bool:
    """In a task its supervisor is asked once more, for the reason; elsewhere the database has answered."""
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
