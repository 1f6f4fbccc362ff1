"""Keeps the secrets of our connections out of the logs of every component of Airflow.

Airflow masks what a task writes into its own log. Its components write their logs unmasked, and under
LocalExecutor the scheduler's holds a copy of each task's (Airflow 3.3.2: `SecretsMasker` is never enabled
there and no structlog processor masks; tried 2026-11-28).
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import structlog
from airflow._shared.secrets_masker import redact as redact_for_components
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import redact as redact_for_tasks
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from plugins.hooks.airflow_connections import CONNECTIF, STORE, VTEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import JsonValue

log = logging.getLogger(__name__)

OURS = (VTEX, CONNECTIF, STORE)
SECRET_EXTRAS = (
    *("webhook_secret", "webhook_secret_previous", "checksum_key", "hash_key", "sslpassword"),
    *("proxies", "proxy"),
)
CONFIGURED = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


def mask(secrets: Iterable[str]) -> None:
    """Mask these texts in the logs of this process and, from a task, of its supervisor.

    They are masked as they are, in an address and in JSON. Airflow masks no text of four characters or fewer.
    """
    forms: set[JsonValue] = {
        form for secret in secrets for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    if forms:
        mask_secret(list(forms))


def mask_connection(connection: Connection) -> None:
    """Mask the secrets of one of our connections."""
    mask(secrets_of(connection))


def mask_environment() -> None:
    """Mask what variables give to this process, read or not: our connections and Airflow's keys."""
    keys = [key for name in CONFIGURED for key in os.environ.get(name, "").split(",") if key]
    mask([*keys, *(one for connection in _in_environment(os.environ) for one in secrets_of(connection))])


def mask_known_connections() -> None:
    """Mask what this component of Airflow, which has its database, reads of our connections now."""
    from airflow.models.connection import Connection as Stored  # noqa: PLC0415 - not in tasks

    for conn_id in OURS:
        try:
            mask_connection(Stored.get_connection_from_secrets(conn_id))
        except AirflowNotFoundException:
            continue  # nothing to mask
        except Exception as error:  # noqa: BLE001 - a component must start, and the text may hold a secret
            log.warning(
                "Secrets of the connection %s are not masked in this log: it cannot be read (%s). "
                "Check [secrets] and the database, and restart this component",
                conn_id,
                type(error).__name__,
            )


def secrets_of(connection: Connection) -> Iterator[str]:
    """Passwords and secret extras; VTEX's App key, which is the login; Connectif's id and secret as one."""
    extra = _object(connection.extra)
    login, password = (getattr(connection, name) or extra.get(name) for name in ("login", "password"))
    if connection.conn_id == VTEX:
        yield from _texts(login)
    if connection.conn_id == CONNECTIF:
        yield f"{login}:{password}"
    for value in (password, *(extra.get(name) for name in SECRET_EXTRAS)):
        yield from _texts(value)


def mask_lines() -> None:
    """Mask each line that this process writes to its log from now on."""
    processors: list[Any] = structlog.get_config()["processors"]  # in place: loggers that exist hold the list
    if not isinstance(processors[-1], _MaskedRenderer):
        processors[-1] = _MaskedRenderer(processors[-1])
    for handler in _handlers():
        if not isinstance(handler.formatter, _MaskedFormatter):
            handler.setFormatter(_MaskedFormatter(handler.formatter or logging.Formatter()))


def _handlers() -> set[logging.Handler]:
    named = (one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger))
    return {handler for logger in (logging.root, *named) for handler in logger.handlers}


class _MaskedRenderer:
    """A structlog renderer whose text is masked, tracebacks included; values before they are quoted."""

    def __init__(self, render: Any) -> None:
        self._render = render

    def __call__(self, logger: Any, name: str, event: Any) -> str | bytes:
        line = self._render(logger, name, _masked(event))
        return str(_masked(line.decode())).encode() if isinstance(line, bytes) else str(_masked(line))


class _MaskedFormatter(logging.Formatter):
    """A formatter of `logging` whose text is masked, tracebacks included."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return str(_masked(self._inner.format(record)))


def _masked(value: Any) -> Any:
    """Airflow keeps two lists of masks: one of its components, and one of tasks, which ours are added to."""
    return redact_for_components(redact_for_tasks(value))


def _in_environment(environment: Mapping[str, str]) -> Iterator[Connection]:
    for conn_id in OURS:
        given = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}", "")
        if given:
            try:
                yield _connection(conn_id, given)
            except Exception:  # noqa: BLE001 - who reads the connection says what is wrong with it
                mask([given])


def _connection(conn_id: str, given: str) -> Connection:
    if given.lstrip().startswith("{"):
        return Connection.from_json(given, conn_id=conn_id)
    return Connection.from_uri(given, conn_id=conn_id)


def _object(text: str | None) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    """A text and, where it is an address, the password in it; or those of each text that an object holds."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif value:
        yield str(value)
        yield from filter(None, [_password_in(str(value))])


def _password_in(address: str) -> str:
    try:
        return unquote(urlsplit(address).password or "")
    except ValueError:
        return ""
