"""Masks the secrets of our connections in the logs of every Airflow component.

Airflow masks secrets only in the log of a task. Its components write their own logs unmasked, and under
LocalExecutor the scheduler's log has a copy of each task's log (Airflow 3.3.2: `SecretsMasker` is never
enabled there, and no structlog processor masks; tried 2026-11-28).
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

from include.errors import ConfigurationError
from include.shops import load_shops
from plugins.hooks.airflow_connections import CONNECTIF, STATE, VTEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import JsonValue

log = logging.getLogger(__name__)

SECRET_EXTRAS = (
    *("webhook_secret", "webhook_secret_previous", "checksum_key", "hash_key", "sslpassword"),
    *("proxies", "proxy"),
)
KEY_VARIABLES = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


def known_connections() -> dict[str, tuple[str, ...]]:
    """The ids of our connections by kind: `vtex`, `connectif` and the state store's.

    If the settings are wrong, only those of the shop without a section are known: no other shop runs.
    """
    try:
        shops = tuple(load_shops())
    except ConfigurationError:
        shops = ()
    return {
        "vtex": (VTEX, *(shop.vtex_connection for shop in shops if shop.section)),
        "connectif": (CONNECTIF, *(shop.connectif_connection for shop in shops if shop.section)),
        "state": (STATE,),
    }


def all_connections() -> Iterator[str]:
    """The ids of our connections."""
    for ids in known_connections().values():
        yield from ids


def mask(secrets: Iterable[str]) -> None:
    """Mask these texts in the logs of this process and, from a task, of its supervisor.

    Each text is masked as it is, percent-encoded, and escaped as in JSON. Airflow does not mask texts of four
    characters or fewer.
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
    """Mask the secrets in the environment of this process: our connections and Airflow's keys."""
    keys = [key for name in KEY_VARIABLES for key in os.environ.get(name, "").split(",") if key]
    mask([*keys, *(one for connection in _connections_in(os.environ) for one in secrets_of(connection))])


def mask_known_connections() -> None:
    """Mask our connections as this Airflow component, which can use the database, reads them now."""
    from airflow.models.connection import Connection as Stored  # noqa: PLC0415 - not in tasks

    for conn_id in all_connections():
        try:
            mask_connection(Stored.get_connection_from_secrets(conn_id))
        except AirflowNotFoundException:
            continue  # nothing to mask
        except Exception as error:  # noqa: BLE001 - a component must start, and the text may hold a secret
            log.warning(
                "connection %s: its secrets are not masked in this log; the connection cannot be read (%s). "
                "Check [secrets] and the database, then restart this component",
                conn_id,
                type(error).__name__,
            )


def secrets_of(connection: Connection) -> Iterator[str]:
    """Yield the password, the secret extras, VTEX's App key (the login), and Connectif's `id:secret`."""
    extra = _parse_object(connection.extra)
    login, password = (getattr(connection, name) or extra.get(name) for name in ("login", "password"))
    known = known_connections()
    if connection.conn_id in known["vtex"]:
        yield from _texts(login)
    if connection.conn_id in known["connectif"]:
        yield f"{login}:{password}"
    for value in (password, *(extra.get(name) for name in SECRET_EXTRAS)):
        yield from _texts(value)


def mask_lines() -> None:
    """Mask each line that this process writes to its log from now on."""
    # Change the list in place: existing loggers hold it.
    processors: list[Any] = structlog.get_config()["processors"]
    if not isinstance(processors[-1], _MaskedRenderer):
        processors[-1] = _MaskedRenderer(processors[-1])
    for handler in _handlers():
        if not isinstance(handler.formatter, _MaskedFormatter):
            handler.setFormatter(_MaskedFormatter(handler.formatter or logging.Formatter()))


def _handlers() -> set[logging.Handler]:
    named = (one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger))
    return {handler for logger in (logging.root, *named) for handler in logger.handlers}


class _MaskedRenderer:
    """A structlog renderer that masks its text, including tracebacks, and the values before quoting."""

    def __init__(self, render: Any) -> None:
        self._render = render

    def __call__(self, logger: Any, name: str, event: Any) -> str | bytes:
        line = self._render(logger, name, _mask_value(event))
        return str(_mask_value(line.decode())).encode() if isinstance(line, bytes) else str(_mask_value(line))


class _MaskedFormatter(logging.Formatter):
    """A formatter of `logging` that masks its text, including tracebacks."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return str(_mask_value(self._inner.format(record)))


def _mask_value(value: Any) -> Any:
    """Apply both mask lists of Airflow: that of its components, and that of tasks, which holds our masks."""
    return redact_for_components(redact_for_tasks(value))


def _connections_in(environment: Mapping[str, str]) -> Iterator[Connection]:
    for conn_id in all_connections():
        value = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}", "")
        if value:
            try:
                yield _parse_connection(conn_id, value)
            except Exception:  # noqa: BLE001 - a later use of the connection reports the error
                mask([value])


def _parse_connection(conn_id: str, value: str) -> Connection:
    if value.lstrip().startswith("{"):
        return Connection.from_json(value, conn_id=conn_id)
    return Connection.from_uri(value, conn_id=conn_id)


def _parse_object(text: str | None) -> dict[str, Any]:
    try:
        parsed = json.loads(text or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    """Yield a text and, if it is a URL, the password in it. Of an object, do this for each value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif value:
        yield str(value)
        yield from filter(None, [_password_in(str(value))])


def _password_in(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
